"""What a thread does for a labels layer that is kept on the disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_octsam.data.annotations.autosave import Autosave, Saved
from napari_octsam.data.annotations.drafts import new_draft_path

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_octsam.core.annotation import Annotation
    from napari_octsam.data.annotations.folder import AnnotationFolder

__all__ = ["DiskSide", "Snapshot"]

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A labels layer as it is to be written.

    Parameters
    ----------
    labels
        (..., H, W); it may go on changing.
    annotation
        All else.
    is_changed
        Whether something has certainly changed.
    shown
        The B-scan that is shown, which is written first.
    by_others
        B-scans that a model has changed, as their progress says.
    draw
        Writes a small picture into a folder, where one is due.
    """

    labels: npt.NDArray[Any]
    annotation: Annotation
    is_changed: bool
    shown: Index | None = None
    by_others: frozenset[Index] = frozenset()
    draw: Callable[[Path], None] | None = None


class DiskSide:
    """Writes a labels layer; all methods are for one thread, the attributes for any.

    Attributes
    ----------
    path : Path or None
        The folder of the annotation, once there is one.
    took : float
        Seconds of the last save.
    """

    def __init__(self, folder: AnnotationFolder | None) -> None:
        self.path = None if folder is None else folder.path
        self.took = 0.0
        self._folder = folder
        self._autosave: Autosave | None = None

    def begin(self, labels: npt.NDArray[Any], name: str) -> list[Index]:
        """Take labels as they are before the first change; return the B-scans that have some."""
        import_module("napari_octsam.data.annotations.label_store")  # here nobody waits for it
        self._autosave = Autosave(labels, lambda: new_draft_path(name), self._folder)
        return self._autosave.labelled(labels)

    def save(self, now: Snapshot) -> Saved:
        """Write what has changed; UserError where it cannot be."""
        started = time.perf_counter()
        saved = self._begun.save(
            now.labels,
            now.annotation,
            is_changed=now.is_changed,
            first=now.shown,
            by_others=now.by_others,
        )
        self._note_path()
        if now.draw is not None and self.path is not None:
            now.draw(self.path)
        self.took = time.perf_counter() - started
        return saved

    def place(self, now: Snapshot, path: Path) -> None:
        """Write all, and go on in a new folder; UserError where that cannot be."""
        self.save(now)
        self._begun.place(path)
        self._note_path()

    def discard(self) -> None:
        """Delete the folder."""
        self._begun.discard()
        self.path = None

    def close(self) -> None:
        """Leave the folder to others."""
        self._begun.close()

    @property
    def _begun(self) -> Autosave:
        assert self._autosave is not None  # `begin` is the thread's first job
        return self._autosave

    def _note_path(self) -> None:
        folder = self._begun.folder
        self.path = None if folder is None else folder.path
