"""All that is odd about a B-scan, found and mended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from napari_octsam.core.boundaries import lie_upside_down
from napari_octsam.core.classes import LabelSchema
from napari_octsam.topology.repairs.finding import Finding, Kind, Labels, applied
from napari_octsam.topology.repairs.layers import find_in_layers
from napari_octsam.topology.repairs.parts import odd_parts
from napari_octsam.topology.repairs.regions import find_in_regions
from napari_octsam.topology.repairs.swapped import find_swapped

__all__ = ["find", "repair"]

_MOST_ROUNDS = 8


def find(labels: Labels, schema: LabelSchema) -> list[Finding]:
    """Return what is odd about the labels of a B-scan, in the order in which it is best mended.

    Where classes are swapped, that alone: the rest can be told once it is mended.

    Parameters
    ----------
    labels
        (H, W) label values of the schema; upside down is fine.
    """
    if schema.stack and lie_upside_down(labels, schema):
        last = len(labels) - 1
        turned = _find(labels[::-1], schema)
        return [replace(each, row=last - each.row, rows=last - each.rows) for each in turned]
    return _find(labels, schema)


def repair(
    labels: Labels, schema: LabelSchema, kinds: Collection[Kind] = tuple(Kind)
) -> tuple[Labels, list[Finding]]:
    """Mend all that is odd, or some kinds of it, until nothing is found that can be mended.

    Returns
    -------
    The (H, W) labels after that, and what was mended, in order.
    """
    done: list[Finding] = []
    for _ in range(_MOST_ROUNDS):
        found = [f for f in find(labels, schema) if f.kind in kinds and f.can_be_repaired]
        if not found:
            break
        labels = applied(labels, found)
        done += found
    return labels, done


def _find(labels: Labels, schema: LabelSchema) -> list[Finding]:
    swapped = find_swapped(labels, schema) if schema.stack else None
    if swapped is not None:
        return [swapped]
    parts = list(odd_parts(labels, schema))
    found = list(find_in_regions(labels, parts, schema))
    if schema.stack:
        found += find_in_layers(labels, parts, schema)
    order = list(Kind)
    return sorted(found, key=lambda each: order.index(each.kind))
