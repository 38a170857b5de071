"""Prompts are copied to other B-scans: by napari's keys, and all at once with the slider."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari_octsam.gui.prompting.copying import COPY_KEY, PASTE_KEY
from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.session.undo_keys import UNDO_KEY
from tests.gui.prompting_parts import (
    BOX,
    IRF,
    NSR,
    bscan,
    draw_box,
    press_key,
    wait_for_prediction,
)

VOLUME = np.zeros((4, 60, 80), np.uint8)
ON_FIRST, ON_THIRD = np.insert(BOX, 0, 0, axis=1), np.insert(BOX, 0, 2, axis=1)


def draw_prompts(viewer: Any, widget: Any) -> None:
    """Draw a box, and a point off the object, on the first B-scan."""
    viewer.dims.set_point(0, 0)
    draw_box(widget, ON_FIRST)
    widget.prompter.start_drawing(Tool.POINT)
    widget.prompter.drawing.choose_class(IRF)
    widget.prompter.drawing.choose_sign("-")
    widget.prompter.drawing.points.add([[0, 50, 70]])


def test_ctrl_c_and_ctrl_v_copy_a_prompt_to_another_bscan(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(VOLUME)
    draw_prompts(viewer, widget)
    drawing = widget.prompter.drawing

    for layer, selected in ((drawing.points, [0, 50, 70]), (drawing.shapes, ON_FIRST.tolist())):
        viewer.dims.set_point(0, 0)
        viewer.layers.selection.active = layer
        layer.mode = "select"
        layer.selected_data = {0}
        press_key(viewer, COPY_KEY)
        viewer.dims.set_point(0, 2)
        press_key(viewer, PASTE_KEY)
        moved = np.array(selected)
        moved[..., 0] = 2
        assert layer.data[1].tolist() == moved.tolist()

    assert [*drawing.shapes.features["class"], *drawing.points.features["class"]] == [
        *(NSR, NSR),
        *(IRF, IRF),
    ]
    assert list(drawing.points.features["sign"]) == ["-", "-"]
    assert list(drawing.shapes.text.values) == ["NSR", "NSR"]
    assert np.array_equal(*drawing.shapes.edge_color)
    wait_for_prediction(qtbot, widget)
    assert widget.prompter.predicted.plane.index == (2,)

    press_key(viewer, UNDO_KEY)
    assert len(drawing.shapes.data) == 1
    assert "copied" in widget.message.text()


def test_the_prompts_of_a_bscan_are_copied_to_the_next_and_shown_there(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(VOLUME)
    draw_prompts(viewer, widget)
    drawing = widget.prompter.drawing
    drawing.note_candidate(wait_for_placed(qtbot, widget), 2)

    press_key(viewer, "Shift-Right")
    assert viewer.dims.point[0] == 1
    assert widget.message.text() == "2 prompts copied to B-scan 1."
    assert drawing.shapes.data[1].tolist() == np.insert(BOX, 0, 1, axis=1).tolist()
    assert drawing.points.data.tolist() == [[0, 50, 70], [1, 50, 70]]
    assert list(drawing.shapes.features["mask"]) == [2, 2]
    wait_for_prediction(qtbot, widget)

    widget.undo.click()
    assert (len(drawing.shapes.data), len(drawing.points.data)) == (1, 1)
    widget.redo.click()
    assert (len(drawing.shapes.data), len(drawing.points.data)) == (2, 2)

    press_key(viewer, "Shift-Left")
    assert "B-scan 0 has prompts already" in widget.message.text()
    assert viewer.dims.point[0] == 1


def wait_for_placed(qtbot: Any, widget: Any) -> Any:
    wait_for_prediction(qtbot, widget)
    return widget.prompter.predicted.placed[0]


def test_what_cannot_be_copied_is_said(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(VOLUME)
    viewer.dims.set_point(0, 0)
    press_key(viewer, "Shift-Left")
    assert "no previous B-scan" in widget.message.text()
    press_key(viewer, "Shift-Right")
    assert "no prompts on this B-scan" in widget.message.text()
    widget.prompter.paste()
    assert "No prompt is copied" in widget.message.text()
    widget.prompter.copy()
    assert "Select a prompt first" in widget.message.text()


def test_a_prompt_is_pasted_on_another_image(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(VOLUME)
    viewer.dims.set_point(0, 2)
    draw_box(widget, ON_THIRD)
    widget.prompter.drawing.shapes.selected_data = {0}
    widget.prompter.copy()
    other = viewer.add_image(bscan(), name="other")
    widget.prompter.shown.image = other
    widget.prompter.paste()
    assert [shape.tolist() for shape in widget.prompter.drawing.shapes.data] == [BOX.tolist()]
    assert viewer.layers["scan boxes"] is not widget.prompter.drawing.shapes


def test_napari_has_its_copying_back_when_the_widget_is_closed(
    open_prompt: Any, qtbot: Any
) -> None:
    _, widget = open_prompt(VOLUME)
    draw_box(widget, ON_FIRST)
    shapes = widget.prompter.drawing.shapes
    before = set(shapes.keymap)
    widget.setParent(None)
    assert len(before - set(shapes.keymap)) == 2
