"""A small model and a short run, for the tests of fine-tuning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.config import TrainConfig
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.tiny.network import TinyConfig, TinyNetwork
from napari_octsam.phantoms.bscan import make_phantom
from napari_octsam.training.distributed import ALONE, Workers
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.run.folder import RunFolder
from tests.running import octsam

SCHEMA = bundled_schema("layers7")
HEADER = Header(name="small", architecture="octsam-tiny", profile="octsam-tiny")
SIZES = TinyConfig(input_size=(96, 96), widths=(8, 8, 16, 16, 16), embed_dim=32)
CONFIG = TrainConfig(
    adapts="decoder",
    epochs=2,
    batch_size=2,
    objects=4,
    lr=3e-3,
    warmup_steps=0,
    prompt="boxes",
)
FEW = {"objects": 1, "augment": False, "topology": "none"}
"""Settings of steps that take little, where it is no matter what is learnt."""


def small_model() -> Model:
    torch.manual_seed(0)
    network = TinyNetwork(SIZES).eval().requires_grad_(False)
    return Model(network, HEADER, torch.device("cpu"))


def call_it_tiny(monkeypatch: pytest.MonkeyPatch | None = None) -> None:
    """Let octsam-tiny mean this small network; in this process for good, where nobody undoes it."""
    small = replace(ARCHITECTURES["octsam-tiny"], build=lambda own=(): TinyNetwork(SIZES, own))
    (monkeypatch or pytest.MonkeyPatch()).setitem(ARCHITECTURES, "octsam-tiny", small)


def small_octsam(*arguments: str) -> None:
    """What `octsam` does where octsam-tiny means this small network, for `forked`."""
    call_it_tiny()
    octsam(*arguments)


def save_small(path: Path) -> None:
    save_checkpoint(path, small_model().network, HEADER)


def save_tiny(path: Path) -> None:
    """Write a checkpoint of octsam-tiny with random weights."""
    torch.manual_seed(0)
    header = Header(name="random", architecture="octsam-tiny", profile="octsam-tiny")
    save_checkpoint(path, TinyNetwork(), header)


def bscans(count: int, first: int = 0) -> list[LabelledBScan]:
    phantoms = [make_phantom(first + i, (128, 160)) for i in range(count)]
    return [LabelledBScan(f"bscan {i}", p.image, p.layers) for i, p in enumerate(phantoms)]


def fine_tuning(
    folder: Path, config: TrainConfig = CONFIG, count: int = 3, workers: Workers = ALONE
) -> FineTuning:
    training, validation = bscans(count), bscans(1, 50)
    return FineTuning(small_model(), training, validation, SCHEMA, config, folder, workers)


def new_folder(root: Path, config: TrainConfig = CONFIG) -> RunFolder:
    """Make the folder of a run that begins."""
    folder = RunFolder.named(root, config)
    folder.make(config)
    return folder


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor], prefix: str = "") -> bool:
    return all(torch.equal(v, theirs[k]) for k, v in ours.items() if k.startswith(prefix))
