"""A combo box of the viewer's layers that changes only when the person changes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["LayerCombo"]


class LayerCombo(QComboBox):
    """Names of the layers of one kind, after an entry for none of them.

    Layers that come and go change the list, never the choice: where the chosen layer is removed
    the choice is none.

    Parameters
    ----------
    viewer
        Whose layers are listed.
    accepts
        Which layers to list.
    none_text
        Text of the entry for none.
    hint
        What the layer is for, of the tool tip.
    """

    chosen = Signal(object)
    """The person chose a layer, or None."""

    def __init__(
        self,
        viewer: ViewerModel,
        accepts: Callable[[Layer], bool],
        none_text: str,
        hint: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._accepts = accepts
        self._none_text = none_text
        self._hint = hint
        self._layers: list[Layer] = []
        self._choice: Layer | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self.activated.connect(self._on_activated)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.connect(self.refresh)
        self.refresh()

    def choose(self, layer: Layer | None) -> None:
        """Show a layer as the choice."""
        self._choice = layer
        self._show_choice()

    def refresh(self, _event: Any = None) -> None:
        """List the layers anew."""
        for layer in self._layers:
            layer.events.name.disconnect(self.refresh)
        self._layers = [layer for layer in self.viewer.layers if self._accepts(layer)]
        for layer in self._layers:
            layer.events.name.connect(self.refresh)
        self.clear()
        self.addItems([self._none_text, *(layer.name for layer in self._layers)])
        self._show_choice()

    def release(self) -> None:
        """Follow the viewer no more."""
        events = self.viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.disconnect(self.refresh)
        for layer in self._layers:
            layer.events.name.disconnect(self.refresh)
        self._layers = []

    def _show_choice(self) -> None:
        listed = self._choice in self._layers
        self.setCurrentIndex(self._layers.index(self._choice) + 1 if listed else 0)
        self.setToolTip(f"{self._hint}: {self.currentText()}")

    def _on_activated(self, index: int) -> None:
        self._choice = self._layers[index - 1] if index > 0 else None
        self.chosen.emit(self._choice)
