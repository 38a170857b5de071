"""The Correct widget in a real window: boundaries, repairs, brush, neighbours, undo."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_octsam.core.boundaries import boundaries_of
from napari_octsam.engine.predict.messages import Label
from napari_octsam.gui.correcting.boundary_tool import Hand
from tests.core.test_boundaries import LAYERS7, flat_layers
from tests.gui.correcting_parts import SHAPE, Open, rows
from tests.gui.prompting_parts import PATIENCE


@pytest.mark.slow("a window is opened for each way in which the layers lie")
@pytest.mark.parametrize(
    "placed",
    [{}, {"scale": (1, 3.9, 11.2), "translate": (0, 5, 7)}, {"rotate": 30}, {"flip": True}],
    ids=["plain", "scaled", "rotated", "upside down"],
)
def test_a_boundary_is_dragged_as_one_step_and_both_layers_change(
    open_correct: Open, placed: dict[str, Any]
) -> None:
    labels = np.stack([flat_layers()] * 3)
    flips = placed.pop("flip", False)
    if "rotate" in placed:
        placed["rotate"] = np.array([[1, 0, 0], [0, 0.866, -0.5], [0, 0.5, 0.866]])
    _, widget, mouse = open_correct(labels[:, ::-1].copy() if flips else labels, **placed)
    before = widget.corrector.labels.data.copy()
    down = -1 if flips else 1
    begin = (60 - 28 - 0.5) if flips else 27.5
    widget.boundaries.switch.click()
    widget.boundaries.width_box.setValue(10)
    mouse.press(begin, 40)
    assert "GCL+IPL / INL" in widget.tool._hint(widget.tool._lit)
    mouse.drag(begin + down, 40)
    mouse.drag(begin + 3 * down, 40)
    assert np.array_equal(widget.corrector.labels.data, before), "only drawn so far"
    assert widget.tool.boundaries[2, 40] == pytest.approx(31, abs=0.2)
    mouse.release(begin + 3 * down, 40)

    after = widget.corrector.labels.data[1][::-1] if flips else widget.corrector.labels.data[1]
    found = boundaries_of(after, LAYERS7)
    assert found[2, [29, 40, 51]].tolist() == [28, 31, 28]
    assert found[3, 40] == 32, "the neighbour gives way where it must"
    assert np.array_equal(widget.corrector.labels.data[[0, 2]], before[[0, 2]])
    assert "Moving of GCL+IPL / INL on B-scan 1" in widget.message.text()
    widget.undo.click()
    assert np.array_equal(widget.corrector.labels.data, before)
    widget.redo.click()
    assert not np.array_equal(widget.corrector.labels.data, before)
    assert np.array_equal(widget.tool.layer.scale[-2:], widget.corrector.labels.scale[-2:])


@pytest.mark.slow("a window")
def test_the_hand_draws_holds_and_traces_by_mouse_and_keys(open_correct: Open) -> None:
    viewer, widget, mouse = open_correct()
    widget.boundaries.toggle()
    tool = widget.tool
    mouse.double_click(27.5, 44)
    assert "stays where it is at column 44" in widget.message.text()
    tool.width = 20
    mouse.press(27.5, 40)
    mouse.drag(29.5, 40)
    width = tool.width
    tool.wider()
    assert tool.width > width
    mouse.release(29.5, 40)
    assert rows(widget)[2, [40, 44, 50]].tolist() == [30, 28, 28]

    widget.boundaries.hands[Hand.DRAW].click()
    mouse.press(19.5, 10)
    mouse.drag(15.5, 14)
    mouse.drag(15.5, 30)
    mouse.release(15.5, 30)
    assert rows(widget)[0, [9, 14, 30, 31]].tolist() == [20, 16, 16, 20]

    widget.boundaries.hands[Hand.TRACE].click()
    before = rows(widget)
    mouse.click(31.5, 10)
    mouse.move(31.5, 30)
    mouse.click(33.5, 30)
    assert np.array_equal(rows(widget), before), "Enter takes it"
    tool.cancel()
    assert np.array_equal(tool.boundaries, before)
    mouse.click(31.5, 10)
    mouse.click(33.5, 30)
    tool.take_trace()
    assert rows(widget)[3, [9, 10, 30, 31]].tolist() == [32, 32, 34, 32]

    mouse.press(27.5, 60)
    tool.hand = Hand.DRAG
    tool.cancel()
    assert not tool.is_on
    assert viewer.layers.selection.active is widget.corrector.labels


@pytest.mark.slow("a window")
def test_what_happens_in_the_middle_of_a_drag_loses_nothing(open_correct: Open) -> None:
    viewer, widget, mouse = open_correct()
    labels = widget.corrector.labels
    before = labels.data.copy()
    widget.boundaries.toggle()
    mouse.press(27.5, 40)
    mouse.drag(30.5, 40)
    widget.tool.cancel()
    mouse.drag(32.5, 40)
    mouse.release(32.5, 40)
    assert np.array_equal(labels.data, before)
    assert widget.tool.is_on

    mouse.press(27.5, 40)
    mouse.drag(30.5, 40)
    viewer.layers.remove(labels)
    mouse.drag(32.5, 40)
    mouse.release(32.5, 40)
    assert np.array_equal(labels.data, before)
    assert "scan labels is gone" in widget.message.text()
    assert [layer.name for layer in viewer.layers] == ["scan"]


@pytest.mark.slow("a window")
def test_lines_follow_the_slider_the_brush_and_undo(open_correct: Open, qtbot: Any) -> None:
    labels = np.stack([flat_layers(), flat_layers(), np.zeros(SHAPE, np.uint8)])
    viewer, widget, mouse = open_correct(labels)
    layer = widget.corrector.labels
    widget.boundaries.toggle()
    layer.data_setitem((np.full(4, 1), np.full(4, 28), np.arange(10, 14)), 2)
    qtbot.waitUntil(lambda: widget.tool.boundaries[2, 11] == 29, timeout=PATIENCE)
    layer.undo()
    qtbot.waitUntil(lambda: widget.tool.boundaries[2, 11] == 28, timeout=PATIENCE)
    viewer.dims.set_current_step(0, 2)
    qtbot.waitUntil(lambda: "no layers yet" in widget.message.text(), timeout=PATIENCE)
    viewer.dims.set_current_step(0, 0)
    assert widget.tool.boundaries[2, 11] == 28
    viewer.layers.selection.active = widget.tool.layer
    mouse._index = (0,)
    mouse.press(27.5, 40)
    mouse.drag(29.5, 40)
    mouse.release(29.5, 40)
    assert rows(widget, 0)[2, 40] == 30
    assert rows(widget, 1)[2, 40] == 28


@pytest.mark.slow("a window")
def test_repairs_are_listed_shown_and_done_by_one_key(open_correct: Open, qtbot: Any) -> None:
    labels = np.stack([flat_layers()] * 3)
    labels[1, 5:8, 20:24], labels[1, 55:57, 50:53], labels[1, 26:34, 60:70] = 3, 2, 0
    viewer, widget, _ = open_correct(labels)
    panel = widget.repairs
    qtbot.waitUntil(lambda: len(panel.findings) == 3, timeout=PATIENCE)
    assert panel.title.text() == "3 things to look at"
    panel.list.setCurrentRow(0)
    assert "octsam repair" in viewer.layers
    panel.kind.click()
    assert not labels[1, :10].any()
    assert not labels[1, 55:57].any()
    assert not labels[1, 26:34, 60:70].all(), "the hole is of another kind"
    qtbot.waitUntil(lambda: len(panel.findings) == 1, timeout=PATIENCE)
    panel.repair_one()
    assert np.array_equal(labels[1], flat_layers())
    qtbot.waitUntil(lambda: panel.title.text() == "Nothing odd here", timeout=PATIENCE)
    widget.undo.click()
    widget.undo.click()
    assert (labels[1, 5:8, 20:24] == 3).all()


@pytest.mark.slow("a window")
def test_what_is_odd_in_the_volume_is_listed_and_mended_as_one_step(
    open_correct: Open, qtbot: Any
) -> None:
    labels = np.stack([flat_layers()] * 3)
    labels[0, 5:8, 20:24] = labels[2, 5:8, 40:44] = 3
    before = labels.copy()
    viewer, widget, _ = open_correct(labels)
    panel = widget.repairs
    panel.all.setChecked(True)
    qtbot.waitUntil(lambda: panel.title.text() == "2 things to look at", timeout=PATIENCE)
    assert panel.list.item(1).text().startswith("B-scan 2: An island of INL")
    panel.list.setCurrentRow(1)
    assert viewer.dims.current_step[0] == 2
    assert "octsam repair" in viewer.layers
    panel.kind.click()
    assert np.array_equal(labels, np.stack([flat_layers()] * 3))
    qtbot.waitUntil(lambda: panel.title.text() == "Nothing odd here", timeout=PATIENCE)
    assert widget.session.history.stack.undoText() == "repair of island on 2 B-scans"
    widget.undo.click()
    assert np.array_equal(labels, before)
    qtbot.waitUntil(lambda: len(panel.findings) == 2, timeout=PATIENCE)


@pytest.mark.slow("a window")
def test_the_class_chosen_is_painted_and_neighbours_give_their_labels(
    open_correct: Open, qtbot: Any
) -> None:
    labels = np.stack([flat_layers(), np.zeros(SHAPE, np.uint8), np.roll(flat_layers(), 4, 0)])
    _, widget, _ = open_correct(labels)
    layer = widget.corrector.labels
    widget.classes.chosen.emit(5)
    assert (layer.selected_label, str(layer.mode)) == (5, "paint")
    layer.selected_label = 3
    assert widget.classes.checked == 3

    kept = widget.corrector.keeper.of(layer)
    qtbot.waitUntil(lambda: len(kept.progress) == 2, timeout=PATIENCE)
    widget.across.interpolate.click()
    between = np.roll(flat_layers(), 2, axis=0)
    qtbot.waitUntil(lambda: np.array_equal(labels[1], between), timeout=PATIENCE)
    assert kept.progress[(1,)].state == "interpolated"
    widget.undo.click()
    assert not labels[1].any()
    widget.across.only.setChecked(True)
    widget.across.previous.click()
    assert np.array_equal(labels[1], np.where(flat_layers() == 3, 3, 0))
    widget.across.only.setChecked(False)
    widget.across.next.click()
    assert np.array_equal(labels[1], labels[2])


@pytest.mark.slow("a window")
def test_a_class_is_redone_as_the_model_has_it(
    open_correct: Open, engine: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    _, widget, _ = open_correct()
    asked: list[Label] = []
    predicted = flat_layers()
    predicted[32:34, 20:40] = 3

    def submit(request: Any, done: Any, failed: Any, **_options: Any) -> None:
        asked.append(request)
        done(SimpleNamespace(labels=predicted))

    monkeypatch.setattr(widget.session, "submit", submit)
    widget.brush.choose(3)
    widget.across.redo.click()
    assert asked[0].bscan.pixels.shape == SHAPE
    assert np.array_equal(widget.corrector.labels.data[1], predicted)
    assert "redoing of INL on B-scan 1" in widget.session.history.stack.undoText()


@pytest.mark.slow("a window")
def test_all_is_done_by_keys_of_the_canvas(open_correct: Open, qtbot: Any) -> None:
    labels = np.stack([flat_layers()] * 3)
    labels[1, 5:8, 20:24] = 3
    viewer, widget, mouse = open_correct(labels)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.waitUntil(lambda: len(widget.repairs.findings) == 1, timeout=PATIENCE)
    QTest.keyClick(canvas, Qt.Key.Key_Period)
    assert np.array_equal(labels[1], flat_layers())
    QTest.keyClick(canvas, Qt.Key.Key_U, Qt.KeyboardModifier.ShiftModifier)
    assert widget.tool.is_on
    width = widget.tool.width
    QTest.keyClick(canvas, Qt.Key.Key_BracketRight)
    assert widget.tool.width > width
    mouse.press(27.5, 40)
    mouse.drag(29.5, 40)
    mouse.release(29.5, 40)
    assert rows(widget)[2, 40] == 30
    QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(labels[1], flat_layers())
    qtbot.waitUntil(lambda: widget.tool.boundaries[2, 40] == 28, timeout=PATIENCE)
    widget.boundaries.hands[Hand.TRACE].click()
    mouse.click(31.5, 10)
    mouse.click(33.5, 30)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert rows(widget)[3, 30] == 34
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert not widget.tool.is_on
