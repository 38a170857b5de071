"""Labels that change in memory, and are soon on the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.annotation import Annotation, Progress, edited
from napari_octsam.data.annotations.folder import AnnotationFolder, is_annotation

__all__ = ["Autosave", "Saved"]

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save found.

    Parameters
    ----------
    progress
        Of the B-scans whose labels a person has changed; None where the last label has gone.
    on_disk
        Whether the annotation is on the disk: not, where nobody has changed anything yet.
    """

    progress: dict[Index, Progress | None] = field(default_factory=dict)
    on_disk: bool = False


class Autosave:
    """Keeps the labels of one image on the disk as they are in memory.

    Each B-scan is compared, by its hash, with what was written last: whoever has changed it, in
    whichever way, and whatever was undone. All methods are for one thread, which may be another
    than that which changes the labels: a B-scan that changes while it is written is written again
    by the next `save`.

    Parameters
    ----------
    labels
        (..., H, W) whole numbers as they are before the first change.
    new_path
        Gives the path of the folder once one is needed.
    folder
        The folder that the labels came from, if they did.
    """

    def __init__(
        self,
        labels: npt.NDArray[np.integer[Any]],
        new_path: Callable[[], Path],
        folder: AnnotationFolder | None = None,
    ) -> None:
        self._new_path = new_path
        self.folder = folder
        self._by_others: set[Index] = set()
        self._sums = {index: _sum(labels[index]) for index in _bscans(labels)}

    def save(
        self,
        labels: npt.NDArray[np.integer[Any]],
        annotation: Annotation,
        *,
        is_changed: bool = False,
        first: Index | None = None,
        by_others: Collection[Index] = (),
    ) -> Saved:
        """Write what has changed since the last call.

        Parameters
        ----------
        labels
            (..., H, W), of the shape of the first.
        annotation
            All but the labels.
        is_changed
            Whether something has certainly changed: it makes the folder where there is none.
        first
            A B-scan to write before the others.
        by_others
            B-scans whose progress in `annotation` says who changed them. Any other that has
            changed was changed by a person.

        Raises
        ------
        UserError
            The disk is full, or the folder cannot be written to any more. What was written is
            whole, and the next call writes the rest.
        """
        if self.folder is not None and not is_annotation(self.folder.path):
            self.close()  # somebody has moved or deleted it: all goes into a new one
            self.folder, is_changed = None, True
        if self.folder is None:
            if not is_changed and not self._changes(labels):
                return Saved()
            self._begin(labels, annotation)
        assert self.folder is not None  # for mypy
        order = sorted(_bscans(labels), key=lambda index: index != first)
        self._by_others.update(by_others)  # until they are written, which may fail
        progress: dict[Index, Progress | None] = {}
        for index in order:
            bscan = np.array(labels[index])
            content = _sum(bscan)
            if content != self._sums[index]:
                self.folder.labels.write(index, bscan)
                self._sums[index] = content
                if index not in self._by_others:
                    before = annotation.progress.get(index)
                    progress[index] = edited(before, is_empty=not bscan.any())
        self._by_others.clear()
        self.folder.write(annotation.with_progress(progress))
        return Saved(progress, on_disk=True)

    def labelled(self, labels: npt.NDArray[np.integer[Any]]) -> list[Index]:
        """Return the B-scans that have a label."""
        return [index for index in _bscans(labels) if labels[index].any()]

    def place(self, path: Path) -> None:
        """Go on in a new folder, and delete the one of before.

        Raises
        ------
        UserError
            It cannot be made there; all stays as it was.
        """
        if self.folder is None:
            return
        self.folder.copy_to(path)
        before, self.folder = self.folder, AnnotationFolder(path)
        before.delete()

    def discard(self) -> None:
        """Delete the folder."""
        if self.folder is not None:
            self.folder.delete()
            self.folder = None

    def close(self) -> None:
        """Leave the folder to others."""
        if self.folder is not None:
            self.folder.close()

    def _changes(self, labels: npt.NDArray[np.integer[Any]]) -> bool:
        return any(_sum(labels[index]) != self._sums[index] for index in _bscans(labels))

    def _begin(self, labels: npt.NDArray[np.integer[Any]], annotation: Annotation) -> None:
        self.folder = AnnotationFolder.create(self._new_path(), annotation, labels.dtype)
        empty = _sum(np.zeros(labels.shape[-2:], labels.dtype))
        self._sums = dict.fromkeys(_bscans(labels), empty)


def _bscans(labels: npt.NDArray[Any]) -> list[Index]:
    return list(np.ndindex(labels.shape[:-2]))


def _sum(bscan: npt.NDArray[Any]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(bscan).data).digest()
