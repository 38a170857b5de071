"""The Prompt widget in a viewer, with an engine that answers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from psygnal import Signal
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

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.decoded import CoarseMask, DecodedObject, LogitGrid
from napari_octsam.core.errors import UserError
from napari_octsam.core.masks import Overlap
from napari_octsam.core.prompts import Prompt
from napari_octsam.engine.predict.client import EngineDied
from napari_octsam.engine.predict.messages import (
    Decode,
    Encode,
    Encoded,
    LoadedModel,
    LoadModel,
    Prediction,
    Request,
)
from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.prompting.keys import KeySheet
from napari_octsam.gui.prompting.machine import Phase
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from napari_octsam.gui.session import session as session_module
from napari_octsam.gui.session.session import Session, session_of
from napari_octsam.gui.session.session_widget import SessionWidget
from napari_octsam.gui.session.settings import Settings
from tests.contrast import contrast_of

NSR, IRF, SRF, RPE = 2, 3, 4, 6
BOX = np.array([[10, 10], [10, 50], [30, 50], [30, 10]], float)
INSIDE = (slice(10, 31), slice(10, 51))


class PromptEngine:
    """Fills each box; around a lone point a square. Answers at once, unless it is held."""

    state_changed = Signal(str)
    warned = Signal(str)
    died = Signal(str)

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.held: list[tuple[Request, Future[Any]]] = []
        self.hold = False
        self.fails_with: Exception | None = None

    def submit(
        self, request: Request, *, on_progress: Any = None, background: bool = False
    ) -> Future[Any]:
        self.requests.append(request)
        future: Future[Any] = Future()
        if self.hold and isinstance(request, Decode):
            self.held.append((request, future))
        else:
            self._answer(request, future)
        return future

    def release(self) -> None:
        for request, future in self.held:
            if future.set_running_or_notify_cancel():
                self._answer(request, future)
        self.held.clear()

    def shutdown(self) -> None:
        self.state_changed.emit("stopped")

    def asked_for(self, kind: type) -> list[Any]:
        return [request for request in self.requests if isinstance(request, kind)]

    def _answer(self, request: Request, future: Future[Any]) -> None:
        if self.fails_with is not None and isinstance(request, Decode):
            future.set_exception(self.fails_with)
        elif isinstance(request, LoadModel):
            future.set_result(LoadedModel(request.source, "octsam-tiny", "sam", "cpu", "float32"))
        elif isinstance(request, Encode):
            future.set_result(Encoded("encoder", 0.1))
        elif isinstance(request, Decode):
            shape = request.bscan.pixels.shape
            objects = tuple(fill(p, (shape[0], shape[1])) for p in request.prompts)
            future.set_result(Prediction((shape[0], shape[1]), objects))


def fill(prompt: Prompt, shape: tuple[int, int]) -> DecodedObject:
    """The box itself; candidate k is k pixels smaller on each side."""
    if prompt.box is not None:
        b = prompt.box
        r0, c0, r1, c1 = (round(x) for x in (b.row0, b.col0, b.row1, b.col1))
    else:
        p = prompt.points[0]
        r0, c0, r1, c1 = (round(x) for x in (p.row - 3, p.col - 3, p.row + 3, p.col + 3))
    grid = LogitGrid(shape, ((shape[0],) * 2,), ((shape[1],) * 2,))
    candidates = tuple(
        CoarseMask(
            grid,
            r0 + k,
            c0 + k,
            np.full((r1 - r0 + 1 - 2 * k, c1 - c0 + 1 - 2 * k), 2.0, np.float32),
        )
        for k in range(4)
    )
    return DecodedObject(candidates, (0.9, 0.8, 0.7, 0.6), 0)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[PromptEngine]:
    """The engine of every session that the test makes."""
    engine = PromptEngine()
    made: list[Session] = []

    def session(_settings: Settings | None = None) -> Session:
        made.append(Session(Settings(), engine))
        return made[-1]

    monkeypatch.setattr(session_module, "Session", session)
    yield engine
    for one in made:
        one.close()


@pytest.fixture
def open_prompt(
    make_napari_viewer_proxy: Callable[[], Any], engine: PromptEngine, qtbot: Any
) -> Callable[..., tuple[Any, PromptWidget]]:
    """Open the widget in a viewer with an image (or none, with None)."""

    def open_(image: np.ndarray | None = None, **kwargs: Any) -> tuple[Any, PromptWidget]:
        viewer = make_napari_viewer_proxy()
        if image is not None:
            viewer.add_image(image, name="scan", **kwargs)
        widget = PromptWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Prompt")
        return viewer, widget

    return open_


def bscan() -> np.ndarray:
    return np.zeros((60, 80), np.uint8)


def draw_box(widget: PromptWidget, vertices: np.ndarray = BOX, value: int = NSR) -> None:
    widget.prompter.drawing.choose_class(value)
    widget.prompter.start_drawing(Tool.BOX)
    shapes = widget.prompter.drawing.shapes
    assert shapes is not None
    shapes.add(vertices, shape_type="rectangle")


def wait_for_prediction(qtbot: Any, widget: PromptWidget, objects: int = 1) -> None:
    def predicted() -> bool:
        now = widget.prompter.predicted
        return now is not None and len(now.placed) == objects and widget.prompter.is_current

    qtbot.waitUntil(predicted, timeout=3000)


def wait_until_at_rest(qtbot: Any, widget: PromptWidget) -> None:
    """Wait until the last edit has been looked at, where it leaves nothing to predict."""
    prompter = widget.prompter
    qtbot.waitUntil(lambda: prompter.state.phase is not Phase.WAITING, timeout=3000)


def preview(widget: PromptWidget) -> np.ndarray:
    layer = widget.prompter.preview.layer
    assert layer is not None
    return np.asarray(layer.data)


def test_a_box_is_previewed_and_committed_as_one_undo_step(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    assert (preview(widget)[INSIDE] == NSR).all()

    widget.commit.click()

    labels = widget.prompter.committer.target
    assert labels is not None
    assert labels.name == "scan labels"
    assert (labels.data[INSIDE] == NSR).all()
    assert (labels.data != 0).sum() == 21 * 41
    assert len(widget.prompter.drawing.shapes.data) == 0
    assert "1 object committed" in widget.message.text()
    labels.undo()
    assert not labels.data.any()


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


@pytest.mark.parametrize(
    ("overlap", "survivors"),
    [
        (Overlap.KEEP, {SRF, RPE}),
        (Overlap.REPLACE, set()),
        (Overlap.REPLACE_CLASSES, {RPE}),
    ],
)
def test_the_overlap_policy_decides_what_a_commit_may_touch(
    open_prompt: Any, qtbot: Any, overlap: Overlap, survivors: set[int]
) -> None:
    viewer, widget = open_prompt(bscan())
    mine = bscan()
    mine[12, 12], mine[14, 14] = SRF, RPE
    labels = viewer.add_labels(mine, name="mine")
    widget.layers.labels.setCurrentText("mine")
    widget.layers.labels.activated.emit(widget.layers.labels.currentIndex())
    widget.masks.overlap.setCurrentIndex(widget.masks.overlap.findData(overlap))
    widget.prompter.committer.replaceable = frozenset({SRF})
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert set(np.unique(labels.data[INSIDE])) == {NSR} | survivors


def test_preserve_labels_holds_whatever_the_policy(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    mine = bscan()
    mine[12, 12] = SRF
    labels = viewer.add_labels(mine)
    labels.preserve_labels = True
    widget.prompter.committer.target = labels.__wrapped__
    widget.prompter.committer.overlap = Overlap.REPLACE
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert labels.data[12, 12] == SRF
    assert labels.data[13, 13] == NSR


def test_nothing_to_change_keeps_the_prompts(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    labels = viewer.add_labels(np.full((60, 80), SRF, np.uint8))
    widget.prompter.committer.target = labels.__wrapped__
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert "Nothing is changed" in widget.message.text()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_labels_that_do_not_line_up_are_refused(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan(), scale=(4, 12))
    labels = viewer.add_labels(bscan(), name="unscaled")
    widget.prompter.committer.target = labels.__wrapped__
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert "unscaled does not lie pixel for pixel on scan" in widget.message.text()
    assert not labels.data.any()
    assert len(widget.prompter.drawing.shapes.data) == 1


@pytest.mark.parametrize("kind", ["read-only", "dask"])
def test_labels_that_cannot_be_written_to_are_refused(
    open_prompt: Any, qtbot: Any, kind: str
) -> None:
    viewer, widget = open_prompt(bscan())
    array = bscan()
    array.flags.writeable = False
    if kind == "dask":
        array = pytest.importorskip("dask.array").from_array(array)
    labels = viewer.add_labels(array, name="fixed")
    widget.prompter.committer.target = labels.__wrapped__
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert "fixed cannot be written to" in widget.message.text()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_a_commit_in_a_flipped_scaled_volume_writes_its_bscan_only(
    open_prompt: Any, qtbot: Any
) -> None:
    volume = np.zeros((5, 60, 80), np.uint16)
    viewer, widget = open_prompt(volume, scale=(50, -4, 12), translate=(0, 99, 7))
    viewer.dims.set_current_step(0, 3)
    draw_box(widget, np.insert(BOX, 0, 3, axis=1))
    wait_for_prediction(qtbot, widget)
    shown = widget.prompter.preview.layer
    assert shown.data.shape == (1, 60, 80)
    assert shown.data_to_world((0, 10, 20)) == pytest.approx(
        viewer.layers["scan"].data_to_world((3, 10, 20))
    )
    widget.commit.click()
    labels = widget.prompter.committer.target
    assert (labels.data[(3, *INSIDE)] == NSR).all()
    assert set(np.unique(np.nonzero(labels.data)[0])) == {3}


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
    widget.commit.click()
    assert widget.message.text() == "Nothing was committed. 1 prompt waits on B-scan 1."
    qtbot.wait(150)
    assert widget.prompter.committer.target is None
    viewer.dims.set_current_step(0, 1)
    wait_for_prediction(qtbot, widget)
    assert widget.message.text() == ""


def test_a_bscan_without_prompts_says_where_some_wait(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(np.zeros((9, 60, 80), np.uint8))
    widget.undo.click()
    assert "no commit to undo" in widget.message.text()
    viewer.dims.set_current_step(0, 2)
    assert widget.message.text() == ""
    draw_box(widget, np.insert(BOX, 0, 2, axis=1))
    viewer.dims.set_current_step(0, 3)
    qtbot.waitUntil(lambda: widget.message.text() == "1 prompt waits on B-scan 2.", timeout=3000)
    for index in range(3, 8):
        widget.prompter.drawing.shapes.add(np.insert(BOX, 0, index, axis=1))
    viewer.dims.set_current_step(0, 8)
    waiting = "6 prompts wait on B-scans 2; 3; 4; 5 and others."
    qtbot.waitUntil(lambda: widget.message.text() == waiting, timeout=3000)


def test_the_3d_view_is_told_of_until_it_is_left(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(np.zeros((5, 60, 80), np.uint8))
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: "need the 2D view" in widget.message.text(), timeout=3000)
    widget.draw.tools[Tool.BOX].click()
    viewer.dims.ndisplay = 2
    assert widget.message.text() == ""


def test_the_shown_bscan_is_encoded_first_and_its_neighbours_next(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    volume = np.zeros((5, 60, 80), np.uint8) + np.arange(5, dtype=np.uint8)[:, None, None]
    viewer, _ = open_prompt(volume)
    viewer.dims.set_current_step(0, 3)
    qtbot.waitUntil(lambda: len(engine.asked_for(Encode)) >= 3, timeout=3000)
    assert [int(r.bscan.pixels[0, 0]) for r in engine.asked_for(Encode)[-3:]] == [3, 4, 2]
    assert isinstance(engine.requests[0], LoadModel)


def test_a_late_answer_to_an_older_edit_is_dropped(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    engine.hold = True
    draw_box(widget)
    qtbot.waitUntil(lambda: bool(engine.held), timeout=3000)
    draw_box(widget, BOX + 20)
    qtbot.waitUntil(lambda: len(engine.held) == 2, timeout=3000)
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
    qtbot.waitUntil(lambda: widget.prompter.committer.target is not None, timeout=3000)
    assert (widget.prompter.committer.target.data[INSIDE] == NSR).all()


def test_without_live_preview_only_a_commit_predicts(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    widget.live.click()
    draw_box(widget)
    qtbot.wait(200)
    assert not engine.asked_for(Decode)
    widget.commit.click()
    qtbot.waitUntil(lambda: widget.prompter.committer.target is not None, timeout=3000)


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
    press = viewer.__wrapped__.window._qt_viewer.canvas._key_map_handler.press_key
    press("G")
    wait_for_prediction(qtbot, widget, 2)
    widget.live.click()
    assert widget.predict.isHidden()


def test_the_score_of_a_mask_is_not_cut_in_a_narrow_panel(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    widget.window().show()
    qtbot.waitUntil(widget.masks.isVisible, timeout=3000)
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    score = widget.masks.score
    qtbot.waitUntil(lambda: score.minimumWidth() >= score.sizeHint().width(), timeout=1000)


def test_a_commit_shows_a_hidden_labels_layer(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    labels = viewer.add_labels(bscan(), name="mine", visible=False)
    widget.prompter.committer.target = labels.__wrapped__
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert labels.visible
    labels.visible = False
    widget.undo.click()
    assert labels.visible
    assert not labels.data.any()


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


def test_class_keys_change_the_selected_prompts_and_the_next(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    drawing = widget.prompter.drawing
    press = viewer.__wrapped__.window._qt_viewer.canvas._key_map_handler.press_key
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


def test_the_select_tool_reaches_boxes_and_points(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
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


def test_q_switches_the_sign_of_the_selected_points_and_the_next(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    drawing = widget.prompter.drawing
    press = viewer.__wrapped__.window._qt_viewer.canvas._key_map_handler.press_key
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


def test_keys_are_gone_when_the_widget_is_closed(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    assert viewer.keymap
    viewer.window.remove_dock_widget(widget)
    assert not viewer.keymap
    viewer.dims.ndisplay = 3
    viewer.dims.ndisplay = 2
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_a_widget_that_is_opened_again_goes_on_with_the_prompts(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    viewer.window.remove_dock_widget(widget)
    assert [layer.name for layer in viewer.layers] == ["scan", "scan boxes"]
    again = PromptWidget(viewer)
    viewer.window.add_dock_widget(again, name="Prompt")
    wait_for_prediction(qtbot, again)
    assert again.layers.shapes.currentText() == "scan boxes"
    assert viewer.keymap


def test_a_widget_that_is_opened_again_on_another_image_hides_the_prompts_of_the_last(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    draw_box(widget)
    viewer.window.remove_dock_widget(widget)
    viewer.add_image(bscan(), name="other")
    again = PromptWidget(viewer)
    viewer.window.add_dock_widget(again, name="Prompt")
    assert again.layers.image.currentText() == "other"
    assert again.message.text() == "1 prompt waits on scan."
    assert not viewer.layers["scan boxes"].visible


def test_cancelling_drops_a_commit_that_waits(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    _, widget = open_prompt(bscan())
    engine.hold = True
    draw_box(widget)
    widget.commit.click()
    qtbot.waitUntil(lambda: bool(engine.held), timeout=3000)
    widget.session.cancel()
    engine.hold = False
    assert "Nothing was committed" in widget.message.text()
    draw_box(widget, BOX + 5)
    wait_for_prediction(qtbot, widget, 2)
    assert widget.prompter.committer.target is None


def test_keys_of_napari_are_left_to_it(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    schema = bundled_schema("organoid")
    taken = schema.classes[1].model_copy(update={"hotkey": "Shift-W"})
    widget.session.schema = schema.model_copy(update={"classes": (schema.classes[0], taken)})
    assert "Shift-W" in widget.message.text()
    assert "Shift+V" not in {str(key) for key in viewer.keymap}


def test_clearing_prompts_can_be_undone(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.clear.click()
    assert not len(widget.prompter.drawing.shapes.data)
    qtbot.waitUntil(lambda: bool((preview(widget) == 255).all()), timeout=3000)
    widget.undo.click()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_the_preview_is_never_a_target(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    combo = widget.layers.labels
    assert [combo.itemText(i) for i in range(combo.count())] == ["a new layer"]


@pytest.fixture
def shown_prompt(open_prompt: Any, qtbot: Any) -> PromptWidget:
    """The widget beside a volume, in a window on the screen."""
    viewer, widget = open_prompt(np.zeros((3, 60, 80), np.uint8))
    viewer.add_labels(bscan(), name="mine")
    viewer.dims.set_point(0, 0)
    window = viewer.__wrapped__.window._qt_window
    window.show()
    window.resize(1000, 500)
    bar = widget.findChild(QScrollArea).verticalScrollBar()
    qtbot.waitUntil(lambda: widget.isVisible() and bar.maximum() > 0, timeout=3000)
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
    qtbot.waitUntil(overlap.view().isVisible, timeout=1000)
    overlap.view().setCurrentIndex(overlap.model().index(1, 0))
    QTest.keyClick(overlap.view(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not overlap.view().isVisible(), timeout=1000)
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
    qtbot.waitUntil(spin.isVisible, timeout=3000)
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
    qtbot.waitUntil(lambda: panel.verticalScrollBar().value() > 0, timeout=1000)
    assert not masks.classes.visibleRegion().isEmpty()

    for action in masks.classes.menu().actions()[:8]:
        action.setChecked(True)

    assert masks.classes.text().startswith("ERM, NSR, ")
    assert masks.classes.text().endswith("… (8)")
    assert "pigment epithelial detachment" in masks.classes.toolTip()
    assert len(shown_prompt.prompter.committer.replaceable) == 8
    qtbot.waitUntil(lambda: masks.classes.width() < panel.viewport().width(), timeout=1000)
    assert shown_prompt.width() == width
    assert panel.widget().width() == panel.viewport().width()


def test_the_key_sheet_says_how_one_prompt_is_changed_and_where_keys_act(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
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


def test_combos_never_switch_by_themselves(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    other = viewer.add_image(bscan(), name="other")
    assert widget.layers.image.currentText() == "scan"
    mine = viewer.add_labels(bscan(), name="mine")
    assert widget.layers.labels.currentIndex() == 0
    widget.prompter.committer.target = mine.__wrapped__
    mine.name = "renamed"
    assert widget.layers.labels.currentText() == "renamed"
    viewer.add_labels(bscan(), name="theirs")
    assert widget.layers.labels.currentText() == "renamed"
    viewer.layers.remove("renamed")
    assert widget.prompter.committer.target is None
    viewer.layers.remove("scan")
    assert widget.prompter.shown.image is None
    assert widget.layers.image.currentText() == "choose an image"
    assert other.__wrapped__ in viewer.layers


def test_layers_may_go_while_the_engine_works(
    open_prompt: Any, qtbot: Any, engine: PromptEngine
) -> None:
    viewer, widget = open_prompt(bscan())
    engine.hold = True
    draw_box(widget)
    qtbot.waitUntil(lambda: bool(engine.held), timeout=3000)
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
    qtbot.waitUntil(lambda: "killed" in widget.message.text(), timeout=3000)
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
    qtbot.waitUntil(lambda: widget.message.text() == "Memory ran out.", timeout=3000)


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
    qtbot.waitUntil(lambda: sentence in widget.message.text(), timeout=3000)


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
    qtbot.waitUntil(lambda: sentence in widget.message.text(), timeout=3000)
    draw_box(widget, BOX)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_a_commit_says_what_it_left_and_why(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    draw_box(widget, BOX + 500)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    qtbot.waitUntil(lambda: "outside the B-scan" in widget.message.text(), timeout=3000)
    assert widget.message.text().startswith("1 object committed: 861 pixels of scan labels.")
    assert "1 prompt was left. The box (510, 510)" in widget.message.text()


def test_the_first_commit_says_how_to_save(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    hint = "File > Save Selected Layers"
    for shift, is_told in ((0, True), (20, False)):
        draw_box(widget, BOX + shift)
        wait_for_prediction(qtbot, widget)
        widget.commit.click()
        assert (hint in widget.message.text()) is is_told


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


def choose_image(widget: PromptWidget, name: str) -> None:
    combo = widget.layers.image
    combo.setCurrentText(name)
    combo.activated.emit(combo.currentIndex())


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
    mine = viewer.add_labels(bscan(), name="mine").__wrapped__
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
    widget.commit.click()
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
    mine = viewer.add_shapes([BOX * [4, 12]], name="mine").__wrapped__
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


def test_a_prompt_layer_of_the_persons_belongs_to_the_chosen_image(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    viewer.add_image(bscan(), name="other")
    mine = viewer.add_shapes([BOX], name="mine").__wrapped__
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


def test_only_negative_points_get_a_sentence(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    widget.prompter.start_drawing(Tool.POINT)
    widget.prompter.drawing.choose_sign("-")
    widget.prompter.drawing.points.add([[10, 10]])
    qtbot.waitUntil(lambda: "only negative points" in widget.message.text(), timeout=3000)


def test_without_an_image_the_widget_waits_for_the_first(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(None)
    assert "Open a B-scan" in widget.message.text()
    widget.draw.tools[Tool.BOX].click()
    assert "no image" in widget.message.text()
    viewer.add_image(bscan(), name="late")
    assert widget.layers.image.currentText() == "late"
    assert widget.message.text() == ""
    viewer.layers.remove("late")
    qtbot.waitUntil(lambda: "no image" in widget.message.text(), timeout=3000)
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


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


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
    assert widget.classes.chooser.checked == 1
    assert widget.masks.classes.values == frozenset()


def test_every_viewer_has_its_own_session(
    make_napari_viewer_proxy: Callable[[], Any], engine: PromptEngine
) -> None:
    one, other = make_napari_viewer_proxy(), make_napari_viewer_proxy()
    assert session_of(one) is session_of(one)
    assert session_of(one) is session_of(one.__wrapped__)
    assert session_of(one) is not session_of(other)
    session_of(one).close()
    assert session_of(one).is_open
