"""Undo and redo of commits and clears, and their order with what is painted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")

from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from tests.gui.prompting_parts import (
    BOX,
    INSIDE,
    IRF,
    NSR,
    RPE,
    SRF,
    PromptEngine,
    bscan,
    choose_image,
    close,
    draw_box,
    press_key,
    preview,
    wait_for_prediction,
    wait_until_at_rest,
)


def test_undo_brings_the_prompts_back_with_their_classes(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget, BOX, NSR)
    draw_box(widget, BOX + 20, RPE)
    drawing = widget.prompter.drawing
    widget.prompter.start_drawing(Tool.POINT)
    drawing.choose_class(IRF)
    drawing.points.add([[50, 70]])
    drawing.choose_sign("-")
    drawing.points.add([[52, 72]])
    wait_for_prediction(qtbot, widget, 3)
    widget.commit.click()
    assert not len(drawing.points.data)

    widget.undo.click()

    assert not widget.prompter.committer.target.data.any()
    assert list(drawing.shapes.features["class"]) == [NSR, RPE]
    assert list(drawing.points.features["sign"]) == ["+", "-"]
    assert np.array_equal(drawing.points.data, [[50, 70], [52, 72]])
    wait_for_prediction(qtbot, widget, 3)


def test_undo_never_undoes_what_the_person_painted_since(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    labels = widget.prompter.committer.target
    labels.data_setitem((np.array([55]), np.array([75])), SRF)

    widget.undo.click()

    assert "painted on after the commit" in widget.message.text()
    assert labels.data[55, 75] == SRF
    assert (labels.data[INSIDE] == NSR).all()
    labels.undo()
    widget.undo.click()
    assert not labels.data.any()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_ctrl_z_before_undo_only_leaves_the_prompts_to_bring_back(
    open_prompt: Any, qtbot: Any
) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    labels = widget.prompter.committer.target
    labels.undo()
    widget.undo.click()
    assert not labels.data.any()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_clearing_prompts_can_be_undone(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.clear.click()
    assert not len(widget.prompter.drawing.shapes.data)
    qtbot.waitUntil(lambda: bool((preview(widget) == 255).all()), timeout=3000)
    widget.undo.click()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_what_a_commit_and_an_undo_did_stays_told_until_the_next_edit(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    wait_until_at_rest(qtbot, widget)
    assert "1 object committed" in widget.message.text()
    widget.undo.click()
    wait_for_prediction(qtbot, widget)
    assert "undone" in widget.message.text()
    draw_box(widget, BOX + 20)
    wait_for_prediction(qtbot, widget, 2)
    assert widget.message.text() == ""


def test_undo_reaches_the_labels_of_the_image_that_was_committed(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    labels, boxes = widget.prompter.committer.target, widget.prompter.drawing.shapes
    viewer.add_image(bscan(), name="other")
    choose_image(widget, "other")
    widget.undo.click()
    assert widget.message.text() == "The commit on scan is undone."
    assert not labels.data.any()
    assert len(boxes.data) == 1
    assert widget.prompter.drawing.shapes is None


def test_undo_goes_to_the_bscan_of_the_commit_and_names_it(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(np.zeros((5, 60, 80), np.uint8), scale=(50, -4, 12))
    viewer.dims.set_current_step(0, 3)
    draw_box(widget, np.insert(BOX, 0, 3, axis=1))
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    viewer.dims.set_current_step(0, 1)
    widget.undo.click()
    assert widget.message.text() == "The commit on B-scan 3 is undone."
    assert widget.prompter.shown.plane().index == (3,)
    wait_for_prediction(qtbot, widget)
    assert widget.message.text() == "The commit on B-scan 3 is undone."
    widget.clear.click()
    viewer.dims.set_current_step(0, 0)
    widget.undo.click()
    assert widget.message.text() == "The prompts on B-scan 3 are back."
    assert widget.prompter.shown.plane().index == (3,)


def test_undo_brings_prompts_back_whose_layer_is_gone(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan(), scale=(4, 12))
    mine = viewer.add_shapes([BOX * [4, 12]], name="mine")
    widget.layers.shapes.chosen.emit(mine)
    widget.prompter.start_drawing(Tool.POINT)
    widget.prompter.drawing.points.add([[50, 70]])
    wait_for_prediction(qtbot, widget, 2)
    widget.commit.click()
    viewer.layers.remove("mine")
    viewer.layers.remove("scan points")
    widget.undo.click()
    wait_for_prediction(qtbot, widget, 2)
    assert np.allclose(widget.prompter.drawing.shapes.data[0], BOX)
    assert np.allclose(widget.prompter.drawing.points.data, [[50, 70]])
    assert widget.message.text() == "The commit is undone."


def test_undo_says_where_prompts_of_another_image_are_gone(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    viewer.add_image(bscan(), name="other")
    choose_image(widget, "other")
    viewer.layers.remove("scan boxes")
    viewer.layers.remove("scan labels")
    widget.undo.click()
    assert widget.message.text() == (
        "The labels layer of the commit on scan is gone. The prompts are gone with their layer."
    )


def commit_box(qtbot: Any, widget: PromptWidget, vertices: np.ndarray = BOX) -> Any:
    """Commit a box; return the labels layer."""
    draw_box(widget, vertices)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    return widget.prompter.committer.target


def paint(labels: Any, row: int, col: int, value: int = SRF) -> None:
    """Paint one pixel, as with the brush of napari."""
    size, labels.brush_size = labels.brush_size, 1
    labels.paint((row, col), value)
    labels.brush_size = size


def test_redo_writes_the_labels_again_and_takes_the_prompts_away_again(
    open_prompt: Any, qtbot: Any
) -> None:
    _, widget = open_prompt(bscan())
    labels = commit_box(qtbot, widget)
    committed = labels.data.copy()
    widget.undo.click()
    draw_box(widget, BOX + 20, RPE)

    widget.redo.click()

    assert np.array_equal(labels.data, committed)
    assert [shape.tolist() for shape in widget.prompter.drawing.shapes.data] == [
        (BOX + 20).tolist()
    ]
    assert widget.message.text() == "The commit is redone."
    widget.undo.click()
    assert not labels.data.any()
    assert sorted(widget.prompter.drawing.shapes.features["class"]) == [NSR, RPE]


def test_a_prompt_that_was_moved_after_undo_stays_at_redo(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    labels = commit_box(qtbot, widget)
    widget.undo.click()
    shapes = widget.prompter.drawing.shapes
    shapes.data = [BOX + 7]
    widget.redo.click()
    assert (labels.data[INSIDE] == NSR).all()
    assert len(shapes.data) == 1


def test_a_clearing_can_be_redone(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    widget.clear.click()
    widget.undo.click()
    widget.redo.click()
    assert not len(widget.prompter.drawing.shapes.data)
    assert widget.message.text() == "The prompts are cleared again."


def test_redo_goes_to_the_bscan_of_the_commit(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(np.zeros((5, 60, 80), np.uint8))
    viewer.dims.set_current_step(0, 3)
    commit_box(qtbot, widget, np.insert(BOX, 0, 3, axis=1))
    widget.undo.click()
    viewer.dims.set_current_step(0, 1)
    widget.redo.click()
    assert widget.prompter.shown.plane().index == (3,)
    assert widget.message.text() == "The commit on B-scan 3 is redone."


def test_the_buttons_say_what_they_undo_and_redo(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(np.zeros((5, 60, 80), np.uint8))
    assert [widget.undo.isEnabled(), widget.redo.isEnabled()] == [False, False]
    viewer.dims.set_current_step(0, 3)
    commit_box(qtbot, widget, np.insert(BOX, 0, 3, axis=1))
    assert widget.undo.toolTip() == "Undo commit of NSR on B-scan 3 (Shift-Z)"
    widget.undo.click()
    assert [widget.undo.isEnabled(), widget.redo.isEnabled()] == [False, True]
    assert widget.redo.toolTip() == "Redo commit of NSR on B-scan 3 (Ctrl-Shift-Z)"
    widget.clear.click()
    assert widget.undo.toolTip() == "Undo clearing of 1 prompt on B-scan 3 (Shift-Z)"
    assert not widget.redo.isEnabled()


def test_commits_and_strokes_are_undone_and_redone_in_their_order(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    labels = commit_box(qtbot, widget)
    states = [np.zeros_like(labels.data), labels.data.copy()]
    paint(labels, 20, 20)
    states.append(labels.data.copy())
    commit_box(qtbot, widget, BOX + 25)
    states.append(labels.data.copy())
    paint(labels, 55, 5)
    paint(labels, 56, 6)
    states += [None, labels.data.copy()]
    for selected in (labels, widget.prompter.drawing.shapes):
        viewer.layers.selection.active = selected
        for state in reversed(states[:-1]):
            press_key(viewer, "Control-Z")
            assert state is None or np.array_equal(labels.data, state)
        assert len(widget.prompter.drawing.shapes.data) == 2
        press_key(viewer, "Control-Z")
        assert np.array_equal(labels.data, states[0])
        for state in states[1:]:
            press_key(viewer, "Control-Shift-Z")
            assert state is None or np.array_equal(labels.data, state)
        assert not len(widget.prompter.drawing.shapes.data)


def test_ctrl_z_reaches_what_was_painted_on_another_layer(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    labels = commit_box(qtbot, widget)
    mine = viewer.add_labels(bscan(), name="mine")
    paint(mine, 5, 5)
    viewer.layers.selection.active = labels
    press_key(viewer, "Control-Z")
    assert not mine.data.any()
    assert labels.data.any()
    press_key(viewer, "Control-Z")
    assert not labels.data.any()


def test_what_was_painted_before_the_widget_was_there_is_napari_s_to_undo(
    open_prompt: Any, open_widget: Any, qtbot: Any
) -> None:
    viewer, first = open_prompt(bscan())
    close(first)
    labels = viewer.add_labels(bscan(), name="mine")
    paint(labels, 5, 5)
    widget = open_widget(viewer)
    widget.prompter.committer.target = labels
    commit_box(qtbot, widget)
    viewer.layers.selection.active = labels
    press_key(viewer, "Control-Z")
    assert (labels.data != 0).sum() == 1
    press_key(viewer, "Control-Z")
    assert not labels.data.any()
    press_key(viewer, "Control-Shift-Z")
    assert (labels.data != 0).sum() > 1


def test_a_stroke_after_undo_leaves_nothing_older_to_be_redone_over_it(
    open_prompt: Any, qtbot: Any
) -> None:
    _, widget = open_prompt(bscan())
    labels = commit_box(qtbot, widget)
    widget.undo.click()
    paint(labels, 20, 20)
    painted = labels.data.copy()
    widget.redo.click()
    assert widget.message.text() == (
        "scan labels was painted on since: the commit cannot be redone."
    )
    assert np.array_equal(labels.data, painted)
    labels.undo()
    widget.redo.click()
    assert (labels.data[INSIDE] == NSR).all()


def test_a_commit_is_redone_beside_what_was_painted_since(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    labels = commit_box(qtbot, widget)
    widget.undo.click()
    paint(labels, 55, 5)
    widget.redo.click()
    assert labels.data[55, 5] == SRF
    assert (labels.data[INSIDE] == NSR).all()
    press_key(viewer, "Control-Z")
    press_key(viewer, "Control-Z")
    assert not labels.data.any()


def test_labels_of_another_shape_are_left_alone(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    labels = commit_box(qtbot, widget)
    labels.data = np.zeros((8, 8), np.uint8)
    widget.undo.click()
    assert widget.message.text() == (
        "The labels of the commit are gone: scan labels has another shape. The prompts are back."
    )
    widget.redo.click()
    assert "scan labels has another shape" in widget.message.text()
    assert not labels.data.any()


def test_a_commit_whose_labels_are_gone_is_not_redone(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    labels = commit_box(qtbot, widget)
    widget.undo.click()
    viewer.layers.remove(labels)
    widget.redo.click()
    assert widget.message.text() == "The labels layer of the commit is gone."
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_napari_has_its_keys_back_when_the_widget_is_closed(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    labels = commit_box(qtbot, widget)
    close(widget)
    assert not viewer.keymap
    assert not labels.keymap
    viewer.layers.selection.active = labels
    press_key(viewer, "Control-Z")
    assert not labels.data.any()
    assert not widget.session.history.stack.count()
