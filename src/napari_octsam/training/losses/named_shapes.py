"""Classes and unions of classes as masks of named pixels: what their topology is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from napari_octsam.core.classes import ANOTHER_CLASS, NOT_LABELLED, LabelSchema
from napari_octsam.topology.losses import BettiPrior
from napari_octsam.training.losses.objects import Truth

__all__ = ["NamedShape", "logits_of", "named_shapes", "priors_of", "truth_of"]


class NamedShape(NamedTuple):
    """A class, or several together.

    Parameters
    ----------
    places
        Of the classes in the schema.
    components, holes
        That a B-scan shows of it; None: any number.
    """

    places: tuple[int, ...]
    components: int | None
    holes: int | None


def named_shapes(schema: LabelSchema) -> list[NamedShape]:
    """Return each class of the foreground, and each union."""
    place = {label.value: number for number, label in enumerate(schema.classes)}
    return [
        *(NamedShape((place[c.value],), c.components, c.holes) for c in schema.foreground),
        *(
            NamedShape(tuple(place[value] for value in u.values), u.components, u.holes)
            for u in schema.unions
        ),
    ]


def logits_of(shapes: Sequence[NamedShape], logits: Tensor) -> Tensor:
    """Return (S, h, w) logits of each shape against all else, of (K, h, w) logits of classes."""
    everything = range(len(logits))
    of_each = []
    for shape in shapes:
        others = [place for place in everything if place not in shape.places]
        inside, outside = (logits[list(p)].logsumexp(0) for p in (shape.places, others))
        of_each.append(inside - outside)
    return torch.stack(of_each)


def truth_of(shapes: Sequence[NamedShape], truth: Tensor) -> Truth:
    """Return the masks of each shape, of (h, w) int64 places of the classes or `NOT_LABELLED`.

    Where there is `ANOTHER_CLASS`, nothing is known of a shape whose classes are not all shown.
    """
    masks = [torch.isin(truth, truth.new_tensor(shape.places)) for shape in shapes]
    target = torch.stack(masks).float()
    counts = (truth != NOT_LABELLED).float().expand_as(target).clone()
    if (truth == ANOTHER_CLASS).any():
        shown = set(truth.unique().tolist())
        for count, shape in zip(counts, shapes, strict=True):
            count *= shown.issuperset(shape.places)
    return Truth(target, counts)


def priors_of(shapes: Sequence[NamedShape]) -> list[BettiPrior]:
    """Return what is expected of the channels that `logits_of` makes, where anything is."""
    return [
        BettiPrior((channel,), shape.components, shape.holes)
        for channel, shape in enumerate(shapes)
        if shape.components is not None or shape.holes is not None
    ]
