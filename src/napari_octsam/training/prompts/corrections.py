"""Points where a mask is wrong, as a person adds them when they see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from napari_octsam.core.correction import correction
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = ["corrected"]


def corrected(
    objects: Sequence[SimulatedObject],
    points: int,
    predict: Callable[[Sequence[Prompt]], Sequence[Mask]],
) -> list[SimulatedObject]:
    """Return the objects with up to so many points added to their prompts, one after the other.

    Parameters
    ----------
    predict
        Gives the (H, W) mask of each prompt.
    """
    objects = list(objects)
    for _ in range(points):
        found = predict([each.prompt for each in objects])
        objects = [_with_point(each, mask) for each, mask in zip(objects, found, strict=True)]
    return objects


def _with_point(each: SimulatedObject, found: Mask) -> SimulatedObject:
    point = correction(each.mask, found, each.ignored)
    if point is None:
        return each
    prompt = replace(each.prompt, points=(*each.prompt.points, point))
    return replace(each, prompt=prompt)
