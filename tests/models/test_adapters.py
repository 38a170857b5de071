"""Low-rank adapters: what they compute, and the files that they come in."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam
from torch import Tensor, nn
from typer.testing import CliRunner

from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints.adapters import make_record, put_base_beside
from napari_octsam.models.checkpoints.load import build_network, load_model, read_checkpoint
from napari_octsam.models.checkpoints.registry import REGISTRY
from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.models.embeddings import embedding_key
from napari_octsam.models.header import AdapterRecord, Header
from napari_octsam.models.model import Model
from napari_octsam.models.profiles import preprocess
from napari_octsam.models.sam.adapters import adapter_weights, add_adapters, merged
from napari_octsam.models.sam.network import SamNetwork
from tests.small_sam import BLOCKS, SIDE, WIDTH, call_it_vit_b, small_sam, weights_of

State = dict[str, Tensor]
CPU = torch.device("cpu")
HEADER = Header(name="test", architecture="vit_b", profile="sam")
BSCAN = np.random.default_rng(0).integers(0, 256, (100, 128), np.uint8)
RANK, ALPHA = 3, 12.0
VIT_B = AdapterRecord(base="vit_b", sha256="", rank=RANK, alpha=ALPHA)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    call_it_vit_b(monkeypatch)
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "bases" / "base.pth"
    path.parent.mkdir()
    torch.save(weights_of(), path)
    return path


@pytest.fixture
def registered(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = home / "models" / "sam_vit_b_01ec64.pth"
    path.parent.mkdir(parents=True)
    torch.save(weights_of(), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(REGISTRY, "vit_b", replace(REGISTRY["vit_b"], sha256=sha256))
    return path


def plain_network() -> SamNetwork:
    network = build_network("vit_b", weights_of())
    assert isinstance(network, SamNetwork)
    return network


def adapted_model(scale: float = 1.0) -> Model:
    """Return a model with adapters that were trained, or might have been."""
    network = plain_network()
    parameters = add_adapters(network, RANK, ALPHA * scale, seed=0)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in parameters:
            parameter.copy_(torch.randn(parameter.shape, generator=random) * 0.05)
    return Model(network, HEADER, CPU)


def record_on(base: Path) -> AdapterRecord:
    sha256 = hashlib.sha256(base.read_bytes()).hexdigest()
    return AdapterRecord(base=base.name, sha256=sha256, rank=RANK, alpha=ALPHA)


def saved_adapters(path: Path, record: AdapterRecord | None) -> Path:
    header = HEADER.model_copy(update={"adapter": record})
    save_checkpoint(path, adapter_weights(adapted_model().network.state_dict()), header)
    return path


def image_of(model: Model) -> Tensor:
    return model.encode(BSCAN).features["image"]


def refusal(path: Path, base: Path | None = None) -> str:
    with pytest.raises(UserError) as caught:
        read_checkpoint(path, base=base)
    sentence = str(caught.value)
    assert path.name in sentence
    assert sentence.endswith(".")
    return sentence


def test_new_adapters_compute_what_the_base_does_under_a_key_of_their_own() -> None:
    network = plain_network()
    model = Model(network, HEADER, CPU)
    before, key = image_of(model), embedding_key(model, BSCAN)

    parameters = add_adapters(network, RANK, ALPHA, seed=0)

    assert len(parameters) == 4 * BLOCKS
    assert torch.equal(image_of(model), before)
    assert embedding_key(model, BSCAN) != key


def test_merged_adapters_compute_what_they_do_beside_the_weights() -> None:
    model = adapted_model()
    plain = Model(build_network("vit_b", weights_of()), HEADER, CPU)

    weights = merged(weights_of(), adapter_weights(model.network.state_dict()), scale=ALPHA / RANK)
    one = Model(build_network("vit_b", weights), HEADER, CPU)

    torch.testing.assert_close(image_of(one), image_of(model), rtol=0, atol=1e-5)
    assert (image_of(one) - image_of(plain)).abs().max() > 0.01
    assert len({embedding_key(m, BSCAN) for m in (model, plain, one)}) == 3


def test_the_gradient_reaches_the_adapters_of_each_block() -> None:
    model = adapted_model()
    model.features(BSCAN)["image"].square().sum().backward()
    parts = dict(model.network.named_parameters())  # type: ignore[attr-defined]
    reached = [name for name, part in parts.items() if part.grad is not None and part.grad.any()]
    assert len(reached) == 4 * BLOCKS
    assert all(re.search(r"attn\.qkv\.[ab]_[qv]$", name) for name in reached)


def test_adapters_load_onto_their_base_and_are_small(tmp_path: Path, base: Path) -> None:
    path = saved_adapters(base.with_name("a.safetensors"), record_on(base))

    model = load_model(path, device="cpu", precision="float32")

    torch.testing.assert_close(image_of(model), image_of(adapted_model()), rtol=0, atol=1e-5)
    assert model.header == HEADER
    assert model.note == ""
    assert path.stat().st_size < 0.1 * base.stat().st_size
    whole = tmp_path / "whole.safetensors"
    save_checkpoint(whole, model.network, model.header)
    assert torch.equal(
        image_of(load_model(whole, device="cpu", precision="float32")), image_of(model)
    )


def test_the_scale_is_alpha_by_rank(tmp_path: Path, base: Path) -> None:
    record = record_on(base).model_copy(update={"alpha": 2 * ALPHA})
    model = load_model(
        saved_adapters(base.with_name("a.safetensors"), record), device="cpu", precision="float32"
    )
    torch.testing.assert_close(image_of(model), image_of(adapted_model(2)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("named", ["/abs/base.pth", "../base.pth", "D:\\models\\base.pth"])
def test_a_base_is_looked_for_beside_its_adapters_alone(
    tmp_path: Path, base: Path, named: str
) -> None:
    named = named.replace("/abs", str(base.parent))
    record = record_on(base).model_copy(update={"base": named})
    (tmp_path / "sub").mkdir()
    path = saved_adapters(tmp_path / "sub" / "a.safetensors", record)
    base.rename(tmp_path / base.name)
    sentence = refusal(path)
    assert "holds adapters for base.pth, which is not beside them: put base.pth" in sentence

    (tmp_path / base.name).rename(path.with_name(base.name))
    assert read_checkpoint(path).state_dict

    path.with_name(base.name).rename(tmp_path / "renamed.pth")
    path = path.rename(path.with_name(base.name))
    assert "which is not beside them: name it with --base" in refusal(path)
    assert read_checkpoint(path, base=tmp_path / "renamed.pth").state_dict


def test_a_trained_base_is_put_beside(tmp_path: Path, base: Path) -> None:
    record = make_record(str(base), RANK, ALPHA)
    folder = tmp_path / "run"
    folder.mkdir()
    put_base_beside(str(base), record, folder)
    put_base_beside(str(base), record, folder)
    path = saved_adapters(folder / "best.safetensors", record)
    base.unlink()

    assert record.base == "base_base.pth"
    assert read_checkpoint(path).state_dict

    put_base_beside("vit_b", VIT_B, folder)
    assert sorted(each.name for each in folder.iterdir()) == [record.base, path.name]


def test_a_base_on_another_disk_is_copied(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", fail)
    put_base_beside(str(base), make_record(str(base), RANK, ALPHA), tmp_path)
    assert (tmp_path / "base_base.pth").read_bytes() == base.read_bytes()


def test_another_base_is_refused(tmp_path: Path, base: Path) -> None:
    path = saved_adapters(base.with_name("a.safetensors"), record_on(base))
    torch.save(weights_of(seed=1), base)
    assert f"trained on another base.pth than {base}" in refusal(path)
    assert f"trained on another base.pth than {base}" in refusal(path, base)


def test_a_registered_base_that_is_not_here_is_named(tmp_path: Path) -> None:
    path = saved_adapters(tmp_path / "a.safetensors", VIT_B)
    assert "vit_b, which is not on this machine yet: download vit_b first" in refusal(path)


def test_a_registered_base_is_found(tmp_path: Path, registered: Path) -> None:
    assert registered.exists()
    path = saved_adapters(tmp_path / "a.safetensors", VIT_B)
    model = load_model(path, device="cpu", precision="float32")
    torch.testing.assert_close(image_of(model), image_of(adapted_model()), rtol=0, atol=1e-5)


def samed_file(path: Path, masks: int, **more: Tensor) -> State:
    """Write what SAMed's `save_lora_parameters` writes; return it."""
    random = torch.Generator().manual_seed(2)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random) * 0.05

    count = range(2 * BLOCKS)
    a_tensors = {f"w_a_{i:03d}": draw(RANK, WIDTH) for i in count}
    b_tensors = {f"w_b_{i:03d}": draw(WIDTH, RANK) for i in count}
    rest = {
        k: v for k, v in weights_of(masks, seed=5).items() if not k.startswith("image_encoder.")
    }
    content = {**a_tensors, **b_tensors, **rest, **more}
    torch.save(content, path)
    return content


class SamedQkv(nn.Module):
    """As SAMed has it, for comparison."""

    def __init__(self, qkv: nn.Linear, q: tuple[Tensor, Tensor], v: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        self.qkv, self.q, self.v = qkv, q, v

    def forward(self, x: Tensor) -> Tensor:
        qkv: Tensor = self.qkv(x)
        qkv[..., :WIDTH] += x @ self.q[0].T @ self.q[1].T
        qkv[..., -WIDTH:] += x @ self.v[0].T @ self.v[1].T
        return qkv


def as_samed_encodes(content: State) -> Tensor:
    sam: Sam = small_sam()
    sam.load_state_dict(weights_of(), strict=False)
    for i, block in enumerate(sam.image_encoder.blocks):
        q, v = ((content[f"w_a_{n:03d}"], content[f"w_b_{n:03d}"]) for n in (2 * i, 2 * i + 1))
        block.attn.qkv = SamedQkv(block.attn.qkv, q, v)
    with torch.inference_mode():
        features: Tensor = sam.image_encoder(preprocess(BSCAN, "sam", (SIDE, SIDE)))
    return features


def test_samed_files_load_with_what_fits_and_say_what_does_not(
    tmp_path: Path, registered: Path
) -> None:
    content = samed_file(tmp_path / "epoch_159.pth", masks=9)

    model = load_model(tmp_path / "epoch_159.pth", device="cpu", precision="float32")

    torch.testing.assert_close(image_of(model), as_samed_encodes(content), rtol=0, atol=1e-5)
    assert model.header.name == "epoch_159"
    assert f"adapters of SAMed, on {registered.name}" in model.note
    assert "9 masks" in model.note
    state, own = model.network.state_dict(), weights_of()
    token, upscaling = "mask_decoder.iou_token.weight", "mask_decoder.output_upscaling.0.weight"
    for key in (token, upscaling, "prompt_encoder.no_mask_embed.weight"):
        assert torch.equal(state[key], content[key]), key
    for key in own:
        if re.match(r"mask_decoder\.(mask_tokens|output_hyper|iou_prediction)", key):
            assert torch.equal(state[key], own[key]), key


def test_samed_files_with_sams_masks_load_whole_on_a_base_that_is_named(
    tmp_path: Path, base: Path
) -> None:
    content = samed_file(tmp_path / "lora.pt", masks=4)

    checkpoint = read_checkpoint(tmp_path / "lora.pt", base=base)

    assert checkpoint.note == "lora.pt was taken for adapters of SAMed, on base.pth."
    for key, weights in content.items():
        assert key.startswith("w_") or torch.equal(checkpoint.state_dict[key], weights)


FAULTS: dict[str, tuple[Callable[[State], object], str]] = {
    "missing": (
        lambda s: s.pop("w_b_002"),
        "base of 2 blocks of attention: w_b_002: none in the file, 192 x 3 expected",
    ),
    "too many": (
        lambda s: s.update(w_a_004=torch.ones(3, 192)),
        "w_a_004: 3 x 192 in the file, none expected",
    ),
    "another rank": (
        lambda s: s.update(w_a_001=torch.ones(2, 192)),
        "w_a_001: 2 x 192 in the file, 3 x 192 expected",
    ),
    "a number": (lambda s: s.update(w_a_000=torch.tensor(1.0)), "w_a_000:"),
    "NaN": (
        lambda s: s["w_b_003"].fill_(torch.nan),
        "NaN or infinite: image_encoder.blocks.1.attn.qkv.weight",
    ),
    "sparse": (
        lambda s: s.update(w_a_001=torch.ones(3, 192).to_sparse()),
        "w_a_001: none in the file",
    ),
    "mask tokens that are none": (
        lambda s: s.update({"mask_decoder.mask_tokens.weight": torch.tensor(1.0)}),
        "looks like vit_b, but 30 weights are too many",
    ),
    "surplus": (lambda s: s.update(fc=torch.ones(2)), "1 weight is too many: fc"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_adapters_that_do_not_fit_are_refused_in_a_sentence(
    tmp_path: Path, base: Path, fault: str
) -> None:
    path = tmp_path / "lora.pt"
    content = samed_file(path, masks=9)
    spoil, sentence = FAULTS[fault]
    spoil(content)
    torch.save(content, path)
    assert sentence in refusal(path, base)


def test_adapters_of_an_unknown_width_or_on_octsam_tiny_are_refused(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    path = tmp_path / "lora.pt"
    samed_file(path, masks=9)
    assert "base of 0 blocks of attention" in refusal(path, tiny_checkpoint)
    torch.save({"w_a_000": torch.ones(3, 99)}, path)
    assert "encoder 99 wide, which none of vit_b, vit_l and vit_h has" in refusal(path)


def test_a_header_without_a_base_or_of_another_architecture_is_refused(base: Path) -> None:
    path = saved_adapters(base.with_name("a.safetensors"), None)
    assert "does not say which model its adapters go on" in refusal(path)
    record = record_on(base)
    other = HEADER.model_copy(update={"architecture": "vit_l", "adapter": record})
    save_checkpoint(path, adapter_weights(adapted_model().network.state_dict()), other)
    assert "says vit_l, but its weights are those of vit_b" in refusal(path)


def test_a_profile_may_be_chosen_for_adapters_too(tmp_path: Path, base: Path) -> None:
    path = saved_adapters(base.with_name("a.safetensors"), record_on(base))
    assert read_checkpoint(path, "medsam").header.profile == "medsam"


def test_convert_merges_adapters_into_their_base(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_octsam.cli import app

    monkeypatch.chdir(tmp_path)
    samed_file(tmp_path / "lora.pt", masks=9)
    adapters = read_checkpoint("lora.pt", base=base)

    done = CliRunner().invoke(app, ["convert", "lora.pt", "whole.safetensors", "--base", str(base)])

    assert done.exit_code == 0, done.output
    base.unlink()
    whole = read_checkpoint("whole.safetensors")
    assert whole.header == adapters.header
    assert whole.state_dict.keys() == weights_of().keys()
    for key, weights in adapters.state_dict.items():
        assert torch.equal(whole.state_dict[key], weights), key
