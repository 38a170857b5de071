"""The picture of docs/measuring.md: a synthetic macula measured in the real window."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
import numpy.typing as npt
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_octsam.core.boundaries import layers_between
from napari_octsam.core.classes import bundled_schema
from napari_octsam.gui.layers.layer_schema import show_schema
from napari_octsam.gui.measuring.measure_widget import MeasureWidget

__all__ = ["draw_measuring", "synthetic_macula"]

_WINDOW = (1366, 768)
_SHAPE, _SCALE = (49, 240, 384), (130.0, 3.9, 16.0)  # B-scans, rows, columns; in µm
_HEIGHTS = (30.0, 75.0, 40.0, 32.0, 90.0, 45.0, 24.0)  # µm
_GREYS = (20, 150, 110, 70, 120, 50, 140, 190, 60)
_TIMEOUT = 120.0  # seconds
_COLORS = 256


def synthetic_macula() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return B-scans of an eye with a pit and a swelling, and their layers."""
    schema, rng = bundled_schema("layers7"), np.random.default_rng(7)
    bscan, col = np.ogrid[: _SHAPE[0], : _SHAPE[2]]
    down, across = (bscan - 23) * _SCALE[0], (col - 190) * _SCALE[2]
    pit = np.exp(-((down / 380) ** 2) - (across / 420) ** 2)
    swelling = np.exp(-(((down - 900) / 700) ** 2) - ((across + 1300) / 800) ** 2)
    heights = np.array(_HEIGHTS)[:, None, None] + np.zeros((7, _SHAPE[0], _SHAPE[2]))
    heights[1] -= 65 * pit
    heights[2] -= 30 * pit
    heights[4] += 110 * swelling
    tops = (240 + 0.03 * across + 25 * pit)[None] + np.zeros((1, _SHAPE[0], _SHAPE[2]))
    rows = (tops + np.concatenate([np.zeros_like(tops), heights.cumsum(0)])) / _SCALE[1]
    labels = np.stack([layers_between(rows[:, b], schema, _SHAPE[1]) for b in range(_SHAPE[0])])
    below = rows[-1][:, None, :] <= np.arange(_SHAPE[1])[None, :, None]
    bright = np.array(_GREYS)[np.where(below, 8, labels)]
    noisy = bright * rng.gamma(6, 1 / 6, bright.shape)
    return noisy.clip(0, 255).astype(np.uint8), labels


def draw_measuring(folder: Path) -> None:
    """Measure the eye and save the window with its map as measuring.png."""
    pixels, labels = synthetic_macula()
    viewer = napari.Viewer()
    viewer.window.resize(*_WINDOW)
    placed = {"scale": _SCALE, "units": ("micrometer",) * 3}
    viewer.add_image(pixels, name="macula", colormap="gray", contrast_limits=(0, 255), **placed)
    layer = viewer.add_labels(labels, name="macula labels", opacity=0.4, **placed)
    show_schema(layer, bundled_schema("layers7"))
    viewer.dims.set_current_step(0, 23)
    widget = MeasureWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Measure")
    _pass(0.5)
    widget.eye.laterality.setCurrentIndex(1)
    widget.measure.click()
    _wait(lambda: widget.measurer.found is not None)
    widget.show_map.click()
    _pass(1.0)
    viewer.fit_to_view()
    _pass(0.5)
    shot = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    shot.quantize(_COLORS, dither=Image.Dither.NONE).save(folder / "measuring.png", optimize=True)
    viewer.close()


def _wait(is_done: Callable[[], bool]) -> None:
    end = time.monotonic() + _TIMEOUT
    while not is_done():
        if time.monotonic() > end:
            raise TimeoutError("the figures did not come")
        _pass(0.05)


def _pass(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
