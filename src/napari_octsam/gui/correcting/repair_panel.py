"""A list of what is odd about the B-scan in view, each with what would mend it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QListWidget, QPushButton, QVBoxLayout, QWidget

from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import counted
from napari_octsam.gui.correcting.changed_pixels import ChangedPixels
from napari_octsam.gui.session.docking import fits_canvas
from napari_octsam.topology.repairs import Finding, find

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octsam.gui.correcting.corrector import Corrector
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["REPAIR_ALL_KEY", "REPAIR_KEY", "RepairPanel"]

REPAIR_KEY, REPAIR_ALL_KEY = ".", ","

_LINES = 4


class RepairPanel(QWidget):
    """Looks at a B-scan once it has been shown for a while, and after each change of its labels."""

    def __init__(self, owner: SessionWidget, corrector: Corrector) -> None:
        super().__init__(owner)
        self._viewer = owner.viewer
        self._session = owner.session
        self._corrector = corrector
        self._changed = ChangedPixels(owner.viewer)
        self._bscan: EditedBScan | None = None
        self.findings: list[Finding] = []
        """What is odd, as listed."""
        self.title = QLabel()
        self.title.setStyleSheet("font-weight: bold;")
        self.list = QListWidget()
        self.list.setToolTip("A click shows what the repair would change")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setFixedHeight(_LINES * self.list.fontMetrics().lineSpacing() + 14)
        self.list.currentRowChanged.connect(self._show_row)
        self.one = _button("Mend this", f"Do what is shown ({REPAIR_KEY})", self.repair_one)
        tip = f"Mend all of this kind on this B-scan ({REPAIR_ALL_KEY})"
        self.kind = _button("All of this kind", tip, self.repair_kind)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.title)
        column.addWidget(self.list)
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addWidget(self.one, 1)
        row.addWidget(self.kind, 1)
        column.addLayout(row)
        owner.listen(corrector.shown.settled, self.look)
        owner.listen(corrector.shown.moved, self._clear)
        owner.listen(corrector.labels_changed, self.look)
        owner.when_released(self._changed.remove)
        self._list([])

    def look(self, _changed: object = None) -> None:
        """Look for what is odd, on a thread."""
        try:
            bscan = self._corrector.bscan()
        except UserError:
            self._list([])
            return
        values = bscan.values
        self._session.read(
            partial(find, values, bscan.schema), partial(self._take, bscan), self._fail
        )

    def repair_one(self) -> None:
        """Mend what is chosen, or the first of the list."""
        finding = self._chosen
        if finding is None:
            self._corrector.notices.happened("There is nothing here that can be mended.")
            return
        self._repair([finding])

    def repair_kind(self) -> None:
        """Mend all of the kind of what is chosen."""
        finding = self._chosen
        if finding is None:
            self._corrector.notices.happened("There is nothing here that can be mended.")
            return
        self._repair([f for f in self.findings if f.kind is finding.kind])

    @property
    def _chosen(self) -> Finding | None:
        row = self.list.currentRow()
        if 0 <= row < len(self.findings) and self.findings[row].can_be_repaired:
            return self.findings[row]
        return next((f for f in self.findings if f.can_be_repaired), None)

    def _repair(self, findings: list[Finding]) -> None:
        self._changed.remove()
        self._corrector.repair(findings)
        self.look()

    def _take(self, bscan: EditedBScan, findings: list[Finding]) -> None:
        try:
            now = self._corrector.bscan()
        except UserError:
            return
        if now.labels is bscan.labels and now.index == bscan.index:
            self._bscan = bscan
            self._list(findings)

    def _fail(self, sentence: str) -> None:
        self._corrector.notices.happened(sentence)
        self._list([])

    def _clear(self) -> None:
        self._list([])

    def _list(self, findings: list[Finding]) -> None:
        self._changed.remove()
        self.findings = findings
        self.list.blockSignals(True)
        self.list.clear()
        for finding in findings:
            self.list.addItem(finding.text)
            item = self.list.item(self.list.count() - 1)
            assert item is not None
            item.setToolTip(f"{finding.text} Row {finding.row}, column {finding.col}.")
        self.list.blockSignals(False)
        number = len(findings)
        self.title.setText(
            f"{counted(number, 'thing')} to look at" if number else "Nothing odd here"
        )
        can_repair = any(finding.can_be_repaired for finding in findings)
        self.one.setEnabled(can_repair)
        self.kind.setEnabled(can_repair)

    def _show_row(self, row: int) -> None:
        """Show what the repair of a finding would do, and go there where the view is near."""
        if self._bscan is None or not 0 <= row < len(self.findings):
            return
        finding, bscan = self.findings[row], self._bscan
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
