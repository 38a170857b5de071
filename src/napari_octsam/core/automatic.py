"""What a model may do to labels that are there, and in which order it labels a volume."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.wording import listed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "Index",
    "Left",
    "Present",
    "bscans_named",
    "doubts_about",
    "labelled_anew",
    "outward",
    "why_left",
]

_MOST_NAMED = 6

Index = tuple[int, ...]


class Present(StrEnum):
    """What happens to B-scans that a model has labelled already."""

    KEEP = "keep"
    """They stay as they are."""
    FILL = "fill the unlabelled"
    """Only their unlabelled pixels (0 or 255) change."""
    REPLACE = "replace"
    """They are labelled anew."""


class Left(StrEnum):
    """Why a B-scan is not labelled, as sentences on it end."""

    DONE = "done"
    CORRECTED = "corrected"
    INTERPOLATED = "interpolated"
    LOCKED = "locked"
    LABELLED = "labelled already"
    CHANGED = "changed just now"


def why_left(
    state: BScanState, present: Present, *, has_labels: bool, is_locked: bool
) -> Left | None:
    """Return why nothing automatic may label a B-scan now; None where it may.

    Parameters
    ----------
    has_labels
        Whether any pixel is labelled. What nobody is known to have labelled may be a person's.
    """
    match state:
        case _ if is_locked:
            return Left.LOCKED
        case BScanState.DONE:
            return Left.DONE
        case BScanState.CORRECTED:
            return Left.CORRECTED
        case BScanState.INTERPOLATED:
            return Left.INTERPOLATED
        case BScanState.AUTOMATIC:
            return Left.LABELLED if present is Present.KEEP and has_labels else None
        case BScanState.UNTOUCHED:
            return Left.CHANGED if has_labels else None


def labelled_anew(
    current: npt.NDArray[np.integer],
    predicted: npt.NDArray[np.uint8],
    *,
    fill_only: bool = False,
    locked: Collection[int] = (),
) -> npt.NDArray[np.integer]:
    """Return a B-scan's labels after a model has labelled it.

    Parameters
    ----------
    current, predicted
        (H, W) label values; `NOT_LABELLED` is predicted where the model sees nothing.
    fill_only
        Only unlabelled pixels change.
    locked
        Classes of which no pixel comes or goes.
    """
    import numpy as np  # late: the commands need the words alone

    changes = np.ones(current.shape, bool)
    if fill_only:
        changes = ((current == 0) | (current == NOT_LABELLED)) & (predicted != NOT_LABELLED)
    if locked:
        values = list(locked)
        changes &= ~(np.isin(current, values) | np.isin(predicted, values))
    anew: npt.NDArray[np.integer] = np.where(changes, predicted, current).astype(current.dtype)
    return anew


def outward(indices: Sequence[Index], first: Index) -> list[Index]:
    """Return B-scans in the order in which a person who looks at one of them wants them.

    Parameters
    ----------
    indices
        In their order in the volume.
    first
        The one that is shown; the nearest comes next, the later one of two.
    """
    before = sum(index < first for index in indices)
    return [
        index
        for _, index in sorted(
            enumerate(indices), key=lambda each: (abs(each[0] - before), -each[0])
        )
    ]


def bscans_named(indices: Iterable[Index]) -> str:
    """Return "B-scan 3", "B-scans 3, 4 and 7" or "B-scans 1, 2, 3, 4, 5, 6 and 20 others"."""
    names = [", ".join(map(str, index)) for index in indices]
    if names == [""]:
        return "the B-scan"
    if len(names) == 1:
        return f"B-scan {names[0]}"
    if len(names) > _MOST_NAMED:
        names = [*names[:_MOST_NAMED], f"{len(names) - _MOST_NAMED} others"]
    return f"B-scans {listed(names, 'and')}"


def doubts_about(indices: Collection[Index]) -> str:
    """Return a sentence on B-scans that a model is very unsure of; "" where there are none."""
    if not indices:
        return ""
    ask = "is it an OCT image" if len(indices) == 1 else "are they OCT images"
    return f"The model is very unsure of {bscans_named(sorted(indices))}: {ask}?"
