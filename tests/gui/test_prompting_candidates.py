"""The masks that an object can have, and the threshold."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("napari")

from napari_octsam.engine.predict.messages import Decode
from tests.gui.prompting_parts import (
    BOX,
    NSR,
    PromptEngine,
    bscan,
    draw_box,
    preview,
    wait_for_prediction,
)


def test_candidates_and_threshold_change_the_preview_without_asking_again(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    asked = len(engine.asked_for(Decode))
    widget.masks.candidates[2].click()
    assert preview(widget)[11, 11] == 255
    assert preview(widget)[12, 12] == NSR
    assert widget.masks.score.text() == "IoU 0.70"
    widget.prompter.next_candidate()
    assert preview(widget)[12, 12] == 255
    widget.masks.threshold.setValue(95)
    assert (preview(widget) == 255).all()
    qtbot.wait(120)
    assert len(engine.asked_for(Decode)) == asked


def test_each_object_keeps_its_own_candidate(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget, BOX)
    wait_for_prediction(qtbot, widget)
    widget.prompter.choose_candidate(1)
    draw_box(widget, BOX + 20)
    wait_for_prediction(qtbot, widget, 2)
    assert [p.candidate for p in widget.prompter.predicted.placed] == [1, 0]


def test_the_score_of_a_mask_is_not_cut_in_a_narrow_panel(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    widget.window().show()
    qtbot.waitUntil(widget.masks.isVisible, timeout=3000)
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    score = widget.masks.score
    qtbot.waitUntil(lambda: score.minimumWidth() >= score.sizeHint().width(), timeout=1000)
