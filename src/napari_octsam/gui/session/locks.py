"""What is locked in a viewer: classes and B-scans that are to stay as they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from psygnal import Signal

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["Locks"]

Index = tuple[int, ...]


class Locks:
    """Classes of the schema, and B-scans of labels layers, that nothing may change.

    Of a locked class no pixel comes or goes. They last as long as the viewer.
    """

    changed = Signal()
    """Something is locked, or no more."""

    def __init__(self) -> None:
        self._classes: frozenset[int] = frozenset()
        self._bscans: WeakKeyDictionary[Labels, set[Index]] = WeakKeyDictionary()

    @property
    def classes(self) -> frozenset[int]:
        """Label values of the classes that are locked."""
        return self._classes

    @classes.setter
    def classes(self, values: Collection[int]) -> None:
        if frozenset(values) != self._classes:
            self._classes = frozenset(values)
            self.changed.emit()

    def has_bscan(self, labels: Labels, index: Index) -> bool:
        """Whether a B-scan of a labels layer is locked."""
        return index in self._bscans.get(labels, ())

    def bscans_of(self, labels: Labels) -> frozenset[Index]:
        """Return the B-scans of a labels layer that are locked."""
        return frozenset(self._bscans.get(labels, ()))

    def lock_bscan(self, labels: Labels, index: Index, *, locked: bool = True) -> None:
        """Lock a B-scan of a labels layer, or let it be changed again."""
        bscans = self._bscans.setdefault(labels, set())
        if locked != (index in bscans):
            (bscans.add if locked else bscans.remove)(index)
            self.changed.emit()
