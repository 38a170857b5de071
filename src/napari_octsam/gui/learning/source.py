"""What a training learns from: labels layers of the viewer, or a folder."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel
from superqt.utils import signals_blocked

from napari_octsam.core.classes import BUNDLED_SCHEMAS, LabelSchema, load_schema
from napari_octsam.data.checking import Checked, check_dataset, check_folder
from napari_octsam.data.prepared import write_prepared
from napari_octsam.data.split.patients import read_patients
from napari_octsam.data.split.split import Split
from napari_octsam.gui.layers.labelled_images import LabelledImage, labelled_images
from napari_octsam.gui.layers.layer_schema import schema_of
from napari_octsam.gui.learning.labelled import read_labelled
from napari_octsam.gui.widgets.form import captioned, form_on
from napari_octsam.gui.widgets.path_input import PathInput
from napari_octsam.gui.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["TrainSource", "write_checked"]

_BY_ITSELF = "as the data says"
_ROWS = 4


class TrainSource(QWidget):
    """The layers to learn from, with a tick each, or a folder and its schema."""

    def __init__(self, owner: SessionWidget) -> None:
        super().__init__(owner)
        self._viewer = owner.viewer
        self._session = owner.session
        self._pairs: list[LabelledImage] = []
        self._theirs: LabelSchema | None = None
        self.from_layers = QRadioButton("Labels in napari")
        self.from_folder = QRadioButton("A folder of labelled B-scans")
        self.layers = QListWidget()
        self.none = WrappedLabel()
        self.use_theirs = QPushButton()
        self.folder = PathInput("Folder of labelled B-scans", QFileDialog.getExistingDirectory)
        self.schema = QComboBox()
        self.classes = QElidingLabel()
        self._lay_out()
        self.from_layers.setToolTip("Learn from the labels layers of this window")
        self.from_folder.setToolTip("Learn from B-scans and their masks on disk")
        self.from_layers.setChecked(True)
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.connect(self.refresh)
            owner.when_released(partial(event.disconnect, self.refresh))
        self.layers.itemChanged.connect(self._show_classes)
        self.use_theirs.clicked.connect(self._use_theirs)
        owner.listen(self._session.schema_changed, self._follow_schema)
        self.refresh()

    @property
    def chosen(self) -> list[LabelledImage]:
        """The layers that are ticked."""
        items = [self.layers.item(row) for row in range(self.layers.count())]
        return [
            pair
            for pair, item in zip(self._pairs, items, strict=True)
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]

    @property
    def classes_learnt(self) -> LabelSchema:
        """The schema of the layers: the session's, or theirs where the person wanted that."""
        return self._theirs or self._session.schema

    @property
    def schema_name(self) -> str:
        """Name of the schema of a folder's masks; "" where the folder says it."""
        name = self.schema.currentText()
        return "" if name == _BY_ITSELF else name

    def checking(self, seed: int, models: Path | None = None) -> Callable[[], Checked]:
        """Return what reads and checks what is chosen now, to be run beside the window.

        Parameters
        ----------
        seed
            Of the split.
        models
            Folder of the models; the patients of its trainings keep their parts.
        """

        def before() -> Split | None:
            return None if models is None else read_patients(models)

        if self.from_layers.isChecked():
            pairs, schema = self.chosen, self.classes_learnt
            self._show_classes()
            return lambda: check_dataset(read_labelled(pairs, schema), seed, before=before())
        folder, name = self.folder.path or Path(), self.schema_name
        return lambda: check_folder(
            folder, load_schema(name) if name else None, seed, before=before()
        )

    def choose_folder(self, folder: Path, schema: str = "") -> None:
        """Learn from a folder."""
        self.from_folder.setChecked(True)
        self.folder.path = folder
        self.schema.setCurrentText(schema or _BY_ITSELF)

    def refresh(self, _event: Any = None) -> None:
        """List the labels layers that have an image; what was not ticked stays so."""
        without = {pair.labels for pair in self._pairs} - {pair.labels for pair in self.chosen}
        self._pairs = labelled_images(self._viewer.layers, self._session.companions)
        with signals_blocked(self.layers):
            self._list(without)
        self.layers.setVisible(bool(self._pairs))
        self.none.setVisible(not self._pairs)
        self._show_classes()
        row = self.layers.sizeHintForRow(0) + 2 * self.layers.spacing()
        rows = min(max(len(self._pairs), 1), _ROWS)
        self.layers.setFixedHeight(row * rows + 2 * self.layers.frameWidth())

    def _list(self, without: Container[Labels]) -> None:
        self.layers.clear()
        for pair in self._pairs:
            item = QListWidgetItem(f"{pair.labels.name}  on  {pair.image.name}", self.layers)
            item.setToolTip(f"Labels {pair.labels.name} of the image {pair.image.name}")
            state = Qt.CheckState.Unchecked if pair.labels in without else Qt.CheckState.Checked
            item.setCheckState(state)

    def _follow_schema(self, _schema: LabelSchema) -> None:
        self._theirs = None
        self.refresh()

    def _use_theirs(self) -> None:
        """Learn what the ticked layers say, whatever schema is in use to label."""
        self._theirs = self._said
        self._show_classes()

    @property
    def _said(self) -> LabelSchema | None:
        """The schema of the ticked layers, where it is one and another than is learnt."""
        said = {schema_of(pair.labels) for pair in self.chosen}
        schema = next(iter(said)) if len(said) == 1 else None
        return None if schema is None or schema.means_as(self.classes_learnt) else schema

    def _show_classes(self, _item: object = None) -> None:
        schema = self.classes_learnt
        values = "\n".join(f"{c.value}  {c.name}" for c in schema.classes)
        self.classes.setText(f"{schema.name}: {', '.join(c.short for c in schema.foreground)}")
        self.classes.setToolTip(
            f"What the label values mean. Choose another schema in the Prompt widget.\n{values}"
        )
        said = self._said
        self.use_theirs.setVisible(said is not None)
        self.use_theirs.setText("" if said is None else f"Learn {said.name}, as the layers say")

    def _lay_out(self) -> None:
        self.layers.setToolTip("Labels to learn from, with their images: tick those to take")
        self.layers.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.use_theirs.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.layers.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.layers.setSpacing(3)
        self.layers.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.schema.addItems([_BY_ITSELF, *BUNDLED_SCHEMAS])
        self.schema.setToolTip("What the mask values mean: a folder of pairs does not say")
        self.none.setText(
            "No labels layer lies on an image yet. Label a B-scan with the Prompt widget, or open "
            "its labels."
        )
        self.schema.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.classes.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        in_napari = QWidget()
        first = form_on(in_napari)
        first.addRow(self.layers)
        first.addRow(self.none)
        first.addRow(captioned("Classes"), self.classes)
        first.addRow(self.use_theirs)
        on_disk = QWidget()
        form = form_on(on_disk)
        form.addRow(captioned("Folder"), self.folder)
        form.addRow(captioned("Classes"), self.schema)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.from_layers, self.from_folder, in_napari, on_disk):
            column.addWidget(widget)
        on_disk.hide()
        self.from_folder.toggled.connect(on_disk.setVisible)
        self.from_layers.toggled.connect(in_napari.setVisible)


def write_checked(check: Callable[[], Checked], folder: Path) -> Checked:
    """Check, and where nothing is wrong write the data set to a new folder."""
    checked = check()
    if not checked.found.problems:
        write_prepared(folder, checked.dataset, checked.split, private=True)
    return checked
