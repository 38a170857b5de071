"""Files as OCT devices write them, with a name and a birthday that must come out nowhere."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt

__all__ = [
    "BIRTHDAY",
    "BSCANS",
    "FUNDUS",
    "PATIENT",
    "boundaries",
    "write_dicom",
    "write_e2e",
    "write_fda",
    "write_vol",
    "write_xml",
]

PATIENT = "Mustermann"
BIRTHDAY = "19530217"
RNG = np.random.default_rng(0)
BSCANS = RNG.integers(0, 256, (5, 48, 64), np.uint8)
FUNDUS = RNG.integers(0, 256, (80, 96), np.uint8)

_SLOTS = {"ILM": 0, "BM": 1, "RNFL": 2, "GCL": 3, "IPL": 4, "INL": 5, "OPL": 6, "ELM": 8,
          "EZ": 14, "IZ": 15, "RPE": 16}  # fmt: skip
_NONE = np.float32(3.4e38)
Boundaries = Mapping[str, npt.NDArray[np.float32]]
Ends = Sequence[tuple[float, float, float, float]]


def boundaries(*names: str, count: int = 5, cols: int = 64) -> dict[str, npt.NDArray[np.float32]]:
    """Return flat boundaries, the first at row 5.25 and each 4 rows below the last."""
    return {
        name: np.full((count, cols), 5.25 + 4 * number, np.float32)
        for number, name in enumerate(names)
    }


def write_vol(
    path: Path,
    bscans: npt.NDArray[np.uint8] = BSCANS,
    ends: Ends = (),
    drawn: Boundaries | None = None,
    pattern: int = 3,
    eye: bytes = b"OD",
) -> Path:
    """Write a .vol of the greys given; its B-scans are 0.1 mm apart, the lowest first."""
    count, rows, cols = bscans.shape
    header = bytearray(2048)
    struct.pack_into("<12s3I3d2I2dId4sQiI", header, 0, b"HSF-OCT-103", cols, count, rows, 0.01,
                     0.24, 0.004, *FUNDUS.shape[::-1], 0.02, 0.02, 30, 0.0, eye, 0, pattern,
                     512 + 4 * 17 * cols)  # fmt: skip
    header[140:164] = PATIENT.encode().ljust(24, b"\0")
    header[300 : 300 + len(BIRTHDAY)] = BIRTHDAY.encode()
    places = ends or [(0.5, 1.4 - 0.1 * i, 1.14, 1.4 - 0.1 * i) for i in range(count)]
    content = bytes(header) + FUNDUS.tobytes()
    for number, (bscan, place) in enumerate(zip(bscans, places, strict=True)):
        record = bytearray(512 + 4 * 17 * cols)
        struct.pack_into("<12sI4d2I", record, 0, b"HSF-BS-103", len(record), *place, 17, 256)
        lines = np.full((17, cols), _NONE, np.float32)
        for name, heights in (drawn or {}).items():
            lines[_SLOTS[name]] = heights[number]
        record[256 : 256 + lines.nbytes] = lines.tobytes()
        content += bytes(record) + ((bscan / np.float32(255)) ** 4).astype("<f4").tobytes()
    path.write_bytes(content)
    return path


def write_xml(path: Path, bscans: npt.NDArray[np.uint8] = BSCANS, *, named: bool = True) -> Path:
    """Write an export of HEYEX: the XML, and a picture each B-scan beside it."""
    count, rows, cols = bscans.shape

    def image(kind: str, shape: tuple[int, int], name: str, inside: str) -> str:
        url = f"<ExamURL>C:\\export\\{name}</ExamURL>" if named else ""
        scale = ("0.02", "0.02") if kind == "LOCALIZER" else ("0.01", "0.004")
        return (
            f"<Image><ImageType><Type>{kind}</Type></ImageType><OphthalmicAcquisitionContext>"
            f"<Width>{shape[1]}</Width><Height>{shape[0]}</Height><ScaleX>{scale[0]}</ScaleX>"
            f"<ScaleY>{scale[1]}</ScaleY>{inside}</OphthalmicAcquisitionContext>"
            f"<ImageData>{url}</ImageData>__SEG__</Image>"
        )

    parts = [image("LOCALIZER", FUNDUS.shape, "slo.png", "").replace("__SEG__", "")]
    for number in range(count):
        y = 1.4 - 0.1 * number
        place = "".join(
            f"<{end}><Coord><X>{x}</X><Y>{y}</Y></Coord></{end}>"
            for end, x in (("Start", 0.5), ("End", 1.14))
        )
        line = "".join(
            f"<SegLine><Name>{name}</Name><Array>{' '.join([str(row)] * cols)}</Array></SegLine>"
            for name, row in (("ILM", 5.25), ("BM", 30.0))
        )
        segmentation = f"<Segmentation>{line}</Segmentation>"
        parts.append(
            image("OCT", (rows, cols), f"b{number}.png", place).replace("__SEG__", segmentation)
        )
    path.write_text(
        f"<HEDX><BODY><Patient><LastName>{PATIENT}</LastName><Birthdate>{BIRTHDAY}</Birthdate>"
        f"<Study><Series><Laterality>L</Laterality><Type>Volume</Type>{''.join(parts)}</Series>"
        "</Study></Patient></BODY></HEDX>",
        "utf-8",
    )
    for number, bscan in enumerate(bscans):
        iio.imwrite(path.parent / f"b{number}.png", bscan)
    if named:
        iio.imwrite(path.parent / "slo.png", FUNDUS)
    return path


def write_e2e(path: Path, eyes: str = "RL", raw: npt.NDArray[np.uint16] | None = None) -> Path:
    """Write an .e2e with a scan each eye, its B-scans as `raw` (n, H, W) has them."""
    raw = np.full((3, 16, 24), 62 << 10, np.uint16) if raw is None else raw
    records = [(1, -1, -1, -1, 9, PATIENT.encode().ljust(131, b"\0"))]
    for series, eye in enumerate(eyes):
        key = (1, 1, series)
        records.append((*key, -1, 11, bytes(14) + eye.encode() + bytes(12)))
        picture = struct.pack("<5I", 0, 33620481, FUNDUS.size, *FUNDUS.shape) + FUNDUS.tobytes()
        records.append((*key, -1, 1 << 30, picture))
        for number, bscan in enumerate(raw):
            where = (*key, 2 * number)
            image = struct.pack("<5I", 0, 35652097, bscan.size, *bscan.shape) + bscan.tobytes()
            meta = bytearray(428)
            struct.pack_into("<3I4f", meta, 0, 0, *bscan.shape, -7.5, 0.0, 7.5, 0.0)
            struct.pack_into("<f", meta, 36, 0.004)
            struct.pack_into("<3I", meta, 64, len(raw), number, 3)
            records += [(*where, 1 << 30, image), (*where, 10004, bytes(meta))]
            for slot, row in ((0, 4.25), (1, 12.0)):
                line = np.full(bscan.shape[1], row, np.float32).tobytes()
                head = struct.pack("<4I", 0, slot, 0, bscan.shape[1])
                records.append((*where, 10019, head + line))
    path.write_bytes(_container(records))
    return path


def _container(records: Sequence[tuple[int, int, int, int, int, bytes]]) -> bytes:
    """Return an .e2e: version, first directory, a directory of all entries, the data."""
    begin = 36 + 52
    at = begin + 52 + 44 * len(records)
    entries, data = b"", b""
    for number, (patient, study, series, slice_, kind, content) in enumerate(records):
        ids = (patient, study, series, slice_)
        pos = begin + 52 + 44 * number
        entries += struct.pack(
            "<4I4i2H2I", pos, at + len(data), len(content), 0, *ids, 0, 0, kind, 0
        )
        header = (b"MDbData", 0, pos, at + len(data), len(content), 0, *ids, 0, 0, kind, 0)
        data += struct.pack("<12s5I4i2H2I", *header) + content
    version = struct.pack("<12sI10H", b"CMDb", 100, *[0] * 10)
    first = struct.pack("<12sI10H4I", b"MDbMDir", 100, *[0] * 10, len(records), begin, begin, 0)
    directory = struct.pack("<12sI10H4I", b"MDbDir", 100, *[0] * 10, len(records), 0, 0, 0)
    return version + first + directory + entries + data


def write_fda(path: Path, bscans: npt.NDArray[np.uint8] = BSCANS, mode: int = 2) -> Path:
    """Write an .fda of JPEG 2000 pictures, 6.4 x 2.5 mm, with ILM and BM."""
    count, rows, cols = bscans.shape

    def packed(pixels: npt.NDArray[np.uint8]) -> bytes:
        import imagecodecs

        return bytes(imagecodecs.jpeg2k_encode(pixels, level=0))

    def contour(name: bytes, row: int) -> bytes:
        heights = np.full((count, cols), rows - row, "<u2").tobytes()
        return struct.pack("<20s2B3I", name, 0, 0, cols, count, len(heights)) + heights

    pictures = b"".join(struct.pack("<I", len(p)) + p for p in map(packed, bscans))
    fundus = packed(np.stack([FUNDUS // 4, FUNDUS // 2, FUNDUS], -1))
    chunks = [
        (b"@PATIENT_INFO_02", PATIENT.encode() + BIRTHDAY.encode()),
        (b"@CAPTURE_INFO_02", bytes([1]) + bytes(60)),
        (b"@PARAM_SCAN_04", struct.pack("<3I3d", 0, 0, 0, 6.4, 2.5, 2.6)),
        (b"@IMG_JPEG", struct.pack("<B6I", mode, 0, 0, cols, rows, count, 0) + pictures),
        (b"@IMG_FUNDUS",
         struct.pack("<6I", *FUNDUS.shape[::-1], 24, 0, 0, len(fundus)) + fundus),
        (b"@REGIST_INFO", struct.pack("<B6I", 0, 0, 0, 16, 20, 80, 60)),
        (b"@CONTOUR_INFO", contour(b"MULTILAYERS_1", 5)),
        (b"@CONTOUR_INFO", contour(b"MULTILAYERS_7", 30)),
    ]  # fmt: skip
    content = b"FOCT" + b"FDA" + struct.pack("<2I", 2, 1000)
    for name, chunk in chunks:
        content += bytes([len(name)]) + name + struct.pack("<I", len(chunk)) + chunk
    path.write_bytes(content + b"\0")
    return path


def write_dicom(
    path: Path,
    bscans: npt.NDArray[np.integer] = BSCANS,
    syntax: str = "ExplicitVRLittleEndian",
    *,
    scaled: bool = True,
    **changed: object,
) -> Path:
    """Write ophthalmic tomography, packed as the transfer syntax of that name."""
    import imagecodecs
    from pydicom import uid
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, OphthalmicTomographyImageStorage

    encoders = {
        "JPEG2000Lossless": lambda bscan: imagecodecs.jpeg2k_encode(
            bscan, level=0, codecformat="j2k"
        ),
        "HTJ2KLossless": imagecodecs.htj2k_encode,
        "JPEGLSLossless": imagecodecs.jpegls_encode,
        "JPEGLosslessSV1": imagecodecs.ljpeg_encode,
        "JPEGBaseline8Bit": lambda bscan: imagecodecs.jpeg8_encode(bscan, level=95),
    }
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = OphthalmicTomographyImageStorage
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName, dataset.PatientBirthDate = PATIENT, BIRTHDAY
    dataset.Modality, dataset.Manufacturer, dataset.ImageLaterality = "OPT", "Maker", "R"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = map(int, bscans.shape)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * bscans.itemsize
    dataset.HighBit, dataset.PixelRepresentation = 8 * bscans.itemsize - 1, 0
    if scaled:
        measures, shared, frames = Dataset(), Dataset(), []
        measures.PixelSpacing = [0.004, 0.01]
        shared.PixelMeasuresSequence = [measures]
        for number in range(len(bscans)):
            place, frame = Dataset(), Dataset()
            place.ImagePositionPatient = [0, 0.1 * number, 0]
            frame.PlanePositionSequence = [place]
            frames.append(frame)
        dataset.SharedFunctionalGroupsSequence = [shared]
        dataset.PerFrameFunctionalGroupsSequence = frames
    for name, value in changed.items():
        setattr(dataset, name, value)
    dataset.PixelData = bscans.tobytes()
    if syntax == "RLELossless":
        dataset.compress(uid.RLELossless)
    elif syntax in encoders:
        frames = [bytes(encoders[syntax](np.ascontiguousarray(each))) for each in bscans]
        dataset.PixelData = encapsulate(frames)
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = getattr(uid, syntax)
    dataset.save_as(path, enforce_file_format=True)
    return path
