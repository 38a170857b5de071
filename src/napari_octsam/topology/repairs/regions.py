"""What is odd about classes that are no layers, as lesions are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.wording import counted
from napari_octsam.topology.repairs.finding import Finding, Kind, Labels, becoming, finding
from napari_octsam.topology.repairs.parts import OddPart, rim_value, specks

__all__ = ["find_in_regions"]


def find_in_regions(
    labels: Labels, parts: Sequence[OddPart], schema: LabelSchema
) -> Iterator[Finding]:
    """Yield islands, holes and specks of the classes that are no step of the schema's stack."""
    steps = {step.value for step in schema.stack}
    ground = [*steps, 0, NOT_LABELLED]
    for each in parts:
        if len(each.values) > 1 or steps & set(each.values):
            continue
        place, size = (each.part.row, each.part.col), counted(each.part.size, "pixel")
        if each.part.kind == "hole":
            wanted = np.full_like(labels, each.values[0])
            changed = each.mask & np.isin(labels, ground)
            kind, what = Kind.HOLE, f"A hole in {each.name}, {size}"
        else:
            wanted = np.full_like(labels, rim_value(labels, each.mask))
            changed = each.mask
            kind, what = Kind.ISLAND, f"An island of {each.name}, {size}"
        if changed.any():
            text = f"{what}: {becoming(changed, wanted, schema)}."
            yield finding(kind, text, place, changed, wanted)
    for region in schema.foreground:
        if region.value not in steps and region.components is None:
            for mask in specks(labels, region.value):
                wanted = np.full_like(labels, rim_value(labels, mask))
                what = f"A speck of {region.short}, {counted(int(mask.sum()), 'pixel')}"
                text = f"{what}: {becoming(mask, wanted, schema)}."
                yield finding(Kind.SPECK, text, None, mask, wanted)
