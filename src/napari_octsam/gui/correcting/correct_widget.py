"""The Correct widget: boundaries, brush, repairs, neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QToolTip, QVBoxLayout, QWidget

from napari_octsam.core.errors import UserError
from napari_octsam.gui.correcting.across_panel import AcrossPanel
from napari_octsam.gui.correcting.boundary_panel import BOUNDARIES_KEY, BoundaryPanel
from napari_octsam.gui.correcting.boundary_tool import BoundaryTool
from napari_octsam.gui.correcting.brush_panel import BrushPanel
from napari_octsam.gui.correcting.corrector import Corrector
from napari_octsam.gui.correcting.object_panel import ObjectPanel
from napari_octsam.gui.correcting.object_tool import ObjectTool
from napari_octsam.gui.correcting.outline_tool import OutlineTool
from napari_octsam.gui.correcting.prompt_tool import PromptTool
from napari_octsam.gui.correcting.repair_panel import REPAIR_ALL_KEY, REPAIR_KEY, RepairPanel
from napari_octsam.gui.session.image_widget import ImageWidget
from napari_octsam.gui.session.keys import Key
from napari_octsam.gui.session.undo_keys import REDO_KEY, UNDO_KEY, undo_keys_of
from napari_octsam.gui.widgets.action_button import ActionButton
from napari_octsam.gui.widgets.class_menu import ClassMenu
from napari_octsam.gui.widgets.form import form_on
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.gui.widgets.vertical_scroll import VerticalScroll

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.viewer import Viewer

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.correcting.canvas_tool import CanvasTool
    from napari_octsam.gui.correcting.class_brush import ClassBrush
    from napari_octsam.gui.widgets.class_chooser import ClassChooser

__all__ = ["CorrectWidget"]


class CorrectWidget(ImageWidget):
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
        self.work_on(
            self.corrector.shown,
            self.corrector.notices,
            hint="Whose labels are corrected",
            without="Open a B-scan and label it, then correct it here.",
        )
        history = self.session.history
        self._undo_keys = undo_keys_of(self.viewer, history)
        self.when_released(self._undo_keys.release)
        keys = {UNDO_KEY: self._undo_keys.undo, REDO_KEY: self._undo_keys.redo}
        self.brushes = BrushPanel(self, self.corrector)
        self.objects = self._object_panel(keys)
        self.tool = self._boundary_tool(keys)
        self.boundaries = BoundaryPanel(self, self.tool, self.corrector, self.objects.stop)
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
        self._connect()
        self.take_first_image()

    @property
    def brush(self) -> ClassBrush:
        """The class that is painted."""
        return self.brushes.brush

    @property
    def classes(self) -> ClassChooser:
        """The grid of classes."""
        return self.brushes.classes

    def _boundary_tool(self, keys: Mapping[str, Callable[[], object]]) -> BoundaryTool:
        corrector, sight = self.corrector, self.corrector.sight
        tool = BoundaryTool(self.viewer, corrector.bscan, corrector.write, keys, sight)
        self.listen(sight.arrived, tool.model_has_looked)
        self.when_released(tool.stop)
        return tool

    def _object_panel(self, keys: Mapping[str, Callable[[], object]]) -> ObjectPanel:
        viewer, corrector, brush = self.viewer, self.corrector, self.brush

        def value() -> int | None:
            return brush.value

        find, write = corrector.bscan, corrector.write
        outline = OutlineTool(viewer, find, write, value, corrector.sight, keys)
        clicks = ObjectTool(viewer, find, write, value, self.session, keys)
        prompts = PromptTool(viewer, find, keys)
        for tool in (outline, clicks, prompts):
            self.listen(tool.pointed, self._hint)
        texts: dict[CanvasTool, tuple[str, str]] = {
            outline: ("Outline", "Click along an object's edge, which is kept to; Enter fills it"),
            clicks: ("One click", "Each click finds one object of the painted class; Esc: undo"),
            prompts: ("Use as prompt", "Click on a label: it becomes a prompt, to add points to"),
        }
        return ObjectPanel(self, corrector, texts, lambda: self.tool.stop())

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
        for part in self._parts(top, locks):
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

    def _parts(self, top: QWidget, locks: QWidget) -> tuple[QWidget, ...]:
        work = (self.boundaries, self.repairs, self.across)
        return (top, *work, self.objects, self.brushes, locks)

    def _connect(self) -> None:
        corrector = self.corrector
        self.classes.chosen.connect(self._paint)
        self.listen(corrector.notices.changed, self.message.say)
        self.listen(corrector.keeper.told, corrector.notices.happened)
        self.listen(self.tool.told, corrector.notices.happened)
        self.listen(self.tool.pointed, self._hint)
        self.listen(self.session.schema_changed, self._show_schema)
        self.locked.ticked.connect(self._lock_classes)
        self.lock_bscan.clicked.connect(self._lock_bscan)
        for signal in (self.session.locks.changed, corrector.shown.moved, corrector.labels_changed):
            self.listen(signal, self._show_locks)
        self.bind_keys(
            [
                Key(BOUNDARIES_KEY, "move boundaries", self.boundaries.toggle),
                Key(REPAIR_KEY, "mend what is chosen", self.repairs.repair_one),
                Key(REPAIR_ALL_KEY, "mend all of its kind", self.repairs.repair_kind),
            ]
        )

    def _show_schema(self, schema: LabelSchema) -> None:
        self.locked.set_schema(schema)
        self._show_locks()

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
        """Take napari's brush in a class, unless a tool for objects of a class has the mouse."""
        labels = self.corrector.labels
        if labels is None:
            self.corrector.notices.happened("There are no labels to paint on yet.")
            return
        if self.objects.tool is not None:
            self.brush.choose(value)
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
