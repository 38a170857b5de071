"""Which layers go with which image, and a widget that is opened again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")

from napari_octsam.gui.prompting.drawing import Tool
from tests.gui.prompting_parts import (
    BOX,
    NSR,
    PATIENCE,
    RPE,
    PromptEngine,
    bscan,
    choose_image,
    close,
    draw_box,
    names,
    wait_for_prediction,
)


def test_combos_never_switch_by_themselves(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    other = viewer.add_image(bscan(), name="other")
    assert widget.layers.image.currentText() == "scan"
    mine = viewer.add_labels(bscan(), name="mine")
    assert widget.layers.labels.currentIndex() == 0
    widget.prompter.committer.target = mine
    mine.name = "renamed"
    assert widget.layers.labels.currentText() == "renamed"
    viewer.add_labels(bscan(), name="theirs")
    assert widget.layers.labels.currentText() == "renamed"
    viewer.layers.remove("renamed")
    assert widget.prompter.committer.target is None
    viewer.layers.remove("scan")
    assert widget.prompter.shown.image is None
    assert widget.layers.image.currentText() == "choose an image"
    assert other in viewer.layers


def test_the_labels_follow_the_image(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    first = widget.prompter.committer.target
    viewer.add_image(bscan(), name="other")

    choose_image(widget, "other")

    assert widget.prompter.committer.target is None
    assert "Labels go into a new layer now." in widget.message.text()
    draw_box(widget, BOX + 20)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert widget.prompter.committer.target.name == "other labels"
    assert (first.data != 0).sum() == 21 * 41
    viewer.layers["scan"].name = "renamed"
    choose_image(widget, "renamed")
    assert widget.prompter.committer.target is first
    assert "Labels go into scan labels now." in widget.message.text()
    assert widget.layers.labels.currentText() == "scan labels"


def test_labels_chosen_for_an_image_stay_its_labels(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    mine = viewer.add_labels(bscan(), name="mine")
    viewer.add_image(bscan(), name="other")
    for name in ("scan", "other"):
        choose_image(widget, name)
        widget.layers.labels.chosen.emit(mine)
    viewer.add_image(bscan(), name="third")
    for name, target in (("third", None), ("scan", mine), ("third", None), ("other", mine)):
        choose_image(widget, name)
        assert widget.prompter.committer.target is target


def test_prompts_wait_on_the_image_that_they_were_drawn_on(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    viewer, widget = open_prompt(bscan())
    drawing = widget.prompter.drawing
    draw_box(widget)
    widget.prompter.start_drawing(Tool.POINT)
    drawing.points.add([[50, 70]])
    wait_for_prediction(qtbot, widget, 2)
    boxes, points = drawing.layers
    viewer.add_image(bscan(), name="other")

    choose_image(widget, "other")

    assert "2 prompts wait on scan." in widget.message.text()
    assert not boxes.visible
    widget.clear.click()
    widget.prompter.commit()
    assert "nothing to commit" in widget.message.text()
    draw_box(widget, BOX + 20, RPE)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert "1 object committed" in widget.message.text()
    assert [len(boxes.data), len(points.data)] == [1, 1]
    viewer.layers["scan"].name = "renamed"
    choose_image(widget, "renamed")
    assert drawing.layers == [boxes, points]
    assert boxes.visible
    assert list(boxes.features["class"]) == [NSR]
    wait_for_prediction(qtbot, widget, 2)


def test_the_tool_goes_on_with_another_image(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(np.zeros((5, 60, 80), np.uint8))
    draw_box(widget, np.insert(BOX, 0, 2, axis=1))
    boxes = widget.prompter.drawing.shapes
    viewer.add_image(bscan(), name="other")
    viewer.layers.selection.active = boxes
    choose_image(widget, "other")
    assert widget.prompter.drawing.tool is Tool.BOX
    assert widget.prompter.drawing.shapes.ndim == 2
    assert widget.prompter.drawing.shapes is not boxes
    assert "1 prompt waits on scan." in widget.message.text()


def test_a_prompt_layer_of_the_persons_belongs_to_the_chosen_image(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    viewer.add_image(bscan(), name="other")
    mine = viewer.add_shapes([BOX], name="mine")
    widget.layers.shapes.chosen.emit(mine)
    wait_for_prediction(qtbot, widget)
    choose_image(widget, "other")
    assert widget.prompter.drawing.shapes is None
    widget.layers.shapes.chosen.emit(mine)
    assert mine.visible
    wait_for_prediction(qtbot, widget)
    choose_image(widget, "scan")
    assert widget.prompter.drawing.shapes is None
    assert "1 prompt waits on other." in widget.message.text()


def test_an_image_that_is_removed_says_where_its_prompts_are(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    viewer.layers.remove("scan")
    assert "scan is gone; its 1 prompt is kept in scan boxes" in widget.message.text()
    assert len(viewer.layers["scan boxes"].data) == 1
    assert widget.prompter.drawing.shapes is None


def test_without_an_image_the_widget_waits_for_the_first(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(None)
    assert "Open a B-scan" in widget.message.text()
    widget.draw.tools[Tool.BOX].click()
    assert "no image" in widget.message.text()
    viewer.add_image(bscan(), name="late")
    assert widget.layers.image.currentText() == "late"
    assert widget.message.text() == ""
    viewer.layers.remove("late")
    qtbot.waitUntil(lambda: "no image" in widget.message.text(), timeout=PATIENCE)
    viewer.add_image(bscan(), name="later")
    assert widget.layers.image.currentText() == "later"
    assert widget.message.text() == ""


def test_another_image_is_told_of_and_never_covers_the_one_in_use(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    truth = viewer.add_labels(bscan(), name="truth")
    viewer.add_image(bscan(), name="heat", opacity=0.5)
    viewer.add_image(bscan(), name="other")
    assert widget.message.text() == (
        '"other" was opened; prompts still go to "scan". Choose it under Image to change.'
    )
    assert widget.layers.image.currentText() == "scan"

    widget.draw.tools[Tool.BOX].click()

    of_scan = ["scan", "scan labels", "scan boxes", "octsam preview", "truth", "heat"]
    assert sorted(names(viewer)[1:]) == sorted(of_scan)
    assert names(viewer)[:2] == ["other", "scan"]
    assert truth.visible
    choose_image(widget, "other")
    draw_box(widget, BOX + 20)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert names(viewer)[:3] == ["scan", "scan labels", "scan boxes"]
    assert names(viewer)[3:6] == ["other", "other labels", "octsam preview"]
    choose_image(widget, "scan")
    below = names(viewer)[: names(viewer).index("scan")]
    assert below == ["other", "other labels", "other boxes"]


def test_a_widget_that_is_opened_again_goes_on_with_the_prompts(
    open_prompt: Any, open_widget: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    close(widget)
    assert [layer.name for layer in viewer.layers] == ["scan", "scan boxes"]
    again = open_widget(viewer)
    wait_for_prediction(qtbot, again)
    assert again.layers.shapes.currentText() == "scan boxes"
    assert viewer.keymap


def test_a_widget_that_is_opened_again_on_another_image_hides_the_prompts_of_the_last(
    open_prompt: Any, open_widget: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    close(widget)
    viewer.add_image(bscan(), name="other")
    again = open_widget(viewer)
    assert again.layers.image.currentText() == "other"
    assert again.message.text() == "1 prompt waits on scan."
    assert not viewer.layers["scan boxes"].visible
