"""A labels layer whose changes are on the disk within a second."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_octsam.core.annotation import (
    Annotation,
    BScanState,
    Progress,
    SetBy,
    edited,
)
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.autosave import Saved
from napari_octsam.data.annotations.drafts import PICTURE, is_draft
from napari_octsam.data.annotations.picture import write_picture
from napari_octsam.gui.annotations.disk_side import DiskSide, Snapshot
from napari_octsam.gui.layers.bscans import read_bscan, shown_plane
from napari_octsam.gui.layers.made_by_device import progress_by_device

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.data.annotations.folder import AnnotationFolder
    from napari_octsam.gui.layers.bscans import Plane
    from napari_octsam.gui.widgets.main_thread import MainThread

__all__ = ["KeptLabels"]

_DELAY = 250  # milliseconds from a change to its save: strokes and slider moves come in bursts
_RETRY = 5_000  # milliseconds, where the disk was full
_PICTURE_EVERY = 10.0  # seconds


class KeptLabels:
    """Follows a labels layer, and has it written by a thread.

    Parameters
    ----------
    viewer
        Of the layer.
    labels
        The layer; its array is a numpy one.
    describe
        Gives the annotation, without its labels, for the progress so far.
    image_of
        Gives the image that the labels belong to.
    writer
        One thread.
    main
        Brings its answers back.
    folder
        Where the labels came from, if they came from an annotation.
    """

    status_changed = Signal()
    """Whether and where all is on the disk, or the state of a B-scan, may be another."""

    def __init__(
        self,
        viewer: ViewerModel,
        labels: Labels,
        describe: Callable[[KeptLabels], Annotation],
        image_of: Callable[[Labels], Image | None],
        writer: Executor,
        main: MainThread,
        folder: AnnotationFolder | None = None,
    ) -> None:
        self.labels = labels
        self.progress: dict[tuple[int, ...], Progress] = (
            dict(folder.annotation.progress) if folder else progress_by_device(labels)
        )
        self.problem = ""
        """Why the last save failed; "" where it did not."""
        self._viewer = viewer
        self._describe = describe
        self._image_of = image_of
        self._writer = writer
        self._main = main
        self._shape = tuple(labels.data.shape)
        self._disk = DiskSide(folder)
        begun = writer.submit(self._disk.begin, labels.data, labels.name)
        main.when_done(begun, self._on_begun)
        self._is_followed = True
        self._is_changed = False
        self._by_others: set[tuple[int, ...]] = set()
        self._saving: Future[Saved] | None = None
        self._is_due = False
        self._pictured_at = -_PICTURE_EVERY
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._save)
        events = labels.events
        events.paint.connect(self._on_paint)
        for event in (events.labels_update, events.data):
            event.connect(self._on_edit)
        for event in (events.set_data, events.features, events.scale, events.name):
            event.connect(self.touch)

    @property
    def path(self) -> Path | None:
        """The folder of the annotation; None where nothing has been changed yet."""
        return self._disk.path

    @property
    def image_path(self) -> Path | None:
        """The file of the image that the labels belong to, where it is known."""
        link = self._describe(self).image
        return Path(link.path) if link.path else None

    @property
    def is_placed(self) -> bool:
        """Whether the person has said where it is to be."""
        return self.path is not None and not is_draft(self.path)

    @property
    def is_pending(self) -> bool:
        """Whether something may not be on the disk yet."""
        return self._timer.isActive() or self._saving is not None

    def touch(self, _event: Any = None) -> None:
        """Look soon whether something has changed."""
        if self._is_followed and not self._timer.isActive():
            self._timer.start(max(_DELAY, int(1000 * self._disk.took)))

    def set_state(self, index: tuple[int, ...], state: BScanState, by: SetBy | None = None) -> None:
        """Set the state of a B-scan, after what was written into it, if something was."""
        if by is not None and by.kind == "model":
            self._by_others.add(index)
        if state is BScanState.UNTOUCHED:
            self.progress.pop(index, None)
        else:
            self.progress[index] = Progress(state=state, by=by or SetBy())
        self._is_changed = True
        self.touch()
        self.status_changed.emit()

    def note_others(self, progress: Mapping[tuple[int, ...], Progress | None]) -> None:
        """Note B-scans that no person has just written, and what they are now; None: untouched."""
        self._by_others.update(progress)
        self._set_progress(progress)
        self._is_changed = True
        self.touch()
        self.status_changed.emit()

    def state_by_labels(self, index: tuple[int, ...]) -> BScanState:
        """Return the state of a B-scan that is no more done: whether a person has labelled it."""
        is_labelled = bool(np.any(self.labels.data[index]))
        return BScanState.CORRECTED if is_labelled else BScanState.UNTOUCHED

    def place(self, path: Path) -> Future[None]:
        """Go on in a new folder; the future has a `UserError` where that cannot be."""
        future = self._writer.submit(self._disk.place, self._snapshot(is_changed=True), path)
        self._main.when_done(future, self._on_placed)
        return future

    def flush(self) -> None:
        """Write all that has changed, and wait for it.

        Raises
        ------
        UserError
            The disk is full, or cannot be written to.
        """
        self._timer.stop()
        if self._saving is not None:
            with suppress(UserError):
                self._saving.result()
        self._take(self._writer.submit(self._disk.save, self._snapshot()).result())

    def close(self) -> None:
        """Write all, follow the layer no more, and leave the folder to others.

        Raises
        ------
        UserError
            As of `flush`; all else is done.
        """
        if not self._is_followed:
            return
        self._unfollow()
        try:
            self.flush()
        finally:
            self._writer.submit(self._disk.close).result()

    def discard(self) -> None:
        """Delete what is kept of it, and follow the layer, which stays, no more."""
        self._unfollow()
        self._writer.submit(self._disk.discard).result()

    def _unfollow(self) -> None:
        self._is_followed = False
        self._timer.stop()
        events = self.labels.events
        events.paint.disconnect(self._on_paint)
        for event in (events.labels_update, events.data):
            event.disconnect(self._on_edit)
        for event in (events.set_data, events.features, events.scale, events.name):
            event.disconnect(self.touch)

    def _on_paint(self, event: Any) -> None:
        """Take at once what is painted for a person's: nothing automatic may come in between."""
        painted: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for index, values in _painted(event.value, self.labels.data.shape[:-2]):
            painted[index] |= values
        self._by_others -= set(painted)
        self._set_progress(
            {
                index: edited(
                    self.progress.get(index),
                    is_empty=not self.labels.data[index].any(),
                    classes=values,
                )
                for index, values in painted.items()
            }
        )
        self._on_edit()
        self.status_changed.emit()

    def _on_edit(self, _event: Any = None) -> None:
        self._is_changed = True
        self.touch()

    def _on_begun(self, labelled: Future[list[tuple[int, ...]]]) -> None:
        """Take a person to have made the labels that came from nobody knows where."""
        for index in labelled.result():
            self.progress.setdefault(index, Progress(state=BScanState.CORRECTED))
        self.status_changed.emit()

    def _save(self) -> None:
        if self._saving is not None:
            self._is_due = True
            return
        try:
            snapshot = self._snapshot()
        except UserError as error:
            self.problem = str(error)
            self.status_changed.emit()
            return
        self._saving = self._writer.submit(self._disk.save, snapshot)
        self._main.when_done(self._saving, self._on_saved)

    def _snapshot(self, *, is_changed: bool = False) -> Snapshot:
        data = self.labels.data
        if tuple(data.shape) != self._shape:
            raise UserError(f"{self.labels.name} has another shape now: save it by File > Save.")
        is_changed, self._is_changed = is_changed or self._is_changed, False
        by_others, self._by_others = frozenset(self._by_others), set()
        plane, annotation = self._shown(), self._describe(self)
        is_pictured = is_changed and self._picture_is_due()
        return Snapshot(
            data,
            annotation,
            is_changed,
            None if plane is None else plane.index,
            by_others,
            self._picture(plane, annotation.label_schema) if is_pictured else None,
        )

    def _on_saved(self, future: Future[Saved]) -> None:
        self._saving = None
        try:
            self._take(future.result())
        except Exception as error:  # whatever it is, the labels are to be written
            self.problem = str(error) or type(error).__name__
            self._is_changed = True
            if self._is_followed:
                self._timer.start(_RETRY)
        else:
            if self._is_due:
                self._is_due = False
                self.touch()
        self.status_changed.emit()

    def _take(self, saved: Saved) -> None:
        """Note what a save has found."""
        self.problem = ""
        self._set_progress(
            {  # but for what a model has written while it was saved
                index: progress
                for index, progress in saved.progress.items()
                if index not in self._by_others
            }
        )

    def _set_progress(self, changed: Mapping[tuple[int, ...], Progress | None]) -> None:
        for index, progress in changed.items():
            if progress is None:
                self.progress.pop(index, None)
            else:
                self.progress[index] = progress

    def _shown(self) -> Plane | None:
        image = self._image_of(self.labels)
        if image is None:
            return None
        with suppress(UserError):
            plane = shown_plane(image, self._viewer.dims)
            if plane.axes == (image.ndim - 2, image.ndim - 1):
                return plane
        return None

    def _picture_is_due(self) -> bool:
        return time.monotonic() - self._pictured_at > _PICTURE_EVERY

    def _picture(self, plane: Plane | None, schema: LabelSchema) -> Callable[[Path], None] | None:
        """Return what writes a picture of the B-scan that is shown; it reads the image then."""
        image = self._image_of(self.labels)
        if plane is None or image is None:
            return None
        self._pictured_at = time.monotonic()
        data = self.labels.data

        def write(path: Path) -> None:
            with suppress(UserError):  # a picture is not worth more than the labels
                bscan = read_bscan(image, plane).pixels
                write_picture(path / PICTURE, bscan, np.array(data[plane.selector]), schema)

        return write

    def _on_placed(self, future: Future[None]) -> None:
        error = future.exception()
        self.problem = str(error) if isinstance(error, UserError) else ""
        self.status_changed.emit()


def _painted(
    item: Iterable[Any], bscans: tuple[int, ...]
) -> Iterable[tuple[tuple[int, ...], set[int]]]:
    """Yield the B-scans that a step of napari's history changed, and label values of it.

    Parameters
    ----------
    item
        Its atoms: each begins with a slice along each axis, or an array of indices, and ends with
        the values before and after.
    bscans
        How many there are along each axis.
    """
    for where, *_, before, after in item:
        values = {int(value) for each in (before, after) for value in np.unique(each)}
        for index in _bscans_in(where[: len(bscans)], bscans):
            yield index, values


def _bscans_in(leading: Any, bscans: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    """Yield the B-scans that slices or arrays of indices along the first axes lead to."""
    if not leading:
        yield ()
    elif isinstance(leading[0], slice):
        yield from product(*(range(each.start, each.stop) for each in leading))
    else:
        places = np.ravel_multi_index(leading, bscans)
        for place in np.flatnonzero(np.bincount(np.atleast_1d(places))):
            yield tuple(map(int, np.unravel_index(place, bscans)))
