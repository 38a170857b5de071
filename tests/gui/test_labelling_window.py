"""A volume of phantoms labelled in a real window by a real engine, with the mouse."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from qtpy.QtCore import QPoint, QPointF, Qt

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.classes import bundled_schema
from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.gui.labelling.label_widget import LabelWidget
from napari_octsam.gui.session import session as session_module
from napari_octsam.gui.session.settings import Settings
from napari_octsam.phantoms.bscan import make_phantom

PATIENCE = 120_000  # milliseconds: the engine imports torch
BSCANS = 4


@pytest.fixture
def widget(
    make_napari_viewer: Callable[..., Any],
    small_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> Iterator[LabelWidget]:
    """The Label widget in a shown window with a volume and a real engine with a model."""
    settings = Settings(cache_folder=tmp_path)
    monkeypatch.setattr(session_module, "read_settings", lambda: settings)
    monkeypatch.setattr("napari.utils.notifications.show_warning", lambda _: None)
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    volume = np.stack([make_phantom(seed, shape=(128, 160)).image for seed in range(BSCANS)])
    viewer.add_image(volume, name="phantoms", scale=(20, 4, 6))
    viewer.dims.set_point(0, 40)
    widget = LabelWidget(viewer)
    widget.session.schema = bundled_schema("layers7")
    viewer.window.add_dock_widget(widget, name="Label")
    widget.session.load_model(LoadModel(str(small_checkpoint), device="cpu"))
    qtbot.waitUntil(lambda: widget.session.model is not None, timeout=PATIENCE)
    yield widget
    widget.session.close()


def click(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def states(widget: LabelWidget) -> list[str]:
    overview = widget.volume.overview
    return [overview.standing(index).state for index in overview.indices]


def wait_until_labelled(qtbot: Any, widget: LabelWidget) -> None:
    qtbot.waitUntil(
        lambda: widget.volume.labeller.run is None and bool(states(widget)), timeout=PATIENCE
    )


@pytest.mark.slow("the first window with an engine starts the server that forks it")
def test_a_volume_is_labelled_looked_through_and_called_done_by_mouse_and_key(
    widget: LabelWidget, qtbot: Any
) -> None:
    viewer, strip = widget.viewer, widget.strip.strip
    canvas = viewer.window._qt_viewer.canvas.native
    click(qtbot, widget.label.all)
    wait_until_labelled(qtbot, widget)

    labels = viewer.layers["phantoms labels"]
    assert states(widget) == [BScanState.AUTOMATIC] * BSCANS
    assert labels.data.any(axis=(1, 2)).all()
    assert tuple(labels.scale) == (20, 4, 6)

    cell = strip.cell((3,)).center()
    qtbot.mouseClick(
        strip, Qt.MouseButton.LeftButton, pos=QPoint(*map(round, (cell.x(), cell.y())))
    )
    assert widget.volume.current == (3,)
    assert strip.index_at(QPointF(cell)) == (3,)
    qtbot.keyClick(canvas, Qt.Key.Key_K, Qt.KeyboardModifier.ShiftModifier)
    assert states(widget)[3] == BScanState.DONE
    assert widget.strip.done.isChecked()
    click(qtbot, widget.strip.next)
    assert widget.volume.current != (3,)

    done = labels.data[3].copy()
    click(qtbot, widget.undo)
    assert not labels.data[:3].any()
    assert (labels.data[3] == done).all()
    assert "B-scan 3 was changed since, and stays." in widget.message.text()


def test_after_the_engine_is_killed_the_labelling_goes_on(widget: LabelWidget, qtbot: Any) -> None:
    engine: Any = widget.session.engine
    killed: list[int] = []

    def kill_once(*_: object) -> None:
        if not killed:
            killed.append(engine.pid)
            os.kill(engine.pid, signal.SIGKILL)

    widget.volume.labeller.labelled.connect(kill_once)
    click(qtbot, widget.label.all)
    wait_until_labelled(qtbot, widget)

    assert killed
    assert engine.pid not in (None, *killed)
    assert states(widget) == [BScanState.AUTOMATIC] * BSCANS
    assert f"{BSCANS} B-scans labelled" in widget.message.text()


def test_the_doubt_of_the_model_is_shown_and_goes_with_the_widget(
    widget: LabelWidget, qtbot: Any
) -> None:
    viewer = widget.viewer
    click(qtbot, widget.label.this)
    wait_until_labelled(qtbot, widget)
    click(qtbot, widget.confidence)
    shown = viewer.layers["octsam doubt"]
    assert shown.data.shape == (1, 128, 160)
    assert shown.data.any()
    assert widget.volume.keeper.of(shown) is None
    viewer.dims.set_point(0, 0)
    assert not viewer.layers["octsam doubt"].data.any()  # nothing is known of this one
    click(qtbot, widget.confidence)
    assert "octsam doubt" not in viewer.layers
