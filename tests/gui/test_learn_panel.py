"""The model learns from what was corrected; the person takes what came of it, or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.classes import bundled_schema
from napari_octsam.data.layouts import open_dataset
from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.engine.train.messages import Begun, Ended, Refused
from napari_octsam.gui.learning.label_and_learn import LabelAndLearnWidget
from napari_octsam.training.events import (
    ClassMetrics,
    EpochDone,
    Finished,
    Mixed,
    Planned,
    Sample,
    Samples,
)
from tests.gui.labelling_parts import LabelEngine, volume
from tests.gui.prompting_parts import PATIENCE
from tests.steered import Jobs

ENGINE = LabelEngine
LAYERS = bundled_schema("layers7")
BEGUN = Begun("runs/a", "The model learns layers7.", (), LAYERS, 0, 0)


@pytest.fixture
def widget(
    engine: LabelEngine, jobs: Jobs, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LabelAndLearnWidget]:
    """The widget on a volume of five B-scans that are labelled, two of them by a person."""
    monkeypatch.setenv("OCTSAM_DATA", str(tmp_path))
    viewer = ViewerModel()
    viewer.add_image(volume(), name="scan")
    viewer.dims.set_point([0], [2])
    dock = QWidget()
    qtbot.addWidget(dock)
    widget = LabelAndLearnWidget(viewer)
    widget.session.schema = LAYERS
    widget.setParent(dock)
    widget.volume.label_all()
    qtbot.waitUntil(lambda: _is_labelled(widget), timeout=4 * PATIENCE)
    for index, row in (((1,), 2), ((4,), 4)):
        _labels(widget).data_setitem((np.array(index), np.array([row]), np.array([5])), 7)
    kept = widget.volume.keeper.of(_labels(widget))
    assert kept is not None
    kept.set_state((4,), BScanState.DONE)
    yield widget
    widget.setParent(None)


def _is_labelled(widget: LabelAndLearnWidget) -> bool:
    volume = widget.volume
    return volume.labeller.run is None and not volume._wanted and volume.target is not None


def _labels(widget: LabelAndLearnWidget) -> Any:
    target = widget.volume.target
    assert target is not None
    return target.labels


def state(widget: LabelAndLearnWidget, number: int) -> BScanState:
    target = widget.volume.target
    assert target is not None
    return target.state((number,))


def learn(widget: LabelAndLearnWidget, jobs: Jobs, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: state(widget, 1) is BScanState.CORRECTED, timeout=PATIENCE)
    widget.learn.learn.click()
    qtbot.waitUntil(lambda: bool(jobs.made), timeout=PATIENCE)


def sample(epoch: int, rows: int) -> Samples:
    """Return a B-scan of 40 rows of a layer, of which so many are found, from the top on."""
    truth = np.zeros((60, 80), np.uint8)
    found = truth.copy()
    truth[10:50], found[10 : 10 + rows] = 1, 1
    return Samples(epoch, (Sample("scan_004", np.zeros_like(truth), found, truth),))


def epoch(number: int, score: float) -> EpochDone:
    return EpochDone(number, {}, {1: ClassMetrics(score, 0.0)}, score)


def finish(widget: LabelAndLearnWidget, jobs: Jobs, qtbot: Any, score: float = 0.8) -> None:
    jobs.tell(
        *(BEGUN, epoch(0, 0.5), sample(0, 20), Planned(4, 20), epoch(4, 0.82)),
        *(Mixed(0.7, score, 0.9), sample(4, 30), Finished("all epochs", 4)),
        Ended(complete=True, best="new.safetensors"),
    )
    qtbot.waitUntil(lambda: not widget.session.training.is_on, timeout=PATIENCE)


@pytest.mark.slow("the first widget imports napari's layers, zarr and more")
def test_the_corrected_bscans_are_learnt_from_and_no_others(
    widget: LabelAndLearnWidget, jobs: Jobs, qtbot: Any
) -> None:
    learn(widget, jobs, qtbot)
    config = jobs.last.begin.config
    items = open_dataset(Path(config.data)).items
    classes = {item.name: item.classes for item in items}
    assert classes == {"scan_001": (0, 7), "scan_004": None}, "all of the one that is done"
    assert (config.epochs, config.steps, config.minutes) == (None, None, None)
    assert config.display_name.startswith("layers7, ")
    assert config.display_name.endswith(", 2 B-scans")
    assert not widget.learn.learn.isEnabled()
    assert widget.learn.take.isHidden()


def test_what_is_taken_labels_the_automatic_bscans_anew_and_no_others(
    widget: LabelAndLearnWidget, jobs: Jobs, qtbot: Any, engine: LabelEngine
) -> None:
    learn(widget, jobs, qtbot)
    finish(widget, jobs, qtbot)
    assert "The score went from 0.500 to 0.800." in widget.learn.message.text()
    said = widget.learn.message.text()
    assert "1600 pixels were to correct, now 800; edges were 10.0 pixels off, now 5.0." in said
    assert "You changed 1 pixel each on the last 2 B-scans that a model had labelled." in said
    title = widget.learn.pictures._title.text()
    assert "before (Dice 0.67, edges 10.0 px off), now (Dice 0.86, edges 5.0 px off)" in title
    assert not widget.learn.pictures.isHidden()
    before = _labels(widget).data.copy()
    asked = len(engine.requests)

    widget.learn.take.click()
    qtbot.waitUntil(lambda: _is_labelled(widget) and len(engine.requests) > asked + 3)

    loads = [r for r in engine.requests[asked:] if isinstance(r, LoadModel)]
    assert [load.source for load in loads] == ["new.safetensors"]
    names = {r.bscan.name for r in engine.requests[asked:] if not isinstance(r, LoadModel)}
    assert len(names) == 3
    for number in (1, 4):
        assert np.array_equal(_labels(widget).data[number], before[number])
    assert state(widget, 1) is BScanState.CORRECTED
    assert widget.learn.take.isHidden()


def test_not_now_changes_nothing_and_a_model_that_is_no_better_is_said_to_be_so(
    widget: LabelAndLearnWidget, jobs: Jobs, qtbot: Any, engine: LabelEngine
) -> None:
    learn(widget, jobs, qtbot)
    finish(widget, jobs, qtbot, score=0.4)
    assert "did not become better" in widget.learn.message.text()
    asked = len(engine.requests)
    widget.learn.not_now.click()
    assert len(engine.requests) == asked
    assert widget.learn.take.isHidden()
    assert widget.learn.pictures.isHidden()
    assert widget.learn.learn.isEnabled()


def test_a_training_that_cannot_be_says_why_and_the_model_stays(
    widget: LabelAndLearnWidget, jobs: Jobs, qtbot: Any
) -> None:
    learn(widget, jobs, qtbot)
    jobs.tell(Refused("There is no memory left."))
    qtbot.waitUntil(lambda: not widget.session.training.is_on, timeout=PATIENCE)
    assert widget.learn.message.text() == "There is no memory left."
    assert widget.learn.take.isHidden()


def test_without_a_corrected_bscan_it_says_what_to_do(
    widget: LabelAndLearnWidget, jobs: Jobs
) -> None:
    widget.volume.keeper.of(_labels(widget)).progress.clear()  # type: ignore[union-attr]
    widget.learn.learn.click()
    assert "Correct a B-scan first" in widget.learn.message.text()
    assert not jobs.made


def test_what_a_model_last_made_of_a_bscan_is_known_after_it_was_labelled_anew(
    widget: LabelAndLearnWidget, qtbot: Any
) -> None:
    volume = widget.volume
    made = volume.as_labelled((1,))
    assert made is not None
    assert np.argwhere(made != _labels(widget).data[1]).tolist() == [[2, 5]]
    before = _labels(widget).data[0].copy()
    volume.label_automatic_anew()
    qtbot.waitUntil(lambda: _is_labelled(widget), timeout=4 * PATIENCE)
    again = volume.as_labelled((0,))
    assert again is not None
    assert np.array_equal(again, before)
    widget.session.history.clear()
    assert volume.as_labelled((1,)) is None
