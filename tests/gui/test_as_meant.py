"""Pictures that napari's own reader shows as negatives or in part, opened beside the widget."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from imagecodecs import png_encode

pytest.importorskip("napari")
from napari.components import ViewerModel
from napari.plugins import _initialize_plugins

from napari_octsam.data.pictures import read_stored
from napari_octsam.gui.layers.bscans import Plane, read_bscan
from napari_octsam.gui.prompting.prompt_widget import PromptWidget

GREY = np.random.default_rng(0).integers(0, 256, (64, 48), np.uint8)
VOLUME = np.stack([GREY, GREY[::-1], GREY[:, ::-1]])
DEEP = GREY.astype(np.uint16) * 100
SUFFIXES = {"grey and alpha": ".png", "deep colour": ".png", "one channel": ".npy"}
KINDS = ("negative", "negative volume", "palette", "one by one", "cmyk", *SUFFIXES)
REVERSED = np.stack([np.arange(255, -1, -1, dtype=np.uint16) * 257] * 3)
Open = Callable[[ViewerModel], PromptWidget]


@pytest.fixture(autouse=True, scope="module")
def napari_with_its_readers() -> None:
    _initialize_plugins()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    for name in ("show_info", "show_warning"):
        monkeypatch.setattr(f"napari.utils.notifications.{name}", told.append)
    return told


def one_by_one(path: Path, pictures: Any) -> None:
    with tifffile.TiffWriter(path) as file:
        for number, picture in enumerate(pictures):
            file.write(picture, photometric="minisblack", metadata={"number": number})


def written(path: Path, kind: str) -> Any:
    """Write a picture of a kind, and return what is to be shown."""
    if kind == "negative":
        tifffile.imwrite(path, ~GREY, photometric="miniswhite")
    elif kind == "negative volume":
        tifffile.imwrite(path, ~VOLUME, photometric="miniswhite", compression="zlib")
        return VOLUME
    elif kind == "palette":
        tifffile.imwrite(path, ~GREY, photometric="palette", colormap=REVERSED)
    elif kind == "one by one":
        one_by_one(path, VOLUME)
        return VOLUME
    elif kind == "grey and alpha":
        iio.imwrite(path, np.stack([GREY, GREY], -1), extension=".png")
    elif kind == "deep colour":
        path.write_bytes(png_encode(np.stack([DEEP] * 3, -1)))
        return np.stack([DEEP] * 3, -1)
    elif kind == "one channel":
        np.save(path, GREY[..., None])
    else:
        tifffile.imwrite(path, np.stack([GREY] * 4, -1), photometric="separated")
        return np.concatenate([read_stored(path), np.full((*GREY.shape, 1), 255, np.uint8)], -1)
    return GREY


@pytest.mark.parametrize("opened", ["before the widget", "after the widget"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_shown_as_its_file_means_it(
    open_widget: Open, told: list[str], tmp_path: Path, kind: str, opened: str
) -> None:
    path = tmp_path / f"scan{SUFFIXES.get(kind, '.tif')}"
    expected = written(path, kind)
    viewer = ViewerModel()
    if opened == "after the widget":
        open_widget(viewer)
    viewer.open(path, plugin="napari")
    if opened == "before the widget":
        open_widget(viewer)
    (layer,) = viewer.layers
    np.testing.assert_array_equal(layer.data, expected)
    plane = Plane((layer.ndim - 2, layer.ndim - 1), (1,) * (layer.ndim - 2))
    assert np.array_equal(read_bscan(layer, plane).pixels.shape, GREY.shape)
    assert layer.contrast_limits[1] >= expected.max()
    assert told[0].startswith("scan is shown as its file means it: ")
    assert len(told) == 1


@pytest.mark.parametrize("name", ["scan.tif", "scan.png", "scan.npy"])
def test_what_is_shown_rightly_is_left_alone(
    open_widget: Open, told: list[str], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    np.save(path, GREY) if path.suffix == ".npy" else iio.imwrite(path, GREY)
    viewer = ViewerModel()
    open_widget(viewer)
    viewer.open(path, plugin="napari")
    np.testing.assert_array_equal(viewer.layers[0].data, GREY)
    assert not told


def test_what_a_person_has_made_of_a_picture_is_left_alone(
    open_widget: Open, told: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, ~GREY, photometric="miniswhite")
    viewer = ViewerModel()
    open_widget(viewer)
    (layer,) = viewer.open(path, plugin="napari")
    layer.data = layer.data // 2
    viewer.layers.remove(layer)
    viewer.add_layer(layer)
    np.testing.assert_array_equal(layer.data, GREY // 2)
    assert len(told) == 1


def test_pages_that_differ_are_told(open_widget: Open, told: list[str], tmp_path: Path) -> None:
    one_by_one(tmp_path / "scan.tif", [GREY[:32], GREY, GREY])
    viewer = ViewerModel()
    open_widget(viewer)
    viewer.open(tmp_path / "scan.tif", plugin="napari")
    assert told[0].startswith("scan is not shown as its file means it. ")
    assert "page 1 is 32 x 48; page 2 is 64 x 48" in told[0]
