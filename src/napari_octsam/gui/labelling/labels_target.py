"""The labels layer of an image that a model labels, as it is looked at and written to."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octsam.core.annotation import BScanState, Progress
from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.bscans import data_shape, shown_plane
from napari_octsam.gui.layers.label_writing import check_writable

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_octsam.core.automatic import Index
    from napari_octsam.gui.annotations.keeper import Keeper
    from napari_octsam.gui.session.locks import Locks

__all__ = ["LabelsTarget"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelsTarget:
    """An image with its labels, and all that says what may be written into them.

    Parameters
    ----------
    viewer
        Where both layers are.
    keeper
        Knows how far each B-scan is.
    locks
        What is locked.
    image, labels
        Of one shape.
    """

    viewer: ViewerModel
    keeper: Keeper
    locks: Locks
    image: Image
    labels: Labels

    @property
    def image_name(self) -> str:
        """What the image is called now."""
        return str(self.image.name)

    @property
    def progress(self) -> Mapping[Index, Progress]:
        """How far each B-scan is; those that are untouched are not there."""
        kept = self.keeper.of(self.labels)
        return {} if kept is None else kept.progress

    def state(self, index: Index) -> BScanState:
        """Return how far a B-scan is."""
        found = self.progress.get(index)
        return BScanState.UNTOUCHED if found is None else found.state

    def is_locked(self, index: Index) -> bool:
        """Whether a B-scan is locked."""
        return self.locks.has_bscan(self.labels, index)

    def has_labels(self, index: Index) -> bool:
        """Whether a B-scan has any label."""
        return bool(np.any(self.labels.data[index]))

    def check(self) -> None:
        """Raise UserError where the labels can be written to no more."""
        if self.labels not in self.viewer.layers:
            raise UserError(f"The labels layer {self.labels.name} is gone.")
        check_writable(self.labels)
        if self.labels.data.shape != data_shape(self.image):
            raise UserError(f"{self.labels.name} and {self.image.name} differ in shape by now.")

    def note(self, progress: Mapping[Index, Progress | None]) -> None:
        """Note B-scans that were written, not by a person, and show them."""
        if not progress:
            return
        kept = self.keeper.of(self.labels)
        if kept is not None:
            kept.note_others(progress)
        if self._shows_any(progress):
            self.labels.refresh()

    def _shows_any(self, indices: Container[Index]) -> bool:
        try:
            plane = shown_plane(self.image, self.viewer.dims)
        except UserError:
            return True  # in 3D, perhaps
        return plane.index in indices or not plane.is_bscan
