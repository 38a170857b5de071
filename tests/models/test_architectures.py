"""The networks there are, and what it takes to add one: a record."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

import napari_octsam
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Prompt
from napari_octsam.models.architecture import Architecture, Guess, Profile
from napari_octsam.models.architectures import ARCHITECTURES, profiles
from napari_octsam.models.checkpoints.load import load_model, read_checkpoint
from napari_octsam.models.checkpoints.save import save_checkpoint, write_transformers
from napari_octsam.models.header import Header
from napari_octsam.models.network import Features

PACKAGE = Path(napari_octsam.__file__).parent
BSCAN = np.random.default_rng(0).integers(0, 256, (60, 90), np.uint8)


class ToyNetwork(nn.Module):
    """Takes whatever is brighter than the mean for every object."""

    input_size = (32, 32)
    mask_size = (16, 16)
    mask_input_size = (16, 16)
    batch_on_cpu = 4
    known_schemas = ()
    encoder_prefixes = ("toy.",)
    feature_shapes = {"image": (1, 1, 16, 16)}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.toy = nn.Conv2d(1, 1, 2, stride=2)

    @property
    def encoder_blocks(self) -> tuple[nn.Module, ...]:
        return (self.toy,)

    def encode_image(self, pixels: Tensor) -> Features:
        return {"image": self.toy(pixels)}

    def prepare(self, features: Features) -> Features:
        return features

    def encode_prompts(
        self, points: Any = None, boxes: Any = None, masks: Any = None, classes: Any = None
    ) -> Any:
        return (boxes,)

    def decode_masks(
        self, image: Features, prompts: Any, extent: tuple[int, int] | None = None
    ) -> tuple[Tensor, Tensor]:
        rows, cols = extent or self.mask_size
        logits = image["image"].expand(len(prompts[0]), 4, -1, -1)[..., :rows, :cols]
        return logits, torch.full(logits.shape[:2], 0.5)


def brightness(image: npt.NDArray[np.uint8], input_size: tuple[int, int]) -> Tensor:
    pixels = torch.from_numpy(image).float()[None, None] / 255
    return nn.functional.interpolate(pixels - pixels.mean(), input_size)


PLAIN = Profile("plain", brightness)
TOY = Architecture(
    name="toy",
    build=ToyNetwork,
    telltale="toy.weight",
    profiles=(PLAIN,),
    guess=lambda *_: Guess(PLAIN),
    takes_colors=False,
    no_adapters="is a toy",
    gains_by_16_bit=False,
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A state dict of a toy, without a header."""
    monkeypatch.setitem(ARCHITECTURES, "toy", TOY)
    torch.manual_seed(0)
    path = tmp_path / "my toy.pt"
    torch.save(ToyNetwork().state_dict(), path)
    return path


def test_a_new_network_is_recognised_loaded_and_predicts(toy: Path) -> None:
    model = load_model(toy, device="cpu")

    (decoded,) = model.decode(model.encode(BSCAN), [Prompt(1, box=Box(10, 10, 40, 60))])

    assert model.header == Header(name="my toy", architecture="toy", profile="plain")
    assert isinstance(model.network, ToyNetwork)
    assert decoded.candidates[0].window.mask((60, 90)).any()


def test_a_new_network_is_saved_with_its_header(toy: Path, tmp_path: Path) -> None:
    state = read_checkpoint(toy).state_dict
    header = Header(name="a toy", architecture="toy", profile="plain", single_mask=True)

    save_checkpoint(tmp_path / "saved.safetensors", state, header)

    again = read_checkpoint(tmp_path / "saved.safetensors")
    assert again.header == header
    assert all(torch.equal(again.state_dict[key], state[key]) for key in state)


def test_a_new_network_says_what_it_cannot_do(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'sam' does not fit toy: use plain"):
        read_checkpoint(toy, "sam")
    save_checkpoint(
        tmp_path / "t.safetensors",
        ToyNetwork(),
        Header(name="a toy", architecture="toy", profile="sam"),
    )
    with pytest.raises(UserError, match=r"header of .* is wrong: .*'sam' does not fit toy"):
        read_checkpoint(tmp_path / "t.safetensors")
    with pytest.raises(UserError, match="transformers has no toy"):
        write_transformers(tmp_path / "t.pt", {}, "toy")
    with pytest.raises(ValidationError, match="toy sees grey B-scans only, not jet"):
        Header(name="a toy", architecture="toy", profile="plain", pseudocolor="jet")


def test_weights_of_no_network_are_told_which_there_are(toy: Path, tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.ones(1)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match=r"not weights of vit_b, vit_l, vit_h, octsam-tiny or toy"):
        read_checkpoint(tmp_path / "other.pt")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_network_is_built_with_its_telltale_and_sees_a_bscan(name: str) -> None:
    architecture = ARCHITECTURES[name]
    with torch.device("meta"):
        network = architecture.build()

    telltale = network.state_dict()[architecture.telltale]

    assert architecture.encoder_width in (None, telltale.shape[-1])
    for profile in architecture.profiles:
        pixels = profile.preprocess(BSCAN, (64, 64))
        assert pixels.shape in ((1, 1, 64, 64), (1, 3, 64, 64))
        assert pixels.dtype == torch.float32


def test_no_code_asks_which_network_it_has() -> None:
    names = {*ARCHITECTURES, *profiles()}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Compare):
                compared = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
                assert not compared & names or path.parent.name in ("sam", "tiny"), path
