"""Boundaries as devices draw them, and the labels that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import layers_between
from napari_octsam.core.classes import LabelClass, LabelSchema, StackStep, bundled_schema

__all__ = ["NAMES", "labels_between", "schema_of_boundaries"]

NAMES = ("ILM", "RNFL", "GCL", "IPL", "INL", "OPL", "ELM", "EZ", "IZ", "RPE", "BM", "CHO")
"""From top to bottom: ILM is the upper border of the retina, RNFL to OPL the lower one of that
layer, EZ the border of inner and outer segments, RPE the upper border of the pigment epithelium,
CHO the lower one of the choroid."""

_LAYERS7 = ("ILM", "RNFL", "IPL", "INL", "OPL", "EZ", "RPE", "BM")
_KNOWN = {
    ("ILM", "RNFL"): ("retinal nerve fiber layer", "RNFL"),
    ("RNFL", "GCL"): ("ganglion cell layer", "GCL"),
    ("GCL", "IPL"): ("inner plexiform layer", "IPL"),
    ("RNFL", "IPL"): ("ganglion cell and inner plexiform layer", "GCL+IPL"),
    ("IPL", "INL"): ("inner nuclear layer", "INL"),
    ("INL", "OPL"): ("outer plexiform layer", "OPL"),
    ("OPL", "ELM"): ("outer nuclear layer", "ONL"),
    ("OPL", "EZ"): ("outer nuclear layer and inner segments", "ONL+IS"),
    ("ELM", "EZ"): ("inner segments", "IS"),
    ("EZ", "RPE"): ("outer segments", "OS"),
    ("RPE", "BM"): ("retinal pigment epithelium", "RPE"),
    ("ILM", "BM"): ("total retina", "RETINA"),
    ("BM", "CHO"): ("choroid", "CHOROID"),
}
_COLORS = (
    "#d55e00", "#009e73", "#0072b2", "#f0e442", "#56b4e9", "#cc79a7", "#e69f00", "#2a9d8f",
    "#b8e04a", "#9467bd", "#8c564b",
)  # fmt: skip


def schema_of_boundaries(names: Mapping[str, object] | tuple[str, ...]) -> LabelSchema | None:
    """Return what lies between boundaries: layers7 where all of its own are there.

    Returns
    -------
    None where there are fewer than two.
    """
    used = _used(names)
    if used == _LAYERS7:
        return bundled_schema("layers7")
    pairs = list(pairwise(used))
    if not pairs:
        return None
    background = bundled_schema("layers7")[0]
    layers = [
        _layer(value, pair, color)
        for value, (pair, color) in enumerate(zip(pairs, _COLORS, strict=False), start=1)
    ]
    stack = [StackStep(value=each.value) for each in (background, *layers, background)]
    return LabelSchema(
        name="-".join(("device", *used)), classes=(background, *layers), stack=tuple(stack)
    )


def labels_between(
    boundaries: Mapping[str, npt.NDArray[np.float32]], rows: int
) -> tuple[npt.NDArray[np.uint8], LabelSchema] | None:
    """Label the layers between a device's boundaries.

    Parameters
    ----------
    boundaries
        (n, W) rows by name, one of `NAMES`.

    Returns
    -------
    (n, rows, W) label values and their schema, 255 in columns where a boundary is missing; None
    where there are fewer than two boundaries.
    """
    schema = schema_of_boundaries(boundaries)
    if schema is None:
        return None
    heights = np.stack([boundaries[name] for name in _used(boundaries)], axis=1)
    missing = np.isnan(heights).any(axis=1, keepdims=True)
    ordered = np.maximum.accumulate(np.where(missing, 0, heights), axis=1)
    ordered = np.where(missing, np.nan, ordered)
    labels = np.stack([layers_between(each, schema, rows) for each in ordered])
    return labels, schema


def _used(names: Mapping[str, object] | tuple[str, ...]) -> tuple[str, ...]:
    there = tuple(name for name in NAMES if name in names)
    return _LAYERS7 if set(_LAYERS7) <= set(there) else there


def _layer(value: int, pair: tuple[str, str], color: str) -> LabelClass:
    upper, lower = pair
    name, short = _KNOWN.get(pair, (f"{upper} to {lower}", f"{upper}-{lower}"))
    return LabelClass(value=value, name=name, short=short, color=color, components=1, holes=0)
