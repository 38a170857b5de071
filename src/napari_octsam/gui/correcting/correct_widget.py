"""The Correct widget: boundaries, brush, repairs, neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QToolTip, QVBoxLayout, QWidget

from napari_octsam.core.errors import UserError
from napari_octsam.gui.correcting.across_panel import AcrossPanel
from napari_octsam.gui.correcting.boundary_panel import BOUNDARIES_KEY, BoundaryPanel
from napari_octsam.gui.correcting.boundary_tool import BoundaryTool
from napari_octsam.gui.correcting.class_brush import ClassBrush
from napari_octsam.gui.correcting.corrector import Corrector
from napari_octsam.gui.correcting.repair_panel import REPAIR_ALL_KEY, REPAIR_KEY, RepairPanel
from napari_octsam.gui.prompting.keys import Key, Keys
from napari_octsam.gui.session.session_widget import SessionWidget
from napari_octsam.gui.session.undo_keys import REDO_KEY, UNDO_KEY, undo_keys_of
from napari_octsam.gui.widgets.action_button import ActionButton
from napari_octsam.gui.widgets.class_chooser import ClassChooser
from napari_octsam.gui.widgets.class_menu import ClassMenu
from napari_octsam.gui.widgets.form import form_on
from napari_octsam.gui.widgets.layer_combo import LayerCombo
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.gui.widgets.vertical_scroll import VerticalScroll

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from napari_octsam.core.classes import LabelSchema

__all__ = ["CorrectWidget"]


class CorrectWidget(SessionWidget):
    """Labels that a model or a person has made are put right.

    Parameters
    ----------
    napari_viewer
        The viewer, or its proxy.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.corrector = Corrector(self.viewer, self.session)
        self.when_released(self.corrector.close)
        self.share_image(self.corrector.shown)
        history = self.session.history
        self._undo_keys = undo_keys_of(self.viewer, history)
        self.when_released(self._undo_keys.release)
        self.tool = BoundaryTool(
            self.viewer,
            self.corrector.bscan,
            self.corrector.write,
            {UNDO_KEY: self._undo_keys.undo, REDO_KEY: self._undo_keys.redo},
        )
        self.when_released(self.tool.stop)
        self.brush = ClassBrush()
        self.when_released(lambda: self.brush.follow(None))
        self.image = _image_combo(self.viewer)
        self.boundaries = BoundaryPanel(self, self.tool, self.corrector)
        self.classes = ClassChooser(self.session.schema)
        self.locked = ClassMenu(
            self.session.schema, nothing="No class is locked", hint="Classes that stay as they are"
        )
        self.lock_bscan = QCheckBox("This B-scan too")
        self.repairs = RepairPanel(self, self.corrector)
        self.across = AcrossPanel(self.corrector, lambda: self.brush.value)
        self.undo = ActionButton(history.undo_action, "Undo", UNDO_KEY)
        self.redo = ActionButton(history.redo_action, "Redo", REDO_KEY)
        self.message = MessageLine(lines=2)
        self._lay_out()
        self._keys = Keys(self.viewer)
        self.when_released(self._keys.release)
        self._connect()
        self._take_first_image()
        self._follow_labels(self.corrector.labels)

    def _lay_out(self) -> None:
        top = QWidget()
        form_on(top).addRow("Image", self.image)
        locks = QWidget()
        row = QHBoxLayout(locks)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Locked"))
        row.addWidget(self.locked, 1)
        row.addWidget(self.lock_bscan)
        self.lock_bscan.setToolTip("Nothing changes its labels until it is unlocked")
        for button in (self.undo, self.redo):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for part in (top, self.boundaries, self.repairs, self.across, self.classes, locks):
            column.addWidget(part)
        column.addStretch(1)
        actions = QHBoxLayout()
        actions.setSpacing(2)
        actions.addWidget(self.undo, 1)
        actions.addWidget(self.redo, 1)
        outer = QVBoxLayout(self)  # undo and message stay in view
        outer.setContentsMargins(8, 6, 8, 6)
        outer.setSpacing(8)
        outer.addWidget(VerticalScroll(content), 1)
        outer.addLayout(actions)
        outer.addWidget(self.message)

    def _connect(self) -> None:
        corrector = self.corrector
        self.image.chosen.connect(self._choose_image)
        self.when_released(self.image.release)
        self.classes.chosen.connect(self._paint)
        self.listen(self.brush.picked, self.classes.check)
        self.listen(corrector.notices.changed, self.message.say)
        self.listen(corrector.keeper.told, corrector.notices.happened)
        self.listen(self.tool.told, corrector.notices.happened)
        self.listen(self.tool.pointed, self._hint)
        self.listen(corrector.labels_changed, self._follow_labels)
        self.listen(corrector.shown.image_changed, self._show_image)
        self.listen(self.session.schema_changed, self._show_schema)
        self.listen(self.session.told, corrector.notices.happened)
        self.locked.ticked.connect(self._lock_classes)
        self.lock_bscan.clicked.connect(self._lock_bscan)
        for signal in (self.session.locks.changed, corrector.shown.moved, corrector.labels_changed):
            self.listen(signal, self._show_locks)
        inserted = self.viewer.layers.events.inserted
        inserted.connect(self._on_inserted)
        self.when_released(lambda: inserted.disconnect(self._on_inserted))
        taken = self._keys.bind(
            [
                Key(BOUNDARIES_KEY, "move boundaries", self.boundaries.toggle),
                Key(REPAIR_KEY, "mend what is chosen", self.repairs.repair_one),
                Key(REPAIR_ALL_KEY, "mend all of its kind", self.repairs.repair_kind),
            ]
        )
        if taken:
            names = ", ".join(key.binding for key in taken)
            corrector.notices.happened(f"napari or another plugin has these keys: {names}.")

    def _choose_image(self, image: Image | None) -> None:
        self.corrector.shown.image = image

    def _show_image(self) -> None:
        self.image.choose(self.corrector.shown.image)
        if self.corrector.shown.image is None:
            self.corrector.notices.happened("Open a B-scan and label it, then correct it here.")

    def _take_first_image(self) -> None:
        self.corrector.shown.take_first()
        self._show_image()

    def _on_inserted(self, _event: Any) -> None:
        if self.corrector.shown.image is None:
            self._take_first_image()
        self.corrector.look()

    def _follow_labels(self, labels: Labels | None) -> None:
        self.brush.follow(labels)

    def _show_schema(self, schema: LabelSchema) -> None:
        self.classes.set_schema(schema)
        self.locked.set_schema(schema)
        self._show_locks()
        if self.brush.value is not None:
            self.classes.check(self.brush.value)

    def _lock_classes(self, values: frozenset[int]) -> None:
        self.session.locks.classes = values

    def _lock_bscan(self, locked: bool) -> None:
        try:
            bscan = self.corrector.bscan()
        except UserError as error:
            self.corrector.notices.happened(str(error))
            self._show_locks()
        else:
            self.session.locks.lock_bscan(bscan.labels, bscan.index, locked=locked)

    def _show_locks(self, _changed: object = None) -> None:
        self.locked.tick(self.session.locks.classes)
        labels = self.corrector.labels
        try:
            index = self.corrector.shown.plane().index
        except UserError:
            labels = None
        locks = self.session.locks
        self.lock_bscan.setChecked(labels is not None and locks.has_bscan(labels, index))

    def _paint(self, value: int) -> None:
        """Take napari's brush, in a class."""
        labels = self.corrector.labels
        if labels is None:
            self.corrector.notices.happened("There are no labels to paint on yet.")
            return
        self.tool.stop()
        self.brush.choose(value)
        self.viewer.layers.selection.active = labels
        labels.mode = "paint"

    def _hint(self, text: str) -> None:
        """Say beside the pointer what the mouse would do there."""
        if text:
            QToolTip.showText(QCursor.pos(), text)
        else:
            QToolTip.hideText()


def _image_combo(viewer: Viewer) -> LayerCombo:
    from napari.layers import Image

    def is_image(layer: Layer) -> bool:
        return isinstance(layer, Image)

    return LayerCombo(viewer, is_image, "choose an image", "Whose labels are corrected")
