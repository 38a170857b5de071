"""What the losses of objects push on, and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.config import TrainConfig
from napari_octsam.models.tiny.network import TinyNetwork
from napari_octsam.training.losses.objects import ObjectLosses, topology_loss
from napari_octsam.training.prompts.components import component_objects
from tests.small_runs import CONFIG, HEADER, SIZES, bscans

CPU = torch.device("cpu")


class Watched(TinyNetwork):
    """Keeps the logits that it gave, with their gradient."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(SIZES)
        self.logits: list[Tensor] = []

    def decode_masks(self, *arguments: Any) -> tuple[Tensor, Tensor]:
        logits, scores = super().decode_masks(*arguments)
        logits.retain_grad()
        self.logits.append(logits)
        return logits, scores


def gradients(config: TrainConfig, part: str) -> Tensor:
    """Return what a part of the loss gives the logits of a B-scan labelled in its left half."""
    network = Watched()
    (bscan,) = bscans(1)
    labels = bscan.labels.copy()
    labels[:, 80:] = NOT_LABELLED
    objects = component_objects(labels, range(1, 8), config, np.random.default_rng(0))
    pixels = torch.from_numpy(bscan.image[None, None, :96, :96] / 255).float()
    features = network.encode_image(pixels)
    losses = ObjectLosses(network, HEADER, config, CPU).losses(
        features, objects, labels.shape, with_topology=True
    )
    losses[part].backward()
    return torch.cat([each.grad for each in network.logits if each.grad is not None])


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        *(("segmentation", {"loss": name}) for name in ("dice_ce", "dice", "focal", "dice_focal")),
        ("candidates", {}),
        *(("topology", {"topology": name}) for name in ("spatial", "wasserstein", "octsam")),
    ],
)
def test_what_nobody_labelled_has_no_gradient(part: str, settings: dict[str, str]) -> None:
    config = CONFIG.model_copy(update=settings)
    gradient = gradients(config, part)
    half = gradient.shape[-1] // 2
    assert not gradient[..., half + 1 :].any()
    assert gradient[..., : half - 1].any()


def losses_of_noise(**settings: Any) -> float:
    loss = topology_loss(CONFIG.model_copy(update=settings))
    assert loss is not None
    logits = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    truth = torch.zeros(1, 1, 64, 64)
    truth[..., 20:40, :] = 1
    return float(loss(logits, truth))


def test_the_topology_loss_goes_with_its_weight_and_falls_with_its_size() -> None:
    usual = losses_of_noise(topology_weight=0.1)
    assert losses_of_noise(topology_weight=0.3) == pytest.approx(3 * usual)
    assert losses_of_noise(topology_size=64) == pytest.approx(usual)
    assert losses_of_noise(topology_size=16) < usual / 2  # fewer pixels, fewer islands
    assert topology_loss(CONFIG.model_copy(update={"topology_weight": 0})) is None
