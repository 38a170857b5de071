"""Fine-tuning: it learns, it resumes exactly, and it says what is wrong."""

from __future__ import annotations

import copy
import io
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.config import TrainConfig, read_settings
from napari_octsam.core.errors import UserError
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.training.adaptation import gradient_scaler
from napari_octsam.training.distributed import ALONE
from napari_octsam.training.encoding import Encoding
from napari_octsam.training.events import (
    Encoded,
    EpochDone,
    Event,
    Finished,
    Samples,
    StepDone,
    StepPart,
)
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.prompts.components import component_objects
from napari_octsam.training.schedule import learning_rate
from napari_octsam.training.views import VIEWS, view_of
from tests.small_runs import CONFIG, FEW, SCHEMA, bscans, fine_tuning, same, small_model


class Whole(NamedTuple):
    """A run that is done, its weights before it began, and what it told."""

    run: FineTuning
    before: dict[str, Tensor]
    events: list[Event]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """To look at."""
    run = fine_tuning(tmp_path_factory.mktemp("whole"))
    return Whole(run, run.weights(), list(run.run()))


def test_a_run_tells_what_it_does_and_trains_the_decoder_only(whole: Whole) -> None:
    run, before, events = whole

    encoded = [e for e in events if isinstance(e, Encoded)]
    assert [e.done for e in encoded] == list(range(1, 3 * VIEWS + 2))
    steps = [e for e in events if isinstance(e, StepDone)]
    told = [(e.epoch, e.step, e.steps) for e in steps]
    assert told == [(1, 1, 2), (1, 2, 2), (2, 1, 2), (2, 2, 2)]
    assert set(steps[0].losses) == {"segmentation", "candidates", "iou"}
    assert set(steps[2].losses) == {"segmentation", "candidates", "iou", "topology"}
    epochs = [e for e in events if isinstance(e, EpochDone)]
    assert [e.epoch for e in epochs] == [0, 1, 2]
    assert [e.best for e in epochs[:2]] == [False, True]
    assert not epochs[0].losses
    assert set(epochs[1].classes) == set(range(1, 8))
    shown = [e for e in events if isinstance(e, Samples)]
    assert [each.epoch for each in shown] == [0, 1, 2]
    (sample,) = shown[1].samples
    assert np.array_equal(sample.truth, bscans(1, 50)[0].labels)
    assert sample.predicted.shape == sample.image.shape
    assert set(np.unique(sample.predicted)) <= set(range(8))
    assert isinstance(events[-1], Finished)
    after = run.weights()
    assert same(before, after, "image_encoder.")
    assert same(before, after, "prompt_encoder.")
    assert not same(before, after, "mask_decoder.")


def test_it_learns(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 12, "augment": False, "topology": "none"})
    losses = [
        event.losses["segmentation"]
        for event in FineTuning(small_model(), bscans(2), [], SCHEMA, config, tmp_path).run()
        if isinstance(event, EpochDone) and event.epoch
    ]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    whole: Whole, tmp_path: Path, stop_after: int
) -> None:
    stopped = fine_tuning(tmp_path)
    steps = 0
    events = stopped.run()
    while steps < stop_after:
        steps += isinstance(next(events), StepDone)
    resumed = gone_on_with(stopped, tmp_path)

    assert same(whole.run.weights(), resumed.weights())
    assert same(whole.run.best_weights, resumed.best_weights)
    assert whole.run.best_epoch == resumed.best_epoch


def test_a_step_that_was_left_in_its_middle_is_taken_when_the_run_goes_on(
    whole: Whole, tmp_path: Path
) -> None:
    parts = [e for e in whole.events if isinstance(e, StepPart)]
    assert len(parts) == 6  # one for each B-scan and epoch

    stopped = fine_tuning(tmp_path)
    events = stopped.run()
    while not isinstance(next(events), StepDone):
        pass
    after_one = stopped.weights()
    part = next(events)
    assert isinstance(part, StepPart)
    events.close()

    assert (stopped.epoch, stopped.step) == (0, 1)
    assert same(after_one, stopped.weights())
    assert same(whole.run.weights(), gone_on_with(stopped, tmp_path).weights())


def gone_on_with(stopped: FineTuning, folder: Path) -> FineTuning:
    """Go on from the state of a run, by way of a file, to the end."""
    saved = io.BytesIO()
    torch.save(stopped.state_dict(), saved)
    saved.seek(0)
    resumed = fine_tuning(folder)
    resumed.load_state_dict(torch.load(saved, weights_only=True))
    list(resumed.run())
    return resumed


def test_a_state_is_a_copy_that_training_on_does_not_change(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 1, "batch_size": 1, **FEW})
    run = fine_tuning(tmp_path, config, count=2)
    events = run.run()
    while not isinstance(next(events), StepDone):
        pass
    state = copy.deepcopy(run.state_dict())
    again = fine_tuning(tmp_path, config, count=2)
    again.load_state_dict(state)
    list(again.run())
    assert state["step"] == 1


ASKED = ["mask_decoder.asked", "mask_decoder.asked_weights"]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_state_of_before_the_decoder_knew_classes_goes_on_with_zeros_for_them(
    tmp_path: Path, optimizer: str
) -> None:
    config = CONFIG.model_copy(update={"batch_size": 1, "optimizer": optimizer, **FEW})
    run = fine_tuning(tmp_path, config, count=2)
    events = run.run()
    while run.epoch < 1:
        next(events)
    state = run.state_dict()
    again = fine_tuning(tmp_path, config, count=2)
    weights = dict(again.model.network.named_parameters())  # type: ignore[attr-defined]
    for name in ASKED:
        weights[name].data.fill_(1)  # of a newer base model
    again.load_state_dict(without(state, ASKED))

    for name, weight in again.weights().items():
        before = torch.zeros_like(weight) if name in ASKED else run.weights()[name]
        assert torch.equal(weight, before), name
        assert torch.equal(again.best_weights[name], before), name
    moments, others = moments_of(again.state_dict()), moments_of(state)
    assert set(moments) == set(others) - set(ASKED) != set()
    for name, each in moments.items():
        assert same(each, others[name]), name
    list(again.run())
    assert again.end is not None
    assert all(again.weights()[name].any() for name in ASKED)
    assert set(ASKED) < set(moments_of(again.state_dict()))


def test_a_state_that_lacks_other_weights_is_refused(tmp_path: Path) -> None:
    run = fine_tuning(tmp_path)
    for names in (["mask_decoder.point_weights"], [*ASKED, "mask_decoder.point_weights"]):
        with pytest.raises(UserError, match="another base model"):
            run.load_state_dict(without(run.state_dict(), names))


def without(state: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return a state as a version wrote it whose network did not have these weights."""
    kept = [number for number, name in enumerate(state["learnt"]) if name not in names]
    held, (group,) = state["optimizer"]["state"], state["optimizer"]["param_groups"]
    optimizer = {
        "state": {now: held[number] for now, number in enumerate(kept) if number in held},
        "param_groups": [{**group, "params": list(range(len(kept)))}],
    }
    learnt, best = (
        {name: weight for name, weight in part["learnt"].items() if name not in names}
        for part in (state, state["best"])
    )
    best = {**state["best"], "learnt": best}
    return copy.deepcopy({**state, "learnt": learnt, "best": best, "optimizer": optimizer})


def moments_of(state: dict[str, Any]) -> dict[str, dict[str, Tensor]]:
    """Return what the optimizer holds of each weight, by its name."""
    names = list(state["learnt"])
    return {names[number]: each for number, each in state["optimizer"]["state"].items()}


def test_everything_can_be_trained_and_the_prompt_encoder_too(tmp_path: Path) -> None:
    for adapts, moved in (
        ("everything", ("image_encoder.", "prompt_encoder.", "mask_decoder.")),
        ("decoder and prompts", ("prompt_encoder.", "mask_decoder.")),
    ):
        settings = {"adapts": adapts, "epochs": 1, "prompt": "points"}
        config = CONFIG.model_copy(update=settings | FEW)
        run = fine_tuning(tmp_path / adapts.replace(" ", "-"), config, count=1)
        before = run.weights()
        list(run.run())
        for prefix in moved:
            assert not same(before, run.weights(), prefix), (adapts, prefix)


def test_patience_ends_a_run_that_gains_nothing(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 9, "patience": 2, "lr": 1e-12, **FEW})
    run = fine_tuning(tmp_path, config, count=1)
    events: list[Event] = list(run.run())
    assert events[-1] == Finished("no more gain", 1)
    assert [e.epoch for e in events if isinstance(e, EpochDone)] == [0, 1, 2, 3]

    again = fine_tuning(tmp_path, config, count=1)
    again.load_state_dict(run.state_dict())
    assert [e for e in again.run() if isinstance(e, StepDone)] == []


def test_a_loss_that_is_no_number_stops_and_names_the_bscans(tmp_path: Path) -> None:
    run = fine_tuning(tmp_path, CONFIG.model_copy(update={"shuffle": False}))
    best = run.best_weights
    with pytest.raises(UserError, match=r"epoch 1 .*bscan 0, bscan 1"):
        spoil_at(run, lambda event: isinstance(event, EpochDone))  # before the first step
    assert all(torch.isfinite(value).all() for value in best.values() if value.is_floating_point())


def spoil(run: FineTuning) -> None:
    with torch.no_grad():
        run.model.network.state_dict()["mask_decoder.own_tokens.weight"].fill_(float("nan"))


def spoil_at(run: FineTuning, is_time: Callable[[Event], bool]) -> None:
    for event in run.run():
        if is_time(event):
            spoil(run)


def test_weights_that_are_no_numbers_are_never_the_best(tmp_path: Path) -> None:
    run = fine_tuning(tmp_path, CONFIG)
    with pytest.raises(UserError, match="Weights are no numbers"):
        spoil_at(run, lambda event: isinstance(event, StepDone) and event.step == event.steps)
    assert run.best_epoch == 0


def test_scores_that_are_no_numbers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_octsam.training.loop.score_of", lambda *_: float("nan"))
    run = fine_tuning(tmp_path, CONFIG.model_copy(update={"epochs": 1, **FEW}), count=1)
    with pytest.raises(UserError, match="no epoch is a number"):
        list(run.run())


def test_a_model_whose_masks_are_no_numbers_says_so(tmp_path: Path) -> None:
    run = fine_tuning(tmp_path, CONFIG)
    spoil(run)
    with pytest.raises(UserError, match=r"masks of the model .* are no numbers"):
        list(run.run())


def test_a_process_that_has_no_bscan_in_its_first_step_can_unscale_the_gradient() -> None:
    model = replace(small_model(), precision="float16")
    scaler = gradient_scaler(model, CONFIG.model_copy(update={"adapts": "everything"}))
    weight = torch.nn.Parameter(torch.zeros(3))
    weight.grad = torch.full((3,), scaler.get_scale())  # of the other processes
    scaler.unscale_(torch.optim.SGD([weight]))
    assert torch.equal(weight.grad, torch.ones(3))


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no labelled B-scan"):
        FineTuning(small_model(), [], [], SCHEMA, CONFIG, tmp_path)
    empty = LabelledBScan("empty", bscans(1)[0].image, np.zeros((128, 160), np.uint8))
    with pytest.raises(UserError, match="has a label of the schema's classes"):
        FineTuning(small_model(), [empty], [], SCHEMA, CONFIG, tmp_path)


def test_each_component_is_one_object_and_the_background_only_if_asked() -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[5:10, 5:20] = labels[5:10, 30:50] = 1
    labels[10, 20] = 1  # touches the first by a corner
    labels[20:25] = 2
    labels[30:] = NOT_LABELLED
    random = np.random.default_rng(0)

    objects = component_objects(labels, [1, 2], CONFIG, random)
    with_background = component_objects(labels, [0, 1, 2], CONFIG, random)

    assert sorted(int(o.mask.sum()) for o in objects) == [76, 100, 300]
    assert len(with_background) > len(objects)
    assert all(o.prompt.box is not None for o in objects)
    assert objects[0].ignored is not None


def test_views_change_image_and_labels_alike() -> None:
    (bscan,) = bscans(1)
    mirrored = view_of(bscan, 1)
    assert np.array_equal(view_of(bscan, 0).image, bscan.image)
    assert np.array_equal(mirrored.image, bscan.image[:, ::-1])
    assert np.array_equal(mirrored.labels, bscan.labels[:, ::-1])
    assert view_of(bscan, 2).image.mean() < bscan.image.mean() < view_of(bscan, 3).image.mean()


def test_one_view_is_larger_image_and_labels_alike() -> None:
    labels = bscans(1)[0].labels
    bscan = LabelledBScan("grey by class", labels * np.uint8(30), labels)
    view = view_of(bscan, 3)
    assert view.image.shape == view.labels.shape == labels.shape
    mirrored = view_of(bscan, 1).labels
    counts = [np.bincount(each.ravel(), minlength=8)[3] for each in (mirrored, view.labels)]
    assert 1.1 * counts[0] < counts[1] < 1.25**2 * counts[0]  # thicker; its ends are cut off
    greys = {value: np.median(view.image[view.labels == value]) for value in range(8)}
    brighter = np.round(255 * (np.arange(8) * 30 / 255) ** 0.75)
    assert list(greys.values()) == pytest.approx(brighter.tolist(), abs=1)


def test_a_place_that_is_labelled_stays_in_sight_where_a_view_is_larger() -> None:
    labels = np.full((40, 50), NOT_LABELLED, np.uint8)
    labels[38:, 1:4] = 2
    view = view_of(LabelledBScan("corner", np.zeros((40, 50), np.uint8), labels), 3)
    assert np.count_nonzero(view.labels == 2) >= 6
    assert set(np.unique(view.labels)) == {2, NOT_LABELLED}


def test_the_learning_rate_rises_and_falls() -> None:
    config = TrainConfig(lr=1.0, warmup_steps=9, schedule="linear")
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(0.91)
    assert rates[-1] == pytest.approx(0.01)
    assert learning_rate(config.model_copy(update={"schedule": "constant"}), 99, 100) == 1
    short = [learning_rate(config, step, 10) for step in range(10)]
    assert max(short) == pytest.approx(0.9)


@pytest.mark.parametrize(("epochs", "warmup", "first"), [(1, 1, 1), (2, 1, 2), (2, 5, 2)])
def test_the_topology_loss_is_there_in_the_last_epoch_at_least(
    tmp_path: Path, epochs: int, warmup: int, first: int
) -> None:
    settings = {"epochs": epochs, "topology_warmup_epochs": warmup}
    config = CONFIG.model_copy(update=FEW | {"topology": "spatial"} | settings)
    steps = [e for e in fine_tuning(tmp_path, config, count=1).run() if isinstance(e, StepDone)]
    assert [e.epoch >= first for e in steps] == ["topology" in e.losses for e in steps]


def test_the_images_to_encode_are_not_in_memory_all_at_once(tmp_path: Path) -> None:
    made: list[weakref.ref[np.ndarray]] = []
    most = 0

    def images() -> Iterator[np.ndarray]:
        nonlocal most
        for number in range(5):
            image = np.full((128, 160), number, np.uint8)
            made.append(weakref.ref(image))
            most = max(most, sum(each() is not None for each in made))
            yield image

    encoding = Encoding(small_model(), CONFIG, tmp_path, ALONE)
    assert list(encoding.prepare(images(), 5)) == [Encoded(done, 5) for done in range(1, 6)]
    assert most <= 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("epochs = 0", "epochs: Input should be greater than or equal to 1"),
        ("colour = 'jet'", "colour: there is no such setting"),
        ('data = "a\\u0000b"', "data: it holds a character that no path can have"),
        ('out = "a\\u0000b"', "out: it holds a character"),
        ('base_model = "a\\u0000b"', "base_model: it holds a character"),
        ('label_schema = "a\\u0000b"', "label_schema: it holds a character"),
        (f'data = "b/{"a" * 256}"', "data: it holds a name of more than 255 bytes"),
        ("epochs = ", "holds no settings: it is not TOML"),
    ],
)
def test_a_configuration_that_is_wrong_says_where(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "train.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_settings(path, TrainConfig)


def test_a_configuration_reads_from_toml_and_json(tmp_path: Path) -> None:
    config = TrainConfig(topology="wasserstein", lr=0.01)
    (tmp_path / "c.json").write_text(config.model_dump_json())
    (tmp_path / "c.toml").write_text('topology = "wasserstein"\nlr = 0.01\n')
    assert (
        read_settings(tmp_path / "c.json", TrainConfig)
        == read_settings(tmp_path / "c.toml", TrainConfig)
        == config
    )
    with pytest.raises(UserError, match="Cannot read"):
        read_settings(tmp_path / "none.toml", TrainConfig)
    (tmp_path / "c.JSON").write_text('{"data": "\\ud800"}')
    with pytest.raises(UserError, match="half a letter"):
        read_settings(tmp_path / "c.JSON", TrainConfig)
    (tmp_path / "c.json").write_text("[1]")
    with pytest.raises(UserError, match="configuration: it holds no settings"):
        read_settings(tmp_path / "c.json", TrainConfig)
