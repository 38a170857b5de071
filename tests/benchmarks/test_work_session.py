"""The benchmark that trains in napari's window does so with the widget as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("napari")
from qtpy.QtCore import QTimer

from benchmarks import work_session
from napari_octsam.core.config import TrainConfig
from napari_octsam.engine.predict.messages import LoadedModel, LoadModel
from napari_octsam.engine.train.messages import Begun, Ended, Refused, TrainerMessage
from napari_octsam.gui.learning.train_widget import TrainWidget
from napari_octsam.gui.models.model_widget import ModelWidget
from tests.small_runs import SCHEMA
from tests.steered import Jobs

TINY = LoadedModel("octsam-tiny", "octsam-tiny", "octsam-tiny", "cpu", "float32")
BEGUN = Begun("runs/a", "The model trains on 6 B-scans.", (), SCHEMA, 2, 6)

Watch = Callable[..., dict[str, list[float]]]


@pytest.fixture
def watch_training(
    make_napari_viewer_proxy: Callable[[], Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watch]:
    """Watch a training that tells some messages; return the gaps of each phase."""
    monkeypatch.setattr(work_session, "_LINGER", 0.02)
    viewer = make_napari_viewer_proxy()
    model = ModelWidget(viewer)
    session, widgets = model.session, {"Model": model}

    def load(request: LoadModel) -> None:
        session._take_model(request, TINY)

    def open_widget(name: str) -> None:
        widgets[name] = TrainWidget(viewer)
        viewer.window.add_dock_widget(widgets[name], name=name)

    def watch(*messages: TrainerMessage) -> dict[str, list[float]]:
        tell = partial(jobs.tell, *messages)
        session.training.started.connect(lambda: QTimer.singleShot(0, tell))
        loop = work_session.LoopWatch()
        work_session._watch_training(loop, model, open_widget, widgets)
        return loop.gaps

    monkeypatch.setattr(session, "load_model", load)
    viewer.window.add_dock_widget(model, name="Model")
    yield watch
    session.close()


def test_a_training_is_watched_from_train_to_its_end(watch_training: Watch, jobs: Jobs) -> None:
    gaps = watch_training(BEGUN, Ended(complete=True, best="best.safetensors"))
    assert gaps[work_session._TRAINING]
    config: TrainConfig = jobs.last.begin.config
    assert (config.epochs, config.batch_size, config.label_schema) == (2, 1, "layers7")
    assert (config.base_model, Path(config.data).name) == ("octsam-tiny", "data")


def test_a_training_that_is_refused_fails_the_benchmark(watch_training: Watch) -> None:
    with pytest.raises(AssertionError, match="No memory"):
        watch_training(Refused("No memory."))
