"""The keys of the Prompt widget: on the layers that prompts are drawn on, and as a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_octsam.gui.prompting.copying import COPY_KEY, PASTE_KEY
from napari_octsam.gui.session.keys import Key, calling
from napari_octsam.gui.widgets.class_chooser import pretty_key

if TYPE_CHECKING:
    from napari_octsam.gui.layers.prompt_layers import PromptLayer
    from napari_octsam.gui.prompting.drawing import Drawing

__all__ = ["SWITCH_MODEL", "KeySheet", "LayerKeys"]

SWITCH_MODEL = "Shift-W"
"""Key that changes between the model in use and the one before."""

_ONE_PROMPT = (
    ("S, then click", "select it; Shift and a click select another too"),
    ("drag", "move what is selected"),
    ("Del", "delete what is selected"),
    (f"{COPY_KEY}, {PASTE_KEY}", "copy what is selected, also to another B-scan"),
)
_WHERE = "Keys go to the canvas: where one does nothing, click in the Prompt widget first."


class LayerKeys:
    """Binds keys on the layers that prompts are drawn on, where they win over napari's own."""

    def __init__(self, drawing: Drawing, actions: Mapping[str, Callable[[], object]]) -> None:
        self._drawing = drawing
        self._actions = {key: calling(action) for key, action in actions.items()}
        self._bound: list[PromptLayer] = []
        drawing.layers_changed.connect(self._follow)
        self._follow()

    def release(self) -> None:
        """Leave the keys to napari again."""
        self._drawing.layers_changed.disconnect(self._follow)
        self._unbind()

    def _follow(self) -> None:
        self._unbind()
        self._bound = self._drawing.layers
        for layer in self._bound:
            for key, action in self._actions.items():
                layer.bind_key(key, action, overwrite=True)

    def _unbind(self) -> None:
        for layer in self._bound:
            for key in self._actions:
                layer.bind_key(key, None)


class KeySheet(QDialog):
    """A small window that lists keys, and says how one prompt is changed."""

    def __init__(self, keys: Sequence[Key], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys of OCT SAM")
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        rows = [(pretty_key(key.binding), key.does) for key in keys]
        column.addLayout(_grid_of(rows, columns=2))
        column.addWidget(QLabel("To change one prompt, with its layer selected in the layer list:"))
        column.addLayout(_grid_of(_ONE_PROMPT))
        column.addWidget(QLabel(_WHERE))


def _grid_of(rows: Sequence[tuple[str, str]], columns: int = 1) -> QGridLayout:
    """Return pairs of a key and what it does, one below the other in so many columns."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(3)
    height = -(-len(rows) // columns)
    for i, (key, does) in enumerate(rows):
        row, column = i % height, 2 * (i // height)
        name = QLabel(key)
        name.setStyleSheet("font-weight: bold;")
        grid.addWidget(name, row, column)
        grid.addWidget(QLabel(does), row, column + 1)
    grid.setColumnStretch(2 * columns - 1, 1)
    return grid
