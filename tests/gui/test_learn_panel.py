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


def sample(labels: int) -> Samples:
    image = np.zeros((60, 80), np.uint8)
    found = np.zeros_like(image)
    found.ravel()[:labels] = 1
    return Samples(4 if labels else 0, (Sample("scan_004", image, found, np.ones_like(image)),))


def epoch(number: int, score: float) -> EpochDone:
    return EpochDone(number, {}, {1: ClassMetrics(score, 0.0)}, score)


def finish(widget: LabelAndLearnWidget, jobs: Jobs, qtbot: Any, score: float = 0.8) -> None:
    jobs.tell(
        *(BEGUN, epoch(0, 0.5), sample(0), Planned(4, 20), epoch(4, 0.82), Mixed(0.7, score, 0.9)),
        *(sample(1800), Finished("all epochs", 4)),
        Ended(complete=True, best="new.safetensors"),
    )
    qtbot.waitUntil(lambda: not widget.session.training.is_on, timeout=PATIENCE)


@pytest.mark.slow("the first widget imports napari's layers, zarr and more")
def test_the_corrected_bscans_are_learnt_from_and_no_others(
    widget: LabelAndLearnWidget, jobs: Jobs, qtbot: Any
) -> None:
    learn(widget, jobs, qtbot)
    config = jobs.last.begin.config
    assert {item.name for item in open_dataset(Path(config.data)).items} == {"scan_001", "scan_004"}
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
    assert "4800 pixels were to correct, now 3000." in widget.learn.message.text()
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
