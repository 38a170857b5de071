"""What is locked stays as it is: painted, committed, repaired, interpolated, undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel

from napari_octsam.core.annotation import BScanState, Progress
from napari_octsam.core.masks import Overlap
from napari_octsam.gui.correcting.corrector import Corrector
from napari_octsam.gui.labelling.label_step import LabelledBScan, LabelStep
from napari_octsam.gui.labelling.labels_target import LabelsTarget
from napari_octsam.gui.layers.bscan_writing import write_bscan
from napari_octsam.gui.layers.bscans import Plane
from napari_octsam.gui.layers.label_writing import write
from napari_octsam.gui.layers.layer_schema import show_schema
from napari_octsam.gui.session.session import Session, session_of
from napari_octsam.gui.session.undo import LOCKED_SINCE
from napari_octsam.gui.session.undo_keys import UndoKeys
from tests.core.test_boundaries import LAYERS7, flat_layers
from tests.gui.prompting_parts import PATIENCE, PromptEngine

INL = 3
ROWS = slice(28, 32)  # of INL in flat layers


@pytest.fixture
def opened(engine: PromptEngine, qtbot: Any) -> tuple[Any, Session, Corrector]:
    """Labels of three B-scans, the second one in view, in a viewer without a window."""
    viewer: Any = ViewerModel()
    session = session_of(viewer)
    session.schema = LAYERS7
    viewer.add_image(np.zeros((3, 60, 80), np.uint8), name="scan")
    labels = viewer.add_labels(np.stack([flat_layers()] * 3), name="scan labels")
    show_schema(labels, LAYERS7)
    viewer.dims.set_current_step(0, 1)
    corrector = Corrector(viewer, session)
    corrector.shown.image = viewer.layers["scan"]
    return viewer, session, corrector


def brush(labels: Any) -> None:
    labels.brush_size = 9
    with labels.block_history():
        labels.paint((1, 30, 20), 5)
        labels.paint((1, 30, 24), 5)


def eraser(labels: Any) -> None:
    labels.brush_size = 9
    labels.paint((1, 30, 20), 0)


def fill(labels: Any) -> None:
    labels.fill((1, 30, 20), 5)


def polygon(labels: Any) -> None:
    labels.paint_polygon(np.array([(1, 25, 10), (1, 25, 30), (1, 40, 30), (1, 40, 10)]), 5)


def brush_of_the_class(labels: Any) -> None:
    labels.brush_size = 9
    labels.paint((1, 26, 20), INL)


def commit(labels: Any) -> None:
    write(labels, Plane((1, 2), (1,)), np.full((60, 80), 5, np.uint8), Overlap.REPLACE)


@pytest.mark.parametrize(
    "paint", [brush, eraser, fill, polygon, brush_of_the_class, commit], ids=lambda f: f.__name__
)
def test_no_pixel_of_a_locked_class_comes_or_goes(
    opened: Any, paint: Callable[[Any], None]
) -> None:
    viewer, session, _ = opened
    labels = viewer.layers["scan labels"]
    before = labels.data.copy()
    session.locks.classes = {INL}
    told: list[str] = []
    session.told.connect(told.append)
    paint(labels)

    painted = labels.data.copy()
    assert np.array_equal(painted == INL, before == INL)
    assert told == ["What is locked stays as it was."]
    labels.undo()
    assert np.array_equal(labels.data, before)
    labels.redo()
    assert np.array_equal(labels.data, painted), "redo does not bring it either"


@pytest.mark.parametrize("paint", [brush, eraser, fill, polygon, commit], ids=lambda f: f.__name__)
def test_a_locked_bscan_is_not_painted_on(opened: Any, paint: Callable[[Any], None]) -> None:
    viewer, session, corrector = opened
    labels = viewer.layers["scan labels"]
    before = labels.data.copy()
    session.locks.lock_bscan(labels, (1,))
    paint(labels)
    assert np.array_equal(labels.data, before)
    corrector.from_neighbour(1)
    labels.data[2, 20] = 5
    corrector.from_neighbour(1)
    assert np.array_equal(labels.data[1], before[1])
    assert "is locked" in corrector.notices.text


def test_repairs_copies_and_interpolation_leave_locked_classes(opened: Any, qtbot: Any) -> None:
    viewer, session, corrector = opened
    labels = viewer.layers["scan labels"]
    labels.data[1, 5:8, 20:24], labels.data[1, 55, 50:54] = INL, 2
    labels.data[2] = np.roll(labels.data[2], 4, axis=0)
    before = labels.data.copy()
    session.locks.classes = {INL}
    corrector.repair(corrector.find())
    assert (labels.data[1, 5:8, 20:24] == INL).all()
    assert not labels.data[1, 55].any()
    corrector.from_neighbour(1)
    assert np.array_equal(labels.data[1] == INL, before[1] == INL)
    kept = corrector.keeper.of(labels)
    qtbot.waitUntil(lambda: len(kept.progress) == 3, timeout=PATIENCE)
    kept.progress[(1,)] = Progress(state=BScanState.AUTOMATIC)
    corrector.interpolate()
    state = BScanState.INTERPOLATED
    qtbot.waitUntil(lambda: kept.progress[(1,)].state is state, timeout=PATIENCE)
    assert np.array_equal(labels.data[1] == INL, before[1] == INL)


def test_what_was_locked_since_is_not_undone(opened: Any) -> None:
    viewer, session, corrector = opened
    labels = viewer.layers["scan labels"]
    keys = UndoKeys(viewer, session.history)
    refused: list[str] = []
    session.history.refused.connect(refused.append)
    brush(labels)
    labels.data[2, 20] = 5
    corrector.from_neighbour(1)
    after = labels.data.copy()
    session.locks.classes = {INL}
    keys.undo()
    keys.undo()
    assert np.array_equal(labels.data, after)
    assert len(refused) == 2
    session.locks.classes = ()
    keys.undo()
    keys.undo()
    assert np.array_equal(labels.data[1], flat_layers())
    session.locks.classes = {INL}
    keys.redo()
    assert np.array_equal(labels.data[1], flat_layers())
    keys.release()


def test_a_labelling_is_not_undone_over_a_class_that_is_locked_since(
    opened: Any, qtbot: Any
) -> None:
    viewer, session, corrector = opened
    labels, image = viewer.layers["scan labels"], viewer.layers["scan"]
    before = labels.data.copy()
    target = LabelsTarget(viewer, corrector.keeper, session.locks, image, labels)
    kept = corrector.keeper.of(labels)
    assert kept is not None
    qtbot.waitUntil(lambda: len(kept.progress) == 3, timeout=PATIENCE)
    automatic = Progress(state=BScanState.AUTOMATIC)
    step = LabelStep(target)
    session.history.push(step)
    labelled = np.where(flat_layers() == INL, 4, flat_layers())
    for index in ((0,), (2,)):
        change = write_bscan(labels, index, labelled)
        step.add(LabelledBScan(change, automatic, automatic))
    target.note({(0,): automatic, (2,): automatic})
    after = labels.data.copy()
    refused: list[str] = []
    session.history.refused.connect(refused.append)
    session.locks.classes = {INL}
    session.history.undo()
    assert np.array_equal(labels.data, after)
    session.locks.classes = {7}
    session.history.undo()
    assert np.array_equal(labels.data, before), "what it changed is not locked"
    session.locks.classes = {4}
    session.history.redo()
    assert np.array_equal(labels.data, before)
    assert refused == [LOCKED_SINCE] * 2
    session.locks.classes = ()
    session.history.redo()
    assert np.array_equal(labels.data, after)
