"""A step that does not fit the memory is taken in parts, to the same end."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_octsam.core.errors import UserError
from napari_octsam.models.model import Model
from napari_octsam.models.tiny.network import TinyNetwork
from napari_octsam.training import groups
from napari_octsam.training.distributed import ALONE, Workers
from napari_octsam.training.events import StepDone, Told
from napari_octsam.training.loop import FineTuning
from tests.small_runs import CONFIG, HEADER, SCHEMA, SIZES, bscans

SGD = CONFIG.model_copy(
    update={
        "optimizer": "sgd",
        "lr": 0.05,
        "epochs": 1,
        "topology_warmup_epochs": 0,
        "adapts": "everything",
        "objects": 7,
        "corrections": 1,
    }
)


class LittleMemory(TinyNetwork):
    """Has room for the graph of so many prompts."""

    def __init__(self, room: int) -> None:
        super().__init__(SIZES)
        self.room = room
        self._held: list[weakref.ref[Tensor]] = []

    def decode_masks(self, *arguments: Any) -> tuple[Tensor, Tensor]:
        logits, scores = super().decode_masks(*arguments)
        if torch.is_grad_enabled():
            alive = [each() for each in self._held]
            held = sum(len(each) for each in alive if each is not None)
            if held + len(logits) > self.room:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")
            self._held.append(weakref.ref(logits))
        return logits, scores


def run_with(room: int, folder: Path, workers: Workers = ALONE) -> FineTuning:
    torch.manual_seed(0)
    network = LittleMemory(room).eval().requires_grad_(False)
    model = Model(network, HEADER, torch.device("cpu"))
    return FineTuning(model, bscans(2), [], SCHEMA, SGD, folder, workers)


def test_a_step_in_parts_ends_as_the_whole_step_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_ON_CPU", 99)
    whole, parted = run_with(99, tmp_path), run_with(3, tmp_path)
    before = whole.weights()
    events, others = list(whole.run()), list(parted.run())

    assert not [event for event in events if isinstance(event, Told)]
    (told,) = [event for event in others if isinstance(event, Told)]
    assert "from now on, 3 of" in told.sentence
    (step,) = [event for event in events if isinstance(event, StepDone)]
    (other,) = [event for event in others if isinstance(event, StepDone)]
    assert other.losses == pytest.approx(step.losses, rel=1e-4)
    for name, weight in whole.weights().items():
        moved = (weight - before[name]).abs().max()
        assert (weight - parted.weights()[name]).abs().max() <= 1e-3 * moved + 1e-7, name


def test_where_not_even_one_object_fits_the_person_is_told_what_helps(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Not even one object .* smaller base model"):
        list(run_with(0, tmp_path).run())
