"""The strip of B-scans, what it says in words, and what is done with the one that is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_octsam.core.annotation import BScanState
from napari_octsam.gui.labelling.strip import COLORS, Strip
from napari_octsam.gui.labelling.volume_labels import VolumeLabels
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.gui.widgets.seldom import seldom

if TYPE_CHECKING:
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["StripPanel"]

_COLUMNS = 3
_ORDER = (
    BScanState.DONE,
    BScanState.CORRECTED,
    BScanState.INTERPOLATED,
    BScanState.AUTOMATIC,
    BScanState.UNTOUCHED,
)


class StripPanel(QWidget):
    """How all B-scans stand, and how the one that is shown does."""

    def __init__(self, owner: SessionWidget, volume: VolumeLabels) -> None:
        super().__init__(owner)
        self._volume = volume
        self.strip = Strip(volume.overview.standing)
        self.legend = _Legend()
        self.current = MessageLine(lines=2)
        self.next = QPushButton("Next to look at")
        self.done = QPushButton("Done")
        self.locked = QPushButton("Lock")
        self.take_back = QPushButton("Take back")
        self._lay_out()
        self.strip.chosen.connect(volume.go_to)
        self.next.clicked.connect(volume.next_to_look_at)
        self.done.clicked.connect(volume.set_done)
        self.locked.clicked.connect(volume.set_locked)
        self.take_back.clicked.connect(volume.take_back)
        self._refresh_soon = seldom(self.refresh, self)
        owner.listen(volume.overview.changed, self._on_changed)
        owner.listen(volume.shown.moved, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how things stand now."""
        volume = self._volume
        indices, current = volume.indices, volume.current
        self.setVisible(bool(indices))
        self.strip.show_bscans(indices, current)
        states = Counter(volume.overview.standing(index).state for index in indices)
        self.legend.show_counts(states)
        has_labels = volume.target is not None and current is not None
        for button in (self.done, self.locked, self.take_back):
            button.setEnabled(has_labels)
        self.next.setEnabled(bool(states[BScanState.AUTOMATIC] + states[BScanState.INTERPOLATED]))
        if current is None:
            self.current.say("The view shows no B-scan.")
            return
        standing = volume.overview.standing(current)
        name = f"B-scan {', '.join(map(str, current))}" if current else "The B-scan"
        self.current.say(f"{name}: {standing.words}")
        self.done.setChecked(standing.state is BScanState.DONE)
        self.locked.setChecked(standing.is_locked)

    def _on_changed(self) -> None:
        if self._volume.labeller.run is None:
            self.refresh()
        else:
            self._refresh_soon()

    def _lay_out(self) -> None:
        self.next.setToolTip("Show the most doubtful B-scan that nobody has looked at (Shift-J)")
        self.done.setCheckable(True)
        self.done.setToolTip(
            "This B-scan is right as it is: nothing automatic changes it (Shift-K)"
        )
        self.locked.setCheckable(True)
        self.locked.setToolTip("Let nothing change this B-scan as long as the window is open")
        self.take_back.setToolTip("Undo the labelling of this B-scan alone")
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        for button, share in (
            (self.next, 3),
            (self.done, 2),
            (self.locked, 2),
            (self.take_back, 2),
        ):
            button.setStyleSheet("padding: 4px 2px;")
            buttons.addWidget(button, share)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addWidget(self.strip)
        column.addWidget(self.legend)
        column.addWidget(self.current)
        column.addLayout(buttons)


class _Legend(QWidget):
    """What the colours of the strip mean, and how many B-scans have each."""

    def __init__(self) -> None:
        super().__init__()
        self._labels = {state: QLabel() for state in _ORDER}
        self._there: list[BScanState] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        for label in self._labels.values():
            label.setTextFormat(Qt.TextFormat.RichText)

    def show_counts(self, counts: Mapping[BScanState, int]) -> None:
        """Show how many B-scans there are of each state, and no state that none has."""
        there = [state for state in _ORDER if counts.get(state)]
        for state in there:
            self._labels[state].setText(_counted(state, counts[state]))
        if there == self._there:
            return
        self._there = there
        for state, label in self._labels.items():
            label.setVisible(state in there)
            self._grid.removeWidget(label)
        for place, state in enumerate(there):
            self._grid.addWidget(self._labels[state], place // _COLUMNS, place % _COLUMNS)


def _counted(state: BScanState, count: int) -> str:
    """Return a legend's entry: a square in the colour of the state, and how many there are."""
    color = COLORS.get(state)
    square = "□" if color is None else f'<span style="color:{color.name()}">■</span>'
    tick = "✓" if state is BScanState.DONE else ""
    return f"{square}{tick}&nbsp;{count}&nbsp;{state}"
