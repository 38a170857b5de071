"""The Prompt widget in a real window: keys, mouse, wheel, sizes, colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QLabel,
    QPushButton,
    QScrollArea,
    QSlider,
    QSpinBox,
)

from napari_octsam.core.masks import Overlap
from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.prompting.keys import KeySheet
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from napari_octsam.gui.session.session_widget import SessionWidget
from tests.contrast import contrast_of
from tests.gui.prompting_parts import (
    BOX,
    IRF,
    NSR,
    PATIENCE,
    RPE,
    SRF,
    PromptEngine,
    bscan,
    draw_box,
    wait_for_prediction,
)


@pytest.fixture
def shown_prompt(open_in_window: Any, qtbot: Any) -> PromptWidget:
    """The widget beside a volume, in a window on the screen."""
    viewer, widget = open_in_window(np.zeros((3, 60, 80), np.uint8))
    viewer.add_labels(bscan(), name="mine")
    viewer.dims.set_point(0, 0)
    window = viewer.__wrapped__.window._qt_window
    window.show()
    window.resize(1000, 500)
    bar = widget.findChild(QScrollArea).verticalScrollBar()
    qtbot.waitUntil(lambda: widget.isVisible() and bar.maximum() > 0, timeout=PATIENCE)
    return widget


def has_keyboard(widget: SessionWidget) -> Any:
    return widget.window().focusWidget()


def press_in_window(widget: SessionWidget, key: Qt.Key, shift: bool = False) -> None:
    """Press a key on whatever has the keyboard."""
    held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    QTest.keyClick(has_keyboard(widget), key, held)


def turn_wheel(over: Any) -> None:
    """Turn the wheel; an event that is ignored goes to the parent, as with a real one."""
    under: Any = over
    while under is not None:
        middle = under.rect().center()
        event = QWheelEvent(
            QPointF(middle),
            QPointF(under.mapToGlobal(middle)),
            QPoint(),
            QPoint(0, -600),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(under, event)
        under = None if event.isAccepted() else under.parentWidget()


def test_the_select_tool_reaches_boxes_and_points(open_in_window: Any, qtbot: Any) -> None:
    viewer, widget = open_in_window(bscan())
    drawing = widget.prompter.drawing
    widget.draw.tools[Tool.SELECT].click()
    assert "nothing to select" in widget.message.text()
    widget.prompter.start_drawing(Tool.POINT)
    drawing.points.add([[20, 20]])
    draw_box(widget)
    widget.draw.tools[Tool.SELECT].click()
    assert widget.draw.tools[Tool.SELECT].isChecked()
    assert drawing.selected() == (drawing.shapes, [0])

    click(viewer, (20, 20))
    widget.classes.chooser.chosen.emit(IRF)
    assert list(drawing.points.features["class"]) == [IRF]
    assert list(drawing.shapes.features["class"]) == [NSR]
    click(viewer, (15, 45))
    widget.classes.chooser.chosen.emit(SRF)
    assert list(drawing.points.features["class"]) == [IRF]
    assert list(drawing.shapes.features["class"]) == [SRF]


def click(viewer: Any, position: tuple[float, float]) -> None:
    """Press and release the mouse on the canvas, at a place in the world."""
    viewer = viewer.__wrapped__
    canvas = viewer.window._qt_viewer.canvas
    view = canvas.view
    x, y = view.scene.transform.map([position[1], position[0], 0, 1])[:2]
    canvas._scene_canvas.events.mouse_press(pos=(x, y), button=1, modifiers=())
    canvas._scene_canvas.events.mouse_release(pos=(x, y), button=1, modifiers=())


def test_a_click_with_the_box_tool_leaves_no_box(open_in_window: Any, qtbot: Any) -> None:
    viewer, widget = open_in_window(bscan())
    widget.prompter.start_drawing(Tool.BOX)
    click(viewer, (20, 20))
    shapes = widget.prompter.drawing.shapes
    qtbot.waitUntil(lambda: not len(shapes.data), timeout=PATIENCE)
    assert widget.message.text() == "Drag to draw a box, or use Point for a click."
    assert not widget.commit.isEnabled()
    shapes.add(BOX, shape_type="rectangle")
    wait_for_prediction(qtbot, widget)
    assert len(shapes.data) == 1


def test_keys_are_gone_when_the_widget_is_closed(open_in_window: Any, qtbot: Any) -> None:
    viewer, widget = open_in_window(bscan())
    draw_box(widget)
    assert viewer.keymap
    viewer.window.remove_dock_widget(widget)
    assert not viewer.keymap
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_the_wheel_scrolls_the_panel_and_changes_no_input(shown_prompt: PromptWidget) -> None:
    panel = shown_prompt.findChild(QScrollArea)
    combos = [one for one in shown_prompt.findChildren(QComboBox) if one.isVisible()]
    inputs = [*combos, shown_prompt.masks.threshold]
    before = [_state_of(one) for one in inputs]
    for one in inputs:
        panel.verticalScrollBar().setValue(0)
        turn_wheel(one)
        assert panel.verticalScrollBar().value() > 0, one
    assert len(inputs) >= 5
    assert [_state_of(one) for one in inputs] == before
    assert has_keyboard(shown_prompt) not in inputs


def _state_of(one: Any) -> int:
    return int(one.value() if isinstance(one, QSlider) else one.currentIndex())


def test_a_choice_with_the_mouse_leaves_the_keys_to_the_canvas(
    shown_prompt: PromptWidget, qtbot: Any
) -> None:
    overlap = shown_prompt.masks.overlap
    QTest.mouseClick(overlap, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(overlap.view().isVisible, timeout=PATIENCE)
    overlap.view().setCurrentIndex(overlap.model().index(1, 0))
    QTest.keyClick(overlap.view(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not overlap.view().isVisible(), timeout=PATIENCE)
    assert shown_prompt.prompter.committer.overlap is Overlap.REPLACE

    press_in_window(shown_prompt, Qt.Key.Key_R, shift=True)

    assert shown_prompt.prompter.committer.overlap is Overlap.REPLACE
    assert shown_prompt.prompter.drawing.class_value == RPE


@pytest.mark.parametrize("name", ["threshold", "live", "tool", "class", "background"])
def test_a_click_in_the_widget_leaves_the_keys_to_the_canvas(
    shown_prompt: PromptWidget, name: str
) -> None:
    clicked = {
        "threshold": shown_prompt.masks.threshold,
        "live": shown_prompt.live,
        "tool": shown_prompt.draw.tools[Tool.BOX],
        "class": shown_prompt.classes.chooser.findChild(QPushButton),
        "background": shown_prompt.findChild(QScrollArea).viewport(),
    }[name]
    QTest.mouseClick(clicked, Qt.MouseButton.LeftButton, pos=QPoint(6, 6))
    press_in_window(shown_prompt, Qt.Key.Key_R, shift=True)
    press_in_window(shown_prompt, Qt.Key.Key_Right)
    assert shown_prompt.prompter.drawing.class_value == RPE
    assert shown_prompt.viewer.dims.point[0] == 1


def test_inputs_can_be_used_with_tab_and_left_with_enter(shown_prompt: PromptWidget) -> None:
    overlap = shown_prompt.masks.overlap
    overlap.setFocus(Qt.FocusReason.TabFocusReason)
    press_in_window(shown_prompt, Qt.Key.Key_Down)
    assert shown_prompt.prompter.committer.overlap is Overlap.REPLACE
    press_in_window(shown_prompt, Qt.Key.Key_Tab)
    assert has_keyboard(shown_prompt) is shown_prompt.live
    press_in_window(shown_prompt, Qt.Key.Key_Return)
    press_in_window(shown_prompt, Qt.Key.Key_R, shift=True)
    assert shown_prompt.prompter.drawing.class_value == RPE


def test_a_spin_box_takes_what_is_typed_until_enter_and_never_the_wheel(
    make_napari_viewer_proxy: Callable[[], Any], engine: PromptEngine, qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    widget = SessionWidget(viewer)
    spin = QSpinBox(widget)
    spin.setValue(7)
    viewer.window.add_dock_widget(widget)
    viewer.__wrapped__.window._qt_window.show()
    qtbot.waitUntil(spin.isVisible, timeout=PATIENCE)
    turn_wheel(spin)
    assert spin.value() == 7
    QTest.mouseClick(spin.lineEdit(), Qt.MouseButton.LeftButton)
    spin.selectAll()
    press_in_window(widget, Qt.Key.Key_5)
    assert spin.value() == 5
    press_in_window(widget, Qt.Key.Key_Return)
    press_in_window(widget, Qt.Key.Key_6)
    assert spin.value() == 5


def test_many_classes_to_replace_fit_the_panel_and_are_scrolled_into_view(
    shown_prompt: PromptWidget, qtbot: Any
) -> None:
    masks, panel = shown_prompt.masks, shown_prompt.findChild(QScrollArea)
    width = shown_prompt.width()
    masks.overlap.setCurrentIndex(masks.overlap.findData(Overlap.REPLACE_CLASSES))
    qtbot.waitUntil(lambda: panel.verticalScrollBar().value() > 0, timeout=PATIENCE)
    assert not masks.classes.visibleRegion().isEmpty()

    for action in masks.classes.menu().actions()[:8]:
        action.setChecked(True)

    assert masks.classes.text().startswith("ERM, NSR, ")
    assert masks.classes.text().endswith("… (8)")
    assert "pigment epithelial detachment" in masks.classes.toolTip()
    assert len(shown_prompt.prompter.committer.replaceable) == 8
    qtbot.waitUntil(lambda: masks.classes.width() < panel.viewport().width(), timeout=PATIENCE)
    assert shown_prompt.width() == width
    assert panel.widget().width() == panel.viewport().width()


def test_the_key_sheet_says_how_one_prompt_is_changed_and_where_keys_act(
    open_in_window: Any, qtbot: Any
) -> None:
    viewer, widget = open_in_window(bscan())
    widget.help.click()
    texts = [label.text() for label in widget.findChild(KeySheet).findChildren(QLabel)]
    for key in ("S, then click", "drag", "Del"):
        assert key in texts
    assert any("click in the Prompt widget" in text for text in texts)

    press = viewer.__wrapped__.window._qt_viewer.canvas._key_map_handler.press_key
    for tool in (Tool.BOX, Tool.POINT):
        widget.prompter.start_drawing(tool)
        press("S")
        assert widget.prompter.drawing.tool is Tool.SELECT
    draw_box(widget)
    draw_box(widget, BOX + 5)
    press("S")
    widget.prompter.drawing.shapes.selected_data = {0}
    press("Delete")
    assert [shape.tolist() for shape in widget.prompter.drawing.shapes.data] == [(BOX + 5).tolist()]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_key_of_each_class_can_be_read(shown_prompt: PromptWidget, theme: str) -> None:
    shown_prompt.viewer.theme = theme
    shown_prompt.prompter.drawing.choose_class(NSR)
    grid = shown_prompt.classes.chooser.layout()
    buttons = [grid.itemAt(i).widget() for i in range(grid.count())]
    assert any(button.isChecked() for button in buttons)
    for button in buttons:
        assert contrast_of(button, left=button.width() - 30) >= 4.5, button.text()


def test_ctrl_z_undoes_painting_and_commits_in_their_order(open_in_window: Any, qtbot: Any) -> None:
    viewer, widget = open_in_window(bscan())
    window = viewer.__wrapped__.window
    window._qt_window.show()
    canvas = window._qt_viewer.canvas.native
    qtbot.waitUntil(canvas.isVisible, timeout=PATIENCE)
    ctrl, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    qtbot.keyClick(canvas, Qt.Key.Key_Return, shift)
    labels, shapes = widget.prompter.committer.target, widget.prompter.drawing.shapes
    committed = labels.data.copy()
    labels.paint((50, 70), SRF)
    painted = labels.data.copy()

    for selected in (labels, shapes):
        viewer.__wrapped__.layers.selection.active = selected
        qtbot.keyClick(canvas, Qt.Key.Key_Z, ctrl)
        assert np.array_equal(labels.data, committed)
        qtbot.keyClick(canvas, Qt.Key.Key_Z, ctrl)
        assert not labels.data.any()
        assert len(shapes.data) == 1
        qtbot.keyClick(canvas, Qt.Key.Key_Z, ctrl | shift)
        assert np.array_equal(labels.data, committed)
        assert not len(shapes.data)
        qtbot.keyClick(canvas, Qt.Key.Key_Z, ctrl | shift)
        assert np.array_equal(labels.data, painted)

    qtbot.keyClick(canvas, Qt.Key.Key_Z, shift)
    assert "painted on after the commit" in widget.message.text()
    assert np.array_equal(labels.data, painted)
