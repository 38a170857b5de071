"""Which objects of a B-scan the network is asked for, and how often."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.masks import EIGHT_CONNECTED, Mask
from napari_octsam.io.synthetic import Finding, Tissue
from napari_octsam.training.simulation import SimulatedObject, draw_parts, simulate_prompt

__all__ = ["draw_objects"]

_SMALLEST = 12  # pixels
_CLASS_SHARE = 0.65  # of the objects of a B-scan with findings that are classes of oct14
_HEALTHY_SHARE = 0.2  # of those of a healthy one, where oct14 says little beside the layers
_HEALTHY = (*Tissue, Finding.IMAGE_PADDING)
_PADDING_SHARE = 0.2  # it is in most views: of those that have it, so many show it


def draw_objects(
    maps: dict[str, npt.NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> list[SimulatedObject]:
    """Draw up to `count` objects from the label maps of one B-scan, with a prompt each.

    Their prompts have the same parts, where one point can mean each, to be decoded together.
    """
    parts = draw_parts(rng)
    objects = []
    for name, value in _draw_classes(maps, count, rng):
        labels = maps[name]
        several, mask = _draw_mask(name, labels, value, rng)
        if mask.sum() < _SMALLEST:
            continue
        # one point in the retina would rather mean a layer
        few = (name, value) != ("oct14", Tissue.NEUROSENSORY_RETINA)
        prompt = simulate_prompt(mask, parts, rng, few_points=few)
        ignored = labels == NOT_LABELLED
        named = None if several else (name, value)
        objects.append(SimulatedObject(mask, prompt, ignored if ignored.any() else None, named))
    return objects


def _draw_classes(
    maps: dict[str, npt.NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> Iterator[tuple[str, int]]:
    """Draw schemas and classes of theirs that the maps show."""
    names = sorted(maps)
    present = {name: np.setdiff1d(np.unique(maps[name]), [0, NOT_LABELLED]) for name in names}
    if rng.random() >= _PADDING_SHARE and "oct14" in present:
        present["oct14"] = np.setdiff1d(present["oct14"], Finding.IMAGE_PADDING)
    names = [name for name in names if present[name].size]
    chosen: set[tuple[str, int]] = set()
    healthy = not np.setdiff1d(present.get("oct14", ()), _HEALTHY).size
    share = _HEALTHY_SHARE if healthy else _CLASS_SHARE
    for _ in range(count if names else 0):
        name = "oct14" if rng.random() < share else names[0]
        name = name if name in names else names[0]
        value = int(rng.choice(present[name]))
        if (name, value) in chosen and len(chosen) < sum(map(len, present.values())):
            value = int(rng.choice(present[name]))
        chosen.add((name, value))
        yield name, value


def _draw_mask(
    name: str, labels: npt.NDArray[np.uint8], value: int, rng: np.random.Generator
) -> tuple[bool, Mask]:
    """Draw a mask of a class, and tell whether it is several: some layers from one on."""
    if name != "layers7":
        return False, _one_component(labels == value, rng)
    last = value
    if rng.random() < 0.15:
        last = min(value + int(rng.integers(1, 7)), int(labels[labels != NOT_LABELLED].max()))
    return last > value, (labels >= value) & (labels <= last)


def _one_component(mask: Mask, rng: np.random.Generator) -> Mask:
    """Return a random 8-connected component, larger ones more often; all where all are tiny."""
    components, count = ndimage.label(mask, EIGHT_CONNECTED)
    if count <= 1:
        return mask
    sizes = np.bincount(components.ravel())[1:].astype(float)
    sizes[sizes < _SMALLEST] = 0
    if not sizes.any():
        return mask
    odds = np.sqrt(sizes)
    return np.asarray(components == 1 + rng.choice(count, p=odds / odds.sum()))
