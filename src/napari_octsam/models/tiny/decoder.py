"""octsam-tiny's mask decoder: SAM's two-way transformer, then masks on every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from segment_anything.modeling import TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn
from torch.nn import functional as F

from napari_octsam.core.classes import LabelSchema
from napari_octsam.models.named_classes import UNKNOWN
from napari_octsam.models.network import Features
from napari_octsam.models.tiny.encoder import FINE_CHANNELS, STRIDES
from napari_octsam.models.tiny.mask_scores import MASK_FACTS, MaskScores
from napari_octsam.models.tiny.own_classes import OwnClasses
from napari_octsam.models.tiny.pixel_names import CLASSES, PixelNames
from napari_octsam.models.tiny.prompt_features import PooledNames, PromptFeatures, pool_names
from napari_octsam.models.tiny.prompt_maps import PROMPT_MAPS, draw_points, on_map
from napari_octsam.models.tiny.prompt_windows import (
    TinyPrompts,
    Window,
    draw_on_stride4,
    from_stride4,
    on_whole_map,
    windows_of_interest,
    without_far,
)
from napari_octsam.models.two_way import FoldedTwoWayTransformer, by_place

__all__ = ["MASKS", "TinyImage", "TinyMaskDecoder"]

MASKS = 4
"""The single mask and three candidates."""

_WEIGHTS = 2 * FINE_CHANNELS + CLASSES + 1  # of a mask: for each channel of three maps, and more
_POINT_RADIUS = 3.0  # standard deviation of a point's blob, in places of the finest map
_SURE = 8.0  # logit of a pixel that surely has a name, weighed by 1
_NEAR = (1.5, 6.0, 24.0)  # pixels of the input within which a side of the box counts as near


class TinyImage(NamedTuple):
    """An encoded image as the decoder takes it."""

    maps: Features
    """The encoder's, each (1, ...)."""
    names: Tensor
    """(classes, rows, cols), how probable each class is at each place of the finest map."""
    pooled: PooledNames
    encoding: Tensor
    """(1, dim, h, w), positional, of the map "image"."""


class PromptPyramid(nn.Module):
    """Brings the prompt maps to each scale of the decoder."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.stride4 = nn.Conv2d(PROMPT_MAPS, dim // 4, 3, padding=1)
        self.stride8 = nn.Conv2d(dim // 4, dim // 2, 3, stride=2, padding=1)
        self.image = nn.Conv2d(dim // 2, dim, 3, stride=2, padding=1)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, PROMPT_MAPS, h, w) at "stride4" -> maps at "image", "stride8", "stride4"."""
        fine = F.relu_(self.stride4(maps))
        middle = F.relu_(self.stride8(fine))
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
    the names of its pixels, and the finest map bent to the prompt, which knows the place. What is
    far from a box cannot be its object, and is not looked at. The class that is asked for has a
    part in the tokens and, directly, in how the maps weigh.

    Parameters
    ----------
    dim
        Channels of the tokens and of the map "image".
    own
        Schemas that it knows beside those of `NAMED`.
    """

    def __init__(self, dim: int, own: Sequence[LabelSchema] = ()) -> None:
        super().__init__()
        self.own_tokens = nn.Embedding(1 + MASKS, dim)
        self.asked = nn.Parameter(torch.zeros(CLASSES + 1, dim))  # the last is UNKNOWN's
        self.asked_weights = nn.Parameter(torch.zeros(CLASSES + 1, _WEIGHTS))
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
        self.weigh = nn.ModuleList(MLP(dim, dim, _WEIGHTS, 3) for _ in range(MASKS))
        self.scores = MaskScores(dim + MASK_FACTS)
        self.own = nn.ModuleList(OwnClasses(schema, dim, _WEIGHTS) for schema in own)

    @property
    def own_classes(self) -> list[OwnClasses]:
        """Of each schema beside those of `NAMED`."""
        return [each for each in self.own if isinstance(each, OwnClasses)]

    def begin_schema(self, schema: LabelSchema, alike: Sequence[int]) -> OwnClasses:
        """Know another schema from now on; return what is known of it.

        Parameters
        ----------
        alike
            Of each of its classes, the index of one that is known and means the same, or `UNKNOWN`.
            Until it has learnt more, the class is named and asked for like that one.
        """
        dim, device = self.own_tokens.embedding_dim, self.asked.device
        begun = OwnClasses(schema, dim, _WEIGHTS).to(device)
        with torch.no_grad():
            for mine, all_ in zip(
                (begun.asked, begun.asked_weights), self._asked_tables(), strict=True
            ):
                mine.copy_(all_[list(alike)])
            heads = [*self.pixel_names.all_heads(), *(each.head for each in self.own_classes)]
            weight, bias = (
                torch.cat([getattr(head, name) for head in heads]) for name in ("weight", "bias")
            )
            known = torch.tensor([i != UNKNOWN for i in alike], device=device)
            begun.head.weight.copy_(weight[list(alike)] * known[:, None, None, None])
            assert begun.head.bias is not None
            begun.head.bias.copy_(bias[list(alike)] * known)
        self.own.append(begun)
        return begun

    def _asked_tables(self) -> tuple[Tensor, Tensor]:
        """Return what each class adds to the tokens and to the weights; the last is UNKNOWN's."""
        own = self.own_classes
        if not own:
            return self.asked, self.asked_weights
        tokens = torch.cat([self.asked[:-1], *(each.asked for each in own), self.asked[-1:]])
        weights = [each.asked_weights for each in own]
        return tokens, torch.cat([self.asked_weights[:-1], *weights, self.asked_weights[-1:]])

    def prepare(self, maps: Features, encoding: Tensor) -> TinyImage:
        """Return the encoder's maps, each (1, ...), with what is the same for all prompts.

        Parameters
        ----------
        encoding
            (1, dim, h, w) positional encoding of the map "image".
        """
        names = self.pixel_names.evidence(maps["fine"])
        coarse = {name: by_place(maps[name]) for name in ("stride4", "stride8")}
        return TinyImage(maps | coarse, names, pool_names(names), by_place(encoding))

    def forward(self, image: TinyImage, prompts: TinyPrompts) -> tuple[Tensor, Tensor, Tensor]:
        """Decode N prompts on one image.

        Parameters
        ----------
        image
            From `prepare`.

        Returns
        -------
        (N, MASKS, rows, cols) logits on the finest map, (N, MASKS) predicted IoU and
        (N, MASKS, dim) mask tokens.
        """
        maps, size = image.maps, image.maps["fine"].shape[2:]
        drawn = self.prompt_pyramid(by_place(draw_on_stride4(prompts, maps["stride4"])))
        seen, summary = self.prompt_features(
            maps["fine"], image.pooled, prompts.points, prompts.boxes, prompts.masks
        )
        asked, asked_weights = (table[prompts.classes] for table in self._asked_tables())
        tokens, told = self._attend(
            maps["image"] + drawn[0],
            image.encoding,
            torch.cat([self.own_tokens.weight + asked[:, None], prompts.tokens, seen], dim=1),
        )
        mask_tokens = tokens[:, :MASKS] + (tokens[:, MASKS] + summary + asked)[:, None]
        weights = torch.stack([net(mask_tokens[:, i]) for i, net in enumerate(self.weigh)], dim=1)
        weights = weights + asked_weights[:, None]
        sides = None if prompts.boxes is None else self.box_sides(prompts.boxes, size)
        windows = windows_of_interest(prompts, told.shape[2:])
        logits, scores = [], []
        for i, window in enumerate(windows):
            only, (rows, cols) = slice(i, i + 1), window.on("fine")
            one = prompts.one(i).seen_from(window)
            place = self._place(maps, told[only], [each[only] for each in drawn], window)
            beside = () if sides is None else (sides[0][only, :, rows], sides[1][only, :, :, cols])
            fine, names = maps["fine"][0, :, rows, cols].contiguous(), image.names[:, rows, cols]
            masks = _weighed(weights[i], fine, names, self._bent(fine, place, beside, one))
            masks = without_far(masks, one)
            scores.append(self.scores(mask_tokens[only], masks, one.boxes))
            logits.append(masks)
        return on_whole_map(logits, windows, size), torch.cat(scores), mask_tokens

    def _attend(self, source: Tensor, encoding: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Let tokens and image attend to each other: (N, T, dim) and (N, dim, h, w) again."""
        told, image = self.transformer(source, encoding.expand(len(source), -1, -1, -1), tokens)
        return told, image.mT.reshape(source.shape)

    def _place(
        self, maps: Features, told: Tensor, drawn: Sequence[Tensor], window: Window
    ) -> Tensor:
        """Say where an object is: (1, FINE_CHANNELS, rows, cols) of the window.

        A place of "image" more on each side is looked at: a convolution at each of the two finer
        scales sees a place beyond, and so does the interpolation to the finest.
        """
        _, middle, fine = drawn
        grown = window.grown(told.shape[2:])
        at_image, at_stride8, at_stride4 = map(grown.on, ("image", "stride8", "stride4"))
        x = self.to_stride8(told[:, :, *at_image])
        x = x + maps["stride8"][:, :, *at_stride8] + middle[:, :, *at_stride8]
        x = F.relu_(_normed(x, self.norm_stride8))
        x = F.relu_(x + self.mix_stride8(x))
        x = self.to_stride4(x)
        x = F.relu_(x + maps["stride4"][:, :, *at_stride4] + fine[:, :, *at_stride4])
        x = F.relu_(x + self.mix_stride4(x))
        return from_stride4(self.to_fine(x), grown, window)

    def _bent(
        self, fine: Tensor, place: Tensor, beside: Sequence[Tensor], one: TinyPrompts
    ) -> Tensor:
        """Bend a window (FINE_CHANNELS, rows, cols) of the finest map to a prompt in its frame.

        `beside` is what the sides of its box add. Nothing is added in place: to a part of a tensor
        that would cost the gradient far more.
        """
        size = (fine.shape[-2], fine.shape[-1])
        places = place.permute(0, 2, 3, 1).reshape(-1, FINE_CHANNELS)
        bent = torch.addmm(places, fine.flatten(1).mT, self.tissue.weight.mT) + self.tissue.bias
        bent = bent.view(1, *size, FINE_CHANNELS).permute(0, 3, 1, 2)
        for more in beside:
            bent = bent + more
        if one.points is not None:
            blobs = draw_points(*one.points, size, STRIDES["fine"], _POINT_RADIUS)
            bent = bent + torch.einsum("nkrc,kd->ndrc", blobs, self.point_weights)
        if one.masks is not None:
            rough = F.interpolate(one.masks, size=size, mode="bilinear")
            bent = bent + torch.einsum("nkrc,kd->ndrc", rough.tanh(), self.mask_weights)
        return F.relu(bent)[0]


def _normed(x: Tensor, norm: LayerNorm2d) -> Tensor:
    """Return what segment_anything's layer gives, in one pass."""
    channels_last = x.permute(0, 2, 3, 1)
    shape = (x.shape[1],)
    return F.layer_norm(channels_last, shape, norm.weight, norm.bias, norm.eps).permute(0, 3, 1, 2)


def _weighed(weights: Tensor, fine: Tensor, names: Tensor, bent: Tensor) -> Tensor:
    """Weigh the channels of maps (C, rows, cols): (1, MASKS, rows, cols) logits."""
    for_bent, for_fine, for_names, more = torch.split_with_sizes(
        weights, [len(bent), len(fine), len(names), 1], dim=1
    )
    logits = torch.addmm(more, for_fine, fine.flatten(1))
    logits = torch.addmm(logits, _SURE * for_names, names.flatten(1))
    logits = torch.addmm(logits, for_bent, bent.flatten(1))
    return logits.view(1, -1, *bent.shape[1:])


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
