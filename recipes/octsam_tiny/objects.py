"""Which objects of a B-scan the network is asked for, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.masks import EIGHT_CONNECTED, Mask
from napari_octsam.phantoms.bscan import Finding, Tissue
from napari_octsam.training.prompts.simulation import (
    PromptParts,
    SimulatedObject,
    draw_parts,
    simulate_prompt,
)
from recipes.octsam_tiny.lesions import CLASS_OF, LESIONS
from recipes.octsam_tiny.loose import loose_prompt

__all__ = ["draw_objects"]

_SMALLEST = 12  # pixels
_CLASS_SHARE = 0.65  # of the objects of a B-scan with findings that are classes of oct14
_HEALTHY_SHARE = 0.2  # of those of a healthy one, where oct14 says little beside the layers
_HEALTHY = (*Tissue, Finding.IMAGE_PADDING)
_TOLD = 0.5  # of the prompts name their class: people may not know it
_SEVERAL_SHARE = 0.15  # of the layers that are asked for, some with others below
_CLICKED = 0.3  # of the views with lesions, whose objects are asked for by one click
_PADDING_SHARE = 0.2  # it is in most views: of those that have it, so many show it


def draw_objects(
    maps: dict[str, npt.NDArray[np.uint8]],
    count: int,
    rng: np.random.Generator,
    loose: float = 0.0,
) -> list[SimulatedObject]:
    """Draw up to `count` objects from the label maps of one B-scan, with a prompt each.

    Their prompts have the same parts, where one point can mean each, to be decoded together.

    Parameters
    ----------
    loose
        Share of the objects with boxes and clicks as loose as people draw them.
    """
    clicked = LESIONS in maps and rng.random() < _CLICKED
    parts = PromptParts(positives=1) if clicked else draw_parts(rng)
    objects = []
    for name, value in _draw_classes(maps, count, rng):
        labels = maps[name]
        mask, several = _draw_mask(name, labels, value, rng)
        if mask.sum() < _SMALLEST:
            continue
        # one point in the retina, or in several layers, would rather mean a layer
        one = not several and (name, value) != ("oct14", Tissue.NEUROSENSORY_RETINA)
        named = None if several else _named(name, value)
        told = named is not None and rng.random() < _TOLD
        if loose and rng.random() < loose:
            others = (labels == value) & ~mask
            mask, prompt = loose_prompt(
                mask, others, parts, rng, few_points=one, class_is_told=told
            )
        else:
            prompt = simulate_prompt(mask, parts, rng, few_points=one)
        ignored = labels == NOT_LABELLED
        prompt = replace(prompt, names_class=told)
        objects.append(SimulatedObject(mask, prompt, ignored if ignored.any() else None, named))
    return objects


def _named(name: str, value: int) -> tuple[str, int] | None:
    """Return the schema and the class of an object; None for a lesion that has none."""
    if name != LESIONS:
        return name, value
    finding = CLASS_OF[value]
    return None if finding is None else ("oct14", int(finding))


def _draw_classes(
    maps: dict[str, npt.NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> Iterator[tuple[str, int]]:
    """Draw schemas and classes of theirs that the maps show.

    A B-scan has a map of layers, of fluid or of lesions, one of the 14 classes, or both. Where it
    has lesions, they alone are asked for: of the other classes only places are known.
    """
    present = _present(maps, rng)
    if not present:
        return
    healthy = not np.setdiff1d(present.get("oct14", ()), _HEALTHY).size
    share = _HEALTHY_SHARE if healthy else _CLASS_SHARE
    other = next((name for name in present if name != "oct14"), "oct14")
    chosen: set[tuple[str, int]] = set()
    for _ in range(count):
        name = "oct14" if rng.random() < share and "oct14" in present else other
        value = int(rng.choice(present[name]))
        if (name, value) in chosen and len(chosen) < sum(map(len, present.values())):
            value = int(rng.choice(present[name]))
        chosen.add((name, value))
        yield name, value


def _present(
    maps: dict[str, npt.NDArray[np.uint8]], rng: np.random.Generator
) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the values of each schema that may be asked for, where there are any."""
    asked = {LESIONS: maps[LESIONS]} if LESIONS in maps else maps
    present = {
        name: np.setdiff1d(np.unique(labels), [0, NOT_LABELLED]) for name, labels in asked.items()
    }
    if rng.random() >= _PADDING_SHARE and "oct14" in present:
        present["oct14"] = np.setdiff1d(present["oct14"], Finding.IMAGE_PADDING)
    return {name: values for name, values in present.items() if values.size}


def _draw_mask(
    name: str, labels: npt.NDArray[np.uint8], value: int, rng: np.random.Generator
) -> tuple[Mask, bool]:
    """Draw a mask of a class, and tell whether it is several: some layers from one on."""
    if name != "layers7":
        return _one_component(labels == value, rng), False
    last = value
    if rng.random() < _SEVERAL_SHARE:
        last = min(value + int(rng.integers(1, 7)), int(labels[labels != NOT_LABELLED].max()))
    return (labels >= value) & (labels <= last), last > value


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
