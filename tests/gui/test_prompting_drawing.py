"""The tools, classes and signs that prompts are drawn with, and what is done with what is drawn."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from app_model.types import KeyBinding
from napari.layers import Image, Labels, Points, Shapes

from napari_octsam.core.classes import BUNDLED_SCHEMAS, bundled_schema
from napari_octsam.engine.predict.messages import Decode
from napari_octsam.gui.prompting.draw_panel import TOOL_KEYS
from napari_octsam.gui.prompting.drawing import Tool
from tests.gui.prompting_parts import (
    BOX,
    IRF,
    NSR,
    PATIENCE,
    RPE,
    SRF,
    PromptEngine,
    bscan,
    choose_image,
    draw_box,
    press_key,
    wait_for_prediction,
)


def test_class_keys_change_the_selected_prompts_and_the_next(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    drawing = widget.prompter.drawing
    press = partial(press_key, viewer)
    draw_box(widget)
    press("Shift-R")
    assert drawing.class_value == RPE
    assert list(drawing.shapes.features["class"]) == [NSR]
    drawing.shapes.mode = "select"
    drawing.shapes.selected_data = {0}
    press("Shift-I")
    assert list(drawing.shapes.features["class"]) == [IRF]
    assert list(drawing.shapes.text.values) == ["IRF"]
    assert widget.classes.chooser.checked == IRF


def test_a_class_chosen_after_drawing_says_that_the_prompt_keeps_its_own(
    open_prompt: Any, qtbot: Any
) -> None:
    _, widget = open_prompt(bscan())
    drawing = widget.prompter.drawing
    draw_box(widget)
    widget.classes.chooser.chosen.emit(RPE)
    assert list(drawing.shapes.features["class"]) == [NSR]
    assert widget.message.text() == (
        "Next prompts: RPE. The drawn box stays NSR: select it to change it."
    )
    drawing.shapes.add(BOX + 20, shape_type="rectangle")
    wait_for_prediction(qtbot, widget, 2)
    widget.commit.click()
    widget.classes.chooser.chosen.emit(IRF)
    assert widget.message.text() == ""

    widget.prompter.start_drawing(Tool.POINT)
    drawing.points.add([[50, 70]])
    widget.classes.chooser.chosen.emit(SRF)
    assert "The drawn point stays IRF" in widget.message.text()


def test_q_switches_the_sign_of_the_selected_points_and_the_next(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    drawing = widget.prompter.drawing
    press = partial(press_key, viewer)
    widget.prompter.start_drawing(Tool.POINT)
    drawing.points.add([[10, 10]])
    press("Q")
    drawing.points.add([[20, 20]])
    assert list(drawing.points.features["sign"]) == ["+", "-"]
    drawing.points.mode = "select"
    drawing.points.selected_data = {0}
    press("Q")
    assert list(drawing.points.features["sign"]) == ["-", "-"]
    assert widget.draw.signs["-"].isChecked()


def test_keys_of_napari_are_left_to_it(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    schema = bundled_schema("organoid")
    taken = schema.classes[1].model_copy(update={"hotkey": "Shift-W"})
    widget.session.schema = schema.model_copy(update={"classes": (schema.classes[0], taken)})
    assert "Shift-W" in widget.message.text()
    assert "Shift+V" not in {str(key) for key in viewer.keymap}


@pytest.mark.parametrize(
    ("vertices", "sentence"),
    [
        (BOX + 500, "outside the B-scan"),
        (BOX * [0, 1] + [20, 0], "has no area"),
    ],
    ids=["outside", "flat"],
)
def test_bad_boxes_get_a_sentence_and_stay(
    open_prompt: Any, qtbot: Any, vertices: np.ndarray, sentence: str
) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget, vertices)
    qtbot.waitUntil(lambda: sentence in widget.message.text(), timeout=PATIENCE)
    draw_box(widget, BOX)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_only_negative_points_get_a_sentence(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    widget.prompter.start_drawing(Tool.POINT)
    widget.prompter.drawing.choose_sign("-")
    widget.prompter.drawing.points.add([[10, 10]])
    qtbot.waitUntil(lambda: "only negative points" in widget.message.text(), timeout=PATIENCE)


def test_a_new_schema_is_asked_about_where_there_are_prompts(
    open_prompt: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, widget = open_prompt(bscan())
    answers = [False, True]
    monkeypatch.setattr(widget.classes, "_confirm", lambda *_: answers.pop(0))
    draw_box(widget)
    layers7 = bundled_schema("layers7")
    assert not widget.classes.use_schema(layers7)
    assert widget.session.schema.name == "oct14"
    assert widget.classes.use_schema(layers7)
    assert not len(widget.prompter.drawing.shapes.data)
    assert widget.classes.chooser.checked == -1
    assert widget.masks.classes.values == frozenset()


def test_a_new_schema_clears_the_prompts_of_every_image(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    boxes = widget.prompter.drawing.shapes
    viewer.add_image(bscan(), name="other")
    choose_image(widget, "other")
    asked: list[int] = []
    widget.classes._confirm = lambda _schema, count: bool(asked.append(count)) or True
    assert widget.classes.use_schema(bundled_schema("layers7"))
    assert asked == [1]
    assert not len(boxes.data)


def test_a_prompt_names_its_class_only_once_one_was_chosen(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    viewer, widget = open_prompt(bscan())
    drawing = widget.prompter.drawing
    widget.prompter.start_drawing(Tool.BOX)
    drawing.shapes.add(BOX, shape_type="rectangle")
    assert widget.classes.title.text() == "Choose a class"
    wait_for_prediction(qtbot, widget)
    press_key(viewer, "Shift-R")
    drawing.shapes.add(BOX + 5, shape_type="rectangle")
    wait_for_prediction(qtbot, widget, 2)
    widget.prompter.start_drawing(Tool.POINT)
    drawing.points.add([[50, 70]])
    wait_for_prediction(qtbot, widget, 3)

    told = [(p.class_value, p.names_class) for p in engine.asked_for(Decode)[-1].prompts]
    assert told == [(1, False), (RPE, True), (RPE, True)]
    assert widget.classes.title.text() == "retinal pigment epithelium"

    drawing.shapes.mode = "select"
    viewer.layers.selection.active = drawing.shapes
    drawing.shapes.selected_data = {0}
    press_key(viewer, "Shift-E")
    wait_for_prediction(qtbot, widget, 3)
    assert engine.asked_for(Decode)[-1].prompts[0].names_class

    drawing.schema = bundled_schema("layers7")
    assert not drawing.is_class_chosen


def test_the_classes_of_a_persons_own_layer_are_named(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    viewer, widget = open_prompt(bscan())
    own = viewer.add_shapes([BOX], shape_type="rectangle", features={"class": [IRF]})
    widget.prompter.drawing.use_shapes(own)
    wait_for_prediction(qtbot, widget)
    assert engine.asked_for(Decode)[-1].prompts[0].names_class
    plain = viewer.add_shapes([BOX], shape_type="rectangle")
    widget.prompter.drawing.use_shapes(plain)
    wait_for_prediction(qtbot, widget)
    assert not engine.asked_for(Decode)[-1].prompts[0].names_class


@pytest.mark.parametrize("tool", list(Tool))
def test_each_tool_has_a_key_that_is_nobody_elses(open_prompt: Any, qtbot: Any, tool: Tool) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    widget.prompter.drawing.stop()
    key = TOOL_KEYS[tool]
    layers = (Image, Labels, Points, Shapes)
    assert not [kind for kind in layers if KeyBinding.from_str(key) in kind.class_keymap]
    schemas = [bundled_schema(name) for name in BUNDLED_SCHEMAS]
    assert key not in {c.hotkey for schema in schemas for c in schema.classes}

    press_key(viewer, key)
    assert widget.prompter.drawing.tool is tool
    assert f"({key})" in widget.draw.tools[tool].toolTip()
    press_key(viewer, key)
    assert widget.prompter.drawing.tool is None


def test_names_that_would_overprint_each_other_give_way_to_the_latest(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(np.zeros((2, 60, 80), np.uint8))
    viewer.dims.set_point(0, 0)
    viewer.scene.camera.zoom = 2
    shapes = [np.insert(BOX + by, 0, i, axis=1) for by, i in ((0, 0), (3, 0), (20, 0), (3, 1))]
    for vertices in shapes:
        draw_box(widget, vertices)
    text = widget.prompter.drawing.shapes.text
    assert list(text.values) == ["NSR"] * 4
    assert [alpha for *_, alpha in text.color.array] == [0, 1, 1, 1]

    viewer.scene.camera.zoom = 20
    qtbot.waitUntil(lambda: text.color.array[0][3] == 1, timeout=PATIENCE)


def test_a_script_that_empties_a_layer_of_prompts_does_no_harm(
    open_prompt: Any, qtbot: Any
) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    shapes = widget.prompter.drawing.shapes

    shapes.data = []

    qtbot.waitUntil(lambda: widget.prompter.predicted is None, timeout=PATIENCE)
    assert not len(shapes.features)
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    assert shapes.features["class"].tolist() == [NSR]
