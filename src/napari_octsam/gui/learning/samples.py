"""What the model that is being trained makes of a few B-scans: beside the truth, as it improves."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.evaluation.overlays import labels_picture
from napari_octsam.gui.widgets.picture_label import PictureLabel
from napari_octsam.training.events import Sample, Samples

__all__ = ["SampleStrip", "rows_with_labels"]

_GAP = 4  # pixels between prediction and truth
_AROUND = 24  # rows
_GREY = 128


class SampleStrip(QWidget):
    """One picture for each sample: the prediction above the truth, as a retina is wide."""

    opened = Signal(object)
    """A `Sample` was pressed."""

    def __init__(self) -> None:
        super().__init__()
        self._schema: LabelSchema | None = None
        self._title = QLabel()
        self._pictures: list[_SamplePicture] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addWidget(self._title)
        self.hide()

    def begin(self, schema: LabelSchema) -> None:
        """Forget what was shown, and take the colours of a schema."""
        self._schema = schema
        self.hide()

    def show_samples(self, shown: Samples) -> None:
        """Show the samples of an epoch in place of the last."""
        if self._schema is None:
            return
        self._title.setText(f"After epoch {shown.epoch}: prediction above, truth below")
        while len(self._pictures) < len(shown.samples):
            picture = _SamplePicture()
            picture.pressed.connect(self.opened)
            self._pictures.append(picture)
            self._column.addWidget(picture)
        for picture, sample in zip(self._pictures, shown.samples, strict=False):
            picture.show_sample(sample, self._schema)
        for number, picture in enumerate(self._pictures):
            picture.setVisible(number < len(shown.samples))
        self.setVisible(bool(shown.samples))


class _SamplePicture(PictureLabel):
    pressed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._sample: Sample | None = None
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_sample(self, sample: Sample, schema: LabelSchema) -> None:
        self._sample = sample
        self.setToolTip(f"{sample.name}, for {sample.part}: click to open it as layers")
        rows = rows_with_labels(sample)
        sides = [
            labels_picture(sample.image[rows], labels[rows], schema)
            for labels in (sample.predicted, sample.truth)
        ]
        gap = np.full((_GAP, sides[0].shape[1], 3), _GREY, np.uint8)
        self.show_rgb(np.vstack([sides[0], gap, sides[1]]))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Ask to open the sample."""
        super().mousePressEvent(event)
        if self._sample is not None:
            self.pressed.emit(self._sample)


def rows_with_labels(sample: Sample) -> slice:
    """Return the rows of the retina with some around: the rest has nothing to compare."""
    labelled = np.isin(sample.truth, (0, NOT_LABELLED), invert=True)
    rows = np.flatnonzero(labelled.any(axis=1))
    if not rows.size:
        return slice(None)
    return slice(max(int(rows[0]) - _AROUND, 0), int(rows[-1]) + _AROUND + 1)
