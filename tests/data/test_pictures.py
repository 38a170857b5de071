from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import as_grey, take_bscan
from napari_octsam.data.labels import read_labels
from napari_octsam.data.paged import PagedVolume
from napari_octsam.data.pictures import (
    check_labels_path,
    is_rgb,
    is_volume,
    open_picture,
    read_picture,
    write_labels,
)

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 60), np.uint8)
GREY16 = RNG.integers(0, 65536, (40, 60), np.uint16)
RGB = RNG.integers(0, 256, (40, 60, 3), np.uint8)
VOLUME = RNG.integers(0, 256, (5, 40, 60), np.uint8)


@pytest.mark.parametrize("pixels", [GREY, GREY16, RGB], ids=["grey", "grey16", "rgb"])
@pytest.mark.parametrize("suffix", [".png", ".PNG", ".tif", ".tiff", ".npy"])
def test_a_bscan_is_read_as_it_was_written(tmp_path: Path, suffix: str, pixels: np.ndarray) -> None:
    path = tmp_path / f"bscan{suffix}"
    if suffix == ".npy":
        np.save(path, pixels)
    else:
        iio.imwrite(path, pixels)

    picture = read_picture(path)

    np.testing.assert_array_equal(picture, pixels)
    assert picture.dtype == pixels.dtype
    assert is_rgb(picture) == (pixels is RGB)


def test_a_jpeg_is_read(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "bscan.jpg", GREY)

    assert read_picture(tmp_path / "bscan.jpg").shape == GREY.shape


def test_a_png_with_alpha_is_grey(tmp_path: Path) -> None:
    path = tmp_path / "bscan.png"
    iio.imwrite(path, np.stack([GREY, np.full_like(GREY, 255)], -1), mode="LA")

    np.testing.assert_array_equal(read_picture(path), GREY)


def test_a_png_with_palette_keeps_its_colours(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "bscan.png"
    Image.fromarray(GREY).quantize(256).save(path)

    np.testing.assert_array_equal(as_grey(read_picture(path)), GREY)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "jpeg"])
def test_a_tiff_volume_is_read_however_compressed(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "volume.tif"
    tifffile.imwrite(path, VOLUME, photometric="minisblack", compression=compression)

    picture = read_picture(path)

    assert not is_rgb(picture)
    if compression == "jpeg":
        assert picture.shape == VOLUME.shape
    else:
        np.testing.assert_array_equal(picture, VOLUME)


def test_bscans_written_one_by_one_are_a_volume(tmp_path: Path) -> None:
    path = tmp_path / "volume.tif"
    with tifffile.TiffWriter(path) as file:
        for bscan in VOLUME:
            file.write(bscan)

    np.testing.assert_array_equal(read_picture(path), VOLUME)


def test_planar_colours_come_last(tmp_path: Path) -> None:
    path = tmp_path / "bscan.tif"
    planar = np.moveaxis(RGB, -1, 0)
    tifffile.imwrite(path, planar, photometric="rgb", planarconfig="separate")

    np.testing.assert_array_equal(read_picture(path), RGB)


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_a_plain_volume_is_mapped_not_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"volume{suffix}"
    if suffix == ".npy":
        np.save(path, VOLUME)
    else:
        tifffile.imwrite(path, VOLUME, photometric="minisblack")

    assert isinstance(read_picture(path), np.memmap)


def test_white_as_zero_is_turned_round(tmp_path: Path) -> None:
    path = tmp_path / "bscan.tif"
    for pixels in (GREY, GREY16, VOLUME, GREY > 100):
        inverted = ~pixels
        tifffile.imwrite(path, inverted, photometric="miniswhite")

        np.testing.assert_array_equal(read_picture(path), pixels)


def test_white_as_zero_that_has_no_most_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bscan.tif"
    tifffile.imwrite(path, GREY.astype(np.float32), photometric="miniswhite")

    with pytest.raises(UserError, match="0 as white"):
        read_picture(path)


@pytest.mark.parametrize("unit", [257, 256, 1])  # libtiff's, ImageJ's, and that of old writers
def test_a_palette_is_looked_up(tmp_path: Path, unit: int) -> None:
    path = tmp_path / "bscan.tif"
    reversed_ = np.arange(255, -1, -1, dtype=np.uint16)
    table = np.stack([reversed_] * 3) * np.uint16(unit)
    tifffile.imwrite(path, np.uint8(255) - GREY, photometric="palette", colormap=table)

    np.testing.assert_array_equal(read_picture(path), GREY)

    table[0] = 0
    tifffile.imwrite(path, np.uint8(255) - GREY, photometric="palette", colormap=table)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture[..., 1], GREY)
    assert not picture[..., 0].any()


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_is_converted(tmp_path: Path, suffix: str) -> None:
    from PIL import Image

    path = tmp_path / f"bscan{suffix}"
    smooth = np.broadcast_to(np.linspace(0, 255, 60).astype(np.uint8), (40, 60))
    none = np.zeros_like(smooth)
    Image.fromarray(np.stack([none, none, none, 255 - smooth], -1), "CMYK").save(path)

    picture = read_picture(path)

    assert picture.shape == (40, 60, 3)
    assert np.abs(as_grey(picture).astype(int) - smooth).max() < 4  # a JPEG is not exact


@pytest.mark.parametrize("mode", ["LAB", "YCbCr"])
def test_other_colours_are_refused(tmp_path: Path, mode: str) -> None:
    from PIL import Image

    path = tmp_path / "bscan.tif"
    Image.fromarray(RGB).convert(mode).save(path)

    with pytest.raises(UserError, match=r"colours are kept as .*: save it as grey or RGB\."):
        read_picture(path)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 3), (5, 40, 60)])
def test_16_bit_stay_in_whatever_order(
    tmp_path: Path, shape: tuple[int, ...], compression: str | None
) -> None:
    path = tmp_path / "bscan.tif"
    pixels = RNG.integers(0, 65536, shape, np.uint16)
    photometric = "rgb" if shape[-1] == 3 else "minisblack"
    tifffile.imwrite(path, pixels, byteorder=">", photometric=photometric, compression=compression)

    picture = read_picture(path)

    assert picture.dtype == np.uint16
    np.testing.assert_array_equal(picture, pixels)


def test_a_png_of_16_bit_in_colour_keeps_them(tmp_path: Path) -> None:
    import imagecodecs

    pixels = RNG.integers(0, 65536, (40, 60, 3), np.uint16)
    (tmp_path / "bscan.png").write_bytes(imagecodecs.png_encode(pixels))

    np.testing.assert_array_equal(read_picture(tmp_path / "bscan.png"), pixels)


def test_an_npy_of_another_machine_is_read_in_native_order(tmp_path: Path) -> None:
    np.save(tmp_path / "bscan.npy", GREY16.astype(">u2"))
    np.save(tmp_path / "volume.npy", VOLUME.astype(">u2"))

    assert read_picture(tmp_path / "bscan.npy").dtype == np.uint16
    bscan = take_bscan(read_picture(tmp_path / "volume.npy"), (3,))
    assert bscan.dtype == np.uint16
    np.testing.assert_array_equal(bscan, VOLUME[3])


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
@pytest.mark.parametrize("axes", ["last", "alpha", "planar alpha", "first", "both", "colour"])
def test_what_holds_one_bscan_is_one(tmp_path: Path, suffix: str, axes: str) -> None:
    opaque = np.full_like(GREY, 255)
    pixels = {
        "last": GREY[..., None],
        "alpha": np.stack([GREY, opaque], -1),
        "planar alpha": np.stack([GREY, opaque], -1),
        "first": GREY[None],
        "both": GREY[None, ..., None],
        "colour": RGB[None],
    }[axes]
    path = tmp_path / f"bscan{suffix}"
    if suffix == ".npy":
        np.save(path, pixels)
    elif axes == "planar alpha":
        planar = np.moveaxis(pixels, -1, 0)
        tifffile.imwrite(path, planar, photometric="minisblack", planarconfig="separate")
    else:
        photometric = "rgb" if axes == "colour" else "minisblack"
        config = "contig" if axes == "alpha" else None
        tifffile.imwrite(path, pixels, photometric=photometric, planarconfig=config)

    picture = read_picture(path)

    assert not is_volume(picture)
    np.testing.assert_array_equal(picture, RGB if axes == "colour" else GREY)


def test_a_volume_with_a_last_axis_of_one_stays_a_volume(tmp_path: Path) -> None:
    np.save(tmp_path / "volume.npy", VOLUME[..., None])

    np.testing.assert_array_equal(read_picture(tmp_path / "volume.npy"), VOLUME)


def test_pages_of_several_sizes_are_told_by_number(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "visit.tif"
    fundus, *bscans = (Image.fromarray(x) for x in (np.zeros((70, 70), np.uint8), *VOLUME))
    fundus.save(path, save_all=True, append_images=[*bscans, fundus])

    told = r"pages 1 and 7 are 70 x 70; pages 2 to 6 are 40 x 60. Save the B-scans alone\."
    with pytest.raises(UserError, match=told):
        read_picture(path)


def test_pages_of_one_size_and_several_kinds_are_told(tmp_path: Path) -> None:
    path = tmp_path / "visit.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(RGB, photometric="rgb")
        file.write(GREY, photometric="minisblack")

    told = "page 1 is 40 x 60, RGB of uint8; page 2 is 40 x 60, MINISBLACK of uint8"
    with pytest.raises(UserError, match=told):
        read_picture(path)


def test_parts_of_a_volume_are_put_together(tmp_path: Path) -> None:
    path = tmp_path / "volume.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(VOLUME[:2], photometric="minisblack")
        file.write(VOLUME[2:], photometric="minisblack")

    np.testing.assert_array_equal(read_picture(path), VOLUME)


def test_a_thumbnail_is_no_bscan(tmp_path: Path) -> None:
    path = tmp_path / "volume.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(VOLUME, photometric="minisblack")
        file.write(GREY[::4, ::4], photometric="minisblack", subfiletype=1)

    np.testing.assert_array_equal(read_picture(path), VOLUME)


def test_a_mask_in_tiff_is_its_indices_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.tif"
    values = RNG.integers(0, 14, (40, 60), np.uint8)
    table = RNG.integers(0, 65536, (3, 256), np.uint16)
    tifffile.imwrite(path, values, photometric="palette", colormap=table)

    np.testing.assert_array_equal(read_labels(path), values)

    tifffile.imwrite(path, values, photometric="miniswhite")
    with pytest.raises(UserError, match=r"mask\.tif shows 0 as white"):
        read_labels(path)


def test_a_missing_file_a_folder_and_another_kind_are_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")

    with pytest.raises(UserError, match=r"There is no file .*gone\.png"):
        read_picture(tmp_path / "gone.png")
    with pytest.raises(UserError, match="is a folder"):
        read_picture(tmp_path)
    with pytest.raises(UserError, match=r"notes\.txt is not of a kind that can be read: \.png"):
        read_picture(tmp_path / "notes.txt")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy"])
@pytest.mark.parametrize("content", ["empty", "html", "cut short"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"bscan{suffix}"
    if suffix == ".npy":
        np.save(path, GREY)
    else:
        iio.imwrite(path, GREY)
    whole = path.read_bytes()
    cut = {"empty": b"", "html": b"<html>not found</html>", "cut short": whole[: len(whole) // 2]}
    path.write_bytes(cut[content])

    with pytest.raises(UserError, match=rf"bscan\{suffix} cannot be read as") as raised:
        read_picture(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("suffix", [".png", ".npy"])
@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "it is empty"), (b"<html>not found</html>", "of another kind")]
)
def test_what_is_wrong_with_a_file_is_told_in_plain_words(
    tmp_path: Path, suffix: str, content: bytes, reason: str
) -> None:
    path = tmp_path / f"bscan{suffix}"
    path.write_bytes(content)

    with pytest.raises(UserError, match=reason):
        read_picture(path)


def test_a_pickle_in_an_npy_is_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "sprung",)

    path = tmp_path / "bscan.npy"
    np.save(path, np.array([Trap()], dtype=object), allow_pickle=True)

    with pytest.raises(UserError, match="cannot be read as NPY"):
        read_picture(path)
    assert not (tmp_path / "sprung").exists()


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    for side in (10_000, 20_000):
        path = tmp_path / "huge.png"
        iio.imwrite(path, np.zeros((side, side), bool))

        with pytest.raises(UserError, match=r"huge\.png cannot be read .* at most 8192 pixels"):
            read_picture(path)


@pytest.mark.parametrize("shape", [(0, 60), (60,)])
def test_an_array_that_is_no_picture_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))

    with pytest.raises(UserError, match=r"not a picture|cannot be read"):
        read_picture(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".png", ".npy"])
def test_labels_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"labels{suffix}"
    write_labels(path, GREY)

    np.testing.assert_array_equal(read_picture(path), GREY)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_labels_of_a_volume_come_back(tmp_path: Path, depth: int) -> None:
    labels = RNG.integers(0, 14, (depth, 40, 60), np.uint8)
    write_labels(tmp_path / "labels.tif", labels)

    np.testing.assert_array_equal(read_picture(tmp_path / "labels.tif"), labels)


def test_labels_that_a_format_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"PNG cannot hold .* name .*labels\.tif"):
        write_labels(tmp_path / "labels.png", VOLUME)
    with pytest.raises(UserError, match=r"cannot be written as labels\.gif: use \.tif"):
        write_labels(tmp_path / "labels.gif", GREY)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size to set there")
@pytest.mark.parametrize("suffix", [".tif", ".png", ".npy"])
def test_a_full_disk_keeps_the_old_labels(tmp_path: Path, suffix: str) -> None:
    import resource

    path = tmp_path / f"labels{suffix}"
    write_labels(path, GREY)
    old = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(UserError, match=rf"Cannot write .*labels\{suffix}"):
            write_labels(path, RNG.integers(0, 256, (200, 200), np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_a_disk_that_refuses_everything_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    path = tmp_path / f"labels{suffix}"
    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(Path, "replace", refuse)

    with pytest.raises(UserError, match=r"Cannot write .*: Read-only file system\."):
        write_labels(path, GREY)


def test_where_labels_cannot_go_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "folder.tif").mkdir()

    with pytest.raises(UserError, match="no folder"):
        check_labels_path(tmp_path / "gone" / "labels.tif")
    with pytest.raises(UserError, match="is a folder"):
        check_labels_path(tmp_path / "folder.tif")
    with pytest.raises(UserError, match="cannot be written as"):
        check_labels_path(tmp_path / "labels")
    with pytest.raises(UserError, match="PNG cannot hold the labels of a volume"):
        check_labels_path(tmp_path / "labels.png", volume=True)


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, np.zeros((8193, 16), np.uint8), compression="zlib")
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_, **__: pytest.fail("it is decoded"))

    with pytest.raises(UserError, match="larger than a B-scan"):
        read_picture(path)


def test_a_tile_that_swells_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bscan.tif"
    tifffile.imwrite(path, GREY, tile=(16, 16), compression="zstd", photometric="minisblack")
    for name in ("TileWidth", "TileLength"):
        with tifffile.TiffFile(path, mode="r+b") as file:
            file.pages[0].tags[name].overwrite(60_000)

    with pytest.raises(UserError, match="larger than a B-scan"):
        read_picture(path)


@pytest.mark.parametrize("count", [1, 3])
def test_a_jpeg_in_a_tiff_that_swells_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    path = tmp_path / "bscan.tif"
    tifffile.imwrite(path, VOLUME[:count], compression="jpeg", photometric="minisblack")
    content = bytearray(path.read_bytes())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = (60_000).to_bytes(2, "big") * 2  # rows and columns
    path.write_bytes(content)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_, **__: pytest.fail("it is decoded"))

    with pytest.raises(UserError, match="larger than a B-scan"):
        read_picture(path)


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_compressed_volume_is_decoded_one_bscan_at_a_time(
    tmp_path: Path, one_by_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "volume.tif"
    with tifffile.TiffWriter(path) as file:
        for part in VOLUME if one_by_one else [VOLUME]:
            file.write(part, compression="zlib", photometric="minisblack")
    decoded: list[int] = []
    decode = tifffile.TiffPage.asarray
    monkeypatch.setattr(
        tifffile.TiffPage,
        "asarray",
        lambda page, *args, **options: decoded.append(page.index) or decode(page, *args, **options),
    )

    picture = open_picture(path)
    assert (picture.shape, picture.ndim, picture.dtype) == (VOLUME.shape, 3, VOLUME.dtype)
    np.testing.assert_array_equal(take_bscan(picture, (3,)), VOLUME[3])
    assert decoded == [0, 3]  # the first tells what colours are meant
    np.testing.assert_array_equal(picture[1:3], VOLUME[1:3])


def test_a_damaged_page_is_told_when_it_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "volume.tif"
    tifffile.imwrite(path, VOLUME, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        offset = file.pages[2].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 100] = bytes(100)
    path.write_bytes(content)

    picture = open_picture(path)
    np.testing.assert_array_equal(picture[1], VOLUME[1])
    with pytest.raises(UserError, match="cannot be read as TIF"):
        picture[2]


def test_a_volume_that_fills_the_memory_is_only_read_by_its_bscans(tmp_path: Path) -> None:
    path = tmp_path / "long.tif"
    blank = np.zeros((8192, 8192), np.uint8)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for _ in range(2):
            file.write(blank, compression="zlib", contiguous=False)

    volume = PagedVolume(
        path, (200,), [0, 1] * 100, blank.shape, blank.dtype, lambda pixels, _: pixels
    )

    assert volume[7].shape == blank.shape
    with pytest.raises(UserError, match="unpacks to 12 GB"):
        np.asarray(volume)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes in folders")
def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("pipe.png", f"{'a' * 300}.png", "a\0b.png"):
        with pytest.raises(UserError):
            read_picture(tmp_path / name)
