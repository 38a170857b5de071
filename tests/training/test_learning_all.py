"""All of a network learns that names pixels: encoder, heads and decoder, in a given time."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.training.events import EpochDone, Finished, Mixed, Planned, StepDone
from napari_octsam.training.length import Length, length_in_time, told_length
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.memory import Memory
from napari_octsam.training.mixing import Tried, best_share
from napari_octsam.training.naming import PixelNaming, knowing
from napari_octsam.training.run.recording import recorded
from napari_octsam.training.verdict import verdict
from napari_octsam.training.views import BScanView, random_view
from tests.models.test_named_classes import own_schema
from tests.small_runs import SCHEMA, bscans, call_it_tiny, new_folder, same, small_model

MINE = own_schema("retinal pigment epithelium", "neurosensory retina", called="mine")
ALL = TrainConfig(steps=8, topology="none", prompt="boxes", objects=1)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    call_it_tiny(monkeypatch)


def mine(count: int, first: int = 0) -> list[LabelledBScan]:
    """Return B-scans labelled by a schema of one's own; what lies around is labelled by nobody."""
    found = []
    for each in bscans(count, first):
        labels = np.full(each.labels.shape, NOT_LABELLED, np.uint8)
        retina = (each.labels > 0) & (each.labels < 7)
        labels[each.labels == 7], labels[retina], labels[:8] = 1, 2, 0
        found.append(LabelledBScan(each.name, each.image, labels))
    return found


def learning(
    folder: Path, config: TrainConfig = ALL, held_back: int = 1, clock: Callable[[], float] = float
) -> FineTuning:
    validation = mine(held_back, 50)
    return FineTuning(small_model(), mine(2), validation, MINE, config, folder, clock=clock)


def test_encoder_heads_and_decoder_learn_together_and_a_schema_gets_its_heads(
    tmp_path: Path,
) -> None:
    run = learning(tmp_path, ALL.model_copy(update={"steps": 24, "lr": 0.01}))
    before = run.weights()
    events = list(run.run())

    for part in ("image_encoder.", "mask_decoder.own.0.head", "mask_decoder.weigh"):
        assert not same(before, run.weights(), part), part
    epochs = [e for e in events if isinstance(e, EpochDone)]
    assert set(epochs[0].automatic) == set(epochs[0].classes) == {1, 2}
    losses = [e.losses["pixels"] for e in epochs[1:]]
    assert losses[-1] < 0.8 * losses[0]
    assert run.model.header.own_schemas == (MINE,)
    assert (run.config.batch_size, run.config.epochs) == (1, None)


def test_a_network_that_names_nothing_learns_as_before() -> None:
    suited = TrainConfig().suited(names=False)
    assert (suited.adapts, suited.epochs, suited.minutes) == ("decoder", 10, None)
    assert (suited.lr, suited.batch_size, suited.objects) == (1e-4, 2, 16)
    suited = TrainConfig().suited(names=True)
    assert (suited.adapts, suited.epochs, suited.minutes) == ("everything", None, 1)
    assert TrainConfig(adapts="decoder").suited(names=True).lr == 1e-4
    assert TrainConfig(epochs=3, lr=0.5).suited(names=True).lr == 0.5
    with pytest.raises(ValueError, match="epochs and minutes both say how long"):
        TrainConfig(epochs=3, minutes=1)


def test_the_model_that_is_saved_labels_by_the_schema_that_it_has_learnt(tmp_path: Path) -> None:
    folder = new_folder(tmp_path, ALL)
    run = learning(folder.embeddings)
    list(recorded(run, folder, MINE))

    model = load_model(folder.best, device="cpu", precision="float32")

    assert model.header.own_schemas == (MINE,)
    assert same(model.network.state_dict(), run.best_weights)
    assert set(np.unique(model.label(mine(1)[0].image, MINE).labels)) <= {0, 1, 2}
    assert model.header.training["share"] == run.share
    assert folder.has_best_of(run)


def test_it_is_held_to_what_it_named_before_but_for_what_it_learns() -> None:
    model = small_model()
    memory, naming = Memory(model, SCHEMA), PixelNaming(model, SCHEMA, ALL)
    (bscan,) = bscans(1)
    view, features = BScanView(bscan.image, bscan.labels), model.features(bscan.image)
    found = []
    for name in ("layers7", "oct14"):
        bias = model.network.get_parameter(f"mask_decoder.pixel_names.heads.{name}.bias")  # type: ignore[attr-defined]
        with torch.no_grad():
            bias[1] += 3
            found.append(float(memory.losses(features, view, naming.places(view.labels))["memory"]))
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[1] > 0.01


def test_what_nobody_labelled_teaches_nothing() -> None:
    model, _ = knowing(small_model(), MINE)
    naming = PixelNaming(model, MINE, ALL)
    (bscan,) = mine(1)
    features = model.features(bscan.image)
    blank = np.full_like(bscan.labels, NOT_LABELLED)
    assert not naming.losses(features, BScanView(bscan.image, blank), topology=True)
    loss = naming.losses(features, BScanView(bscan.image, bscan.labels), topology=True)
    background = np.where(np.arange(128)[:, None] < 8, np.uint8(0), blank)
    one_class = naming.losses(features, BScanView(bscan.image, background), topology=True)
    assert float(one_class["pixels"]) != float(loss["pixels"])


def test_classes_are_learnt_by_their_values_whatever_their_order() -> None:
    model = small_model()
    (bscan,) = bscans(1)
    shuffled = SCHEMA.model_copy(update={"classes": SCHEMA.classes[::-1]})
    view, features = BScanView(bscan.image, bscan.labels), model.features(bscan.image)
    losses = [
        PixelNaming(model, schema, ALL).losses(features, view, topology=True)["pixels"]
        for schema in (SCHEMA, shuffled)
    ]
    assert losses[0] == losses[1]


def test_a_run_of_steps_takes_as_many(tmp_path: Path) -> None:
    run = learning(tmp_path, held_back=0)
    events = list(run.run())
    assert next(e for e in events if isinstance(e, Planned)) == Planned(4, 2)
    assert sum(isinstance(e, StepDone) for e in events) == 8
    assert next(e for e in events if isinstance(e, Mixed)).score is None
    assert run.share == 1
    assert isinstance(events[-1], Finished)


def test_the_length_follows_from_the_time_and_the_number_of_bscans() -> None:
    assert told_length(TrainConfig(epochs=3), 5) == Length(3, 5)
    assert told_length(TrainConfig(steps=7), 5) == Length(1, 7)
    assert told_length(TrainConfig(steps=90), 5) == Length(3, 30)
    assert told_length(TrainConfig(minutes=1), 5) is None
    minute = length_in_time(50.0, step=0.5, validation=0.5, bscans=5)
    assert minute == Length(4, 24)
    assert minute.total * 0.5 + 4 * 0.5 <= 50
    assert length_in_time(50.0, 0.5, validation=20.0, bscans=5) == Length(1, 60)
    assert length_in_time(-3.0, 0.5, 0.5, bscans=5) == Length(1, 1)
    assert length_in_time(1e6, 0.5, 0.5, bscans=1).total == 80, "one B-scan is soon learnt"
    assert length_in_time(1e6, 0.5, 0.5, bscans=50).total == 800


def test_a_run_in_minutes_is_measured_once_and_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    config = ALL.model_copy(update={"steps": None, "minutes": 0.5})
    ticks = count()
    whole = learning(tmp_path, config, clock=lambda: float(next(ticks)))
    list(whole.run())
    assert whole.length is not None
    assert whole.length.total > 4

    again = count()
    stopped = learning(tmp_path, config, clock=lambda: float(next(again)))
    events = stopped.run()
    steps = 0
    while steps < 3:
        steps += isinstance(next(events), StepDone)
    saved = io.BytesIO()
    torch.save(stopped.state_dict(), saved)
    saved.seek(0)
    resumed = learning(tmp_path, config, clock=lambda: 1e9)
    resumed.load_state_dict(torch.load(saved, weights_only=True))
    list(resumed.run())

    assert resumed.length == whole.length
    assert same(whole.weights(), resumed.weights())
    assert same(whole.best_weights, resumed.best_weights)
    assert whole.share == resumed.share


def test_a_run_that_was_killed_before_it_chose_the_weights_chooses_them_then(
    tmp_path: Path,
) -> None:
    whole = learning(tmp_path)
    list(whole.run())
    stopped = learning(tmp_path)
    events = stopped.run()
    while stopped.end is None:
        next(events)
    resumed = learning(tmp_path)
    resumed.load_state_dict(stopped.state_dict())
    assert resumed.share is None
    told = list(resumed.run())
    assert [type(each) for each in told if not isinstance(each, Mixed)][-1] is Finished
    assert same(whole.best_weights, resumed.best_weights)
    again = learning(tmp_path)
    again.load_state_dict(resumed.state_dict())
    assert [type(each) for each in again.run()] == [Finished]


def test_a_run_does_not_go_on_from_other_weights(tmp_path: Path) -> None:
    run = learning(tmp_path)
    other = replace(small_model())
    with torch.no_grad():
        other.network.get_parameter("mask_decoder.point_weights").add_(1)  # type: ignore[attr-defined]
    again = FineTuning(other, mine(2), mine(1, 50), MINE, ALL, tmp_path)
    with pytest.raises(UserError, match="another base model"):
        again.load_state_dict(run.state_dict())


def test_the_share_that_remembers_most_is_kept_unless_too_much_is_lost_that_was_learnt() -> None:
    tried = {1.0: Tried(0.853, 0.80), 0.7: Tried(0.858, 0.854), 0.5: Tried(0.850, 0.881)}
    assert best_share(tried) == 0.5
    assert best_share({**tried, 0.5: Tried(0.78, 0.95)}) == 0.7
    assert (
        best_share({share: replace(each, remembered=None) for share, each in tried.items()}) == 0.7
    )
    assert best_share({share: replace(each, learnt=None) for share, each in tried.items()}) == 1


def test_whether_it_became_better_is_said() -> None:
    assert "three labelled B-scans" in verdict(None, -0.5)
    assert "did not become better" in verdict(0.8, 0.8)
    assert verdict(0.7, 0.8) == "The score went from 0.700 to 0.800."


def test_a_random_view_changes_image_and_labels_alike() -> None:
    labels = bscans(1)[0].labels
    bscan = LabelledBScan("grey by class", labels * np.uint8(30), labels)
    shapes = set()
    for seed in range(6):
        view = random_view(bscan, np.random.default_rng(seed))
        shapes.add(view.image.tobytes())
        greys = [np.median(view.image[view.labels == value]) for value in range(8)]
        assert greys == sorted(greys)
        again = random_view(bscan, np.random.default_rng(seed))
        assert np.array_equal(view.image, again.image)
    assert len(shapes) == 6
