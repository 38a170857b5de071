"""Objects of a B-scan are carried on to others, looked at, then taken or dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_octsam.core.annotation import BScanState, SetBy
from napari_octsam.core.decoded import CoarseMask, DecodedObject, LogitGrid
from napari_octsam.engine.errors import EngineDied
from napari_octsam.engine.predict.messages import Decode, Encode, LoadModel, Prediction, Request
from napari_octsam.gui.labelling.carry_on import PROMPTED
from napari_octsam.gui.labelling.carrying_on import Reach
from napari_octsam.gui.labelling.label_widget import LabelWidget
from napari_octsam.gui.layers.layer_schema import show_schema
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from napari_octsam.gui.session.undo_keys import UNDO_KEY
from napari_octsam.gui.widgets.fold import Fold
from tests.gui.labelling_parts import LabelEngine
from tests.gui.prompting_parts import (
    IRF,
    PATIENCE,
    SRF,
    draw_box,
    press_key,
    wait_for_prediction,
)

FROM = 3
COUNT = 8
BRIGHT = 150
Open = Callable[..., tuple[ViewerModel, LabelWidget]]


class CarryEngine(LabelEngine):
    """Finds what is bright in each box."""

    def _answer(self, request: Request, future: Any) -> None:
        if isinstance(request, Decode) and self.fails_with is None:
            pixels = request.bscan.pixels
            objects = tuple(_bright(pixels, prompt.box) for prompt in request.prompts)
            future.set_result(Prediction(pixels.shape, objects))
        else:
            super()._answer(request, future)


ENGINE = CarryEngine


def _bright(pixels: np.ndarray, box: Any) -> DecodedObject:
    inside = np.zeros(pixels.shape, bool)
    inside[int(box.row0) : int(box.row1) + 1, int(box.col0) : int(box.col1) + 1] = True
    logits = np.where((pixels > BRIGHT) & inside, 4, -4).astype(np.float32)
    rows, cols = pixels.shape
    grid = LogitGrid((rows, cols), ((rows,) * 2,), ((cols,) * 2,))
    return DecodedObject((CoarseMask(grid, 0, 0, logits),), (0.9,), 0)


def eye() -> np.ndarray:
    """Tissue that moves, with a spot on each B-scan and another on those up to number 5."""
    volume = np.random.default_rng(0).integers(0, 30, (COUNT, 60, 80)).astype(np.uint8)
    for number, bscan in enumerate(volume):
        top = 12 + 3 * (number % 3)
        bscan[top : top + 30] += 60
        bscan[top + 8 : top + 16, 12:26] = 220
        if number <= 5:
            bscan[top + 18 : top + 26, 50:62] = 220
    return volume


SPOTS = eye() > BRIGHT


def labelled_eye(widget: LabelWidget) -> Any:
    """Labels in which a person has drawn both spots of a B-scan, each of a class."""
    labels = widget.viewer.add_labels(np.zeros((COUNT, 60, 80), np.uint8), name="mine")
    show_schema(labels, widget.session.schema)
    image = widget.viewer.layers["scan"]
    widget.session.companions.labels.set(image, labels)
    spots = np.where(SPOTS[FROM], SRF, 0)
    spots[:, 40:][spots[:, 40:] > 0] = IRF
    rows, cols = np.nonzero(spots)
    labels.data_setitem((np.full_like(rows, FROM), rows, cols), spots[rows, cols])
    return labels


@pytest.fixture
def open_label(engine: CarryEngine, qtbot: Any) -> Iterator[Open]:
    """Open the widget on a volume, in a viewer that has no window."""
    docks: list[QWidget] = []

    def open_(image: Any = None, kind: Any = LabelWidget) -> tuple[ViewerModel, Any]:
        viewer = ViewerModel()
        viewer.add_image(eye() if image is None else image, name="scan")
        viewer.dims.set_point(range(viewer.dims.ndim - 2), (FROM,) * (viewer.dims.ndim - 2))
        return viewer, add(viewer, kind)

    def add(viewer: ViewerModel, kind: Any) -> Any:
        docks.append(QWidget())
        qtbot.addWidget(docks[-1])
        widget = kind(viewer)
        widget.setParent(docks[-1])
        return widget

    open_.add = add  # type: ignore[attr-defined]
    yield open_
    for dock in docks:
        for widget in dock.findChildren((LabelWidget, PromptWidget)):
            widget.setParent(None)


@pytest.fixture
def drawn(open_label: Open, qtbot: Any) -> tuple[ViewerModel, LabelWidget, Any]:
    """The widget on labels of two spots on one B-scan, which is known to be a person's."""
    viewer, widget = open_label()
    labels = labelled_eye(widget)
    kept = widget.volume.keeper.of(labels)
    assert kept is not None
    qtbot.waitUntil(lambda: (FROM,) in kept.progress, timeout=PATIENCE)
    return viewer, widget, labels


def carry(qtbot: Any, widget: LabelWidget, choice: int = SRF, reach: Reach | None = None) -> Any:
    """Carry objects on, and return what was found once it is over."""
    widget.carrying.start(choice, reach or Reach())
    qtbot.waitUntil(lambda: not widget.carrying.is_running, timeout=PATIENCE)
    return widget.carrying.run


def take(qtbot: Any, widget: LabelWidget) -> None:
    widget.carrying.take()
    qtbot.waitUntil(lambda: not widget.carrying.is_writing, timeout=PATIENCE)


def of_class(labels: Any, value: int) -> list[int]:
    """Return on which B-scans there is a class, which has to be the spots there."""
    return [i for i, bscan in enumerate(labels.data) if (bscan == value).any()]


@pytest.mark.slow("the first widget imports napari's layers, zarr and more")
def test_a_labelled_object_is_found_on_all_bscans_and_written_when_taken(
    drawn: Any, qtbot: Any
) -> None:
    _, widget, labels = drawn
    run = carry(qtbot, widget)
    assert run.order == [(i,) for i in range(COUNT) if i != FROM]
    assert of_class(labels, SRF) == [FROM]
    assert "the volume ends there" in widget.message.text()

    take(qtbot, widget)
    assert of_class(labels, SRF) == list(range(COUNT))
    left = np.where(SPOTS, SRF, 0)
    left[..., 40:] = 0
    assert np.array_equal(np.where(labels.data == SRF, SRF, 0), left)
    kept = widget.volume.keeper.of(labels)
    states = [kept.progress[i,] for i in range(COUNT)]
    assert [s.state for s in states].count(BScanState.AUTOMATIC) == COUNT - 1
    assert states[FROM].state is BScanState.CORRECTED
    assert states[0].by == SetBy(kind="model", model=widget.session.model.name)
    assert widget.carrying.run is None
    assert "7 B-scans of mine" in widget.message.text()


def test_all_of_it_is_one_step_to_undo_and_redo(drawn: Any, qtbot: Any) -> None:
    _, widget, labels = drawn
    carry(qtbot, widget)
    take(qtbot, widget)
    assert "carrying on of SRF from B-scan 3" in widget.undo.toolTip()
    widget.undo.click()
    assert of_class(labels, SRF) == [FROM]
    assert set(widget.volume.keeper.of(labels).progress) == {(FROM,)}
    widget.redo.click()
    assert of_class(labels, SRF) == list(range(COUNT))


def test_what_a_person_changes_after_it_stays_when_it_is_undone(drawn: Any, qtbot: Any) -> None:
    _, widget, labels = drawn
    carry(qtbot, widget)
    take(qtbot, widget)
    labels.data_setitem((np.array([6]), np.array([1]), np.array([1])), IRF)
    widget.undo.click()
    assert of_class(labels, SRF) == [FROM, 6]
    assert "B-scan 6 was changed since, and stays" in widget.message.text()


def test_one_that_vanishes_stops_and_the_other_goes_on(open_label: Any, qtbot: Any) -> None:
    viewer, widget = open_label()
    prompts = open_label.add(viewer, PromptWidget)
    for r0, c0, r1, c1 in ((17, 10, 32, 28), (25, 46, 44, 66)):
        box = [[FROM, r0, c0], [FROM, r0, c1], [FROM, r1, c1], [FROM, r1, c0]]
        draw_box(prompts, np.array(box, float), value=SRF if c0 < 40 else IRF)
    wait_for_prediction(qtbot, prompts, objects=2)
    assert widget.carrying.choices == [("Predicted: SRF and IRF", PROMPTED)]

    run = carry(qtbot, widget, PROMPTED)
    assert [len(run.found[i,].kept) for i in (2, 4, 5, 6, 7)] == [2, 2, 2, 1, 1]
    take(qtbot, widget)
    labels = widget.volume.target.labels
    assert of_class(labels, SRF) == [i for i in range(COUNT) if i != FROM]
    assert of_class(labels, IRF) == [0, 1, 2, 4, 5]
    assert len(prompts.prompter.drawing.shapes.data) == 2


def test_it_stops_where_a_person_has_worked_or_locked(drawn: Any, qtbot: Any) -> None:
    _, widget, labels = drawn
    labels.data_setitem((np.array([6]), np.array([1]), np.array([1])), IRF)
    widget.session.locks.lock_bscan(labels, (1,))
    run = carry(qtbot, widget)
    assert run.order == [(2,), (4,), (5,)]
    assert "B-scan 6 is c" in widget.message.text()
    assert "B-scan 1 is locked" in widget.message.text()


def test_what_is_corrected_before_it_is_taken_stays(drawn: Any, qtbot: Any) -> None:
    _, widget, labels = drawn
    carry(qtbot, widget)
    labels.data_setitem((np.array([5]), np.array([1]), np.array([1])), IRF)
    take(qtbot, widget)
    assert of_class(labels, SRF) == [0, 1, 2, 3, 4, 6, 7]
    assert "Left: 1 c" in widget.message.text()


def test_what_was_found_is_seen_on_each_bscan_and_a_click_goes_there(
    drawn: Any, qtbot: Any
) -> None:
    viewer, widget, _ = drawn
    carry(qtbot, widget, reach=Reach((1,), most=2))
    panel = widget.carry
    assert panel.counts.text() == "2 B-scans: 2 sure"
    assert [panel.bscans.topLevelItem(i).text(0) for i in range(2)] == ["4", "5"]
    panel.bscans.itemClicked.emit(panel.bscans.topLevelItem(1), 0)
    assert viewer.dims.point[0] == 5
    shown = viewer.layers["octsam carried on"].data[0]
    assert np.array_equal(shown == SRF, SPOTS[5] & (np.arange(80) < 40))
    viewer.dims.set_point(0, 7)
    assert (viewer.layers["octsam carried on"].data == 255).all()


def test_enter_takes_and_escape_drops(drawn: Any, qtbot: Any) -> None:
    viewer, widget, labels = drawn
    viewer.layers.selection.active = labels
    carry(qtbot, widget)
    press_key(viewer, "Escape")
    assert widget.carrying.run is None
    assert "octsam carried on" not in viewer.layers
    assert viewer.layers.selection.active is labels
    assert of_class(labels, SRF) == [FROM]

    carry(qtbot, widget)
    press_key(viewer, "Enter")
    qtbot.waitUntil(lambda: widget.carrying.run is None, timeout=PATIENCE)
    assert of_class(labels, SRF) == list(range(COUNT))
    press_key(viewer, UNDO_KEY)
    assert "Enter" not in [str(key) for key in viewer.keymap]


def test_what_cannot_be_carried_on_is_said(open_label: Any, qtbot: Any) -> None:
    _, widget = open_label(np.zeros((60, 80), np.uint8))
    assert not widget.carry.start.isEnabled()
    widget.carrying.start(None, Reach())
    assert "is one B-scan" in widget.message.text()

    viewer, widget = open_label()
    widget.carrying.start(None, Reach())
    assert "no object on this B-scan" in widget.message.text()
    labelled_eye(widget)
    widget.session.locks.classes = {SRF}
    widget.carrying.start(SRF, Reach())
    assert "SRF is locked" in widget.message.text()
    viewer.dims.set_point(0, 0)
    assert widget.carrying.choices == []
    widget.carrying.start(IRF, Reach())
    assert "no object on this B-scan" in widget.message.text()


def test_an_engine_that_dies_leaves_what_was_found(
    drawn: Any, engine: CarryEngine, qtbot: Any
) -> None:
    _, widget, labels = drawn
    widget.carrying._carrying.changed.connect(lambda: set_failing(widget, engine))
    run = carry(qtbot, widget, reach=Reach((1,)))
    assert run.order == [(4,), (5,)]
    assert "The engine has died" in widget.message.text()
    take(qtbot, widget)
    assert of_class(labels, SRF) == [3, 4, 5]


def set_failing(widget: LabelWidget, engine: CarryEngine) -> None:
    if len(widget.carrying.run.found if widget.carrying.run else ()) == 2:
        engine.fails_with = EngineDied("The engine has died.")


def test_stop_and_another_model_leave_what_was_found(
    drawn: Any, engine: CarryEngine, qtbot: Any
) -> None:
    _, widget, _ = drawn
    carry(qtbot, widget, reach=Reach((1,), most=1))
    for end in (widget.carry.stop.click, lambda: widget.session.load_model(LoadModel("vit_b"))):
        carrying = widget.carrying
        carrying.start(SRF, Reach((1,)))
        qtbot.waitUntil(lambda: bool(carrying.run.found), timeout=PATIENCE)  # noqa: B023
        engine.hold = True
        qtbot.waitUntil(lambda: bool(engine.held), timeout=PATIENCE)
        end()
        qtbot.waitUntil(lambda: not carrying.is_running, timeout=PATIENCE)  # noqa: B023
        assert carrying.run.found
        assert all(future.cancelled() for _, future in engine.held)
        engine.held.clear()
        engine.hold = False
    assert "the model was changed" in widget.message.text()


def test_labels_that_are_gone_lose_nothing_of_what_was_found(drawn: Any, qtbot: Any) -> None:
    viewer, widget, labels = drawn
    carry(qtbot, widget)
    viewer.layers.remove(labels)
    take(qtbot, widget)
    (made,) = [x for x in viewer.layers if x.name == "scan labels"]
    assert of_class(made, SRF) == [i for i in range(COUNT) if i != FROM]


def test_an_image_that_is_gone_ends_it(drawn: Any, qtbot: Any) -> None:
    viewer, widget, _ = drawn
    carry(qtbot, widget)
    viewer.layers.remove("scan")
    assert widget.carrying.run is None
    assert "scan is gone" in widget.message.text()


def test_the_next_bscan_is_encoded_ahead(drawn: Any, engine: CarryEngine, qtbot: Any) -> None:
    _, widget, _ = drawn
    carry(qtbot, widget, reach=Reach((1,)))
    ahead = [request.bscan.name for request in engine.asked_for(Encode)]
    assert [name for name in ahead if name != f"scan [{FROM}]"] == [
        f"scan [{i}]" for i in range(FROM + 2, COUNT)
    ]


@pytest.mark.slow("a window of napari")
def test_carried_on_by_mouse_and_taken_by_key_in_a_window(
    make_napari_viewer_proxy: Any, engine: CarryEngine, qtbot: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    viewer.add_image(eye(), name="scan")
    widget = LabelWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Label")
    window = viewer.__wrapped__.window._qt_window
    window.show()
    window.resize(1366, 768)
    viewer.dims.set_point(0, FROM)
    labels = labelled_eye(widget)
    qtbot.waitUntil(lambda: widget.carry.objects.count() == 2, timeout=PATIENCE)
    fold = widget.findChild(Fold)
    assert fold.content is widget.carry
    qtbot.mouseClick(fold.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(widget.carry.start.isVisible, timeout=PATIENCE)
    qtbot.mouseClick(widget.carry.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: widget.carry.take.isEnabled(), timeout=PATIENCE)
    rows = widget.carry.bscans
    place = rows.visualItemRect(rows.topLevelItem(1)).center()
    qtbot.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert viewer.dims.point[0] == 1
    canvas = viewer.__wrapped__.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: widget.carrying.run is None, timeout=PATIENCE)
    assert len(of_class(labels, IRF)) + len(of_class(labels, SRF)) > 2
