"""A button with a menu of classes to tick."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_octsam.core.classes import LabelSchema
from napari_octsam.gui.class_chooser import swatch

__all__ = ["ClassMenu"]


class ClassMenu(QPushButton):
    """Lets the person tick classes; the button names those that are."""

    ticked = Signal(object)
    """The set of label values that are ticked now."""

    def __init__(self, schema: LabelSchema, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._menu = QMenu(self)
        self.setMenu(self._menu)
        self.set_schema(schema)

    def set_schema(self, schema: LabelSchema) -> None:
        """Offer the classes of a schema, none of them ticked."""
        self._menu.clear()
        for label_class in schema.foreground:
            action = QAction(swatch(label_class.color), label_class.name, self._menu)
            self._menu.addAction(action)
            action.setCheckable(True)
            action.setData((label_class.value, label_class.short))
            action.toggled.connect(self._on_toggled)
        self._show()

    @property
    def values(self) -> frozenset[int]:
        """The label values that are ticked."""
        return frozenset(a.data()[0] for a in self._menu.actions() if a.isChecked())

    def _on_toggled(self) -> None:
        self._show()
        self.ticked.emit(self.values)

    def _show(self) -> None:
        names = [a.data()[1] for a in self._menu.actions() if a.isChecked()]
        self.setText(", ".join(names) if names else "Choose classes")
        self.setToolTip("Classes that may be overwritten")
