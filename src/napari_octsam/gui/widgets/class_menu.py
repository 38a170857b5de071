"""A button with a menu of classes to tick."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qtpy.QtCore import Signal
from qtpy.QtGui import QAction, QResizeEvent
from qtpy.QtWidgets import QMenu, QPushButton, QSizePolicy, QWidget

from napari_octsam.core.classes import LabelSchema
from napari_octsam.gui.widgets.class_chooser import swatch

__all__ = ["ClassMenu"]

_BESIDE_TEXT = 36  # pixels: the padding, and the arrow of the menu


class ClassMenu(QPushButton):
    """Lets the person tick classes; the button names those that are, as far as they fit.

    Parameters
    ----------
    nothing
        Text of the button while none is.
    hint
        What they are ticked for, of the tool tip.
    """

    ticked = Signal(object)
    """The set of label values that are ticked now."""

    def __init__(
        self,
        schema: LabelSchema,
        parent: QWidget | None = None,
        *,
        nothing: str = "Choose classes",
        hint: str = "Classes that may be overwritten",
    ) -> None:
        super().__init__(parent)
        self._nothing = nothing
        self._hint = hint
        self._menu = QMenu(self)
        self.setMenu(self._menu)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
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

    def tick(self, values: Collection[int]) -> None:
        """Tick the classes of these label values alone; `ticked` stays silent."""
        for action in self._menu.actions():
            action.blockSignals(True)
            action.setChecked(action.data()[0] in values)
            action.blockSignals(False)
        self._show()

    def _on_toggled(self) -> None:
        self._show()
        self.ticked.emit(self.values)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Name as many classes as fit now."""
        super().resizeEvent(event)
        self._show()

    def _show(self) -> None:
        ticked = [a for a in self._menu.actions() if a.isChecked()]
        self.setText(self._fitting([a.data()[1] for a in ticked]) or self._nothing)
        names = "".join(f"\n{a.text()}" for a in ticked)
        self.setToolTip(f"{self._hint}{':' if names else ''}{names}")

    def _fitting(self, names: Sequence[str]) -> str:
        """Return the names, or as many as fit and how many there are."""
        text = ", ".join(names)
        shown = len(names)
        while shown > 1 and self._width_of(text) > self.width() - _BESIDE_TEXT:
            shown -= 1
            text = f"{', '.join(names[:shown])}, … ({len(names)})"
        return text

    def _width_of(self, text: str) -> int:
        return int(self.fontMetrics().horizontalAdvance(text))
