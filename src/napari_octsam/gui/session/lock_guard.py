"""What is locked stays as it is, whatever paints on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octsam.gui.session.stroke_guard import Rule, StrokeGuard

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_octsam.gui.session.locks import Locks

__all__ = ["LockGuard"]


class LockGuard(StrokeGuard):
    """Puts locked pixels back.

    Parameters
    ----------
    viewer
        Whose labels layers are guarded.
    locks
        What is locked.
    """

    told = "What is locked stays as it was."

    def __init__(self, viewer: ViewerModel, locks: Locks) -> None:
        super().__init__(viewer)
        self._locks = locks

    def rule_for(self, labels: Labels) -> Rule | None:
        """Return what keeps pixels that are of a locked class or B-scan, or would become of one."""
        classes, bscans = self._locks.classes, self._locks.bscans_of(labels)
        if not (classes or bscans):
            return None
        return lambda change: change.touches(classes, bscans)
