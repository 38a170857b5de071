"""The class that is chosen is the class that is painted, and the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["ClassBrush"]


class ClassBrush:
    """Keeps the selected label of a labels layer and a chosen class the same."""

    picked = Signal(int)
    """Another class is painted: chosen here, by napari's picker, or in its controls."""

    def __init__(self) -> None:
        self._labels: Labels | None = None

    @property
    def value(self) -> int | None:
        """The label value that is painted; None where there are no labels."""
        return None if self._labels is None else int(self._labels.selected_label)

    def follow(self, labels: Labels | None) -> None:
        """Paint on a labels layer from now on."""
        if labels is self._labels:
            return
        if self._labels is not None:
            self._labels.events.selected_label.disconnect(self._on_selected)
        self._labels = labels
        if labels is not None:
            labels.events.selected_label.connect(self._on_selected)
            self.picked.emit(int(labels.selected_label))

    def choose(self, value: int) -> None:
        """Paint a class."""
        if self._labels is not None:
            self._labels.selected_label = value

    def _on_selected(self, event: Any) -> None:
        self.picked.emit(int(event.source.selected_label))
