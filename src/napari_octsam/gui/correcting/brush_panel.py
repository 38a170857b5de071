"""The class that is painted, and what the brush is kept to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from napari_octsam.gui.correcting.brush_limits import BrushLimits, Limit
from napari_octsam.gui.correcting.class_brush import ClassBrush
from napari_octsam.gui.widgets.class_chooser import ClassChooser
from napari_octsam.gui.widgets.class_menu import ClassMenu

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.correcting.corrector import Corrector
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["BrushPanel"]

_LIMITS = {
    Limit.NOTHING: "Paint over everything",
    Limit.BETWEEN: "Paint only over …",
    Limit.INSIDE: "Paint only in the layer clicked",
}


class BrushPanel(QWidget):
    """A grid of classes; below it what the brush may change."""

    def __init__(self, owner: SessionWidget, corrector: Corrector) -> None:
        super().__init__(owner)
        self.brush = ClassBrush()
        self.limits = BrushLimits(owner.viewer, owner.session)
        self.classes = ClassChooser(owner.session.schema)
        self.limit = QComboBox()
        for limit, text in _LIMITS.items():
            self.limit.addItem(text, limit)
        self.limit.setToolTip("What brush, bucket, polygon and eraser may change")
        self.over = ClassMenu(
            owner.session.schema, nothing="Which classes", hint="Classes that may be painted over"
        )
        self.over.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.classes)
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addWidget(self.limit, 1)
        row.addWidget(self.over, 1)
        column.addLayout(row)
        self.limit.currentIndexChanged.connect(self._set_limit)
        self.over.ticked.connect(self._set_over)
        owner.listen(self.brush.picked, self.classes.check)
        owner.listen(self.limits.kept, corrector.notices.happened)
        owner.listen(corrector.labels_changed, self.follow)
        owner.listen(owner.session.schema_changed, self._show_schema)
        owner.when_released(lambda: self.brush.follow(None))
        owner.when_released(self.limits.close)
        self.follow(corrector.labels)

    def follow(self, labels: Labels | None) -> None:
        """Paint on a labels layer from now on."""
        self.brush.follow(labels)
        self.limits.follow(labels)

    def _set_limit(self, _index: int) -> None:
        self.limits.limit = self.limit.currentData()
        self.over.setVisible(self.limits.limit is Limit.BETWEEN)

    def _set_over(self, values: frozenset[int]) -> None:
        self.limits.over = values

    def _show_schema(self, schema: LabelSchema) -> None:
        self.classes.set_schema(schema)
        self.over.set_schema(schema)
        self.limits.over = frozenset()
        if self.brush.value is not None:
            self.classes.check(self.brush.value)
