"""The class of the selected or next prompt, and the schema that it is from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_octsam.core.classes import BUNDLED_SCHEMAS, LabelSchema, load_schema
from napari_octsam.core.errors import UserError
from napari_octsam.gui.session.last_schema import remember_schema
from napari_octsam.gui.widgets.class_chooser import ClassChooser

if TYPE_CHECKING:
    from napari_octsam.gui.prompting.prompter import Prompter
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["ClassPanel"]

_FROM_FILE = "from a file …"
_NOT_CHOSEN = "The model is not told a class before you choose one."


class ClassPanel(QWidget):
    """A grid of classes under the name of their schema."""

    def __init__(self, owner: SessionWidget, prompter: Prompter) -> None:
        super().__init__(owner)
        self._prompter = prompter
        self._session = owner.session
        self.schemas = QComboBox()
        self.schemas.setToolTip("The label schema: which classes there are")
        self.chooser = ClassChooser(self._session.schema)
        self.title = QElidingLabel()
        self.title.setStyleSheet("font-weight: bold;")
        row = QHBoxLayout()
        row.addWidget(self.title, 1)
        row.addWidget(self.schemas)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self.chooser)
        self.schemas.activated.connect(self._on_schema)
        self.chooser.chosen.connect(prompter.choose_class)
        owner.listen(self._session.schema_changed, self._show_schema)
        owner.listen(prompter.drawing.next_changed, self.refresh)
        self._show_schema(self._session.schema)

    def refresh(self) -> None:
        """Show the class of the next prompt, or that the person has still to choose one."""
        drawing = self._prompter.drawing
        value = drawing.class_value
        try:
            name = self._session.schema[value].name
        except KeyError:
            name = f"class {value}"
        chosen = drawing.is_class_chosen
        self.chooser.check(value if chosen else None)
        self.title.setText(name if chosen else "Choose a class")
        self.title.setToolTip(name if chosen else f"{_NOT_CHOSEN} Prompts are {name} until then.")

    def use_schema(self, schema: LabelSchema, path: Path | None = None) -> bool:
        """Change the schema; where there are prompts, the person is asked first.

        Parameters
        ----------
        path
            The file that it is from, which is remembered for the next start.
        """
        count = sum(len(layer.data) for layer in self._prompter.drawing.all_layers)
        if schema == self._session.schema:
            return True
        if count and not self._confirm(schema, count):
            return False
        if count:
            self._prompter.committer.clear_all()
        self._session.schema = schema
        remember_schema(schema, path)
        return True

    def _show_schema(self, schema: LabelSchema) -> None:
        names = list(dict.fromkeys([*BUNDLED_SCHEMAS, schema.name]))
        self.schemas.clear()
        self.schemas.addItems([*names, _FROM_FILE])
        self.schemas.setCurrentText(schema.name)
        self.chooser.set_schema(schema)
        self.refresh()

    def _on_schema(self, _index: int) -> None:
        try:
            chosen = self._chosen_schema()
        except UserError as error:
            self._prompter.notices.happened(str(error))
            chosen = None
        if chosen is None or not self.use_schema(*chosen):
            self.schemas.setCurrentText(self._session.schema.name)

    def _chosen_schema(self) -> tuple[LabelSchema, Path | None] | None:
        """Return the schema that was chosen, and the file that it is from."""
        name = self.schemas.currentText()
        if name == self._session.schema.name:
            return self._session.schema, None
        if name != _FROM_FILE:
            return load_schema(name), None
        path, _ = QFileDialog.getOpenFileName(self, "Open a label schema", "", "TOML (*.toml)")
        return (load_schema(Path(path)), Path(path)) if path else None

    def _confirm(self, schema: LabelSchema, count: int) -> bool:
        prompts = "one prompt" if count == 1 else f"{count} prompts"
        answer = QMessageBox.question(
            self,
            "Change the label schema",
            f"There are {prompts} with classes of {self._session.schema.name}. "
            f"Clear them and change to {schema.name}? Labels stay as they are.",
        )
        return bool(answer == QMessageBox.StandardButton.Yes)
