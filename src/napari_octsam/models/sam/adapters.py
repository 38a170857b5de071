"""Low-rank adapters on q and v of the image encoder's attention, in the way of SAMed.

LoRA (arXiv:2106.09685) leaves a weight W as it is and learns a low-rank B A beside it. SAMed
(arXiv:2304.13785) does so in each block of SAM's encoder; its scale is 1, here it is alpha / rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_octsam.models.embeddings import forget_encoder_hash
from napari_octsam.models.sam.network import SamNetwork

__all__ = ["AdaptedQkv", "adapter_weights", "add_adapters", "joined", "merged"]

_QKV = "image_encoder.blocks.{}.attn.qkv."
_DECODER = "mask_decoder."
_FACTORS = tuple(f".attn.qkv.{factor}_{part}" for factor in "ab" for part in "qv")


class AdaptedQkv(nn.Module):
    """Drop-in for the `Linear` that makes q, k and v: the same, with low-rank terms on q and v.

    Parameters
    ----------
    source
        From C to 3 C channels; its parameters are taken over, not copied.
    rank
        Of the terms; each A is (rank, C), each B (C, rank), and B is 0 to begin with.
    scale
        Of the terms.
    random
        Draws A.
    """

    def __init__(self, source: nn.Linear, rank: int, scale: float, random: torch.Generator) -> None:
        super().__init__()
        self.weight, self.bias = source.weight, source.bias
        self.scale = scale
        width, device = source.in_features, source.weight.device
        self.a_q, self.a_v = (
            nn.Parameter(_kaiming(rank, width, random).to(device)) for _ in range(2)
        )
        self.b_q, self.b_v = (
            nn.Parameter(torch.zeros(width, rank, device=device)) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., 3 C)."""
        q, k, v = F.linear(x, self.weight, self.bias).chunk(3, dim=-1)
        more_q = F.linear(F.linear(x, self.a_q), self.b_q)
        more_v = F.linear(F.linear(x, self.a_v), self.b_v)
        return torch.cat([q + self.scale * more_q, k, v + self.scale * more_v], dim=-1)


def add_adapters(network: SamNetwork, rank: int, alpha: float, seed: int) -> list[nn.Parameter]:
    """Put adapters into each block of a SAM's image encoder; return their parameters.

    The network computes what it did before, until they are trained.
    """
    random = torch.Generator().manual_seed(seed)
    parameters: list[nn.Parameter] = []
    for block in network.image_encoder.blocks:
        adapted = AdaptedQkv(block.attn.qkv, rank, alpha / rank, random)
        block.attn.qkv = adapted
        parameters += [adapted.a_q, adapted.b_q, adapted.a_v, adapted.b_v]
    forget_encoder_hash(network)
    return parameters


def adapter_weights(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the adapters and the mask decoder of an adapted network, named as SAMed names them.

    `w_a_000` and `w_b_000` belong to q of the first block, `w_a_001` and `w_b_001` to its v, and
    so on.
    """
    weights = {k: v for k, v in state_dict.items() if k.startswith(_DECODER)}
    block = 0
    while (prefix := _QKV.format(block)) + "a_q" in state_dict:
        for number, part in enumerate("qv", start=2 * block):
            for factor in "ab":
                weights[f"w_{factor}_{number:03d}"] = state_dict[f"{prefix}{factor}_{part}"]
        block += 1
    return weights


def merged(
    base: Mapping[str, Tensor], adapters: Mapping[str, Tensor], scale: float
) -> dict[str, Tensor]:
    """Return the state dict of a plain SAM that computes what the base does with the adapters.

    Parameters
    ----------
    base
        A SAM's state dict; stays as it is.
    adapters
        From `adapter_weights` or a file of SAMed; other weights in it take the base's places.
    scale
        Of the low-rank terms.
    """
    state = dict(base)
    state |= {k: v for k, v in adapters.items() if not k.startswith(("w_a_", "w_b_"))}
    for block in range(sum(k.startswith("w_a_") for k in adapters) // 2):
        key = f"{_QKV.format(block)}weight"
        q, k, v = base[key].float().chunk(3)
        more_q, more_v = (
            scale * adapters[f"w_b_{n:03d}"].float() @ adapters[f"w_a_{n:03d}"].float()
            for n in (2 * block, 2 * block + 1)
        )
        state[key] = torch.cat([q + more_q, k, v + more_v])
    return state


def joined(state_dict: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Return the state dict of a plain SAM that computes what an adapted network does.

    Parameters
    ----------
    state_dict
        Of the adapted network.
    scale
        Of its low-rank terms.
    """
    plain = {k: v for k, v in state_dict.items() if not k.endswith(_FACTORS)}
    return merged(plain, adapter_weights(state_dict), scale)


def _kaiming(rank: int, width: int, random: torch.Generator) -> Tensor:
    return nn.init.kaiming_uniform_(torch.empty(rank, width), a=math.sqrt(5), generator=random)
