"""Prompted objects of a volume are carried on to the B-scans without prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_octsam.core.carrying import CarriedBScan, CarriedObject, Pixels, carry_on
from napari_octsam.core.carrying_limits import Limits
from napari_octsam.core.images import as_grey, normalised, take_bscan
from napari_octsam.core.masks import Overlap, merge
from napari_octsam.data.pictures import Picture, is_rgb

if TYPE_CHECKING:
    from napari_octsam.cli.prediction import PredictedObject
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.decoded import DecodedObject
    from napari_octsam.core.prompts import Prompt
    from napari_octsam.models.model import Model

__all__ = ["CarriedTo", "carry_prompted"]

Starts = dict[tuple[int, ...], list[CarriedObject]]
"""Objects by the B-scan that they are carried on from."""


class CarriedTo(NamedTuple):
    """A B-scan, and what was found there of the objects of another."""

    bscan: tuple[int, ...]
    carried: CarriedBScan


def carry_prompted(
    model: Model,
    picture: Picture,
    labels: npt.NDArray[np.uint8],
    objects: Sequence[PredictedObject],
    schema: LabelSchema,
    threshold: float,
    limits: Limits,
    on_bscan: Callable[[tuple[int, ...], int], None] = lambda *_: None,
) -> Iterator[CarriedTo]:
    """Carry predicted objects on in both directions, and write them into `labels`.

    A B-scan that has objects of its own is left as it is, and none goes past it. Where objects of
    two B-scans meet, those that were there first stay.

    Parameters
    ----------
    picture
        (..., H, W) or (..., H, W, 3 or 4), a volume.
    labels
        (..., H, W) uint8, changed.
    on_bscan
        Told the index of each B-scan before it is encoded, and how many are done.

    Yields
    ------
    What was found on each B-scan, also where nothing is carried on from it.
    """
    rgb = is_rgb(picture)
    starts = _starts(objects, labels.shape, threshold)
    done = 0

    def pixels(bscan: tuple[int, ...]) -> Pixels:
        return normalised(as_grey(take_bscan(picture, bscan, rgb=rgb)))

    def decode(here: Pixels, prompts: Sequence[Prompt]) -> Sequence[DecodedObject]:
        return model.decode(model.encode(here), prompts, schema)

    def read(bscans: Iterable[tuple[int, ...]]) -> Iterator[Pixels]:
        for bscan in bscans:
            on_bscan(bscan, done)
            yield pixels(bscan)

    for start in sorted(starts):
        for step in (1, -1):
            way = _way(start, step, labels.shape[:-2], starts)
            found = carry_on(starts[start], pixels(start), read(way), decode, threshold, limits)
            for bscan, carried in zip(way, found, strict=False):
                done += 1
                painted = carried.labels()
                changes = merge(labels[bscan], painted, Overlap.KEEP)
                labels[bscan][changes] = painted[changes]
                yield CarriedTo(bscan, carried)


def _starts(objects: Sequence[PredictedObject], shape: tuple[int, ...], threshold: float) -> Starts:
    """Return the objects that have a mask, by the B-scans that have prompts."""
    starts: Starts = {}
    for each in objects:
        mask, prompt = each.window.mask((shape[-2], shape[-1]), threshold), each.prompt
        here = starts.setdefault(prompt.bscan, [])
        if mask.any():
            here.append(CarriedObject(prompt.class_value, mask, prompt.names_class))
    return starts


def _way(
    start: tuple[int, ...],
    step: int,
    volume: tuple[int, ...],
    starts: Starts,
) -> list[tuple[int, ...]]:
    """Return the B-scans from one on, up to the end or the next that has objects of its own."""
    *slower, first = start
    last = volume[-1] if step > 0 else -1
    way: list[tuple[int, ...]] = []
    for i in range(first + step, last, step):
        if (*slower, i) in starts:
            break
        way.append((*slower, i))
    return way
