"""Files of OCT devices."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_octsam.core.errors import UserError
from napari_octsam.data.devices.axes import axes_of
from napari_octsam.data.devices.boundaries import labels_between
from napari_octsam.data.devices.geometry import fundus_to_scan
from napari_octsam.data.devices.opening import open_device_file, open_device_scans
from napari_octsam.data.devices.scan import DeviceScan
from napari_octsam.data.labels import read_labels
from napari_octsam.data.layouts import open_dataset
from napari_octsam.data.lazy import LazyVolume
from napari_octsam.data.pictures import open_picture, write_labels
from tests.data.device_files import (
    BIRTHDAY,
    BSCANS,
    FUNDUS,
    PATIENT,
    boundaries,
    write_dicom,
    write_e2e,
    write_fda,
    write_vol,
    write_xml,
)

DATA = Path(os.environ.get("OCTSAM_TEST_DATA", "nowhere"))
LAYERS7 = ("ILM", "RNFL", "GCL", "IPL", "INL", "OPL", "ELM", "EZ", "RPE", "BM")
WRITERS: list[Callable[[Path], Path]] = [
    lambda folder: write_vol(folder / "scan.vol"),
    lambda folder: write_xml(folder / "scan.xml"),
    lambda folder: write_fda(folder / "scan.fda"),
    lambda folder: write_dicom(folder / "scan.dcm"),
]
IDS = ["vol", "xml", "fda", "dcm"]


@pytest.mark.parametrize("write", WRITERS, ids=IDS)
def test_bscans_are_read_one_by_one_as_they_were_written(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    picture = open_picture(write(tmp_path))

    assert isinstance(picture, LazyVolume)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[3], BSCANS[3])
    np.testing.assert_array_equal(np.asarray(picture), BSCANS)


@pytest.mark.parametrize(
    ("write", "distances", "eye", "first"),
    [
        (WRITERS[0], (100, 4, 10), "OD", "inferior"),
        (WRITERS[1], (100, 4, 10), "OS", "inferior"),
        (WRITERS[2], (500, 2.6, 100), "OS", "superior"),
        (WRITERS[3], (100, 4, 10), "OD", None),
    ],
    ids=IDS,
)
def test_scale_and_eye_are_what_the_file_says(
    tmp_path: Path,
    write: Callable[[Path], Path],
    distances: tuple[float, float, float],
    eye: str,
    first: str | None,
) -> None:
    scan = open_device_file(write(tmp_path))

    assert scan.distances == pytest.approx(distances)
    assert (scan.laterality, scan.first) == (eye, first)
    assert axes_of(scan).units == ("micrometer",) * 3
    assert not scan.notes


@pytest.mark.parametrize("write", WRITERS[:3], ids=IDS[:3])
def test_the_fundus_shows_where_the_bscans_lie(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    scan = open_device_file(write(tmp_path))
    assert scan.fundus is not None
    assert scan.fundus.pixels.shape[:2] == FUNDUS.shape
    assert scan.pattern == "volume"
    assert len(scan.fundus.lines) == 5
    to_scan = fundus_to_scan(scan.fundus, 64)
    assert to_scan is not None
    for number, line in enumerate(scan.fundus.lines):
        middle = line.mean(axis=0)
        assert to_scan @ (*middle, 1) == pytest.approx((number, 31.5))
    if scan.device != "Topcon":  # 0.5 to 1.14 mm from the left, 0.02 mm a pixel
        np.testing.assert_array_equal(scan.fundus.pixels, FUNDUS)
        assert scan.fundus.lines[0] == pytest.approx(np.array([[69.5, 24.5], [69.5, 56.5]]))
    else:
        np.testing.assert_array_equal(scan.fundus.pixels[..., 0], FUNDUS)


def test_the_devices_boundaries_become_layers(tmp_path: Path) -> None:
    drawn = boundaries(*LAYERS7)
    drawn["BM"][1, 10] = np.float32(3.4e38)
    scan = open_device_file(write_vol(tmp_path / "scan.vol", drawn=drawn))
    assert set(scan.boundaries) == set(LAYERS7)
    found = labels_between(scan.boundaries, 48)
    assert found is not None
    labels, schema = found
    assert schema.name == "layers7"
    # ILM at 5.25, then RNFL 9.25, IPL 17.25 (GCL is inside) ... BM 41.25
    assert labels[0, :, 0].tolist() == (
        [0] * 5 + [1] * 4 + [2] * 8 + [3] * 4 + [4] * 4 + [5] * 8 + [6] * 4 + [7] * 4 + [0] * 7
    )
    assert (labels[1, :, 10] == 255).all()
    assert not (labels[1, :, 11] == 255).any()


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (("ILM", "BM"), ["total retina"]),
        (("ILM", "RNFL", "BM"), ["retinal nerve fiber layer", "RNFL to BM"]),
        (("ILM",), None),
    ],
)
def test_other_boundaries_have_a_schema_of_their_own(
    names: tuple[str, ...], classes: list[str] | None
) -> None:
    found = labels_between(boundaries(*names), 48)
    if classes is None:
        assert found is None
        return
    assert found is not None
    labels, schema = found
    assert [each.name for each in schema.foreground] == classes
    assert np.unique(labels).tolist() == list(range(len(classes) + 1))


def test_an_e2e_of_both_eyes_asks_which_one_is_meant(tmp_path: Path) -> None:
    raw = (np.arange(3 * 16 * 24) * 57).astype(np.uint16).reshape(3, 16, 24)
    path = write_e2e(tmp_path / "both.E2E", raw=raw)
    scans = open_device_scans(path)
    assert [scan.laterality for scan in scans] == ["OD", "OS"]
    assert scans[0].distances == (None, pytest.approx(4), None)
    assert "B-scans and columns" in scans[0].notes[0]
    values = (1 + (raw & 1023) / 1024) * 2.0 ** ((raw >> 10).astype(int) - 63)
    shown = np.rint(255 * np.where(values <= 1, values, 0) ** 0.25)
    np.testing.assert_array_equal(np.asarray(scans[1].bscans), shown)
    assert scans[0].boundaries["BM"][2, 5] == 12
    with pytest.raises(UserError, match=r"holds 2 scans, of OD and OS.*both\.E2E\.scan\.toml"):
        open_picture(path)
    Path(f"{path}.scan.toml").write_text("scan = 2\nspacing = [120, 4, 11.5]\n", "utf-8")
    scan = open_device_file(path)
    assert scan.laterality == "OS"
    assert scan.distances == pytest.approx((120, 4, 11.5))
    assert not scan.notes
    Path(f"{path}.scan.toml").write_text("scan = 2\nspacing = [120, 3.5, 11.5]\n", "utf-8")
    with pytest.raises(UserError, match="says that it is 4 µm between rows"):
        open_device_file(path)


def test_unequal_spacing_is_said_and_not_averaged(tmp_path: Path) -> None:
    ends = [(0.5, y, 1.14, y) for y in (0.2, 0.3, 0.4, 0.7, 0.8)]
    scan = open_device_file(write_vol(tmp_path / "scan.vol", ends=ends))
    assert scan.distances.between is None
    assert "100 to 300 µm" in scan.notes[0]


def test_circles_and_stars_are_no_volumes(tmp_path: Path) -> None:
    circle = write_vol(tmp_path / "c.vol", BSCANS[:1], [(0.5, 0.8, 0.9, 0.8)], pattern=2)
    scan = open_device_file(circle)
    assert (scan.pattern, scan.distances.between) == ("circle", None)
    assert open_picture(circle).shape == (48, 64)
    assert scan.fundus is not None
    (line,) = scan.fundus.lines
    radii = np.linalg.norm(line - (39.5, 44.5), axis=1)
    assert radii == pytest.approx(20)
    turns = np.linspace(0, np.pi, 5, endpoint=False)
    star = [
        (0.9 - 0.3 * np.cos(t), 0.8 - 0.3 * np.sin(t), 0.9 + 0.3 * np.cos(t), 0.8 + 0.3 * np.sin(t))
        for t in turns
    ]
    scan = open_device_file(write_vol(tmp_path / "s.vol", ends=star, pattern=5))
    assert (scan.pattern, scan.distances.between, scan.first) == ("star", None, None)
    assert not scan.notes


@pytest.mark.parametrize(
    "syntax",
    ["RLELossless", "JPEG2000Lossless", "HTJ2KLossless", "JPEGLSLossless", "JPEGLosslessSV1"],
)
def test_compressed_dicom_is_decoded_frame_by_frame(tmp_path: Path, syntax: str) -> None:
    for bscans in (BSCANS, BSCANS.astype(np.uint16) * 16):
        picture = open_picture(write_dicom(tmp_path / "scan.dcm", bscans, syntax))
        assert picture.dtype == bscans.dtype
        np.testing.assert_array_equal(picture[4], bscans[4])


def test_dicom_of_16_bit_stays_so(tmp_path: Path) -> None:
    deep = BSCANS.astype(np.uint16) * 257
    picture = open_picture(write_dicom(tmp_path / "scan.dcm", deep))
    assert picture.dtype == np.uint16
    np.testing.assert_array_equal(np.asarray(picture), deep)


def test_dicom_without_scale_is_asked_for_it(tmp_path: Path) -> None:
    scan = open_device_file(write_dicom(tmp_path / "scan.dcm", scaled=False))
    assert scan.distances == (None, None, None)
    assert axes_of(scan).units == ("pixel",) * 3
    assert "how far apart its B-scans, rows and columns are" in scan.notes[0]


def test_dicom_of_a_fundus_is_no_oct(tmp_path: Path) -> None:
    for changed in ({"Modality": "OP"}, {"PhotometricInterpretation": "MONOCHROME1"}):
        with pytest.raises(UserError, match=r"cannot be read as DCM: it (is a picture|shows 0)"):
            open_device_file(write_dicom(tmp_path / "scan.dcm", **changed))


def test_a_zeiss_img_is_asked_for_its_size(tmp_path: Path) -> None:
    path = tmp_path / "Cube_OS_z.img"
    path.write_bytes(np.ascontiguousarray(BSCANS[:, ::-1, ::-1]).tobytes())
    with pytest.raises(UserError, match=r"does not say its size.*Cube_OS_z\.img\.scan\.toml"):
        open_picture(path)
    (tmp_path / "scan.toml").write_text("size = [5, 64, 48]\n", "utf-8")
    Path(f"{path}.scan.toml").write_text("size = [5, 48, 63]\n", "utf-8")
    with pytest.raises(UserError, match="has 15,360 pixels"):
        open_picture(path)
    Path(f"{path}.scan.toml").write_text("size = [5, 48, 64]\n", "utf-8")
    scan = open_device_file(path)
    np.testing.assert_array_equal(np.asarray(scan.bscans), BSCANS)
    assert scan.laterality == "OS"
    Path(f"{path}.scan.toml").write_text("sise = 1\n", "utf-8")
    with pytest.raises(UserError, match="does not say what a scan is: sise"):
        open_device_file(path)


def test_an_xml_without_names_takes_the_pictures_beside_it(tmp_path: Path) -> None:
    path = write_xml(tmp_path / "scan.xml", named=False)
    np.testing.assert_array_equal(np.asarray(open_picture(path)), BSCANS)
    (tmp_path / "b4.png").unlink()
    with pytest.raises(UserError, match="5 B-scans, and there are not so many"):
        open_picture(path)
    (tmp_path / "named").mkdir()
    path = write_xml(tmp_path / "named" / "scan.xml")
    (tmp_path / "named" / "b4.png").unlink()
    with pytest.raises(UserError, match=r"picture b4\.png that it names is not beside it"):
        open_picture(path)
    text = path.read_text("utf-8").replace("C:\\export\\b3.png", "C:\\export\\..")
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match="does not name the pictures of all"):
        open_picture(path)


def _read_all(path: Path) -> str:
    """Return why the scans of a file cannot be read; "" where they can."""
    try:
        for scan in open_device_scans(path):
            np.asarray(scan.bscans)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("suffix", [".vol", ".e2e", ".xml", ".fda", ".dcm", ".img"])
@pytest.mark.parametrize("content", [b"", b"no scan at all", bytes(5000)])
def test_what_is_no_scan_is_said_to_be_none(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"scan\.(?!.*Error)"):
        open_device_scans(path)


@pytest.mark.parametrize(
    "write",
    [*WRITERS, lambda folder: write_e2e(folder / "scan.e2e", "R")],
    ids=[*IDS, "e2e"],
)
def test_a_damaged_file_is_named_whatever_is_wrong_with_it(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    random = np.random.default_rng(1)
    for number in range(60):
        content = bytearray(whole)
        if number % 3 == 0:
            content = content[: int(random.integers(1, len(content)))]
        else:  # the headers, where sizes are
            for at in random.integers(0, min(len(content), 4000), 8):
                content[at] = int(random.integers(0, 256))
        path.write_bytes(content)
        reason = _read_all(path)
        assert not reason or str(path) in reason


def test_sizes_are_looked_at_before_they_are_paid_for(tmp_path: Path) -> None:
    path = write_vol(tmp_path / "scan.vol")
    content = bytearray(path.read_bytes())
    for at, value, reason in (
        (12, 1 << 31, "larger than a B-scan"),
        (16, 1 << 15, "ends before all"),
        (16, 1 << 31, "says to hold 2,147,483,648 B-scans"),
    ):
        changed = content.copy()
        changed[at : at + 4] = value.to_bytes(4, "little")
        path.write_bytes(changed)
        with pytest.raises(UserError, match=f"cannot be read as VOL: it .*{reason}"):
            open_device_file(path)
    # directories of an .e2e that name each other come to an end
    path = write_e2e(tmp_path / "scan.e2e", "R")
    content = bytearray(path.read_bytes())
    content[88 + 44 : 88 + 48] = (88).to_bytes(4, "little")
    path.write_bytes(content)
    assert len(open_device_scans(path)) == 1


@pytest.mark.parametrize(
    "write",
    [*WRITERS, lambda folder: write_e2e(folder / "scan.e2e", "R")],
    ids=[*IDS, "e2e"],
)
def test_no_name_and_no_birthday_comes_out(
    tmp_path: Path, write: Callable[[Path], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    assert PATIENT.encode() in path.read_bytes()
    for scan in open_device_scans(path):
        told = repr({name: getattr(scan, name) for name in DeviceScan.__slots__})
        assert PATIENT not in told
        assert BIRTHDAY not in told
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.7)])
    reason = _read_all(path)
    shown = capfd.readouterr()
    assert reason
    assert PATIENT not in reason + shown.out + shown.err


def test_what_no_library_reads_is_said(tmp_path: Path) -> None:
    (tmp_path / "scan.OCT").write_bytes(b"anything")
    with pytest.raises(UserError, match="Bioptigen"):
        open_picture(tmp_path / "scan.OCT")
    with pytest.raises(UserError, match="There is no file"):
        open_picture(tmp_path / "nowhere.vol")
    with pytest.raises(UserError, match="no labels"):
        read_labels(write_vol(tmp_path / "scan.vol"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes in folders")
def test_a_pipe_is_no_scan(tmp_path: Path) -> None:
    for suffix in (".vol", ".xml", ".dcm"):
        os.mkfifo(tmp_path / f"pipe{suffix}")
        with pytest.raises(UserError, match="pipe"):
            open_device_scans(tmp_path / f"pipe{suffix}")


def test_a_data_set_takes_scans_and_their_labels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    write_vol(tmp_path / "images" / "P1.vol")
    labels = np.zeros(BSCANS.shape, np.uint8)
    labels[2, 5:20] = 1
    write_labels(tmp_path / "masks" / "P1.tif", labels)
    (item,) = open_dataset(tmp_path, None).items
    assert item.name == "P1_002"
    np.testing.assert_array_equal(item.image.read(), BSCANS[2])


@pytest.mark.skipif(not (DATA / "vendor").is_dir(), reason="OCTSAM_TEST_DATA has no such files")
def test_real_files_of_heidelberg_open() -> None:
    circle = open_device_file(DATA / "vendor" / "spectralis_circle_healthy.vol")
    assert (circle.pattern, circle.laterality) == ("circle", "OD")
    assert circle.distances == (
        None,
        pytest.approx(3.872, abs=1e-3),
        pytest.approx(15.61, abs=0.01),
    )
    assert set(circle.boundaries) == {"ILM", "RNFL", "BM"}
    line = open_device_file(DATA / "vendor" / "spectralis_line_1.vol")
    assert (line.pattern, line.laterality) == ("line", "OD")
    assert set(line.boundaries) == {"ILM", "BM"}
    for scan in (circle, line):
        assert scan.bscans.shape == (1, 496, 768)
        thickness = (scan.boundaries["BM"] - scan.boundaries["ILM"]) * scan.distances.axial
        assert 150 < np.nanmedian(thickness) < 450
        assert scan.fundus is not None
        (drawn,) = scan.fundus.lines
        assert (drawn > -1).all()
        assert (drawn < 768).all()
    eyepy = pytest.importorskip("eyepy.io")
    theirs = eyepy.HeVolReader(DATA / "vendor" / "spectralis_line_1.vol").volume
    ours = line.boundaries["ILM"]
    np.testing.assert_allclose(theirs.layers["ILM"].data, ours)


@pytest.mark.skipif(not (DATA / "amd_volume").is_dir(), reason="OCTSAM_TEST_DATA has no volume")
def test_a_real_export_is_a_volume_of_its_true_size() -> None:
    scan = open_device_file(DATA / "amd_volume" / "OCT-Info.xml")
    assert scan.bscans.shape == (145, 496, 512)
    assert (scan.pattern, scan.first) == ("volume", "inferior")
    between, axial, lateral = scan.distances
    assert between is not None
    assert lateral is not None
    assert (145 * between, 512 * lateral) == pytest.approx((4324, 5725), abs=5)
    assert axial == pytest.approx(3.872)
    assert scan.bscans[72].shape == (496, 512)
