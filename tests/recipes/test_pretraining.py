"""octsam-tiny's training from scratch: its numbers, its losses, and the loop that goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.named_classes import UNKNOWN
from napari_octsam.models.precision import faster_precision
from napari_octsam.models.tiny.encoder import FINE_CHANNELS
from napari_octsam.models.tiny.network import TinyConfig, TinyNetwork
from napari_octsam.models.tiny.pixel_names import PixelNames
from napari_octsam.training.prompts.simulation import SimulatedObject
from recipes.octsam_tiny.augment import View, random_view
from recipes.octsam_tiny.batches import classes_of
from recipes.octsam_tiny.loop import Pretraining
from recipes.octsam_tiny.naming import naming_loss
from recipes.octsam_tiny.recipe import (
    FIRST_RUN,
    RECIPE,
    DataShares,
    PretrainConfig,
    Stage,
    read_recipe,
)
from recipes.octsam_tiny.samples import MixedSource, Sample, SampleSource
from recipes.octsam_tiny.sources import octsam_tiny_sources
from tests.recipes.bands import band

torch.set_num_threads(1)  # threads cost more than they give on maps this small
SMALL = TinyConfig(input_size=(64, 64), widths=(8, 16, 16, 24, 32), embed_dim=32)


def test_the_recipe_in_the_package_is_whole_and_others_are_named(tmp_path: Path) -> None:
    recipe = read_recipe(seed=3)
    assert recipe.seed == 3
    assert recipe.steps == sum(stage.steps for stage in recipe.stages)
    assert recipe.stage(0) is recipe.stages[0]
    assert recipe.stage(recipe.steps - 1) is recipe.stages[-1]
    assert recipe.rate(recipe.steps - 1) < 1e-3
    wrong = tmp_path / "mine.toml"
    wrong.write_text("stages = 3")
    with pytest.raises(UserError, match=r"mine\.toml: stages: "):
        read_recipe(wrong)


def test_version_4_began_from_nothing_and_each_run_since_from_what_was_before() -> None:
    new, first = read_recipe(), read_recipe(FIRST_RUN)
    old = read_recipe(RECIPE.with_name("recipe-4.toml"))
    assert old.begin_from is None
    assert not any(shares.lesions for shares in old.all_shares)
    assert not any(stage.loose or stage.devices for stage in old.stages)
    assert old.steps == 11_800
    assert first.begin_from is not None
    assert new.begin_from not in (None, first.begin_from)
    for shares in new.all_shares | first.all_shares:
        assert sum(dict(shares).values()) == pytest.approx(1)
        assert min(dict(shares).values()) > 0
    assert new.stages[-1].columns == 512
    assert new.rate(0) * new.learning_rate < 1e-5


def test_the_learning_rate_falls_to_nothing_before_each_restart() -> None:
    stages = (Stage(steps=30), Stage(steps=70), Stage(steps=40, restart=0.5), Stage(steps=10))
    rates = [PretrainConfig(stages=stages, warmup_steps=3).rate(step) for step in range(150)]
    assert rates[:3] == pytest.approx([0.25, 0.5, 0.75], rel=0.01)
    assert rates[50] == pytest.approx(0.5)
    assert rates[100:103] == pytest.approx([0.125, 0.25, 0.375], rel=0.01)
    assert rates[125] == pytest.approx(0.25)
    assert max(rates[99], rates[149]) < 1e-3
    for fall in (rates[3:100], rates[103:]):
        assert sorted(fall, reverse=True) == fall


BANDS = MixedSource([(1.0, [band()])], phantoms=0)


def pretraining(config: PretrainConfig, source: SampleSource = BANDS) -> Pretraining:
    return Pretraining(lambda _: source, config, partial(TinyNetwork, SMALL))


def train(steps: int, saved: Path | None = None) -> Pretraining:
    stages = (
        Stage(steps=2, views=2, columns=32, objects=3),
        Stage(steps=2, objects=2, corrected=1.0, topology=0.1),
    )
    config = PretrainConfig(stages=stages, warmup_steps=1)
    training = pretraining(config)
    if saved is not None:
        training.restore(saved)
    for event in training.run():
        assert all(np.isfinite(loss) for loss in event.losses.values())
        if event.step == steps:
            break
    return training


def test_a_step_in_two_groups_is_the_step_of_all_its_views(monkeypatch: pytest.MonkeyPatch) -> None:
    # bfloat16 rounds maps otherwise in other batches: what is compared here is the sums
    monkeypatch.setattr("recipes.octsam_tiny.loop.faster_precision", lambda _: "float32")
    stage = Stage(steps=1, views=3, objects=4, topology=0.1, balance=0.3)
    fluid = Sample("fluid", band().image, {"fluid": np.uint8(1) * (band().maps["layers7"] > 0)})
    source = MixedSource([(0.5, [band()]), (0.5, [fluid])], phantoms=0)
    steps = []
    for groups in (1, 2):
        monkeypatch.setattr("recipes.octsam_tiny.loop._GROUPS", groups)
        training = pretraining(PretrainConfig(stages=(stage,)), source)
        (event,) = training.run()
        steps.append((event.losses, gradients(training)))
    (whole, slopes), (parts, slopes_in_parts) = steps
    assert parts == pytest.approx(whole, rel=1e-4)
    assert set(parts) == {"segmentation", "candidates", "iou", "objects", "topology", "pixels"}
    for name, slope in slopes.items():
        torch.testing.assert_close(slopes_in_parts[name], slope, atol=1e-5, rtol=1e-3)


def gradients(training: Pretraining) -> dict[str, torch.Tensor]:
    """The last step's, of all that learns."""
    return {n: p.grad for n, p in training.trained.named_parameters() if p.grad is not None}


def test_the_encoder_computes_in_16_bit_only_where_the_machine_is_made_for_it() -> None:
    training = pretraining(PretrainConfig(stages=(Stage(steps=1, views=1),)))
    dtypes: set[torch.dtype] = set()
    training.trained.network.image_encoder.down[0].reduce.register_forward_hook(
        lambda _, __, maps: dtypes.add(maps.dtype)
    )
    list(training.run())
    assert dtypes == {getattr(torch, faster_precision(training.device))}


def test_a_stopped_and_restored_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = train(4)
    train(2).save(tmp_path / "state.pt")
    resumed = train(4, tmp_path / "state.pt")
    for name, weight in whole.average.state_dict().items():
        assert torch.equal(weight, resumed.average.state_dict()[name]), name


def test_a_restart_needs_nothing_but_the_average() -> None:
    stages = (Stage(steps=2, views=1), Stage(steps=2, views=1, restart=0.5))
    config = PretrainConfig(stages=stages, warmup_steps=1)
    whole, later = pretraining(config), pretraining(config)
    for event in whole.run():
        if event.step == 2:
            later.average.load_state_dict(whole.average.state_dict())
    later.step = 2
    list(later.run())
    for name, weight in whole.average.state_dict().items():
        assert torch.equal(weight, later.average.state_dict()[name]), name


def test_a_few_steps_learn_the_band() -> None:
    stages = (Stage(steps=25, views=1, objects=4),)
    config = PretrainConfig(stages=stages, warmup_steps=5, learning_rate=3e-3)
    training = pretraining(config)
    losses = [event.losses["segmentation"] for event in training.run()]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_a_state_of_another_recipe_is_refused(tmp_path: Path) -> None:
    train(1).save(tmp_path / "state.pt")
    other = pretraining(PretrainConfig(stages=(Stage(steps=4),), seed=1))
    with pytest.raises(UserError, match=r"state\.pt: it was made with another recipe or seed"):
        other.restore(tmp_path / "state.pt")


def test_a_state_of_other_labels_is_refused(tmp_path: Path) -> None:
    stopped = train(1)
    stopped.save(tmp_path / "state.pt")
    relabelled = band()
    relabelled.maps["layers7"][0, 0] = 1
    other = pretraining(stopped.config, MixedSource([(1.0, [relabelled])], phantoms=0))
    with pytest.raises(UserError, match=r"state\.pt: it was made from other B-scans"):
        other.restore(tmp_path / "state.pt")


def test_a_stage_may_draw_by_shares_of_its_own() -> None:
    own = DataShares(layers=0, fluid=1, phantoms=0)
    stages = (Stage(steps=1, views=2), Stage(steps=1, views=1, data=own))
    config = PretrainConfig(stages=stages)
    drawn = []

    @dataclass(frozen=True)
    class Noting:
        shares: DataShares
        fingerprint: str = ""

        def __call__(self, _: np.random.Generator) -> Sample:
            drawn.append(self.shares)
            return band()

    list(Pretraining(Noting, config, partial(TinyNetwork, SMALL)).run())
    assert drawn == [config.data, config.data, own]


def test_a_step_without_an_object_is_taken_all_the_same() -> None:
    empty = Sample("empty", np.full((96, 96), 90, np.uint8), {})
    config = PretrainConfig(stages=(Stage(steps=2, views=1),))
    run = pretraining(config, MixedSource([(1.0, [empty])], phantoms=0))
    assert [event.step for event in run.run()] == [1, 2]


def test_each_stage_has_its_own_views_and_its_own_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def noting(sample: Sample, *arguments: Any) -> View:
        asked.append(arguments[3])
        return random_view(sample, *arguments)

    monkeypatch.setattr("recipes.octsam_tiny.loop.random_view", noting)
    stages = (Stage(steps=1, views=1, exports=False, balance=0.0), Stage(steps=1, views=1))
    list(pretraining(PretrainConfig(stages=stages)).run())
    assert asked == [False, True]

    plain, balanced = (
        next(pretraining(PretrainConfig(stages=(Stage(steps=1, balance=each),))).run())
        for each in (0.0, 2.0)
    )
    assert balanced.losses["pixels"] > plain.losses["pixels"] + 1
    assert balanced.losses["segmentation"] == plain.losses["segmentation"]


def test_pixels_that_nobody_labelled_are_not_named() -> None:
    names = PixelNames()
    fine = torch.randn(1, FINE_CHANNELS, 8, 8, requires_grad=True)
    labels = np.full((8, 16), NOT_LABELLED, np.uint8)
    labels[:4] = 2
    naming_loss(names, fine, [View(torch.zeros(1, 8, 16), {"layers7": labels})]).backward()
    assert fine.grad is not None
    assert fine.grad[:, :, :4].any()
    assert not fine.grad[:, :, 4:].any()


def test_where_nobody_labelled_anything_there_is_nothing_to_name() -> None:
    fine = torch.randn(1, FINE_CHANNELS, 8, 8)
    maps = {"layers7": np.full((8, 16), NOT_LABELLED, np.uint8)}
    assert naming_loss(PixelNames(), fine, [View(torch.zeros(1, 8, 16), maps)]) == 0


def test_balance_makes_a_class_of_few_pixels_count_as_one_of_many() -> None:
    labels = np.zeros((8, 16), np.uint8)
    labels[0] = 2
    truth = torch.from_numpy(labels[:, ::4]).long()

    def gained(wrong: int) -> float:
        """Return what balance adds where the pixels of one class are named as the other."""
        named = torch.where(truth == wrong, 2 - truth, truth)
        names = PixelNames()
        names.forward = lambda *_: 5.0 * F.one_hot(named, 8).movedim(-1, 0)[None]  # type: ignore[method-assign]
        view = View(torch.zeros(1, 8, 16), {"layers7": labels})
        losses = [naming_loss(names, torch.zeros(1, 1, 8, 8), [view], b) for b in (1.0, 0.0)]
        return float(losses[0] - losses[1])

    assert gained(2) == pytest.approx(gained(0), rel=1e-4)
    assert gained(2) > 2


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ("[[stages]]\nsteps = 3\ncolumns = 50", "columns"),
        ("seed = -1\n[[stages]]\nsteps = 3", "seed"),
        ("[[stages]]\nsteps = 3\n[data]\nlayers = 0\nfluid = 0\nphantoms = 0", "above 0"),
        ("[[stages]", "it is not TOML"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_sentence(tmp_path: Path, numbers: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(numbers)
    with pytest.raises(UserError, match=said) as error:
        read_recipe(path)
    assert "\n" not in str(error.value)


def test_label_values_that_the_schema_lacks_are_named(tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        (tmp_path / "octrima" / kind).mkdir(parents=True)
        iio.imwrite(tmp_path / "octrima" / kind / "s01_b01.png", np.full((8, 8), 9, np.uint8))
    with pytest.raises(UserError, match="s01_b01 has the value 9, which layers7 does not know"):
        octsam_tiny_sources(tmp_path)(DataShares(fluid=0))


def test_a_pretraining_says_when_its_state_or_its_numbers_are_lost(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"PK half a file")
    with pytest.raises(UserError, match=r"cannot go on from .*state: it is no whole state"):
        train(1, tmp_path / "state")
    training = train(1)
    with torch.no_grad():
        next(training.trained.parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match="no number any more, at step 2"):
        next(training.run())


def test_half_of_the_objects_are_asked_for_by_their_class() -> None:
    mask, network = np.ones((4, 4), bool), TinyNetwork(SMALL)
    layer = SimulatedObject(mask, Prompt(1), named=("layers7", 3))
    fluid = SimulatedObject(mask, Prompt(1), named=("oct14", 4))
    untold = replace(layer, prompt=Prompt(1, names_class=False))
    several = SimulatedObject(mask, Prompt(1))
    assert classes_of([layer, fluid, untold, several], network) == [3, 8 + 4, UNKNOWN, UNKNOWN]

    learnt = train(4).trained.network.state_dict()["mask_decoder.asked"].any(dim=1)
    assert set(np.flatnonzero(learnt)) == {3, len(learnt) - 1}
