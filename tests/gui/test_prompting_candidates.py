"""The masks that an object can have, and the threshold."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("napari")

from qtpy.QtWidgets import QLabel

from napari_octsam.engine.predict.messages import Decode
from tests.gui.prompting_parts import (
    BOX,
    NSR,
    PATIENCE,
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
    assert widget.masks.trust.text() == "look"
    assert "0.70" in widget.masks.trust.toolTip()
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


def test_the_word_for_a_mask_is_never_cut_and_moves_no_button(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    widget.window().show()
    qtbot.waitUntil(widget.masks.isVisible, timeout=PATIENCE)
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    trust, button = widget.masks.trust, widget.masks.candidates[0]
    widths = set()
    for score in (None, 0.9, 0.7, 0.3):
        trust.show_score(score)
        qtbot.wait(30)
        assert trust.width() >= QLabel.sizeHint(trust).width()
        widths.add((button.width(), trust.minimumSizeHint().width()))
    assert len(widths) == 1
