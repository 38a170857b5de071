"""Fine-tuning of a SAM's encoder: adapters, precision, colour maps."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from napari_octsam.core.config import TrainConfig, read_settings
from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints.colors import Colors
from napari_octsam.models.checkpoints.load import load_model, read_checkpoint
from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.models.header import Header
from napari_octsam.models.network import Features
from napari_octsam.models.precision import check_precision
from napari_octsam.training.adaptation import colors_of_base
from napari_octsam.training.base_model import check_base_model
from napari_octsam.training.events import EpochDone, StepDone
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.run.recording import recorded
from napari_octsam.training.views import VIEWS
from tests.small_runs import CONFIG, SCHEMA, bscans, fine_tuning, new_folder, same
from tests.small_sam import call_it_vit_b, weights_of

HEADER = Header(name="first", architecture="vit_b", profile="sam")
LORA = CONFIG.model_copy(
    update={"adapts": "lora", "topology": "none", "lora_alpha": 8.0, "objects": 2}
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    call_it_vit_b(monkeypatch)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.pth"
    torch.save(weights_of(), path)
    return path


def tuning(
    base: Path, folder: Path, config: TrainConfig = LORA, precision: str = "float32"
) -> FineTuning:
    config = config.model_copy(update={"base_model": str(base)})
    model = replace(load_model(base, device="cpu", precision="float32"), precision=precision)
    return FineTuning(model, bscans(2), bscans(1, 50), SCHEMA, config, folder)


def test_lora_trains_the_adapters_and_the_mask_decoder_only(base: Path, tmp_path: Path) -> None:
    run = tuning(base, tmp_path)
    before = run.weights()

    list(run.run())

    after = run.weights()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    adapters = {name for name in before if re.search(r"attn\.qkv\.[ab]_[qv]$", name)}
    assert len(adapters) == 8
    assert adapters <= moved
    assert all(name.startswith("mask_decoder.") for name in moved - adapters)
    assert len(moved) > len(adapters)


def encoded_images(run: FineTuning, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Run to the end, and return what the encoder was given, image by image."""
    given: list[bytes] = []
    encode = run.model.network.encode_image

    def encode_noted(pixels: Tensor) -> Features:
        given.extend(image.detach().numpy().tobytes() for image in pixels)
        return encode(pixels)

    monkeypatch.setattr(run.model.network, "encode_image", encode_noted)
    list(run.run())
    return given


def test_a_frozen_encoder_sees_each_view_of_each_bscan_once(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LORA.model_copy(update={"adapts": "decoder"})
    given = encoded_images(tuning(base, tmp_path, config), monkeypatch)
    assert len(given) == len(set(given)) == 2 * VIEWS + 1  # the one to validate on


def test_an_encoder_that_learns_sees_each_bscan_in_each_epoch(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LORA.model_copy(update={"augment": False})
    given = encoded_images(tuning(base, tmp_path, config), monkeypatch)
    assert len(set(given)) == 2 + 1
    times = sorted(given.count(image) for image in set(given))
    assert times == [2, 2, 3]  # epochs; the validation B-scan before the first, too


@pytest.mark.parametrize("of_a_run", [False, True])
def test_the_best_model_of_a_lora_run_loads_and_is_small_unless_its_base_may_change(
    base: Path, tmp_path: Path, of_a_run: bool
) -> None:
    if of_a_run:
        first = new_folder(tmp_path / "runs", LORA)
        save_checkpoint(first.best, weights_of(seed=0), HEADER)
        base = first.best
    folder = new_folder(tmp_path / "runs", LORA)
    run = tuning(base, folder.embeddings)

    list(recorded(run, folder, SCHEMA))

    assert (folder.best.stat().st_size > 0.1 * base.stat().st_size) == of_a_run
    if of_a_run:
        save_checkpoint(base, weights_of(seed=1), HEADER)  # as a run that goes on does
    run.model.network.load_state_dict(run.best_weights)  # type: ignore[attr-defined]
    loaded = load_model(folder.best, device="cpu", precision="float32")
    image = bscans(1)[0].image
    ours, theirs = (m.encode(image).features["image"] for m in (run.model, loaded))
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-5)
    assert same(loaded.network.state_dict(), run.best_weights, "mask_decoder.")
    assert loaded.header.label_schema == SCHEMA
    assert loaded.header.adapter is None
    assert loaded.header.training["epoch"] == run.best_epoch


def test_a_lora_run_that_was_stopped_goes_on_to_the_same_weights(
    base: Path, tmp_path: Path
) -> None:
    whole = tuning(base, tmp_path)
    list(whole.run())

    folder = new_folder(tmp_path / "runs", LORA)
    events = recorded(tuning(base, folder.embeddings), folder, SCHEMA, save_every=0)
    for event in events:
        if isinstance(event, StepDone) and event.epoch == 2:
            break
    events.close()
    resumed = tuning(base, folder.embeddings)
    assert folder.restore(resumed)
    list(recorded(resumed, folder, SCHEMA))

    assert same(whole.weights(), resumed.weights())
    assert same(whole.best_weights, resumed.best_weights)


def test_a_lora_run_does_not_go_on_on_another_base(base: Path, tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "runs", LORA)
    folder.save_state(tuning(base, folder.embeddings))
    torch.save(weights_of(seed=1), base)
    with pytest.raises(UserError, match=r"cannot go on from .*last\.pt"):
        folder.restore(tuning(base, folder.embeddings))


def test_adapters_can_be_trained_on_a_model_that_had_some(base: Path, tmp_path: Path) -> None:
    first = new_folder(tmp_path / "runs", LORA)
    list(recorded(tuning(base, first.embeddings), first, SCHEMA))
    second = new_folder(tmp_path / "runs", LORA)
    list(recorded(tuning(first.best, second.embeddings), second, SCHEMA))

    one, two = (read_checkpoint(folder.best).state_dict for folder in (first, second))
    first.best.unlink()
    assert same(two, read_checkpoint(second.best).state_dict)
    assert not same(one, two, "image_encoder.blocks.0.attn.qkv.weight")
    assert same(one, two, "image_encoder.neck.")


def test_octsam_tiny_takes_no_adapters(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"octsam-tiny is convolutional.* such as vit_b"):
        check_base_model(TrainConfig(adapts="lora"))
    with pytest.raises(UserError, match=r"octsam-tiny is convolutional.* such as vit_b"):
        fine_tuning(tmp_path, LORA)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("adapts = 'lora'", "octsam-tiny is convolutional"),
        ("pseudocolor = 'jet'", "octsam-tiny sees grey B-scans only, not jet"),
        ("pseudocolor = 'Jet'", "pseudocolor: Input should be 'grayscale', 'autumn'"),
        ("lora_rank = 0", "lora_rank: Input should be greater than or equal to 1"),
        ("precision = 'int8'", "precision: Input should be 'auto', 'float32'"),
    ],
)
def test_settings_that_cannot_be_are_said_before_any_model_is_loaded(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "train.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        check_base_model(read_settings(path, TrainConfig))


def test_a_base_model_that_is_gone_is_said_before_training(base: Path, tmp_path: Path) -> None:
    model = load_model(base, device="cpu", precision="float32")
    gone = LORA.model_copy(update={"base_model": str(tmp_path / "gone.pth")})
    with pytest.raises(UserError, match=r"gone\.pth: No such file"):
        FineTuning(model, bscans(1), [], SCHEMA, gone, tmp_path)


def dtypes_of_qkv(run: FineTuning) -> list[torch.dtype]:
    """Return the list that grows by what the first block computes in."""
    seen: list[torch.dtype] = []

    def note(_: object, __: object, output: Tensor) -> None:
        seen.append(output.dtype)

    run.model.network.encoder_blocks[0].get_submodule("attn.qkv").register_forward_hook(note)
    return seen


@pytest.mark.parametrize("adapts", ["decoder", "lora", "everything"])
def test_the_encoder_computes_in_the_precision_that_was_asked_for(
    base: Path, tmp_path: Path, adapts: str
) -> None:
    asked = {"adapts": adapts, "precision": "bfloat16", "epochs": 1}
    run = tuning(base, tmp_path / "embeddings", LORA.model_copy(update=asked))
    before = run.weights()
    seen = dtypes_of_qkv(run)

    list(run.run())

    assert set(seen) == {torch.bfloat16}
    assert all(weights.dtype == torch.float32 for weights in run.weights().values())
    assert not same(before, run.weights(), "mask_decoder.")


def test_the_precision_is_the_models_own_unless_it_is_named(base: Path, tmp_path: Path) -> None:
    named = LORA.model_copy(update={"precision": "float32"})
    assert load_model(base, device="cpu", precision="bfloat16").precision == "bfloat16"
    assert tuning(base, tmp_path, LORA, "bfloat16").model.precision == "bfloat16"
    assert tuning(base, tmp_path, named, "bfloat16").model.precision == "float32"


def test_in_float16_gradients_are_scaled_and_the_scale_goes_on_with_the_run(
    base: Path, tmp_path: Path
) -> None:
    """A CPU computes in float16 too, if slowly; it stands in for the GPU that is meant."""
    run = tuning(base, tmp_path, LORA, "float16")
    before = run.weights()
    list(run.run())
    scaler = run.state_dict()["scaler"]
    assert scaler["scale"] > 1
    assert scaler["_growth_tracker"] > 0
    assert not same(before, run.weights(), "image_encoder.")

    again = tuning(base, tmp_path, LORA, "float16")
    again.load_state_dict(run.state_dict())
    assert again.state_dict()["scaler"] == scaler
    assert tuning(base, tmp_path, LORA, "bfloat16").state_dict()["scaler"] == {}


def test_a_precision_that_the_device_has_not_is_said(base: Path, tmp_path: Path) -> None:
    half = LORA.model_copy(update={"precision": "float16"})
    with pytest.raises(UserError, match="cpu does not compute in float16: use auto or float32 or"):
        tuning(base, tmp_path, half)
    with pytest.raises(UserError, match="float16"):
        load_model(base, device="cpu", precision="float16")
    with pytest.raises(UserError, match="mps does not compute in bfloat16: use auto or float32"):
        check_precision("bfloat16", torch.device("mps"))


@pytest.mark.parametrize("adapts", ["decoder", "lora"])
def test_a_model_trained_in_colour_says_so_and_sees_colour(
    base: Path, tmp_path: Path, adapts: str
) -> None:
    colors = {"pseudocolor": "jet", "blue_first": adapts == "lora"}
    jet = LORA.model_copy(update={**colors, "adapts": adapts, "epochs": 1})
    folder = new_folder(tmp_path / "runs", jet)
    run = tuning(base, folder.embeddings, jet)
    epochs = [e for e in recorded(run, folder, SCHEMA) if isinstance(e, EpochDone)]
    assert epochs[1].best

    loaded = load_model(folder.best, device="cpu", precision="float32")

    assert loaded.header.colors == ("jet:bgr" if adapts == "lora" else "jet")
    image = bscans(1)[0].image
    grey = replace(loaded, header=loaded.header.model_copy(update={"pseudocolor": "grayscale"}))
    difference = loaded.encode(image).features["image"] - grey.encode(image).features["image"]
    assert difference.abs().max() > 0.01
    assert tuning(folder.best, tmp_path, LORA).model.header.colors == loaded.header.colors
    grey_again = LORA.model_copy(update={"pseudocolor": "grayscale"})
    with pytest.raises(UserError, match=r"has learnt B-scans in jet.*: set pseudocolor to jet"):
        tuning(folder.best, tmp_path, grey_again)


def test_a_file_that_says_no_colours_is_loaded_in_those_that_are_set(
    base: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.safetensors"
    save_checkpoint(own, weights_of(), HEADER)
    jet = TrainConfig(pseudocolor="jet", blue_first=True)
    named = [jet.model_copy(update={"base_model": str(path)}) for path in (base, own)]
    assert colors_of_base(named[0]) == Colors("jet", blue_first=True)
    assert colors_of_base(named[1]) is None
    assert colors_of_base(TrainConfig(base_model=str(base))) is None


def test_octsam_tiny_cannot_be_trained_in_colour(tmp_path: Path) -> None:
    jet = CONFIG.model_copy(update={"pseudocolor": "jet"})
    with pytest.raises(UserError, match="small sees grey B-scans only"):
        fine_tuning(tmp_path, jet)
