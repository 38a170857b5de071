"""octsam-tiny's mask decoder: segment_anything's, with detailed maps and maps of the prompts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from segment_anything.modeling import MaskDecoder, TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn
from torch.nn import functional as F

from napari_octsam.models.prompt_features import PromptFeatures
from napari_octsam.models.prompt_maps import PROMPT_MAPS
from napari_octsam.models.two_way import FoldedTwoWayTransformer

__all__ = ["DetailedMaskDecoder", "TinyPrompts"]


class TinyPrompts(NamedTuple):
    """Encoded prompts of N objects."""

    sparse: Tensor
    """(N, tokens, embed_dim) embedded points and box corners."""
    dense: Tensor
    """(N, embed_dim, H/16, W/16) embedded mask prompts."""
    maps: Tensor
    """(N, PROMPT_MAPS, H/2, W/2) prompts drawn as maps."""
    points: tuple[Tensor, Tensor] | None
    """The points and their labels as they came."""
    boxes: Tensor | None
    """The boxes as they came."""


class PromptPyramid(nn.Module):
    """Brings the prompt maps to each scale of the decoder."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.stride2 = nn.Conv2d(PROMPT_MAPS, dim // 8, 3, padding=1)
        self.stride4 = nn.Conv2d(dim // 8, dim // 4, 3, stride=2, padding=1)
        self.stride8 = nn.Conv2d(dim // 4, dim // 2, 3, stride=2, padding=1)
        self.stride16 = nn.Conv2d(dim // 2, dim, 3, stride=2, padding=1)

    def forward(self, maps: Tensor) -> list[Tensor]:
        """(N, PROMPT_MAPS, H/2, W/2) -> maps at 1/2, 1/4, 1/8 and 1/16."""
        levels = [F.relu(self.stride2(maps))]
        for conv in (self.stride4, self.stride8, self.stride16):
            levels.append(F.relu(conv(levels[-1])))
        return levels


class DetailedMaskDecoder(MaskDecoder):  # type: ignore[misc]
    """segment_anything's mask decoder with detailed maps in its upscaling path."""

    def __init__(self, dim: int) -> None:
        super().__init__(
            transformer_dim=dim,
            transformer=FoldedTwoWayTransformer(
                TwoWayTransformer(depth=2, embedding_dim=dim, num_heads=8, mlp_dim=4 * dim)
            ),
            num_multimask_outputs=3,
            iou_head_hidden_dim=dim,
        )
        del self.output_upscaling
        self.prompt_pyramid = PromptPyramid(dim)
        self.prompt_features = PromptFeatures(dim // 4, dim)
        self.detail = nn.Conv2d(dim // 4, dim // 8, 1)
        self.detail_weights = nn.ModuleList(
            MLP(dim, dim, dim // 4, 3) for _ in range(self.num_mask_tokens)
        )
        self.to_eighth = nn.ConvTranspose2d(dim, dim // 2, 2, stride=2)
        self.to_quarter = nn.ConvTranspose2d(dim // 2, dim // 4, 2, stride=2)
        self.to_half = nn.ConvTranspose2d(dim // 4, dim // 8, 2, stride=2)
        self.norm_eighth = LayerNorm2d(dim // 2)
        self.mix_quarter = nn.Conv2d(dim // 4, dim // 4, 3, padding=1)
        self.mix_half = nn.Conv2d(dim // 8, dim // 8, 3, padding=1)

    def forward(
        self, features: dict[str, Tensor], image_pe: Tensor, prompts: TinyPrompts
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return (N, 4, H/2, W/2) logits, (N, 4) predicted IoU and (N, 4, dim) mask tokens.

        A mask is its token's weighing of two maps: one drawn for the prompt, and the finest one
        of the image, which knows the layers.
        """
        half, quarter, eighth, sixteenth = self.prompt_pyramid(prompts.maps)
        tokens, x = self._attend(features, image_pe, prompts, sixteenth)
        x = F.relu(self.norm_eighth(self.to_eighth(x) + features["stride8"] + eighth))
        x = F.relu(self.to_quarter(x) + features["stride4"] + quarter)
        x = F.relu(x + self.mix_quarter(x))
        x = F.relu(self.to_half(x) + self.detail(features["stride2"]) + half)
        x = F.relu(x + self.mix_half(x))
        mask_tokens = tokens[:, 1 : 1 + self.num_mask_tokens]
        drawn = torch.einsum(
            "nkc,nchw->nkhw", _each(self.output_hypernetworks_mlps, mask_tokens), x
        )
        known = torch.einsum(
            "nkc,chw->nkhw", _each(self.detail_weights, mask_tokens), features["stride2"][0]
        )
        return drawn + known, self.iou_prediction_head(tokens[:, 0]), mask_tokens

    def _attend(
        self,
        features: dict[str, Tensor],
        image_pe: Tensor,
        prompts: TinyPrompts,
        prompt_map: Tensor,
    ) -> tuple[Tensor, Tensor]:
        n = prompts.sparse.shape[0]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(n, -1, -1), prompts.sparse], dim=1)
        if prompts.points is not None or prompts.boxes is not None:
            seen = self.prompt_features(features["stride2"], prompts.points, prompts.boxes)
            tokens = torch.cat([tokens, seen], dim=1)
        source = features["image"] + prompts.dense + prompt_map
        tokens, source = self.transformer(source, image_pe.expand(n, -1, -1, -1), tokens)
        _, dim, rows, cols = prompt_map.shape
        return tokens, source.transpose(1, 2).reshape(n, dim, rows, cols)


def _each(networks: nn.ModuleList, tokens: Tensor) -> Tensor:
    """Give each of the (N, K, dim) tokens to its own network: (N, K, C)."""
    return torch.stack([net(tokens[:, i]) for i, net in enumerate(networks)], dim=1)
