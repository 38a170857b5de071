"""A dialog in which each value of a labels layer gets a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.gui.widgets.form import form_on
from napari_octsam.gui.widgets.vertical_scroll import VerticalScroll
from napari_octsam.gui.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from napari_octsam.gui.prompting.labels_choice import Question

__all__ = ["ValueMap"]

_CHOOSE = "choose …"


class ValueMap(QDialog):
    """A combo of classes for each value; chosen are the background, and what has a class's name.

    Parameters
    ----------
    question
        Whose values.
    schema
        Has the classes.
    """

    mapped = Signal(object)
    """Old value -> new value, of all."""

    def __init__(self, question: Question, schema: LabelSchema, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Values of {question.labels.name}")
        told = WrappedLabel()
        told.setText(
            f"Which class of {schema.name} is each value of {question.labels.name}? The layer is "
            "changed; Undo gives it its old values."
        )
        ok, cancel = QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel
        self.buttons = QDialogButtonBox(ok | cancel)
        self._ok.setText("Map the values")
        self.combos = {value: _combo(schema) for value in sorted(question.values)}
        rows = QWidget()
        form = form_on(rows)
        for value, combo in self.combos.items():
            name = question.names.get(value, "")
            form.addRow(f"{value} {name}".strip(), combo)
            if (known := _class_of(value, name, schema)) is not None:
                combo.setCurrentIndex(combo.findData(known))
            combo.currentIndexChanged.connect(self._check)
        column = QVBoxLayout(self)
        column.addWidget(told)
        column.addWidget(VerticalScroll(rows), 1)
        column.addWidget(self.buttons)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.accepted.connect(self._tell)
        self._check()

    @property
    def _ok(self) -> QPushButton:
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        assert ok is not None  # for mypy
        return ok

    def _check(self) -> None:
        chosen = all(combo.currentIndex() > 0 for combo in self.combos.values())
        self._ok.setEnabled(chosen)
        self._ok.setToolTip("" if chosen else "Choose a class for each value first")

    def _tell(self) -> None:
        self.mapped.emit({value: combo.currentData() for value, combo in self.combos.items()})


def _class_of(value: int, name: str, schema: LabelSchema) -> int | None:
    """Return the class that has a value's name; without a name, 0 is the background."""
    named = (c.value for c in schema.classes if c.name.casefold() == name)
    return next(named, None if name or value else 0)


def _combo(schema: LabelSchema) -> QComboBox:
    combo = QComboBox()
    combo.addItem(_CHOOSE)
    for c in schema.classes:
        combo.addItem(f"{c.value} {c.name}", c.value)
    combo.addItem("not labelled", NOT_LABELLED)
    return combo
