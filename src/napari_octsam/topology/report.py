"""What a labels image looks like to topology: pieces and holes of each class, and which are odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import LabelClass, LabelSchema, LabelUnion
from napari_octsam.core.masks import Mask
from napari_octsam.topology.metrics import cl_dice
from napari_octsam.topology.metrics.betti_matching import match_topologies
from napari_octsam.topology.persistence.pairs import Connectivity
from napari_octsam.topology.persistence.truth import BettiNumbers, TrueTopology, true_topology

__all__ = ["Against", "ClassTopology", "Part", "Surplus", "describe_bscan", "surplus_parts"]


@dataclass(frozen=True, slots=True)
class Part:
    """A component or a hole that is one too many.

    Parameters
    ----------
    row, col
        The pixel of it that is nearest to its centre.
    size
        Pixels.
    """

    kind: Literal["component", "hole"]
    row: int
    col: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Surplus:
    """A part with its pixels: those of an (H, W) array that have its number."""

    part: Part
    labels: npt.NDArray[np.int32]
    number: int

    @property
    def mask(self) -> Mask:
        """The (H, W) pixels."""
        return np.asarray(self.labels == self.number)


@dataclass(frozen=True, slots=True)
class Against:
    """How far a mask's topology is from the truth's."""

    truth: BettiNumbers
    betti_error: BettiNumbers
    matching_error: BettiNumbers
    cl_dice: float
    """0 to 1, or NaN where both masks are empty."""


@dataclass(frozen=True, slots=True)
class ClassTopology:
    """The topology of one class, or of classes together, in one B-scan.

    Parameters
    ----------
    name
        Of the class or union.
    values
        Label values.
    betti
        Components and holes that there are.
    components, holes
        What the schema expects, or None.
    surplus
        What is more than that: all but the largest, the largest first.
    against
        The comparison with a truth, where there is one.
    """

    name: str
    values: tuple[int, ...]
    betti: BettiNumbers
    components: int | None
    holes: int | None
    surplus: tuple[Part, ...]
    against: Against | None = None

    @property
    def as_expected(self) -> bool:
        """Whether nothing is surplus and nothing is missing."""
        enough = self.components is None or self.betti.components >= self.components
        holes = self.holes is None or self.betti.holes >= self.holes
        return not self.surplus and enough and holes


def describe_bscan(
    labels: npt.NDArray[np.integer],
    schema: LabelSchema,
    truth: npt.NDArray[np.integer] | None = None,
    connectivity: Connectivity = 8,
) -> Iterator[ClassTopology]:
    """Describe each class, and each union of classes, that is there or should be.

    Parameters
    ----------
    labels
        (H, W) class values.
    schema
        Names the classes and says what is expected.
    truth
        (H, W) class values to compare with.
    connectivity
        Of the foreground.
    """
    groups: tuple[LabelClass | LabelUnion, ...] = (*schema.foreground, *schema.unions)
    for group in groups:
        mask = np.isin(labels, _values(group))
        true = None if truth is None else np.isin(truth, _values(group))
        if mask.any() or group.components or (true is not None and true.any()):
            yield _describe(group, mask, true, connectivity)


def surplus_parts(found: TrueTopology, group: LabelClass | LabelUnion) -> Iterator[Surplus]:
    """Yield what a mask has more of than is expected of its class.

    First components, then holes, the largest first; the largest of all are taken for right.
    """
    yield from _surplus(found, group.components, "component")
    yield from _surplus(found, group.holes, "hole")


def _describe(
    group: LabelClass | LabelUnion,
    mask: npt.NDArray[np.bool_],
    truth: npt.NDArray[np.bool_] | None,
    connectivity: Connectivity,
) -> ClassTopology:
    found = true_topology(mask, connectivity)
    return ClassTopology(
        name=group.name,
        values=_values(group),
        betti=found.betti,
        components=group.components,
        holes=group.holes,
        surplus=tuple(each.part for each in surplus_parts(found, group)),
        against=None if truth is None else _compare(mask, found, truth, connectivity),
    )


def _values(group: LabelClass | LabelUnion) -> tuple[int, ...]:
    return (group.value,) if isinstance(group, LabelClass) else group.values


def _compare(
    mask: npt.NDArray[np.bool_],
    found: TrueTopology,
    truth: npt.NDArray[np.bool_],
    connectivity: Connectivity,
) -> Against:
    true = true_topology(truth, connectivity)
    return Against(
        truth=true.betti,
        betti_error=found.betti.error(true.betti),
        matching_error=match_topologies(found, true, connectivity).error,
        cl_dice=cl_dice(mask, truth),
    )


def _surplus(
    found: TrueTopology, expected: int | None, kind: Literal["component", "hole"]
) -> Iterator[Surplus]:
    if expected is None:
        return
    labels = found.labels if kind == "component" else -found.labels
    boxes = ndimage.find_objects(labels.clip(min=0))
    sizes = np.bincount(labels[labels > 0], minlength=len(boxes) + 1)
    largest_first = np.argsort(-sizes[1:], kind="stable")
    for k in largest_first[expected:]:
        yield Surplus(_part(labels, int(k) + 1, boxes[k], kind), labels, int(k) + 1)


def _part(
    labels: npt.NDArray[np.int32],
    number: int,
    box: tuple[slice, slice],
    kind: Literal["component", "hole"],
) -> Part:
    places = np.argwhere(labels[box] == number)
    nearest = ((places - places.mean(axis=0)) ** 2).sum(axis=1).argmin()
    row, col = places[nearest].tolist()
    return Part(kind, row + box[0].start, col + box[1].start, len(places))
