"""The widgets in napari's window: tabs, the view beside them, what is in sight, tool tips."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSlider,
    QWidget,
)

from napari_octsam.gui.correcting.correct_widget import CorrectWidget
from napari_octsam.gui.labelling.label_widget import LabelWidget
from napari_octsam.gui.learning.train_widget import TrainWidget
from napari_octsam.gui.measuring.measure_widget import MeasureWidget
from napari_octsam.gui.models.model_widget import ModelWidget
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from napari_octsam.gui.session.session_widget import SessionWidget
from napari_octsam.gui.widgets.fold import Fold
from tests.gui.prompting_parts import PATIENCE, PromptEngine

_CONTROLS = (QAbstractButton, QComboBox, QSlider, QAbstractSpinBox, QLineEdit, QListWidget)
_KINDS: dict[str, type[SessionWidget]] = {
    "Model": ModelWidget,
    "Label": LabelWidget,
    "Prompt": PromptWidget,
    "Correct": CorrectWidget,
    "Measure": MeasureWidget,
    "Train": TrainWidget,
}
_OPENED = 700  # milliseconds, after which the layout is done and the view fits


@pytest.fixture
def viewer(make_napari_viewer_proxy: Any, engine: PromptEngine, qtbot: Any) -> Any:
    """A viewer of a laptop's size with a volume, wider than high."""
    viewer = make_napari_viewer_proxy().__wrapped__
    window = viewer.window._qt_window
    window.show()
    window.resize(1366, 768)
    qtbot.waitUntil(lambda: viewer.canvas.size[1] > 900, timeout=PATIENCE)
    viewer.add_image(np.zeros((3, 60, 100), np.uint8), name="scan")
    viewer.fit_to_view()
    return viewer


def open_widget(viewer: Any, name: str, qtbot: Any) -> Any:
    widget = _KINDS[name](viewer)
    viewer.window.add_dock_widget(widget, name=f"{name} (napari-octsam)")
    qtbot.wait(_OPENED)
    return widget


def test_the_widgets_are_tabs_of_one_dock_and_the_view_fits(viewer: Any, qtbot: Any) -> None:
    window = viewer.window._qt_window
    widgets = [open_widget(viewer, name, qtbot) for name in _KINDS]
    docks = [widget.parentWidget() for widget in widgets]

    assert set(window.tabifiedDockWidgets(docks[-1])) == set(docks[:-1])
    assert not widgets[-1].visibleRegion().isEmpty()
    assert widgets[1].visibleRegion().isEmpty()
    shown = viewer.scene.camera.zoom
    viewer.fit_to_view()
    assert viewer.scene.camera.zoom == pytest.approx(shown)


def test_the_view_of_a_person_who_has_zoomed_stays(viewer: Any, qtbot: Any) -> None:
    viewer.scene.camera.zoom *= 2
    zoomed = viewer.scene.camera.zoom
    open_widget(viewer, "Prompt", qtbot)

    assert viewer.scene.camera.zoom == zoomed


def test_a_dock_that_floats_gets_no_tab(viewer: Any, qtbot: Any) -> None:
    model = open_widget(viewer, "Model", qtbot)
    model.parentWidget().setFloating(True)
    prompt = open_widget(viewer, "Prompt", qtbot)

    assert not viewer.window._qt_window.tabifiedDockWidgets(prompt.parentWidget())
    assert model.parentWidget().isFloating()


def test_all_classes_and_commit_are_in_sight_on_a_laptop(viewer: Any, qtbot: Any) -> None:
    widget = [open_widget(viewer, name, qtbot) for name in ("Model", "Prompt")][1]
    buttons = [*widget.classes.chooser.findChildren(QPushButton), widget.commit]

    assert len(buttons) == 15
    assert viewer.window._qt_window.height() == 768
    assert [button.text() for button in buttons if not _is_wholly_seen(button)] == []


def _is_wholly_seen(widget: QWidget) -> bool:
    return bool(widget.visibleRegion().boundingRect() == widget.rect())


@pytest.mark.parametrize("name", list(_KINDS))
@pytest.mark.usefixtures("engine")
def test_every_control_has_a_tool_tip(qtbot: Any, name: str) -> None:
    viewer = ViewerModel()
    viewer.add_labels(np.ones((6, 8), np.uint8))
    widget = _KINDS[name](viewer)
    qtbot.addWidget(widget)
    for fold in widget.findChildren(Fold):
        fold.button.setChecked(True)
    without = {_named(one) for one in _controls_of(widget) if not one.toolTip()}
    if isinstance(widget, TrainWidget):
        widget.inputs.source.from_folder.setChecked(True)
        without |= {_named(one) for one in _controls_of(widget) if not one.toolTip()}

    assert len(list(_controls_of(widget))) > 4
    assert without == set()


def _controls_of(widget: QWidget) -> Iterator[QWidget]:
    """Yield what a person can use; the parts of a spin box or a combo box are not told apart."""
    for one in widget.findChildren(QWidget):
        is_part = isinstance(one.parentWidget(), QAbstractSpinBox | QComboBox)
        if isinstance(one, _CONTROLS) and one.isVisibleTo(widget) and not is_part:
            yield one


def _named(control: QWidget) -> str:
    text = control.text() if isinstance(control, QAbstractButton | QLineEdit) else ""
    return f"{type(control).__name__} {text}"
