"""A picture that is as wide as there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QLabel

if TYPE_CHECKING:
    from qtpy.QtCore import QSize
    from qtpy.QtGui import QResizeEvent

__all__ = ["PictureLabel"]

_WIDTH = 300
_LEAST = 64


class PictureLabel(QLabel):
    """Shows a picture in the width that it has."""

    def __init__(self) -> None:
        super().__init__()
        self._pixmap = QPixmap()
        self.setMinimumWidth(1)

    def show_rgb(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Show (H, W, 3) uint8 pixels."""
        pixels = np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        self._pixmap = QPixmap.fromImage(image)
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Fill the width."""
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return a size that does not follow the picture's."""
        hint = super().sizeHint()
        hint.setWidth(_WIDTH)
        return hint

    def _fit(self) -> None:
        if self._pixmap.isNull():
            return
        mode = Qt.TransformationMode.SmoothTransformation
        scaled = self._pixmap.scaledToWidth(max(self.width(), _LEAST), mode)
        self.setFixedHeight(scaled.height())
        self.setPixmap(scaled)
