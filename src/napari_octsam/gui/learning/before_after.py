"""A B-scan as a model labelled it before it learnt, as it does now, and as a person did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_octsam.core.classes import LabelSchema
from napari_octsam.evaluation.overlays import labels_picture
from napari_octsam.gui.learning.held_back import judged
from napari_octsam.gui.learning.samples import rows_with_labels
from napari_octsam.gui.widgets.picture_label import PictureLabel
from napari_octsam.gui.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from napari_octsam.training.events import Sample

__all__ = ["BeforeAfter"]

_GAP, _GREY = 4, 128


class BeforeAfter(QWidget):
    """One picture, of three below each other, as a retina is wide."""

    def __init__(self) -> None:
        super().__init__()
        self._title = WrappedLabel()
        self.picture = PictureLabel()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._title)
        column.addWidget(self.picture)
        self.hide()

    def show_pair(self, before: Sample, after: Sample, schema: LabelSchema) -> None:
        """Show one B-scan by the model before and after it learnt, and by the person."""
        then, now = (judged(each, schema).in_short for each in (before, after))
        rows = rows_with_labels(after)
        shown = (before.predicted, after.predicted, after.truth)
        parts = [labels_picture(after.image[rows], each[rows], schema) for each in shown]
        gap = np.full((_GAP, parts[0].shape[1], 3), _GREY, np.uint8)
        self.picture.show_rgb(np.vstack([parts[0], gap, parts[1], gap, parts[2]]))
        self._title.setText(
            f"{after.name}, held back: before ({then}), now ({now}), as you labelled it"
        )
        self.show()
