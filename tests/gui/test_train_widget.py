"""The Train widget: what is learnt from, how a training is shown and steered, what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

pytest.importorskip("napari")
from app_model.types import KeyBinding
from napari.components import LayerList, ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.wording import duration
from napari_octsam.data.checking import check_dataset
from napari_octsam.data.prepared import open_prepared
from napari_octsam.data.split.patients import remember_patients
from napari_octsam.data.split.split import Split, read_split
from napari_octsam.engine.predict.messages import LoadedModel, LoadModel, Prediction
from napari_octsam.engine.train.messages import (
    Begun,
    Died,
    Ended,
    PausedNow,
    Preparing,
    Refused,
)
from napari_octsam.gui.layers.companions import Companions
from napari_octsam.gui.layers.labelled_images import labelled_images
from napari_octsam.gui.layers.layer_schema import show_schema
from napari_octsam.gui.learning.labelled import read_labelled
from napari_octsam.gui.learning.source import write_checked
from napari_octsam.gui.learning.train_widget import TrainWidget
from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.prompting.keys import SWITCH_MODEL
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from napari_octsam.training.events import (
    ClassMetrics,
    EpochDone,
    Finished,
    Sample,
    Samples,
    StepDone,
    Told,
)
from tests.small_runs import SCHEMA, bscans
from tests.steered import Jobs


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without its window: few tests look at that, and it takes long to open."""
    return ViewerModel()


@pytest.fixture
def widget(viewer: ViewerModel, jobs: Jobs, qtbot: Any) -> Iterator[TrainWidget]:
    widget = TrainWidget(viewer)
    qtbot.addWidget(widget)
    widget.session.schema = SCHEMA
    yield widget
    widget.session.close()


@pytest.fixture
def docked(make_napari_viewer_proxy: Callable[[], Any], jobs: Jobs) -> Iterator[TrainWidget]:
    """The widget in a window."""
    viewer = make_napari_viewer_proxy()
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train")
    widget.session.schema = SCHEMA
    yield widget
    widget.session.close()


@pytest.fixture
def volumes(viewer: Any) -> Any:
    """Two volumes of two B-scans; the second of each is labelled, of the last both."""
    for number, name in enumerate(("P1_OD", "P2_OD")):
        pair = bscans(2, 10 * number)
        labels = np.stack([b.labels for b in pair])
        if number == 0:
            labels[0] = 0
        viewer.add_image(np.stack([b.image for b in pair]), name=name)
        viewer.add_labels(labels, name=f"{name} layers")
    return viewer


BEGUN = Begun("runs/a", "The model trains on 2 B-scans of 1 patient.", ("few",), SCHEMA, 2, 2)


def step(epoch: int, number: int) -> StepDone:
    return StepDone(epoch, number, 2, 1e-4, {"segmentation": 1 / (epoch + number)})


def epoch(number: int, score: float) -> EpochDone:
    return EpochDone(number, {"segmentation": 0.1}, {1: ClassMetrics(score, 0.5)}, score)


def settle(qtbot: Any, widget: TrainWidget, state: str) -> None:
    qtbot.waitUntil(lambda: widget.training.state == state, timeout=30_000)


def test_every_labelled_bscan_is_found_with_its_image_and_patient(volumes: Any) -> None:
    viewer = volumes
    viewer.add_labels(np.zeros((9, 9), np.uint8), name="of no image")
    pairs = labelled_images(viewer.layers, Companions())
    dataset = read_labelled(pairs, SCHEMA)
    assert [(p.image.name, p.labels.name) for p in pairs] == [
        ("P1_OD", "P1_OD layers"),
        ("P2_OD", "P2_OD layers"),
    ]
    assert [item.name for item in dataset.items] == ["P1_OD_001", "P2_OD_000", "P2_OD_001"]
    assert [item.group for item in dataset.items] == ["P1", "P2", "P2"]
    assert np.array_equal(dataset.items[0].read_maps()["layers7"], bscans(2)[1].labels)


def test_labels_that_do_not_lie_on_their_image_are_not_learnt() -> None:
    (bscan,) = bscans(1)
    image, companions = Image(bscan.image, name="P1"), Companions()
    for place, pairs in (({}, 1), ({"scale": (1, -1)}, 0), ({"translate": (9, 0)}, 0)):
        labels = Labels(bscan.labels, name="P1 layers", **place)
        companions.labels.set(image, labels)
        assert len(labelled_images(LayerList([image, labels]), companions)) == pairs


def test_layers_whose_names_are_alike_as_files_are_all_written(viewer: Any, tmp_path: Path) -> None:
    names = ["a/b", "a_b", "A_B (2)", "a_b (3)", "x" * 300, "x" * 299]
    for name, bscan in zip(names, bscans(len(names)), strict=True):
        viewer.add_image(bscan.image, name=name)
        viewer.add_labels(bscan.labels, name=f"{name} layers")
    pairs = labelled_images(viewer.layers, Companions())
    checked = write_checked(lambda: check_dataset(read_labelled(pairs, SCHEMA)), tmp_path / "new")
    assert not checked.found.problems
    files = {path.name.casefold() for path in (tmp_path / "new" / "images").iterdir()}
    assert len(files) == len(open_prepared(tmp_path / "new").items) == len(names)


def test_training_on_layers_writes_them_down_first(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any
) -> None:
    widget.inputs.train.click()
    settle(qtbot, widget, "preparing")
    config = jobs.last.begin.config
    dataset = open_prepared(Path(config.data))
    assert [item.name for item in dataset.items] == ["P1_OD_001", "P2_OD_000", "P2_OD_001"]
    assert dataset.schemas[0].name == "layers7"
    assert config.base_model == "octsam-tiny"
    assert Path(config.out).name == "models"
    assert widget.inputs.train.isHidden() or not widget.inputs.train.isVisible()


@pytest.mark.parametrize("last", [Refused("No."), Died("It died."), Ended(complete=False, best="")])
def test_the_copy_of_the_labels_goes_where_the_training_does_not_begin(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any, last: Any
) -> None:
    widget.inputs.train.click()
    settle(qtbot, widget, "preparing")
    copy = Path(jobs.last.begin.config.data)
    assert copy.is_dir()
    jobs.tell(last)
    settle(qtbot, widget, "idle")
    qtbot.waitUntil(lambda: not copy.exists())


def test_the_copy_of_the_labels_goes_where_the_window_is_closed_before(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any
) -> None:
    widget.inputs.train.click()
    settle(qtbot, widget, "preparing")
    widget.session.close()
    assert jobs.last.wishes == ["start", "kill"]
    qtbot.waitUntil(lambda: not Path(jobs.last.begin.config.data).exists())


def test_the_copy_of_the_labels_stays_with_a_run_that_has_begun(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any
) -> None:
    widget.inputs.train.click()
    settle(qtbot, widget, "preparing")
    jobs.tell(BEGUN, Refused("No."))
    settle(qtbot, widget, "idle")
    assert (Path(jobs.last.begin.config.data) / "dataset.json").is_file()


def test_a_folder_of_the_person_stays_where_the_training_is_refused(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "theirs").mkdir()
    widget.inputs.source.choose_folder(tmp_path / "theirs")
    widget.inputs.train.click()
    jobs.tell(Refused("No."))
    settle(qtbot, widget, "idle")
    assert (tmp_path / "theirs").is_dir()


def test_patients_of_earlier_trainings_keep_their_part(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    first = check_dataset(read_labelled(widget.inputs.source.chosen, SCHEMA)).split
    other = Split(first.validation, first.train, (), first.members)
    widget.inputs.folder.path = tmp_path
    (tmp_path / "models").mkdir()
    remember_patients(tmp_path / "models", other)
    widget.inputs.train.click()
    settle(qtbot, widget, "preparing")
    split = read_split(Path(jobs.last.begin.config.data) / "split.json")
    assert (split.train, split.validation) == (other.train, other.validation)


def test_layers_that_are_not_ticked_are_left_out_and_stay_so(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any
) -> None:
    widget.inputs.source.layers.item(1).setCheckState(Qt.CheckState.Unchecked)
    volumes.add_image(np.zeros((4, 4)), name="another")
    assert [pair.image.name for pair in widget.inputs.source.chosen] == ["P1_OD"]


def test_a_folder_and_the_settings_are_passed_on(
    widget: TrainWidget, jobs: Jobs, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path, "layers7")
    widget.inputs.settings.inputs["epochs"].value = 7
    widget.inputs.settings.inputs["topology"].value = "none"
    widget.inputs.settings.inputs["lr"].value = 0.002
    widget.inputs.settings.inputs["topology_size"].value = 128
    widget.inputs.settings.inputs["spacing"].value = 3.872
    widget.inputs.train.click()
    config = jobs.last.begin.config
    assert (config.data, config.label_schema) == (str(tmp_path), "layers7")
    assert (config.epochs, config.topology, config.lr) == (7, "none", 0.002)
    assert config.topology_size == 128
    assert config.spacing == 3.872


def test_a_folder_at_home_is_written_as_people_do(
    widget: TrainWidget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    folder = widget.inputs.folder
    folder.path = tmp_path / "oct" / "training"
    assert folder.line.text() == str(Path("~/oct/training"))
    folder.path = tmp_path.parent
    assert folder.line.text() == str(tmp_path.parent)


def test_settings_begin_as_the_defaults_and_each_has_an_input(widget: TrainWidget) -> None:
    asked_elsewhere = {"data", "label_schema", "out", "base_model", "profile", "device"}
    defaults = TrainConfig().model_dump()
    values = widget.inputs.settings.values
    assert set(values) == set(defaults) - asked_elsewhere
    assert values == {name: defaults[name] for name in values}


def test_settings_that_do_not_fit_together_are_said(
    widget: TrainWidget, jobs: Jobs, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.settings.inputs["adapts"].value = "lora"
    widget.inputs.train.click()
    assert not jobs.made
    assert "octsam-tiny is convolutional" in widget.inputs.message.text()


def test_a_check_says_what_would_be_trained_and_what_is_wrong(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.check.click()
    qtbot.waitUntil(lambda: "trains on" in widget.inputs.message.text(), timeout=30_000)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    iio.imwrite(tmp_path / "images" / "s1_1.png", bscans(1)[0].image)
    widget.inputs.source.choose_folder(tmp_path, "layers7")
    widget.inputs.check.click()
    qtbot.waitUntil(lambda: "s1_1" in widget.inputs.message.text(), timeout=30_000)
    assert not jobs.made


def test_a_label_that_the_schema_lacks_stops_the_training_before_it_begins(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any
) -> None:
    volumes.layers["P1_OD layers"].data[1, :5] = 77
    widget.inputs.train.click()
    qtbot.waitUntil(lambda: "77" in widget.inputs.message.text(), timeout=30_000)
    assert not jobs.made
    assert widget.inputs.train.isEnabled()


def test_layers_of_another_schema_are_refused_and_can_be_learnt_by_theirs(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any
) -> None:
    source, told = widget.inputs.source, widget.inputs.message
    widget.session.schema = bundled_schema()
    for name in ("P1_OD layers", "P2_OD layers"):
        show_schema(volumes.layers[name], SCHEMA)
    refusal = "P1_OD layers is labelled with layers7, not with oct14."
    widget.inputs.check.click()
    qtbot.waitUntil(lambda: refusal in told.text(), timeout=30_000)
    widget.inputs.train.click()
    qtbot.waitUntil(lambda: refusal in told.text(), timeout=30_000)
    assert not jobs.made
    assert source.use_theirs.text() == "Learn layers7, as the layers say"
    source.use_theirs.click()
    assert source.use_theirs.isHidden()
    assert source.classes.text().startswith("layers7")
    assert widget.session.schema == bundled_schema()
    widget.inputs.train.click()
    settle(qtbot, widget, "preparing")
    assert open_prepared(Path(jobs.last.begin.config.data)).schemas[0] == SCHEMA


def test_two_layers_of_one_image_are_never_learnt_from_both(
    widget: TrainWidget, volumes: Any, jobs: Jobs, qtbot: Any
) -> None:
    source, told = widget.inputs.source, widget.inputs.message
    volumes.add_labels(volumes.layers["P2_OD layers"].data, name="P2_OD predicted")
    widget.inputs.train.click()
    both = "P2_OD layers and P2_OD predicted are both labels of P2_OD"
    qtbot.waitUntil(lambda: both in told.text(), timeout=30_000)
    assert not jobs.made
    source.layers.item(2).setCheckState(Qt.CheckState.Unchecked)
    widget.inputs.check.click()
    qtbot.waitUntil(lambda: "trains on" in told.text(), timeout=30_000)
    assert "learnt as layers7: P1_OD layers, P2_OD layers." in told.text()


def test_nothing_labelled_is_said(widget: TrainWidget, jobs: Jobs, qtbot: Any) -> None:
    widget.inputs.train.click()
    qtbot.waitUntil(lambda: "nothing to learn" in widget.inputs.message.text(), timeout=30_000)
    assert widget.inputs.train.isEnabled()


def test_a_training_is_shown_as_it_goes(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(Preparing("Checking the data", 1, 4))
    qtbot.waitUntil(lambda: "Checking" in widget.results.status.text.text(), timeout=30_000)
    (bscan,) = bscans(1)
    sample = Sample("scan", bscan.image, bscan.labels, bscan.labels)
    validated = replace(epoch(1, 0.7), validation={"segmentation": 0.2})
    jobs.tell(BEGUN, epoch(0, 0.5), step(1, 1), step(1, 2), validated, Samples(1, (sample,)))
    qtbot.waitUntil(lambda: widget.training.history.samples is not None, timeout=30_000)
    assert "Epoch 1 of 2, step 2 of 2" in widget.results.status.text.text()
    assert widget.results.curves.loss.points == {
        "segmentation": [(1, 0.5), (2, pytest.approx(1 / 3))],
        "segmentation, validation": [(2, 0.2)],
    }
    assert widget.results.curves.dice.points == {"RNFL": [(0, 0.5), (1, 0.7)]}
    assert "few" in widget.results.message.text()
    jobs.tell(Told("Memory ran out."))
    qtbot.waitUntil(lambda: "Memory" in widget.results.message.text(), timeout=30_000)


def test_pause_resume_and_stop(widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(BEGUN, step(1, 1))
    settle(qtbot, widget, "running")
    widget.results.status.pause.click()
    jobs.tell(PausedNow())
    settle(qtbot, widget, "paused")
    assert widget.results.status.pause.text() == "Resume"
    widget.results.status.pause.click()
    settle(qtbot, widget, "running")
    widget.results.status.stop.click()
    assert widget.results.status.stop.text() == "Stop at once"
    jobs.tell(Ended(complete=False, best=""))
    settle(qtbot, widget, "idle")
    assert jobs.last.wishes == ["start", "pause", "go on", "stop"]
    assert "Continue" in widget.results.message.text()
    widget.resume.click()
    assert jobs.last.begin.resume == str(Path("runs/a"))


def test_the_bar_stands_still_while_the_training_is_paused(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(BEGUN, step(1, 1))
    settle(qtbot, widget, "running")
    widget.results.status.pause.click()
    jobs.tell(PausedNow())
    settle(qtbot, widget, "paused")
    bar = widget.results.status.bar
    assert (bar.value(), bar.maximum()) == (1, 4)


def test_results_stay_until_the_person_wants_another_training(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    results = widget.results
    assert results.isHidden()
    assert widget.inputs.message.isHidden()
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.settings.inputs["epochs"].value = 7
    widget.inputs.train.click()
    jobs.tell(BEGUN, step(1, 1), epoch(1, 0.7), Ended(complete=True, best="best.safetensors"))
    settle(qtbot, widget, "idle")
    assert not widget.inputs.train.isVisibleTo(widget)
    assert results.curves.isVisibleTo(widget)
    results.again.click()
    assert widget.inputs.train.isVisibleTo(widget)
    assert not results.isVisibleTo(widget)
    assert widget.inputs.settings.values["epochs"] == 7
    widget.inputs.train.click()
    assert results.status.isVisibleTo(widget)


def test_the_classes_of_the_layers_are_shown(widget: TrainWidget) -> None:
    assert widget.inputs.source.classes.text().startswith("layers7: RNFL")
    widget.session.schema = bundled_schema("oct14")
    assert widget.inputs.source.classes.text().startswith("oct14: ERM")
    assert "vitreous body" in widget.inputs.source.classes.toolTip()


def test_each_setting_says_what_it_is(widget: TrainWidget) -> None:
    for name, field in widget.inputs.settings.inputs.items():
        assert field.tooltip, name
    captions = {label.text(): label.toolTip() for label in widget.findChildren(QLabel)}
    assert "breaks, islands and holes" in captions["Topology loss"]


def test_epochs_are_counted_in_whole_numbers(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(BEGUN)
    settle(qtbot, widget, "running")
    axis = widget.results.curves.dice.axis
    assert axis.tickSpacing(0.0, 1.0, 300.0) == [(1.0, 0)]
    assert axis.tickSpacing(0.0, 1000.0, 300.0)[0][0] > 50


def test_a_stop_before_the_training_begins_ends_it_at_once(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(Preparing("Checking", 1, 4))
    widget.results.status.stop.click()
    assert jobs.last.wishes == ["start", "kill"]
    jobs.tell(Ended(complete=False, best=""))
    settle(qtbot, widget, "idle")
    assert not widget.inputs.train.isHidden()
    assert widget.training.unfinished is None


def test_a_second_training_begins_with_nothing_of_the_first(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    for _ in range(2):
        widget.inputs.train.click()
        jobs.tell(BEGUN, step(1, 1), epoch(1, 0.7), Ended(complete=True, best="best.safetensors"))
        settle(qtbot, widget, "idle")
    assert len(jobs.made) == 2
    assert len(widget.results.curves.loss.points["segmentation"]) == 1


def test_problems_that_the_trainer_finds_are_listed(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(Refused("The data cannot be trained on.", ("No mask for a.png.", "b.png is odd.")))
    settle(qtbot, widget, "idle")
    assert widget.results.message.text().splitlines() == [
        "The data cannot be trained on.",
        "No mask for a.png.",
        "b.png is odd.",
    ]
    assert widget.resume.text() == "Continue an earlier training …"


def test_a_training_that_dies_says_so_and_can_be_continued(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(BEGUN, step(1, 1), Died("The training was stopped by SIGKILL."))
    settle(qtbot, widget, "idle")
    assert "SIGKILL" in widget.results.message.text()
    assert widget.resume.text() == "Continue the training"


def test_the_best_model_of_a_run_that_broke_off_can_be_used(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    best = tmp_path / "best.safetensors"
    best.touch()
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    lost = Refused("The loss is no number any more.")
    jobs.tell(replace(BEGUN, folder=str(tmp_path)), epoch(1, 0.7), lost)
    settle(qtbot, widget, "idle")
    assert widget.training.history.best == best
    assert not widget.results.use.isHidden()
    assert "no number" in widget.results.message.text()


def test_a_run_that_is_continued_goes_on_with_its_curves_and_samples(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    curves = widget.results.curves
    (bscan,) = bscans(1)
    samples = Samples(1, (Sample("scan", bscan.image, bscan.labels, bscan.labels),))
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(BEGUN, step(1, 1), step(1, 2), epoch(1, 0.7), samples, step(2, 1), Died("Killed."))
    settle(qtbot, widget, "idle")
    widget.resume.click()
    jobs.tell(replace(BEGUN, past=(epoch(1, 0.7),)), step(2, 1))
    qtbot.waitUntil(lambda: widget.training.progress == (3, 4), timeout=30_000)
    assert [at for at, _ in curves.loss.points["segmentation"]] == [1, 2, 3]
    assert curves.dice.points == {"RNFL": [(1, 0.7)]}
    assert not widget.results.samples.isHidden()


def test_a_run_that_cannot_go_on_now_is_not_forgotten(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    (tmp_path / "best.safetensors").touch()
    begun = replace(BEGUN, folder=str(tmp_path))
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(begun, step(1, 1), epoch(1, 0.7), Died("Killed."))
    settle(qtbot, widget, "idle")
    for _ in range(2):
        widget.resume.click()
        jobs.tell(Refused("Another process trains this run."))
        settle(qtbot, widget, "idle")
        assert widget.results.message.text() == "Another process trains this run."
        assert widget.resume.text() == "Continue the training"
        assert not widget.results.use.isHidden()
        assert widget.results.curves.dice.points == {"RNFL": [(1, 0.7)]}
    assert widget.training.models == [tmp_path / "best.safetensors"]


def test_nothing_can_be_paused_once_all_is_learnt(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(BEGUN, step(2, 2))
    settle(qtbot, widget, "running")
    widget.results.status.pause.click()
    jobs.tell(epoch(2, 0.7), Finished("all epochs", 2), Preparing("Scoring", 0, 2))
    settle(qtbot, widget, "running")
    assert not widget.results.status.pause.isEnabled()
    assert "Scoring" in widget.results.status.text.text()


def test_a_setting_that_cannot_be_is_named(widget: TrainWidget, jobs: Jobs, tmp_path: Path) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    for name in ("epochs", "minutes"):
        widget.inputs.settings.inputs[name].value = 2
    widget.inputs.train.click()
    assert not jobs.made
    said = "epochs and minutes both say how long it learns: give one."
    assert widget.inputs.message.text() == said


def test_a_widget_that_is_opened_after_a_refusal_says_why(
    docked: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    viewer, widget = docked.viewer, docked
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(Refused("There is no data."))
    settle(qtbot, widget, "idle")
    viewer.window.remove_dock_widget(widget)
    again = TrainWidget(viewer)
    viewer.window.add_dock_widget(again, name="Train again")
    assert again.results.message.text() == "There is no data."


def test_a_run_of_another_day_shows_the_mean_loss_of_its_past_epochs(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    before = EpochDone(0, {}, {1: ClassMetrics(0.5, 0.5)}, 0.5)
    jobs.tell(replace(BEGUN, past=(before, epoch(1, 0.7))), step(2, 1))
    qtbot.waitUntil(lambda: bool(widget.training.history.steps), timeout=30_000)
    (losses,) = widget.results.curves.loss.points.values()
    assert losses == [(1, 0.1), (3, pytest.approx(1 / 3))]
    assert widget.results.samples.isHidden()


def test_the_new_model_is_used_and_one_key_compares_it_with_the_old(
    viewer: Any, widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    session, asked = widget.session, []
    session.load_model = lambda request: asked.append(request)  # type: ignore[method-assign]
    old = LoadModel("octsam-tiny")
    session._take_model(old, LoadedModel("octsam-tiny", "octsam-tiny", "octsam-tiny", "cpu", "f"))
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    best = tmp_path / "best.safetensors"
    jobs.tell(BEGUN, epoch(0, 0.8), epoch(1, 0.9), Ended(complete=True, best=str(best)))
    qtbot.waitUntil(lambda: not widget.results.use.isHidden(), timeout=30_000)
    assert "mean Dice 0.900, before the training 0.800" in widget.results.message.text()
    widget.results.use.click()
    assert asked == [LoadModel(str(best))]
    session._take_model(asked[0], LoadedModel("new", "octsam-tiny", "octsam-tiny", "cpu", "f"))
    qtbot.addWidget(PromptWidget(viewer))
    viewer.keymap[KeyBinding.from_str(SWITCH_MODEL)](viewer)
    assert asked[-1] == old


def test_a_widget_that_is_opened_later_shows_the_training_that_goes_on(
    docked: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    viewer, widget = docked.viewer, docked
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(BEGUN, step(1, 1), epoch(1, 0.6))
    qtbot.waitUntil(lambda: len(widget.training.history.epochs) == 1, timeout=30_000)
    viewer.window.remove_dock_widget(widget)
    again = TrainWidget(viewer)
    viewer.window.add_dock_widget(again, name="Train again")
    assert again.results.curves.dice.points == {"RNFL": [(1, 0.6)]}
    assert not again.results.status.isHidden()


def test_closing_the_window_leaves_the_training_to_save_itself(
    widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    jobs.tell(BEGUN)
    settle(qtbot, widget, "running")
    widget.session.close()
    assert jobs.last.left


def test_a_sample_opens_as_layers(
    viewer: Any, widget: TrainWidget, jobs: Jobs, qtbot: Any, tmp_path: Path
) -> None:
    widget.inputs.source.choose_folder(tmp_path)
    widget.inputs.train.click()
    (bscan,) = bscans(1)
    sample = Sample("scan", bscan.image, bscan.labels, bscan.labels)
    jobs.tell(BEGUN, Samples(1, (sample,)))
    qtbot.waitUntil(lambda: widget.training.history.samples is not None, timeout=30_000)
    widget.results.samples.opened.emit(sample)
    assert [layer.name for layer in viewer.layers] == ["scan", "scan truth", "scan epoch 1"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (40, "40 s"), (170, "3 min"), (4800, "1 h 20 min")]
)
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.fixture
def real(
    make_napari_viewer_proxy: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[TrainWidget]:
    """Three labelled B-scans, and a widget whose engine and trainings are processes."""
    viewer = make_napari_viewer_proxy()
    monkeypatch.setenv("OCTSAM_DATA", str(tmp_path))
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path / "cache"))
    for number, bscan in enumerate(bscans(3)):
        viewer.add_image(bscan.image, name=f"P{number}_1")
        viewer.add_labels(bscan.labels, name=f"P{number}_1 layers")
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train")
    widget.session.schema = bundled_schema("layers7")
    for name, value in {
        "adapts": "decoder",
        "epochs": 500,
        "objects": 2,
        "augment": False,
        "lr": 1e-3,
    }.items():
        widget.inputs.settings.inputs[name].value = value
    yield widget
    widget.session.close()


def draw_box(prompts: PromptWidget) -> None:
    prompts.prompter.start_drawing(Tool.BOX)
    shapes = prompts.prompter.drawing.shapes
    assert shapes is not None
    shapes.add(np.array([[20, 5], [20, 150], [60, 150], [60, 5]]), shape_type="rectangle")


def predicted_by(qtbot: Any, prompts: PromptWidget, source: str) -> Prediction:
    """Wait until the model of that source has predicted the prompts; return what it says."""
    session, prompter = prompts.session, prompts.prompter

    def has_predicted() -> bool:
        in_use = session.loaded is not None and session.loaded.source == source
        return in_use and prompter.is_current

    qtbot.waitUntil(has_predicted, timeout=60_000)
    assert prompter.predicted is not None
    return prompter.predicted.prediction


def logits(prediction: Prediction) -> np.ndarray:
    (decoded,) = prediction.objects
    return decoded.window().logits


@pytest.mark.real_process("napari_octsam.engine.train.trainer")
@pytest.mark.slow("a training imports torch in a process of its own, and takes two epochs")
def test_a_real_training_beside_predictions_and_its_model_compared_with_the_old(
    real: TrainWidget, qtbot: Any, tmp_path: Path
) -> None:
    viewer = real.viewer
    prompts = PromptWidget(viewer)
    viewer.window.add_dock_widget(prompts, name="Prompt")
    real.inputs.train.click()
    qtbot.waitUntil(lambda: len(real.training.history.epochs) > 1, timeout=120_000)
    draw_box(prompts)
    before = predicted_by(qtbot, prompts, "octsam-tiny")
    assert real.training.state == "running"

    real.results.status.stop.click()
    qtbot.waitUntil(lambda: not real.results.use.isHidden(), timeout=60_000)
    assert "before the training" in real.results.message.text()
    real.results.use.click()
    after = predicted_by(qtbot, prompts, str(real.training.history.best))
    assert not np.array_equal(logits(after), logits(before))

    viewer.keymap[KeyBinding.from_str(SWITCH_MODEL)](viewer)
    again = predicted_by(qtbot, prompts, "octsam-tiny")
    assert np.array_equal(logits(again), logits(before))
    assert after.encode_seconds == again.encode_seconds == 0
    (_,) = (tmp_path / "cache" / "embeddings").iterdir()  # each B-scan that is encoded adds one
