"""The pictures of docs/correcting.md: the Correct widget, and four moments of a drag."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import napari
import numpy as np
import numpy.typing as npt
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_octsam.core.boundaries import boundaries_of
from napari_octsam.core.boundary_edits import dragged, falloff
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.redrawing import redrawn
from napari_octsam.gui.correcting.correct_widget import CorrectWidget
from napari_octsam.gui.layers.layer_schema import described
from napari_octsam.gui.session.session import session_of
from napari_octsam.phantoms.bscan import make_phantom

__all__ = ["draw_correcting"]

_SHAPE = (384, 640)
_WINDOW = (1366, 768)  # a laptop's
_SEED, _NUMBER, _COL, _OFF, _REACH = 11, 0, 250, -26.0, 90
_GAP, _COLORS = 8, 256
_CUT = (90, 190)  # rows and columns of the canvas around the mouse


def draw_correcting(folder: Path) -> None:
    """Save the widget's window and a film strip as correcting-*.png."""
    viewer = napari.Viewer()
    viewer.window.resize(*_WINDOW)
    schema = bundled_schema()
    session_of(viewer).schema = schema
    phantom = make_phantom(_SEED, _SHAPE)
    before = boundaries_of(phantom.labels, schema)
    wrong = dragged(before, _NUMBER, falloff(_SHAPE[1], _COL, _REACH), _OFF, _SHAPE[0])
    labels = redrawn(phantom.labels, before, wrong, schema)
    viewer.add_image(phantom.image, name="P01_OD", colormap="gray")
    layer = viewer.add_labels(labels, name="P01_OD labels", opacity=0.4, **described(schema))
    widget = CorrectWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Correct (OCT SAM)", area="right")
    _settle()
    viewer.fit_to_view()
    widget.boundaries.toggle()
    widget.tool.width = _REACH
    frames = _film(viewer, layer, widget)
    _settle()
    _save(np.asarray(viewer.screenshot(canvas_only=False, flash=False)), folder, "window")
    _save(frames, folder, "drag")
    for kept in widget.corrector.keeper.kept:
        kept.discard()
    session_of(viewer).close()
    viewer.close()


def _film(viewer: Any, labels: Any, widget: Any) -> npt.NDArray[np.uint8]:
    """Drag a boundary back, and return what is seen of it: (H, W, 3) uint8."""
    canvas = viewer.window._qt_viewer.canvas
    events = canvas._scene_canvas.events
    row = float(widget.tool.boundaries[_NUMBER, _COL]) - 0.5

    def at(down: float) -> tuple[float, float]:
        world = labels.data_to_world((row - down, float(_COL)))
        x, y = canvas.view.scene.transform.map([world[-1], world[-2], 0, 1])[:2]
        return float(x), float(y)

    def seen() -> npt.NDArray[np.uint8]:
        _settle()
        picture = np.asarray(viewer.screenshot(flash=False))[..., :3]
        x, y = (round(each) for each in at(_OFF / 2))
        tall, wide = _CUT
        return picture[max(y - tall, 0) : y + tall, max(x - wide, 0) : x + wide]

    events.mouse_move(pos=at(0), modifiers=())
    frames = [seen()]
    events.mouse_press(pos=at(0), button=1, modifiers=())
    press = SimpleNamespace(button=1, pos=at(0))
    for share in (0.5, 1.0):
        events.mouse_move(pos=at(share * _OFF), button=1, modifiers=(), press_event=press)
        frames.append(seen())
    events.mouse_release(pos=at(_OFF), button=1, modifiers=())
    frames.append(seen())
    gap = np.full((len(frames[0]), _GAP, 3), 128, np.uint8)
    return np.hstack([part for frame in frames for part in (frame, gap)][:-1])


def _settle(seconds: float = 0.5) -> None:
    """Let the window lay out and draw what it was told."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def _save(picture: npt.NDArray[np.uint8], folder: Path, name: str) -> None:
    image = Image.fromarray(picture[..., :3])
    small = image.quantize(_COLORS, dither=Image.Dither.NONE)
    small.save(folder / f"correcting-{name}.png", optimize=True)
