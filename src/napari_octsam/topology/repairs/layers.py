"""What is odd about the layers of a B-scan, mended by their boundaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from napari_octsam.core.boundaries import Boundaries, boundaries_of
from napari_octsam.core.boundary_edits import with_heights
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.masks import EIGHT_CONNECTED, Mask
from napari_octsam.core.redrawing import redrawn
from napari_octsam.core.wording import counted
from napari_octsam.topology.repairs.finding import Finding, Kind, Labels, becoming, finding
from napari_octsam.topology.repairs.parts import OddPart
from napari_octsam.topology.repairs.sound import (
    BRIDGED,
    bridged,
    columns_with_layers,
    runs,
    sound_boundaries,
    sound_labels,
)

__all__ = ["find_in_layers"]


@dataclass(slots=True)
class _BScan:
    """Labels of a B-scan, what they should be, and what is mended by the findings so far."""

    labels: Labels
    schema: LabelSchema
    boundaries: Boundaries
    sound: Labels = field(init=False)
    mended: Mask = field(init=False)

    def __post_init__(self) -> None:
        self.sound = sound_labels(self.labels, self.boundaries, self.schema)
        self.mended = np.zeros(self.labels.shape, bool)

    @property
    def now(self) -> Labels:
        """The labels after the repairs so far."""
        return np.where(self.mended, self.sound, self.labels)

    def mend(
        self, kind: Kind, what: str, where: Mask, place: tuple[int, int] | None = None
    ) -> Iterator[Finding]:
        """Yield the finding of what changes among some pixels, if anything does."""
        changed = where & (self.sound != self.labels) & ~self.mended
        if changed.any():
            self.mended |= changed
            text = f"{what}: {becoming(changed, self.sound, self.schema)}."
            yield finding(kind, text, place, changed, self.sound)


def find_in_layers(
    labels: Labels, parts: Sequence[OddPart], schema: LabelSchema
) -> Iterator[Finding]:
    """Yield what is odd about layers that are in their order by and large.

    Parameters
    ----------
    labels
        (H, W) label values of the schema, which has a stack.
    parts
        What is one too many of its classes.
    """
    layers = {step.value for step in schema.layers}
    parts = [each for each in parts if layers & set(each.values)]
    pieces = [each for each in parts if each.part.kind == "component"]
    islands = [each for each in pieces if not each.stands_alone]
    holes = [each for each in parts if each.part.kind == "hole"]
    gaps = _gaps(labels, islands, schema)
    if not parts and not gaps.any() and _is_in_order(labels, schema):
        return  # as most B-scans are: this takes a tenth of the rest
    through = _together([*islands, *holes], labels.shape) & ~_main_pieces(labels, pieces, layers)
    sound = sound_boundaries(labels, through | gaps, through, schema)
    bscan = _BScan(labels, schema, sound)
    for each in islands:
        what = f"An island of {each.name}, {counted(each.part.size, 'pixel')}"
        yield from bscan.mend(Kind.ISLAND, what, each.mask, (each.part.row, each.part.col))
    for each in holes:
        what = f"A hole in {each.name}, {counted(each.part.size, 'pixel')}"
        yield from bscan.mend(Kind.HOLE, what, each.mask, (each.part.row, each.part.col))
    yield from _find_gaps(bscan, gaps)
    alone = [each for each in pieces if each.stands_alone]
    yield from _find_broken(bscan, alone)
    yield from _find_disorder(bscan)


def _gaps(labels: Labels, islands: Sequence[OddPart], schema: LabelSchema) -> Mask:
    """Return the pixels between layers that have no label, or that of what is around them."""
    members = [value for step in schema.layers for value in step.members]
    of_layers = np.isin(labels, members)
    for each in islands:
        of_layers &= ~each.mask
    begun = np.maximum.accumulate(of_layers, axis=0)
    goes_on = np.maximum.accumulate(of_layers[::-1], axis=0)[::-1]
    around = (0, NOT_LABELLED, schema.stack[0].value, schema.stack[-1].value)
    return np.asarray(begun & goes_on & np.isin(labels, around))


def _is_in_order(labels: Labels, schema: LabelSchema) -> bool:
    """Whether all columns with layers have them in order, and no few others lie between them."""
    seen = columns_with_layers(labels, schema)
    known = np.isfinite(boundaries_of(labels, schema)).all(axis=0)
    return bool((known | ~bridged(seen)).all())


def _main_pieces(labels: Labels, pieces: Sequence[OddPart], layers: set[int]) -> Mask:
    """Return the largest piece of each layer: what encloses one is no hole."""
    main = np.isin(labels, list(layers))
    for each in pieces:
        if len(each.values) == 1:
            main &= ~each.mask
    return main


def _find_gaps(bscan: _BScan, gaps: Mask) -> Iterator[Finding]:
    numbers, count = ndimage.label(gaps & ~bscan.mended, EIGHT_CONNECTED)
    for number in range(1, count + 1):
        mask = numbers == number
        what = f"A gap between layers, {counted(int(mask.sum()), 'pixel')}"
        yield from bscan.mend(Kind.GAP, what, mask)
    layers = [step.value for step in bscan.schema.layers]
    seen = columns_with_layers(bscan.labels, bscan.schema)
    for run in runs(bridged(seen) & ~seen):
        mask = np.zeros(bscan.labels.shape, bool)
        mask[:, run] = np.isin(bscan.sound[:, run], layers)
        yield from bscan.mend(Kind.GAP, f"No layer in {_columns(run)}", mask)


def _find_broken(bscan: _BScan, pieces: Sequence[OddPart]) -> Iterator[Finding]:
    """Join layers that are in pieces where little is missing; tell of the others."""
    told: set[str] = set()
    for each in pieces:
        if len(each.values) > 1 or each.name in told:
            continue
        told.add(each.name)
        (value,) = each.values
        differ = ((bscan.sound == value) != (bscan.labels == value)) & ~bscan.mended
        for run in runs(differ.any(axis=0)):
            if run.stop - run.start <= BRIDGED:
                _go_straight(bscan, value, run)
                mask = np.zeros_like(differ)
                mask[:, run] = True
                what = f"{each.name} is broken in {_columns(run)}"
                yield from bscan.mend(Kind.BROKEN, what, mask)
        if ndimage.label(bscan.now == value, EIGHT_CONNECTED)[1] > 1:
            text = f"{each.name} is in pieces, over too many columns to be joined: look there."
            nothing = np.zeros_like(differ)
            place = each.part.row, each.part.col
            yield finding(Kind.PIECES, text, place, nothing, bscan.sound)


def _go_straight(bscan: _BScan, value: int, run: slice) -> None:
    """Have a layer be as thick in some columns as on both sides of them; the others give way."""
    before = bscan.boundaries
    ends = [run.start - 1, run.stop]
    if ends[0] < 0 or ends[1] >= before.shape[1] or np.isnan(before[:, ends]).any():
        return
    (number,) = (k for k, step in enumerate(bscan.schema.layers) if step.value == value)
    after, cols = before, np.arange(run.start, run.stop)
    for edge in (number, number + 1):
        heights = after[edge].copy()
        heights[run] = np.interp(cols, ends, before[edge, ends])
        after = with_heights(after, edge, heights, len(bscan.labels))
    bscan.sound = redrawn(bscan.sound, before, after, bscan.schema)
    bscan.boundaries = after


def _find_disorder(bscan: _BScan) -> Iterator[Finding]:
    now = bscan.now
    lost = np.isnan(boundaries_of(now, bscan.schema)).any(axis=0)
    for run in runs(lost & columns_with_layers(now, bscan.schema)):
        mask = np.zeros(now.shape, bool)
        mask[:, run] = True
        yield from bscan.mend(Kind.ORDER, f"Layers out of order in {_columns(run)}", mask)


def _together(parts: Sequence[OddPart], shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, bool)
    for each in parts:
        mask |= each.mask
    return mask


def _columns(run: slice) -> str:
    if run.stop - run.start == 1:
        return f"column {run.start}"
    return f"columns {run.start} to {run.stop - 1}"
