"""A model labels B-scans unasked while a person works on: nothing of the person's is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
import dask.array as da
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.automatic import Present
from napari_octsam.core.classes import NOT_LABELLED, bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.engine.errors import EngineDied
from napari_octsam.engine.predict.messages import Label
from napari_octsam.gui.annotations.disk_side import DiskSide
from napari_octsam.gui.annotations.kept import KeptLabels
from napari_octsam.gui.labelling.label_step import LabelStep
from napari_octsam.gui.labelling.label_widget import LabelWidget
from napari_octsam.gui.layers.layer_schema import schema_of
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from tests.gui.labelling_parts import MIDDLE, MODEL, TOP, LabelEngine, labelled, volume
from tests.gui.prompting_parts import PATIENCE

ENGINE = LabelEngine
AHEAD = 4  # B-scans that are asked for at a time
AUTOMATIC, CORRECTED = BScanState.AUTOMATIC, BScanState.CORRECTED
Open = Callable[..., tuple[ViewerModel, LabelWidget]]


@pytest.fixture
def open_label(engine: LabelEngine, qtbot: Any) -> Iterator[Open]:
    """Open the widget on a volume, in a viewer that has no window."""
    docks: list[QWidget] = []

    def open_(image: Any = None) -> tuple[ViewerModel, LabelWidget]:
        viewer = ViewerModel()
        if image is None:
            image = volume()
        viewer.add_image(image, name="scan")
        viewer.dims.set_point(range(np.ndim(image) - 2), (2,) * (np.ndim(image) - 2))
        docks.append(QWidget())
        qtbot.addWidget(docks[-1])
        widget = LabelWidget(viewer)
        widget.session.schema = bundled_schema("layers7")
        widget.setParent(docks[-1])
        return viewer, widget

    yield open_
    for dock in docks:
        for widget in dock.findChildren(LabelWidget):
            widget.setParent(None)


def until_over(qtbot: Any, widget: LabelWidget) -> None:
    volume = widget.volume
    qtbot.waitUntil(lambda: volume.labeller.run is None and not volume._wanted, timeout=PATIENCE)


def label_all(qtbot: Any, widget: LabelWidget, present: Present | None = None) -> np.ndarray:
    widget.volume.label_all()
    if present is not None:
        qtbot.waitUntil(lambda: widget.volume.question is not None, timeout=PATIENCE)
        widget.volume.answer(present)
    until_over(qtbot, widget)
    return labels_of(widget).data


def labels_of(widget: LabelWidget) -> Any:
    target = widget.volume.target
    assert target is not None
    return target.labels


def kept_of(widget: LabelWidget) -> KeptLabels:
    kept = widget.volume.keeper.of(labels_of(widget))
    assert kept is not None
    return kept


def states(widget: LabelWidget) -> list[str]:
    return [widget.volume.overview.standing(index).state for index in widget.volume.indices]


def expected(image: np.ndarray) -> np.ndarray:
    return np.stack([labelled(bscan).labels for bscan in image])


def held(qtbot: Any, widget: LabelWidget, engine: LabelEngine, action: Any = None) -> None:
    """Have all labelled, and hold the first answers."""
    engine.hold_labels = True
    (action or widget.volume.label_all)()
    qtbot.waitUntil(lambda: len(engine.waiting) == AHEAD, timeout=PATIENCE)


def let_go(qtbot: Any, widget: LabelWidget, engine: LabelEngine) -> None:
    engine.hold_labels = False
    engine.answer()
    until_over(qtbot, widget)


@pytest.mark.slow("the first widget imports napari's layers, zarr and more")
def test_all_bscans_are_labelled_the_shown_one_first(
    open_label: Open, engine: LabelEngine, qtbot: Any
) -> None:
    _, widget = open_label()
    data = label_all(qtbot, widget)

    assert (data == expected(volume())).all()
    asked = [int(r.bscan.pixels[0, 0]) // 3 - 1 for r in engine.asked_for(Label)]
    assert asked == [2, 3, 1, 4, 0]
    labels = labels_of(widget)
    assert labels.name == "scan labels"
    assert schema_of(labels) == bundled_schema("layers7")
    kept = kept_of(widget)
    assert {(each.state, each.by.model) for each in kept.progress.values()} == {(AUTOMATIC, MODEL)}
    assert len(kept.progress) == 5
    qtbot.waitUntil(lambda: not kept.is_pending, timeout=PATIENCE)
    assert states(widget) == [AUTOMATIC] * 5  # also once they are on the disk
    assert "5 B-scans labelled in scan labels" in widget.message.text()
    assert widget.volume.overview.confidence((3,)) is not None


def test_what_the_person_paints_meanwhile_stays(
    open_label: Open, engine: LabelEngine, qtbot: Any
) -> None:
    _, widget = open_label()
    label_all(qtbot, widget)
    widget.volume.label_all()
    widget.volume.leave()
    held(qtbot, widget, engine, lambda: _replace_all(widget))
    labels = labels_of(widget)
    labels.paint((3, 50, 50), 5)
    painted = labels.data[3].copy()
    let_go(qtbot, widget, engine)

    assert (labels.data[3] == painted).all()
    assert states(widget) == [AUTOMATIC] * 3 + [CORRECTED, AUTOMATIC]
    assert "1 corrected" in widget.message.text()


def _replace_all(widget: LabelWidget) -> None:
    widget.volume.label_all()
    widget.volume.answer(Present.REPLACE)


def test_a_stroke_that_is_not_done_yet_is_not_painted_over(
    open_label: Open, engine: LabelEngine, qtbot: Any
) -> None:
    _, widget = open_label()
    data = label_all(qtbot, widget)
    held(qtbot, widget, engine, lambda: _replace_all(widget))
    data[2, 50:, 50:] = 5  # as the brush writes while the mouse is down, and nobody is told
    let_go(qtbot, widget, engine)

    assert (data[2, 50:, 50:] == 5).all()
    assert "1 changed just now" in widget.message.text()


def test_done_and_locked_bscans_and_locked_classes_stay(
    open_label: Open, engine: LabelEngine, qtbot: Any
) -> None:
    viewer, widget = open_label()
    held(qtbot, widget, engine)
    labels = labels_of(widget)
    labels.data[4, 50] = TOP
    kept_of(widget).set_state((4,), AUTOMATIC)
    kept_of(widget).set_state((1,), BScanState.DONE)
    widget.session.locks.lock_bscan(labels, (0,))
    widget.session.locks.classes = [TOP]
    let_go(qtbot, widget, engine)

    assert not labels.data[:2].any()
    assert (labels.data[2:4] == MIDDLE).any(axis=(1, 2)).all()
    assert not (labels.data[2:4] == TOP).any()
    assert (labels.data[4, 50] == TOP).all()
    assert widget.volume.overview.standing((0,)).is_locked
    del viewer


@pytest.mark.parametrize("present", list(Present))
def test_labels_that_are_there_are_asked_about_once(
    open_label: Open, qtbot: Any, present: Present
) -> None:
    viewer, widget = open_label()
    widget.volume.label_this()
    until_over(qtbot, widget)
    labels = labels_of(widget)
    labels.data[2, :15] = 0
    before = labels.data.copy()
    viewer.layers["scan"].data = volume() + 30  # what is shown now is another picture
    anew = expected(volume() + 30)
    data = label_all(qtbot, widget, present)

    others = [0, 1, 3, 4]
    assert (data[others] == anew[others]).all()
    match present:
        case Present.KEEP:
            assert (data[2] == before[2]).all()
        case Present.FILL:
            assert (data[2] == np.where(before[2] == 0, anew[2], before[2])).all()
        case Present.REPLACE:
            assert (data[2] == anew[2]).all()
    assert widget.volume.question is None


def test_a_labelling_is_one_step_and_leaves_what_came_after_it(
    open_label: Open, qtbot: Any
) -> None:
    _, widget = open_label()
    history = widget.session.history
    data = label_all(qtbot, widget)
    after = data.copy()
    assert history.stack.count() == 1
    labels_of(widget).paint((1, 50, 50), 5)
    kept_of(widget).set_state((4,), BScanState.DONE)
    history.undo()

    assert not data[[0, 2, 3]].any()
    assert (data[4] == after[4]).all()
    assert (data[1] != after[1]).any()
    assert (data[1] != 0).any()
    assert states(widget) == ["untouched", CORRECTED, "untouched", "untouched", "done"]
    assert "B-scans 1 and 4 were changed since, and stay." in widget.message.text()

    history.redo()
    assert (data[[0, 2, 3]] == after[[0, 2, 3]]).all()
    assert states(widget) == [AUTOMATIC, CORRECTED, AUTOMATIC, AUTOMATIC, "done"]
    assert widget.volume.overview.standing((0,)).confidence is not None


def test_one_bscan_is_taken_back_by_itself(open_label: Open, qtbot: Any) -> None:
    _, widget = open_label()
    history = widget.session.history
    data = label_all(qtbot, widget)
    widget.volume.take_back()
    assert not data[2].any()
    assert data[1].any()
    history.undo()
    assert (data == expected(volume())).all()
    history.redo()
    assert not data[2].any()
    history.undo()
    history.undo()
    assert not data.any()


def test_a_labelling_that_is_undone_stops(
    open_label: Open, engine: LabelEngine, qtbot: Any
) -> None:
    _, widget = open_label()
    held(qtbot, widget, engine)
    engine.answer(1)
    qtbot.waitUntil(lambda: labels_of(widget).data.any(), timeout=PATIENCE)
    widget.session.history.undo()
    let_go(qtbot, widget, engine)
    assert not labels_of(widget).data.any()


def test_a_labelling_takes_little_memory_and_one_of_the_steps(open_label: Open, qtbot: Any) -> None:
    _, widget = open_label(volume(30))
    label_all(qtbot, widget)
    (step,) = widget.session.history.done
    assert isinstance(step, LabelStep)
    sizes = [len(each.change.difference) for each in step._bscans.values()]
    assert len(sizes) == 30
    assert max(sizes) < 200  # of 4,800 pixels


def test_a_file_that_goes_away_is_named_and_the_rest_goes_on(open_label: Open, qtbot: Any) -> None:
    image = volume()

    def read(block_info: Any = None) -> np.ndarray:
        place = block_info[None]["array-location"][0][0]
        if place == 3:
            raise OSError("no such file: patient_7.tif")
        return image[place : place + 1]

    lazy = da.map_blocks(
        read, dtype=np.uint8, chunks=((1,) * 5, (60,), (80,)), meta=np.empty((0, 0, 0), np.uint8)
    )
    _, widget = open_label(lazy)
    data = label_all(qtbot, widget)

    others = [0, 1, 2, 4]
    assert (data[others] == expected(image)[others]).all()
    assert not data[3].any()
    assert "Not B-scan 3: The layer scan cannot be read here" in widget.message.text()


def test_bscans_that_are_none_are_named(open_label: Open, qtbot: Any) -> None:
    _, widget = open_label(np.ones((3, 60, 1), np.uint8))
    widget.volume.label_all()
    until_over(qtbot, widget)
    assert "60 x 1 pixels is too small" in widget.message.text()


def test_a_picture_that_is_no_oct_is_doubted(open_label: Open, qtbot: Any) -> None:
    image = volume()
    image[1] = 0
    _, widget = open_label(image)
    label_all(qtbot, widget)
    assert "The model is very unsure of B-scan 1: is it an OCT image?" in widget.message.text()
    assert widget.volume.overview.next_to_look_at(None) == (1,)


def test_after_the_engine_died_it_goes_on_where_it_was_once(
    open_label: Open, engine: LabelEngine, qtbot: Any
) -> None:
    _, widget = open_label()
    held(qtbot, widget, engine)
    engine.answer(1)
    qtbot.waitUntil(lambda: len(engine.asked_for(Label)) == AHEAD + 1, timeout=PATIENCE)
    engine.hold_labels = False
    engine.die(EngineDied("The engine was killed."))
    until_over(qtbot, widget)
    assert (labels_of(widget).data == expected(volume())).all()

    held(qtbot, widget, engine, lambda: _replace_all(widget))
    for _ in range(2):
        qtbot.waitUntil(lambda: len(engine.waiting) == AHEAD, timeout=PATIENCE)
        engine.die(EngineDied("The engine was killed."))
    until_over(qtbot, widget)
    assert "The engine was killed." in widget.message.text()
    assert (labels_of(widget).data == expected(volume())).all()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("labels", "The labels layer scan labels is gone."),
        ("image", "The image scan is gone."),
        ("schema", "The label schema is fluid now."),
        ("cancel", "Stopped: 1 of 5"),
        ("another size", "differ in shape"),
    ],
)
def test_what_is_taken_away_meanwhile_ends_it_with_a_sentence(
    open_label: Open, engine: LabelEngine, qtbot: Any, what: str, told: str
) -> None:
    viewer, widget = open_label()
    held(qtbot, widget, engine)
    engine.answer(1)
    labels = labels_of(widget)
    qtbot.waitUntil(lambda: labels.data.any(), timeout=PATIENCE)
    before = labels.data.copy()
    sentences: list[str] = []
    widget.volume.labeller.told.connect(sentences.append)
    match what:
        case "labels":
            viewer.layers.remove(labels)
        case "image":
            viewer.layers.remove("scan")
        case "schema":
            widget.session.schema = bundled_schema("fluid")
        case "cancel":
            widget.session.cancel()
        case "another size":
            viewer.layers["scan"].data = volume()[:, :50]
    let_go(qtbot, widget, engine)

    assert told in " ".join(sentences)
    assert (labels.data == before).all()


def test_a_schema_that_the_model_does_not_name_makes_no_layer(
    open_label: Open, engine: LabelEngine, qtbot: Any
) -> None:
    engine.named = ("fluid",)
    viewer, widget = open_label()
    widget.volume.label_all()
    until_over(qtbot, widget)
    assert "does not name pixels by the schema layers7, only by fluid" in widget.message.text()
    assert len(viewer.layers) == 1
    engine.named = ()
    widget.session.model = None
    widget.volume.label_this()
    until_over(qtbot, widget)
    asked = widget.label.question
    assert asked.isVisibleTo(widget)
    assert "octsam-tiny can tell it where to look" in asked._text.text()
    asked.both.click()
    until_over(qtbot, widget)
    assert {request.namer for request in engine.asked_for(Label)} == {"octsam-tiny"}
    widget.volume.label_range(1, 1)  # asked once a model
    until_over(qtbot, widget)
    assert not asked.isVisibleTo(widget)


def test_a_full_disk_is_told_and_the_labels_are_there(
    open_label: Open, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise UserError("The disk is full.")

    monkeypatch.setattr(DiskSide, "save", full)
    _, widget = open_label()
    data = label_all(qtbot, widget)
    kept = kept_of(widget)
    qtbot.waitUntil(lambda: kept.problem != "", timeout=PATIENCE)
    assert (data == expected(volume())).all()
    assert states(widget) == [AUTOMATIC] * 5
    label_all(qtbot, widget, Present.REPLACE)
    assert "Not on the disk: The disk is full." in widget.message.text()
    monkeypatch.undo()
    kept.flush()


def test_next_to_look_at_goes_by_doubt_and_round(open_label: Open, qtbot: Any) -> None:
    viewer, widget = open_label(volume(6))
    data = label_all(qtbot, widget)
    data[4, 45, 5:8] = TOP  # an island
    kept_of(widget).note_others({(4,): kept_of(widget).progress[4,].model_copy()})
    overview = widget.volume.overview
    qtbot.waitUntil(lambda: bool(overview.standing((4,)).findings), timeout=PATIENCE)
    assert "RNFL in 2 pieces" in overview.standing((4,)).words
    widget.volume.next_to_look_at()
    assert widget.volume.current == (4,)
    widget.volume.switch_done()
    assert states(widget)[4] == "done"
    seen = set()
    for _ in range(5):
        widget.volume.next_to_look_at()
        seen.add(widget.volume.current)
    assert seen == {(i,) for i in (0, 1, 2, 3, 5)}
    widget.volume.switch_done()
    del viewer


def test_the_prompt_widget_works_on_the_same_image_and_labels(
    open_label: Open, open_widget: Callable[[ViewerModel], PromptWidget], qtbot: Any
) -> None:
    viewer, widget = open_label()
    viewer.add_image(volume() + 1, name="other")
    prompt = open_widget(viewer)
    assert prompt.prompter.shown.image is viewer.layers["scan"]
    label_all(qtbot, widget)
    assert prompt.prompter.committer.target is labels_of(widget)
    prompt.prompter.shown.image = viewer.layers["other"]
    assert widget.volume.shown.image is viewer.layers["other"]
    assert widget.image.currentText() == "other"


def test_a_single_picture_has_one_cell_and_no_range(open_label: Open, qtbot: Any) -> None:
    _, widget = open_label(volume()[2])
    assert widget.label.all.isHidden()
    widget.volume.label_this()
    until_over(qtbot, widget)
    assert (labels_of(widget).data == expected(volume())[2]).all()
    assert states(widget) == [AUTOMATIC]
    assert widget.message.text().startswith("1 B-scan labelled")


def test_columns_without_layers_stay_unlabelled(
    open_label: Open, engine: LabelEngine, qtbot: Any
) -> None:
    _, widget = open_label()
    held(qtbot, widget, engine, widget.volume.label_all)
    request, _ = engine.waiting[0]
    answer = labelled(request.bscan.pixels)
    answer.labels[:, :9] = NOT_LABELLED
    engine.waiting[0][1].set_result(answer)
    del engine.waiting[0]
    let_go(qtbot, widget, engine)
    assert (labels_of(widget).data[2, :, :9] == NOT_LABELLED).all()
