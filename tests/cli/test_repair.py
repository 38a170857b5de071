"""`octsam repair`."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from napari_octsam.data.annotations.description import Description, schema_in
from napari_octsam.data.annotations.tiff_export import write_described_tiff
from tests.cli.test_label import Octsam, octsam
from tests.core.test_boundaries import LAYERS7, flat_layers

__all__ = ["octsam"]


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Two B-scans that know their schema; the second has an island and a hole."""
    labels = np.stack([flat_layers(), flat_layers()])
    labels[1, 5:8, 20:24], labels[1, 26:34, 40:50] = 3, 0
    path = tmp_path / "volume.tif"
    write_described_tiff(
        path,
        labels,
        Description(
            label_schema=LAYERS7,
            scale=(50.0, 4.0, 12.0),
            units=("micrometer",) * 3,
            axis_labels=("", "", ""),
        ),
    )
    return path


def test_a_volume_is_mended_each_change_told_and_the_labels_kept(
    octsam: Octsam, volume: Path
) -> None:
    before = volume.read_bytes()
    done = octsam("repair", volume, "-o", "mended.tif")

    assert done.exit_code == 0, done.output
    assert "volume.tif, B-scan 1, row 6, column 21: An island of INL, 12 pixels" in done.output
    assert "A hole in" in done.output
    assert "2 things mended" in done.output
    mended = tifffile.imread("mended.tif")
    assert np.array_equal(mended, np.stack([flat_layers()] * 2))
    assert volume.read_bytes() == before
    schema = schema_in(Path("mended.tif"))
    assert schema is not None
    assert schema.name == "layers7"
    with tifffile.TiffFile("mended.tif") as file:
        assert file.pages[0].tags["XResolution"].value[0] > 0


def test_a_folder_is_mended_but_for_a_bad_file(octsam: Octsam, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    labels = flat_layers()
    labels[5:8, 20:24] = 3
    iio.imwrite(folder / "a.png", labels)
    (folder / "b.png").write_bytes(b"no picture")
    done = octsam("repair", folder, "-o", "out", "--schema", "layers7")

    assert done.exit_code == 1
    assert "b.png" in done.stderr
    assert "1 file could not be mended" in done.stderr
    assert np.array_equal(tifffile.imread("out/a.tif"), flat_layers())
    assert "is there already" in octsam("repair", folder, "-o", "out", "--schema", "layers7").stderr


def test_what_cannot_be_done_is_told_before_anything_is_written(
    octsam: Octsam, volume: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.png"
    iio.imwrite(plain, flat_layers())
    assert "--schema" in octsam("repair", plain, "-o", "x.tif").stderr
    assert (
        "layers7, not with amd" in octsam("repair", volume, "-o", "x.tif", "--schema", "amd").stderr
    )
    assert "does not know" in octsam("repair", plain, "-o", "x.tif", "--schema", "amd").stderr
    assert "no TIFF" in octsam("repair", volume, "-o", "x.png").stderr
    assert "is read here" in octsam("repair", volume, "-o", volume, "--overwrite").stderr
    assert not Path("x.tif").exists()
