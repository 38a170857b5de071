"""What the losses of objects push on, and by how much; MONAI's as a second opinion."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.config import TrainConfig
from napari_octsam.models.named_classes import UNKNOWN
from napari_octsam.models.tiny.network import TinyNetwork
from napari_octsam.training.batches import decode_in_batches, placement_of
from napari_octsam.training.losses.objects import Truth, object_losses
from napari_octsam.training.losses.segmentation import segmentation_loss
from napari_octsam.training.losses.topology import make_topology_loss, topology_loss
from napari_octsam.training.prompts.components import component_objects
from tests.small_runs import CONFIG, SIZES, bscans

CPU = torch.device("cpu")


@pytest.mark.xdist_group("monai")
@pytest.mark.parametrize("name", ["dice_ce", "dice", "focal", "dice_focal"])
def test_the_segmentation_losses_are_monais(name: str) -> None:
    from monai import losses

    monais = {
        "dice_ce": losses.DiceCELoss(sigmoid=True),
        "dice": losses.DiceLoss(sigmoid=True),
        "focal": losses.FocalLoss(),
        "dice_focal": losses.DiceFocalLoss(sigmoid=True),
    }
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 1, 40, 60, generator=random) * 5
    target = torch.rand(5, 1, 40, 60, generator=random) ** 3
    target[0], target[1] = 0, 1
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    loss = segmentation_loss(name)(ours, target, torch.ones_like(target)).mean()
    other = monais[name](theirs, target)
    loss.backward()
    other.backward()
    assert loss.item() == pytest.approx(other.item(), rel=1e-6)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_pixel_counts_where_half_of_it_is_labelled() -> None:
    logits, target = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    counts = torch.tensor([[[[1.0, 0.5], [0.4, 0.0]]]])
    loss = segmentation_loss("dice")(logits, target, counts)
    assert loss.item() == pytest.approx(1 - 2 * 1 / 3, rel=1e-4)


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
    image = network.prepare(network.encode_image(pixels))
    placement = placement_of("octsam-tiny", (128, 160), network)
    prompts = [each.prompt for each in objects]
    decode = partial(network.decode_masks, image)
    order, (logits, scores) = decode_in_batches(
        network, decode, prompts, placement, CPU, 8, [UNKNOWN] * len(prompts)
    )
    truth = placement.truth([objects[i] for i in order], CPU)
    losses: dict[str, Tensor | None] = {}
    losses |= object_losses(logits, scores, truth, segmentation_loss(config.loss))
    topology = make_topology_loss(config)
    assert topology is not None
    losses["topology"] = topology_loss(topology, logits[:, 0], truth)
    loss = losses[part]
    assert loss is not None
    loss.backward()
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
    loss = make_topology_loss(CONFIG.model_copy(update=settings))
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
    assert make_topology_loss(CONFIG.model_copy(update={"topology_weight": 0})) is None


def test_logits_that_are_no_numbers_have_no_topology() -> None:
    loss = make_topology_loss(CONFIG)
    assert loss is not None
    logits, truth = torch.zeros(1, 8, 8), Truth(torch.zeros(1, 8, 8), torch.ones(1, 8, 8))
    assert topology_loss(loss, logits, truth) is not None
    assert topology_loss(loss, logits * torch.nan, truth) is None
