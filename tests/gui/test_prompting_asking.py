"""When the engine is asked about the prompts, and what is done with its answers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy

from napari_octsam.core.errors import UserError
from napari_octsam.engine.errors import EngineDied
from napari_octsam.engine.predict.messages import Decode, Encode, LoadModel
from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.session.session import session_of
from tests.gui.prompting_parts import (
    BOX,
    INSIDE,
    IRF,
    NSR,
    PATIENCE,
    RPE,
    PromptEngine,
    bscan,
    draw_box,
    press_key,
    preview,
    wait_for_prediction,
)


def test_moving_the_slider_drops_the_preview_and_keeps_the_prompts(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    viewer, widget = open_prompt(np.zeros((5, 60, 80), np.uint8))
    viewer.dims.set_current_step(0, 1)
    draw_box(widget, np.insert(BOX, 0, 1, axis=1))
    wait_for_prediction(qtbot, widget)
    viewer.dims.set_current_step(0, 2)
    assert widget.prompter.predicted is None
    assert (preview(widget) == 255).all()
    widget.prompter.commit()
    assert widget.message.text() == "Nothing was committed. 1 prompt waits on B-scan 1."
    qtbot.wait(150)
    assert widget.prompter.committer.target is None
    viewer.dims.set_current_step(0, 1)
    wait_for_prediction(qtbot, widget)
    assert widget.message.text() == ""


def test_a_bscan_without_prompts_says_where_some_wait(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(np.zeros((9, 60, 80), np.uint8))
    press_key(viewer, "Shift-Z")
    assert "no commit to undo" in widget.message.text()
    viewer.dims.set_current_step(0, 2)
    assert widget.message.text() == ""
    draw_box(widget, np.insert(BOX, 0, 2, axis=1))
    viewer.dims.set_current_step(0, 3)
    qtbot.waitUntil(
        lambda: widget.message.text() == "1 prompt waits on B-scan 2.", timeout=PATIENCE
    )
    for index in range(3, 8):
        widget.prompter.drawing.shapes.add(np.insert(BOX, 0, index, axis=1))
    viewer.dims.set_current_step(0, 8)
    waiting = "6 prompts wait on B-scans 2; 3; 4; 5 and others."
    qtbot.waitUntil(lambda: widget.message.text() == waiting, timeout=PATIENCE)


def test_the_3d_view_is_told_of_until_it_is_left(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(np.zeros((5, 60, 80), np.uint8))
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: "need the 2D view" in widget.message.text(), timeout=PATIENCE)
    widget.draw.tools[Tool.BOX].click()
    viewer.dims.ndisplay = 2
    assert widget.message.text() == ""


def test_the_shown_bscan_is_encoded_first_and_its_neighbours_next(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    volume = np.zeros((5, 60, 80), np.uint8) + np.arange(5, dtype=np.uint8)[:, None, None]
    viewer, _ = open_prompt(volume)
    viewer.dims.set_current_step(0, 3)
    qtbot.waitUntil(lambda: len(engine.asked_for(Encode)) >= 3, timeout=PATIENCE)
    assert [int(r.bscan.pixels[0, 0]) for r in engine.asked_for(Encode)[-3:]] == [3, 4, 2]
    assert isinstance(engine.requests[0], LoadModel)


def test_a_late_answer_to_an_older_edit_is_dropped(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    engine.hold = True
    draw_box(widget)
    qtbot.waitUntil(lambda: bool(engine.held), timeout=PATIENCE)
    draw_box(widget, BOX + 20)
    qtbot.waitUntil(lambda: len(engine.held) == 2, timeout=PATIENCE)
    _, oldest = engine.held[0]
    assert oldest.cancelled()
    engine.release()
    wait_for_prediction(qtbot, widget, 2)


def test_a_commit_right_after_an_edit_waits_for_its_prediction(
    open_prompt: Any, qtbot: Any
) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    widget.commit.click()
    qtbot.waitUntil(lambda: widget.prompter.committer.target is not None, timeout=PATIENCE)
    assert (widget.prompter.committer.target.data[INSIDE] == NSR).all()


def test_the_class_of_a_prompt_is_part_of_the_question(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    drawing = widget.prompter.drawing
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.classes.chooser.chosen.emit(IRF)  # of the next: nothing is asked anew
    assert widget.prompter.is_current

    drawing.shapes.mode = "select"
    drawing.shapes.selected_data = {0}
    widget.classes.chooser.chosen.emit(RPE)
    assert not widget.prompter.is_current
    wait_for_prediction(qtbot, widget)

    asked = engine.asked_for(Decode)
    assert [each.prompts[0].class_value for each in asked] == [NSR, RPE]
    assert [each.schema for each in asked] == [widget.session.schema] * 2
    assert (preview(widget)[INSIDE] == RPE).all()


def test_without_live_preview_only_a_commit_predicts(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    widget.live.click()
    draw_box(widget)
    qtbot.wait(200)
    assert not engine.asked_for(Decode)
    widget.commit.click()
    qtbot.waitUntil(lambda: widget.prompter.committer.target is not None, timeout=PATIENCE)


def test_without_live_preview_predict_shows_the_masks(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    assert widget.predict.isHidden()
    widget.live.click()
    assert not widget.predict.isHidden()
    widget.predict.click()
    assert "nothing to predict" in widget.message.text()
    draw_box(widget)
    assert widget.message.text() == "Press Predict to see the masks."
    widget.predict.click()
    wait_for_prediction(qtbot, widget)
    assert widget.message.text() == ""
    assert (preview(widget)[INSIDE] == NSR).all()
    draw_box(widget, BOX + 20)
    assert widget.prompter.predicted is None
    press = partial(press_key, viewer)
    press("G")
    wait_for_prediction(qtbot, widget, 2)
    widget.live.click()
    assert widget.predict.isHidden()


def test_cancelling_drops_a_commit_that_waits(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    engine.hold = True
    draw_box(widget)
    widget.commit.click()
    qtbot.waitUntil(lambda: bool(engine.held), timeout=PATIENCE)
    widget.session.cancel()
    engine.hold = False
    assert "Nothing was committed" in widget.message.text()
    draw_box(widget, BOX + 5)
    wait_for_prediction(qtbot, widget, 2)
    assert widget.prompter.committer.target is None


def test_layers_may_go_while_the_engine_works(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    viewer, widget = open_prompt(bscan())
    engine.hold = True
    draw_box(widget)
    qtbot.waitUntil(lambda: bool(engine.held), timeout=PATIENCE)
    viewer.layers.clear()
    engine.release()
    qtbot.wait(150)
    assert widget.prompter.predicted is None
    widget.commit.click()
    assert "no image" in widget.message.text()


def test_a_dead_engine_says_so_once_and_loses_nothing(
    open_prompt: Any, qtbot: Any, engine: PromptEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", warnings.append)
    _, widget = open_prompt(bscan())
    engine.fails_with = EngineDied("The engine was killed while decoding.")
    engine.died.emit(str(engine.fails_with))
    draw_box(widget)
    qtbot.waitUntil(lambda: "killed" in widget.message.text(), timeout=PATIENCE)
    draw_box(widget, BOX + 20)
    qtbot.wait(200)
    assert warnings == ["The engine was killed while decoding."]
    assert len(widget.prompter.drawing.shapes.data) == 2
    assert "stopped" in widget.badge.text
    engine.fails_with = None
    draw_box(widget, BOX + 5)
    wait_for_prediction(qtbot, widget, 3)


def test_a_users_error_of_the_engine_is_shown_in_the_widget(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    engine.fails_with = UserError("Memory ran out.")
    draw_box(widget)
    qtbot.waitUntil(lambda: widget.message.text() == "Memory ran out.", timeout=PATIENCE)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.zeros((1, 1), np.uint8), "too small"),
        (np.full((60, 80), np.nan, np.float32), "NaN"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "too large"),
    ],
    ids=["one pixel", "nan", "20000 x 20000"],
)
def test_bad_images_get_a_sentence(
    open_prompt: Any, qtbot: Any, image: np.ndarray, sentence: str
) -> None:
    _, widget = open_prompt(image, contrast_limits=(0, 1))
    qtbot.waitUntil(lambda: sentence in widget.message.text(), timeout=PATIENCE)


def test_every_viewer_has_its_own_session(engine: PromptEngine, qapp: Any) -> None:
    one, other = PublicOnlyProxy(ViewerModel()), PublicOnlyProxy(ViewerModel())
    assert session_of(one) is session_of(one)
    assert session_of(one) is session_of(one.__wrapped__)
    assert session_of(one) is not session_of(other)
    session_of(one).close()
    assert session_of(one).is_open
