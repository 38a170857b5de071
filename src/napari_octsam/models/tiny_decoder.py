"""octsam-tiny's mask decoder: SAM's two-way transformer, then masks on every row."""

from __future__ import annotations

import torch
from segment_anything.modeling import TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn
from torch.nn import functional as F

from napari_octsam.models.mask_scores import MASK_FACTS, MaskScores
from napari_octsam.models.pixel_names import CLASSES, PixelNames
from napari_octsam.models.prompt_band import (
    SURELY_NOT,
    TinyPrompts,
    cut_place,
    draw_on_stride4,
    moved_up,
    rows_of_interest,
    without_far_rows,
)
from napari_octsam.models.prompt_features import PromptFeatures
from napari_octsam.models.prompt_maps import PROMPT_MAPS, draw_points, on_map
from napari_octsam.models.tiny_encoder import FINE_CHANNELS, STRIDES
from napari_octsam.models.two_way import FoldedTwoWayTransformer

__all__ = ["MASKS", "TinyMaskDecoder"]

MASKS = 4
"""The single mask and three candidates."""

_POINT_RADIUS = 3.0  # standard deviation of a point's blob, in places of the finest map
_SURE = 8.0  # logit of a pixel that surely has a name, weighed by 1
_NEAR = (1.5, 6.0, 24.0)  # pixels of the input within which a side of the box counts as near


class PromptPyramid(nn.Module):
    """Brings the prompt maps to each scale of the decoder."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.stride4 = nn.Conv2d(PROMPT_MAPS, dim // 4, 3, padding=1)
        self.stride8 = nn.Conv2d(dim // 4, dim // 2, 3, stride=2, padding=1)
        self.image = nn.Conv2d(dim // 2, dim, 3, stride=2, padding=1)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, PROMPT_MAPS, h, w) at "stride4" -> maps at "image", "stride8", "stride4"."""
        fine = F.relu(self.stride4(maps))
        middle = F.relu(self.stride8(fine))
        return self.image(middle), middle, fine


class BoxSides(nn.Module):
    """How far each row and each column is from the sides of a box, to the pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = _side_network()
        self.cols = _side_network()

    def forward(self, boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return (N, FINE_CHANNELS, rows, 1) and (N, FINE_CHANNELS, 1, cols) to add."""
        x0, y0, x1, y1 = boxes.float().unbind(-1)
        rows = self.rows(_distances(y0, y1, size[0], STRIDES["fine"][0]))
        cols = self.cols(_distances(x0, x1, size[1], STRIDES["fine"][1]))
        return rows.mT[..., None], cols.mT[:, :, None]


class TinyMaskDecoder(nn.Module):
    """Decodes prompts on the maps of `UNetEncoder`.

    A mask is its token's weighing of three maps: the encoder's finest one, which knows the tissue,
    the names of its pixels, and the finest map bent to the prompt, which knows the place. Rows far
    from a box cannot be its object's, and are not looked at.

    Parameters
    ----------
    dim
        Channels of the tokens and of the map "image".
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.own_tokens = nn.Embedding(1 + MASKS, dim)
        self.transformer = FoldedTwoWayTransformer(
            TwoWayTransformer(depth=2, embedding_dim=dim, num_heads=8, mlp_dim=2 * dim)
        )
        self.prompt_pyramid = PromptPyramid(dim)
        self.pixel_names = PixelNames()
        self.prompt_features = PromptFeatures(dim)
        self.to_stride8 = nn.ConvTranspose2d(dim, dim // 2, 2, stride=2)
        self.norm_stride8 = LayerNorm2d(dim // 2)
        self.mix_stride8 = nn.Conv2d(dim // 2, dim // 2, 3, padding=1)
        self.to_stride4 = nn.ConvTranspose2d(dim // 2, dim // 4, 2, stride=2)
        self.mix_stride4 = nn.Conv2d(dim // 4, dim // 4, 3, padding=1)
        self.to_fine = nn.Conv2d(dim // 4, FINE_CHANNELS, 1)
        self.tissue = nn.Linear(FINE_CHANNELS, FINE_CHANNELS)
        self.box_sides = BoxSides()
        self.point_weights = nn.Parameter(torch.zeros(2, FINE_CHANNELS))
        self.mask_weights = nn.Parameter(torch.zeros(1, FINE_CHANNELS))
        self.weigh = nn.ModuleList(
            MLP(dim, dim, 2 * FINE_CHANNELS + CLASSES + 1, 3) for _ in range(MASKS)
        )
        self.scores = MaskScores(dim + MASK_FACTS)

    def forward(
        self, features: dict[str, Tensor], encoding: Tensor, prompts: TinyPrompts
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode N prompts on one image.

        Parameters
        ----------
        features
            The encoder's maps, each (1, ...).
        encoding
            (1, dim, h, w) positional encoding of the map "image".

        Returns
        -------
        (N, MASKS, rows, cols) logits on the finest map, (N, MASKS) predicted IoU and
        (N, MASKS, dim) mask tokens.
        """
        drawn = self.prompt_pyramid(draw_on_stride4(prompts, features["stride4"]))
        rows = features["fine"].shape[2]
        band = rows_of_interest(prompts, rows)
        fine = features["fine"][:, :, band]
        near = moved_up(prompts, band.start)
        named = self.pixel_names.evidence(fine)
        seen, summary = self.prompt_features(fine, named, near.points, near.boxes, near.masks)
        tokens, image = self._attend(
            features["image"] + drawn[0], encoding, torch.cat([prompts.tokens, seen], dim=1)
        )
        mask_tokens = tokens[:, :MASKS] + (tokens[:, MASKS] + summary)[:, None]
        place = cut_place(self._place(features, image, drawn), band, fine.shape[-1])
        bent = self._bend(fine, near, place)
        known = torch.cat([fine[0].flatten(1), _SURE * named.flatten(1)])
        logits = without_far_rows(self._weighed(mask_tokens, bent, known), near)
        scores = self.scores(mask_tokens, logits, near.boxes)
        logits = F.pad(logits, (0, 0, band.start, rows - band.stop), value=SURELY_NOT)
        return logits, scores, mask_tokens

    def _attend(self, source: Tensor, encoding: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        """Let own tokens, the prompt's and the image attend to each other.

        Returns (N, T, dim) tokens and the (N, dim, h, w) image.
        """
        n = len(source)
        tokens = torch.cat([self.own_tokens.weight.expand(n, -1, -1), asked], dim=1)
        told, image = self.transformer(source, encoding.expand(n, -1, -1, -1), tokens)
        return told, image.mT.reshape(source.shape)

    def _place(
        self, features: dict[str, Tensor], image: Tensor, drawn: tuple[Tensor, Tensor, Tensor]
    ) -> Tensor:
        """Say where the object is, at "stride4": (N, FINE_CHANNELS, h, w)."""
        _, middle, fine = drawn
        x = self.norm_stride8(self.to_stride8(image) + features["stride8"] + middle)
        x = F.relu(x)
        x = F.relu(x + self.mix_stride8(x))
        x = F.relu(self.to_stride4(x) + features["stride4"] + fine)
        x = F.relu(x + self.mix_stride4(x))
        place: Tensor = self.to_fine(x)
        return place

    def _bend(self, fine: Tensor, prompts: TinyPrompts, bent: Tensor) -> Tensor:
        """Bend the finest map (1, FINE_CHANNELS, rows, cols) to the prompts, in place."""
        size = (fine.shape[-2], fine.shape[-1])
        tissue = torch.addmm(self.tissue.bias[:, None], self.tissue.weight, fine[0].flatten(1))
        bent = bent.add_(tissue.view(-1, *size))
        if prompts.boxes is not None:
            rows, cols = self.box_sides(prompts.boxes, size)
            bent = bent.add_(rows).add_(cols)
        if prompts.points is not None:
            blobs = draw_points(*prompts.points, size, STRIDES["fine"], _POINT_RADIUS)
            bent = bent.add_(torch.einsum("nkrc,kd->ndrc", blobs, self.point_weights))
        if prompts.masks is not None:
            rough = F.interpolate(prompts.masks, size=size, mode="bilinear")
            bent = bent.add_(torch.einsum("nkrc,kd->ndrc", rough.tanh(), self.mask_weights))
        return F.relu_(bent)

    def _weighed(self, mask_tokens: Tensor, bent: Tensor, known: Tensor) -> Tensor:
        """Weigh the channels of the (N, FINE_CHANNELS, rows, cols) map and of what is known."""
        weights = torch.stack([net(mask_tokens[:, i]) for i, net in enumerate(self.weigh)], dim=1)
        for_bent, for_known = weights[..., :FINE_CHANNELS], weights[..., FINE_CHANNELS:-1]
        logits = (for_known.flatten(0, 1) @ known).view(len(bent), MASKS, -1)
        logits = torch.baddbmm(logits.add_(weights[..., -1:]), for_bent, bent.flatten(2))
        return logits.view(len(bent), MASKS, *bent.shape[-2:])


def _side_network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2 * len(_NEAR), 32), nn.ReLU(), nn.Linear(32, FINE_CHANNELS))


def _distances(low: Tensor, high: Tensor, count: int, stride: int) -> Tensor:
    """Return how far (count,) places are inside both sides of N boxes: (N, count, 6), -1 to 1."""
    places = torch.arange(count, device=low.device, dtype=torch.float32)
    inside_low = (places - on_map(low, stride)[:, None]) * stride
    inside_high = (on_map(high, stride)[:, None] - places) * stride
    return torch.stack(
        [torch.tanh(each / near) for each in (inside_low, inside_high) for near in _NEAR], dim=-1
    )
