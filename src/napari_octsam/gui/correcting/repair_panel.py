"""A list of what is odd about the B-scan in view, or all of them, with what would mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import QSignalDebouncer

from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import counted
from napari_octsam.gui.correcting.changed_pixels import ChangedPixels
from napari_octsam.gui.correcting.repair_search import Found, RepairSearch
from napari_octsam.gui.session.docking import fits_canvas

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octsam.gui.correcting.corrector import Corrector
    from napari_octsam.gui.session.session_widget import SessionWidget
    from napari_octsam.topology.repairs import Finding

__all__ = ["REPAIR_ALL_KEY", "REPAIR_KEY", "RepairPanel"]

REPAIR_KEY, REPAIR_ALL_KEY = ".", ","

_LINES = 4
_REST = 300  # milliseconds after a change of labels

Index = tuple[int, ...]


class RepairPanel(QWidget):
    """Looks at a B-scan once it has been shown for a while, and after each change of its labels.

    Of a volume, all B-scans may be listed: a click on a line goes to its B-scan.
    """

    def __init__(self, owner: SessionWidget, corrector: Corrector) -> None:
        super().__init__(owner)
        self._viewer = owner.viewer
        self._corrector = corrector
        self._changed = ChangedPixels(owner.viewer)
        self._search = RepairSearch(owner.session, corrector.bscan_at)
        self._found: dict[Index, Found] = {}
        self._shown: Finding | None = None
        self.title = QLabel()
        self.title.setStyleSheet("font-weight: bold;")
        self.all = QCheckBox("All B-scans")
        self.all.setToolTip("List what is odd in the whole volume; a click goes there")
        self.list = QListWidget()
        self.list.setToolTip("A click shows what the repair would change")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setFixedHeight(_LINES * self.list.fontMetrics().lineSpacing() + 14)
        tip = f"Do what is shown ({REPAIR_KEY})"
        self.one = _button("Mend this", tip, self.repair_one)
        tip = f"Mend all of this kind that are listed, as one step ({REPAIR_ALL_KEY})"
        self.kind = _button("All of this kind", tip, self.repair_kind)
        self._rest = QSignalDebouncer()
        self._rest.setTimeout(_REST)
        self._rest.triggered.connect(self._look_if_changed)
        self._lay_out()
        self._connect(owner)
        self._show()

    @property
    def findings(self) -> list[Finding]:
        """What is odd, as listed."""
        return [finding for _, finding in self._lines]

    def look(self, _changed: object = None) -> None:
        """Look for what is odd on the B-scan in view, and on the others where they are listed."""
        here = self._here
        if here is None:
            self._clear()
        elif self.all.isChecked():
            others = [index for index in self._labelled() if index != here]
            self._found = {index: each for index, each in self._found.items() if each.is_current}
            self._search.ask([i for i in (here, *others) if i not in self._found])
            self._show()
        else:
            self._search.ask([here])

    def repair_one(self) -> None:
        """Mend what is chosen, or the first of the list."""
        chosen = self._chosen
        if chosen is None:
            self._say_nothing()
        else:
            self._repair([chosen])

    def repair_kind(self) -> None:
        """Mend all of the kind of what is chosen."""
        chosen = self._chosen
        if chosen is None:
            self._say_nothing()
        else:
            kind = chosen[1].kind
            self._repair([each for each in self._lines if each[1].kind is kind])

    @property
    def _here(self) -> Index | None:
        try:
            return self._corrector.bscan().index
        except UserError:
            return None

    @property
    def _lines(self) -> list[tuple[Found, Finding]]:
        order = sorted(self._found)
        return [(self._found[i], finding) for i in order for finding in self._found[i].findings]

    @property
    def _chosen(self) -> tuple[Found, Finding] | None:
        lines, row = self._lines, self.list.currentRow()
        if 0 <= row < len(lines) and lines[row][1].can_be_repaired:
            return lines[row]
        return next((line for line in lines if line[1].can_be_repaired), None)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.all)
        column.addLayout(top)
        column.addWidget(self.list)
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addWidget(self.one, 1)
        row.addWidget(self.kind, 1)
        column.addLayout(row)

    def _connect(self, owner: SessionWidget) -> None:
        corrector = self._corrector
        self.list.currentRowChanged.connect(self._show_row)
        self.all.toggled.connect(self._on_all)
        owner.listen(corrector.shown.settled, self.look)
        owner.listen(corrector.shown.moved, self._on_moved)
        owner.listen(corrector.labels_changed, self._on_labels)
        owner.listen(corrector.keeper.changed, self._rest.throttle)
        owner.listen(self._search.found, self._take)
        owner.listen(self._search.failed, self._fail)
        owner.when_released(self._search.stop)
        owner.when_released(self._rest.cancel)
        owner.when_released(self._changed.remove)

    def _labelled(self) -> list[Index]:
        labels = self._corrector.labels
        if labels is None:
            return []
        return [index for index in np.ndindex(labels.data.shape[:-2]) if labels.data[index].any()]

    def _on_all(self, _is_all: bool) -> None:
        self._clear()
        self.look()

    def _on_moved(self) -> None:
        if self.all.isChecked():
            self._changed.remove()
        else:
            self._clear()

    def _on_labels(self, _labels: object) -> None:
        self._clear()
        self.look()

    def _look_if_changed(self) -> None:
        """Look again where labels that were looked at are others."""
        is_seen = self._here in self._found
        if not (is_seen and all(each.is_current for each in self._found.values())):
            self.look()

    def _repair(self, lines: list[tuple[Found, Finding]]) -> None:
        self._changed.remove()
        chosen: dict[Index, list[Finding]] = {}
        for found, finding in lines:
            if found.is_current:
                chosen.setdefault(found.bscan.index, []).append(finding)
        if list(chosen) == [self._here]:
            self._corrector.repair(next(iter(chosen.values())))
        elif chosen:
            found_at = self._found
            self._corrector.repair_all([(found_at[i].bscan, each) for i, each in chosen.items()])
        self.look()

    def _say_nothing(self) -> None:
        self._corrector.notices.happened("There is nothing here that can be mended.")

    def _take(self, found: Found) -> None:
        index, here = found.bscan.index, self._here
        is_wanted = self.all.isChecked() or index == here
        if is_wanted and found.bscan.labels is self._corrector.labels:
            if not self.all.isChecked():
                self._found.clear()
            self._found[index] = found
            self._show()

    def _fail(self, sentence: str) -> None:
        self._corrector.notices.happened(sentence)
        self._clear()

    def _clear(self) -> None:
        self._search.stop()
        self._found.clear()
        self._show()

    def _show(self) -> None:
        """List what is found; the line that is chosen stays so while it is there."""
        lines, is_all = self._lines, self.all.isChecked()
        row = next((i for i, (_, finding) in enumerate(lines) if finding is self._shown), -1)
        if row < 0:
            self._shown = None
            self._changed.remove()
        self.list.blockSignals(True)
        self.list.clear()
        for found, finding in lines:
            title = f"{found.bscan.plane.title}: " if is_all and found.bscan.index else ""
            self.list.addItem(f"{title}{finding.text}")
            item = self.list.item(self.list.count() - 1)
            assert item is not None  # for mypy
            item.setToolTip(f"{finding.text} Row {finding.row}, column {finding.col}.")
        self.list.setCurrentRow(row)
        self.list.blockSignals(False)
        self.title.setText(self._told(len(lines)))
        can_repair = any(finding.can_be_repaired for _, finding in lines)
        self.one.setEnabled(can_repair)
        self.kind.setEnabled(can_repair)

    def _told(self, number: int) -> str:
        told = f"{counted(number, 'thing')} to look at" if number else "Nothing odd here"
        return f"{told}, {self._search.left} to go" if self._search.left else told

    def _show_row(self, row: int) -> None:
        """Show what the repair of a finding would do, and go there."""
        lines = self._lines
        if not 0 <= row < len(lines):
            return
        found, finding = lines[row]
        bscan = found.bscan
        self._corrector.shown.go_to(bscan.plane)
        self._shown = finding
        self._changed.show(bscan, finding)
        self.one.setEnabled(finding.can_be_repaired)
        if not fits_canvas(self._viewer):
            row_, col = float(finding.row), float(finding.col)
            if bscan.is_upside_down:
                row_ = bscan.rows - 1 - row_
            world = bscan.labels.data_to_world((*bscan.index, row_, col))
            shown = [world[axis - len(world)] for axis in self._viewer.dims.displayed[-2:]]
            self._viewer.scene.camera.center = (0.0, *map(float, shown))


def _button(text: str, tip: str, action: Callable[[], object]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setStyleSheet("padding: 4px 2px;")
    button.clicked.connect(action)
    return button
