"""Objects of the shown B-scan are carried on, looked at B-scan by B-scan, then taken or dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_octsam.core.carrying_limits import Limits
from napari_octsam.core.trust import Trust
from napari_octsam.core.wording import counted
from napari_octsam.gui.labelling.carrying_on import Reach
from napari_octsam.gui.widgets.fold import Fold
from napari_octsam.gui.widgets.form import form_on

if TYPE_CHECKING:
    from napari_octsam.core.automatic import Index
    from napari_octsam.core.carrying import CarriedBScan
    from napari_octsam.gui.labelling.carry_on import CarryOn
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["CarryPanel"]

_DIRECTIONS: dict[str, tuple[int, ...]] = {
    "Both ways": (1, -1),
    "To the next": (1,),
    "To the ones before": (-1,),
}
_ROWS = 6
_COLUMN = 80  # pixels
_COLUMN = 80  # pixels
_INDEX = Qt.ItemDataRole.UserRole


class CarryPanel(QWidget):
    """What is carried on, which way and how far; below it, what was found on each B-scan.

    Parameters
    ----------
    owner
        The widget that it is in.
    carrying
        Does it.
    """

    def __init__(self, owner: SessionWidget, carrying: CarryOn) -> None:
        super().__init__(owner)
        self._carrying = carrying
        self.objects = QComboBox()
        self.directions = QComboBox()
        self.most = QSpinBox()
        self.limits = _LimitsForm()
        self.start = QPushButton("Carry on")
        self.stop = QPushButton("Stop")
        self.take = QPushButton("Take")
        self.drop = QPushButton("Drop")
        self.counts = QLabel()
        self.bscans = _BScanList()
        self._lay_out()
        self._connect(owner)
        self.refresh()

    def refresh(self) -> None:
        """Show what can be carried on, and how far it has come."""
        carrying, run = self._carrying, self._carrying.run
        self._show_choices()
        self.start.setVisible(not carrying.is_running)
        self.start.setEnabled(not carrying.is_writing and self.objects.count() > 0)
        self.stop.setVisible(carrying.is_running)
        found = {} if run is None else run.found
        for button in (self.take, self.drop):
            button.setVisible(run is not None)
            button.setEnabled(bool(found) and not carrying.is_running and not carrying.is_writing)
        self.drop.setEnabled(not carrying.is_writing)
        self.counts.setText(_counted(found.values()))
        self.counts.setVisible(bool(found))
        self.bscans.show_found(found, carrying.current)
        self.bscans.setVisible(bool(found))

    def _show_choices(self) -> None:
        choices = self._carrying.choices
        shown = [(self.objects.itemText(i), self.objects.itemData(i)) for i in range(self._count)]
        if shown != choices:
            before = self.objects.currentData()
            self.objects.clear()
            for text, choice in choices:
                self.objects.addItem(text, choice)
            self.objects.setCurrentIndex(max(self.objects.findData(before), 0))
        self.objects.setEnabled(bool(choices))

    @property
    def _count(self) -> int:
        return int(self.objects.count())

    def _lay_out(self) -> None:
        self.objects.setToolTip("What is carried on: the predicted masks, or a class as labelled")
        self.objects.setPlaceholderText("Nothing on this B-scan")
        for choice in (self.objects, self.directions):
            choice.setMinimumContentsLength(10)
            choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for text in _DIRECTIONS:
            self.directions.addItem(text)
        self.directions.setToolTip("To which B-scans, seen from the one that is shown")
        self.most.setRange(0, 9999)
        self.most.setSpecialValueText("all")
        self.most.setToolTip("B-scans each way; 0 goes to the ends")
        self.start.setStyleSheet("font-weight: bold; padding: 6px;")
        self.start.setToolTip(
            "Find the objects on the next B-scans, as long as they are found. Nothing is written "
            "before you take it"
        )
        self.stop.setToolTip("Go no further; what was found stays")
        self.take.setStyleSheet("font-weight: bold; padding: 6px;")
        self.take.setToolTip("Write what was found into the labels (Enter)")
        self.drop.setToolTip("Forget what was found (Esc)")
        rows = QWidget()
        form = form_on(rows)
        form.addRow("Objects", self.objects)
        form.addRow("Where", self.directions)
        form.addRow("At most", self.most)
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        for button, share in ((self.start, 2), (self.stop, 2), (self.take, 2), (self.drop, 1)):
            buttons.addWidget(button, share)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(rows)
        column.addWidget(
            Fold("Where objects stop", self.limits, "What an object needs to be carried on")
        )
        column.addLayout(buttons)
        column.addWidget(self.counts)
        column.addWidget(self.bscans)

    def _connect(self, owner: SessionWidget) -> None:
        self.start.clicked.connect(self._start)
        self.stop.clicked.connect(self._carrying.stop)
        self.take.clicked.connect(self._carrying.take)
        self.drop.clicked.connect(self._carrying.drop)
        self.bscans.itemClicked.connect(self._go_to)
        owner.listen(self._carrying.changed, self.refresh)

    def _start(self) -> None:
        steps = _DIRECTIONS[self.directions.currentText()]
        reach = Reach(steps, self.most.value() or None, self.limits.limits)
        self._carrying.start(self.objects.currentData(), reach)

    def _go_to(self, item: QTreeWidgetItem) -> None:
        self._carrying.go_to(item.data(0, _INDEX))


class _LimitsForm(QWidget):
    """Where an object stops."""

    def __init__(self) -> None:
        super().__init__()
        default = Limits()
        self.score = _share(default.score, "IoU that the model expects its mask to have, 0 to 1")
        self.overlap = _share(
            default.overlap, "IoU with its mask on the B-scan before, moved with the tissue, 0 to 1"
        )
        self.growth = QDoubleSpinBox()
        self.growth.setRange(1, 100)
        self.growth.setSingleStep(0.5)
        self.growth.setDecimals(1)
        self.growth.setSuffix(" times")
        self.growth.setValue(default.growth)
        self.growth.setToolTip("How much larger than at the start it may become, or smaller")
        form = form_on(self)
        form.addRow("Score below", self.score)
        form.addRow("Overlap below", self.overlap)
        form.addRow("Size beyond", self.growth)

    @property
    def limits(self) -> Limits:
        """What is set."""
        return Limits(self.score.value(), self.overlap.value(), self.growth.value())


class _BScanList(QTreeWidget):
    """B-scans with how far what was found there can be trusted."""

    def __init__(self) -> None:
        super().__init__()
        heads = QTreeWidgetItem(["B-scan", "Trust", "Score", "Overlap"])
        heads.setToolTip(2, "IoU that the model expects: the lowest of the objects")
        heads.setToolTip(3, "IoU with the mask of the B-scan before: the lowest of the objects")
        self.setHeaderItem(heads)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for column in range(heads.columnCount()):
            self.setColumnWidth(column, _COLUMN)
        self.setFixedHeight((_ROWS + 1) * (self.fontMetrics().lineSpacing() + 8))
        self._items: dict[Index, QTreeWidgetItem] = {}
        self._found: dict[Index, CarriedBScan] = {}

    def show_found(self, found: Mapping[Index, CarriedBScan], current: Index | None) -> None:
        """Show what was found, and mark the B-scan that is shown."""
        if any(found.get(index) is not each for index, each in self._found.items()):
            self.clear()
            self._items.clear()
        for index in sorted(found.keys() - self._items.keys()):
            place = sum(other < index for other in self._items)
            self._items[index] = item = _item(index, found[index])
            self.insertTopLevelItem(place, item)
        self._found = dict(found)
        for index, item in self._items.items():
            item.setSelected(index == current)
        if current in self._items:
            self.scrollToItem(self._items[current])


def _share(value: float, hint: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0, 1)
    box.setSingleStep(0.05)
    box.setValue(value)
    box.setToolTip(hint)
    return box


def _item(index: Index, found: CarriedBScan) -> QTreeWidgetItem:
    name = ", ".join(map(str, index))
    item = QTreeWidgetItem([name, found.trust, f"{found.score:.2f}", f"{found.overlap:.2f}"])
    item.setData(0, _INDEX, index)
    stopped = [each.stop for each in found.found if each.stop]
    if stopped:
        item.setToolTip(0, f"{len(stopped)} stopped here: {'; '.join(dict.fromkeys(stopped))}")
    return item


def _counted(found: Iterable[CarriedBScan]) -> str:
    """Return "12 B-scans: 9 sure, 2 look, 1 doubtful"."""
    counts = Counter(each.trust for each in found)
    words = ", ".join(f"{counts[trust]} {trust}" for trust in Trust if counts[trust])
    return f"{counted(counts.total(), 'B-scan')}: {words}"
