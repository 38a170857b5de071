"""Objects are outlined, found by a click each, and made prompts, with the mouse and by keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_octsam.core.classes import bundled_schema
from napari_octsam.engine.predict.messages import Decode
from napari_octsam.gui.correcting.correct_widget import CorrectWidget
from napari_octsam.gui.correcting.object_tool import ObjectTool
from napari_octsam.gui.correcting.outline_tool import OutlineTool
from napari_octsam.gui.correcting.prompt_tool import PromptTool
from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from tests.core.test_boundaries import flat_layers
from tests.gui.correcting_parts import SHAPE, Open
from tests.gui.prompting_parts import PATIENCE, wait_for_prediction

FLUID = bundled_schema("fluid")
ROW, COL, RADIUS = 30, 40, 12


def disc() -> np.ndarray:
    row, col = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return (row - ROW) ** 2 + (col - COL) ** 2 <= RADIUS**2


def empty() -> np.ndarray:
    return np.zeros((3, *SHAPE), np.uint8)


def take(widget: CorrectWidget, kind: type) -> Any:
    tool = next(tool for tool in widget.objects.buttons if isinstance(tool, kind))
    widget.objects.buttons[tool].click()
    return tool


def press(viewer: Any, key: Qt.Key) -> None:
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, key)


@pytest.mark.slow("a window")
def test_an_object_is_outlined_by_four_clicks_and_enter(open_correct: Open) -> None:
    image = np.stack([np.where(disc(), 160, 60).astype(np.uint8)] * 3)
    viewer, widget, mouse = open_correct(empty(), image, FLUID)
    labels = widget.corrector.labels
    assert labels is not None
    widget.brush.choose(1)
    tool = take(widget, OutlineTool)
    mouse.click(ROW - RADIUS, COL)
    mouse.move(ROW, COL + RADIUS)
    assert len(tool.layer.data) > RADIUS, "the outline follows the mouse"
    for place in ((ROW, COL + RADIUS), (ROW + RADIUS, COL), (ROW, COL - RADIUS)):
        mouse.click(*place)
    assert not labels.data.any()
    press(viewer, Qt.Key.Key_Return)
    found = labels.data[1] == 1
    assert 2 * (found & disc()).sum() > 0.93 * (found.sum() + disc().sum())
    assert not labels.data[[0, 2]].any()
    assert widget.session.history.stack.undoText() == "outline of FLU on B-scan 1"

    mouse.click(5, 5)
    press(viewer, Qt.Key.Key_Escape)
    assert tool.is_on, "only the clicks are left"
    press(viewer, Qt.Key.Key_Escape)
    assert not tool.is_on
    assert viewer.layers.selection.active is labels


@pytest.mark.slow("a window")
def test_each_click_is_an_object_and_esc_takes_the_last_one(open_correct: Open, qtbot: Any) -> None:
    viewer, widget, mouse = open_correct(empty(), None, FLUID)
    engine: Any = widget.session.engine
    labels = widget.corrector.labels
    assert labels is not None
    widget.brush.choose(1)
    tool = take(widget, ObjectTool)
    for number, place in enumerate(((20, 20), (20, 50), (40, 30)), start=1):
        mouse.click(*place)
        qtbot.waitUntil(lambda n=number: (labels.data[1] == 1).sum() == 49 * n, timeout=PATIENCE)
    asked = engine.asked_for(Decode)
    assert [len(request.prompts) for request in asked] == [1, 1, 1]
    press(viewer, Qt.Key.Key_Escape)
    assert labels.data[1, 20, 50] == 1
    assert labels.data[1, 40, 30] == 0
    press(viewer, Qt.Key.Key_Escape)
    press(viewer, Qt.Key.Key_Escape)
    assert not labels.data.any()
    assert tool.is_on
    press(viewer, Qt.Key.Key_Escape)
    assert not tool.is_on


@pytest.mark.slow("a window")
def test_a_label_becomes_a_prompt_with_its_shape_and_box(open_correct: Open, qtbot: Any) -> None:
    labels = empty()
    labels[1][disc()] = 1
    labels[1, 2:6, 2:6] = 1
    viewer, widget, mouse = open_correct(labels, None, FLUID)
    take(widget, PromptTool)
    assert "Open the Prompt widget first" in widget.message.text()
    prompt = PromptWidget(viewer)
    viewer.window.add_dock_widget(prompt, name="Prompt")
    tool = take(widget, PromptTool)
    mouse.click(55, 5)
    assert "no object here" in widget.message.text()
    mouse.click(ROW, COL)
    assert not tool.is_on
    assert prompt.prompter.drawing.tool is Tool.POINT
    wait_for_prediction(qtbot, prompt)
    assert prompt.prompter.predicted is not None
    asked = prompt.prompter.predicted.placed[0].prompt
    assert asked.class_value == 1
    assert asked.mask is not None
    assert np.count_nonzero(asked.mask != disc()) < 0.06 * disc().sum()
    assert asked.box is not None
    assert abs(asked.box.row0 - (ROW - RADIUS)) <= 1


@pytest.mark.slow("a window")
def test_tools_take_turns_and_a_layer_is_no_object(open_correct: Open) -> None:
    viewer, widget, _ = open_correct(np.stack([flat_layers()] * 3))
    widget.brush.choose(3)
    tool = take(widget, OutlineTool)
    assert not tool.is_on
    assert "INL is a layer" in widget.message.text()
    prompt = PromptWidget(viewer)
    viewer.window.add_dock_widget(prompt, name="Prompt")
    widget.boundaries.toggle()
    tool = take(widget, PromptTool)
    assert tool.is_on
    assert not widget.tool.is_on
    widget.boundaries.toggle()
    assert widget.tool.is_on
    assert not tool.is_on
    assert [layer.name for layer in viewer.layers].count("octsam object") == 0
