"""Undo and redo of a labelling: of all its B-scans, or of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octsam.core.annotation import Progress, is_protected
from napari_octsam.core.automatic import bscans_named
from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.bscan_writing import BScanChange
from napari_octsam.gui.session.undo import LOCKED_SINCE, Place, Step

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_octsam.core.automatic import Index
    from napari_octsam.gui.labelling.labels_target import LabelsTarget

__all__ = ["LabelStep", "LabelledBScan", "OneBScanStep"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledBScan:
    """A B-scan that a model has labelled.

    Parameters
    ----------
    change
        Of its labels.
    before, after
        How far it was, and is.
    """

    change: BScanChange
    before: Progress | None
    after: Progress


class LabelStep(Step):
    """A model has labelled B-scans of an image; it may be at it still.

    B-scans that a person has changed, locked or called done since stay as they are, and are named.
    Where it would change a class that is locked now, it is neither undone nor redone.

    Parameters
    ----------
    target
        Where the labels are.
    text
        What was done, where it is not all of the image that was labelled.
    """

    def __init__(self, target: LabelsTarget, text: str = "") -> None:
        super().__init__(text or f"labelling of {target.image_name}")
        self.target = target
        self._bscans: dict[Index, LabelledBScan] = {}
        self._taken_back: set[Index] = set()

    def add(self, bscan: LabelledBScan) -> None:
        """Add a B-scan that has just been labelled."""
        self._bscans[bscan.change.index] = bscan

    @property
    def indices(self) -> list[Index]:
        """All B-scans that were labelled, taken back or not."""
        return list(self._bscans)

    def has(self, index: Index) -> bool:
        """Whether a B-scan was labelled, and that not taken back."""
        return index in self._bscans and index not in self._taken_back

    def change_of(self, index: Index) -> BScanChange:
        """Return how the labels of a B-scan were changed; KeyError where it was not labelled."""
        return self._bscans[index].change

    def take_back(self) -> str:
        """Bring the labels of before back wherever nobody has touched them since."""
        left = self._go(set(self._bscans) - self._taken_back, is_undo=True)
        return f"The {self.text()} is undone.{_stay(left)}"

    def do_again(self) -> str:
        """Bring the model's labels back wherever they were taken back."""
        left = self._go(set(self._taken_back), is_undo=False)
        return f"The {self.text()} is redone.{_stay(left)}"

    def take_back_one(self, index: Index) -> None:
        """Bring the labels of before of one B-scan back; UserError where that cannot be."""
        self._go_one(index, is_undo=True)

    def do_one_again(self, index: Index) -> None:
        """Bring the model's labels of one B-scan back; UserError where that cannot be."""
        self._go_one(index, is_undo=False)

    @property
    def labels(self) -> Labels:
        """The layer."""
        return self.target.labels

    def _go_one(self, index: Index, *, is_undo: bool) -> None:
        if self._go({index}, is_undo=is_undo):
            raise UserError(f"{bscans_named([index])} was changed since: it stays as it is.")

    def _go(self, indices: set[Index], *, is_undo: bool) -> list[Index]:
        """Bring B-scans back or forth; return those that stay because of what was done since."""
        self.target.check()
        if any(map(self._touches_locked, indices)):
            raise UserError(LOCKED_SINCE)
        progress: dict[Index, Progress | None] = {}
        for index in sorted(indices):
            bscan = self._bscans[index]
            bring: Callable[[Labels], bool] = (
                bscan.change.take_back if is_undo else bscan.change.do_again
            )
            if not self._is_a_persons(index) and bring(self.labels):
                progress[index] = bscan.before if is_undo else bscan.after
                (self._taken_back.add if is_undo else self._taken_back.discard)(index)
        self.target.note(progress)
        return sorted(indices - set(progress))

    def _touches_locked(self, index: Index) -> bool:
        """Whether a B-scan cannot be brought back or forth without a class that is locked."""
        classes = self.target.locks.classes
        if not classes or self._is_a_persons(index):
            return False
        return self._bscans[index].change.touches(self.labels, classes)

    def _is_a_persons(self, index: Index) -> bool:
        target = self.target
        return is_protected(target.progress, index) or target.is_locked(index)


class OneBScanStep(Step):
    """The labelling of one B-scan was taken back, by itself.

    Parameters
    ----------
    labelling
        Of which it was a part.
    place
        The B-scan.

    Raises
    ------
    UserError
        It cannot be taken back. Nothing is changed.
    """

    def __init__(self, labelling: LabelStep, place: Place) -> None:
        super().__init__(f"taking back of labels on {bscans_named([place.plane.index])}", place)
        self._labelling = labelling
        self._index = place.plane.index
        labelling.take_back_one(self._index)

    def take_back(self) -> str:
        """Bring the model's labels back."""
        self._labelling.do_one_again(self._index)
        return f"The model's labels of {bscans_named([self._index])} are back."

    def do_again(self) -> str:
        """Take them back again."""
        self._labelling.take_back_one(self._index)
        return f"{bscans_named([self._index])} is as it was before the labelling."


def _stay(left: list[Index]) -> str:
    """Say which B-scans stay; "" where none does."""
    if not left:
        return ""
    named = bscans_named(left)
    was, stay = ("was", "stays") if len(left) == 1 else ("were", "stay")
    return f" {named[0].upper()}{named[1:]} {was} changed since, and {stay}."
