"""The B-scans of an annotation that are good enough to learn from."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import listed
from napari_octsam.data.annotations.label_store import Labels
from napari_octsam.data.annotations.saved import Index, SavedAnnotation, labelled_pixels

__all__ = ["BY_A_PERSON", "chosen"]

BY_A_PERSON = (BScanState.CORRECTED, BScanState.DONE)
"""The states of B-scans that a person did."""


def chosen(saved: SavedAnnotation, states: Collection[BScanState]) -> list[tuple[Index, Labels]]:
    """Return the B-scans of these states with their labels.

    One without a label is left out, unless a person said that it is done.

    Raises
    ------
    UserError
        There is none, labels are damaged, or the schema does not know them.
    """
    found = list(_chosen(saved, states))
    if not found:
        raise UserError(
            f"{saved.path} has no labelled B-scan that is {listed(states, 'or')}: name other "
            "states with --states."
        )
    return found


def _chosen(
    saved: SavedAnnotation, states: Collection[BScanState]
) -> Iterator[tuple[Index, Labels]]:
    for index in saved.indices:
        state = saved.annotation.state(index)
        if state in states:
            labels = saved.read_known(index)
            if state is BScanState.DONE or labelled_pixels(labels):
                yield index, labels
