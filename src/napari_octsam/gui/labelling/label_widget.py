"""The Label widget: a model labels first, a person looks through what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_octsam.core.classes import BUNDLED_SCHEMAS, LabelSchema, load_schema
from napari_octsam.core.wording import counted
from napari_octsam.gui.labelling.carry_on import CarryOn
from napari_octsam.gui.labelling.carry_panel import CarryPanel
from napari_octsam.gui.labelling.confidence_layer import ConfidenceLayer
from napari_octsam.gui.labelling.label_panel import LabelPanel
from napari_octsam.gui.labelling.strip_panel import StripPanel
from napari_octsam.gui.labelling.volume_labels import VolumeLabels
from napari_octsam.gui.session.image_widget import ImageWidget
from napari_octsam.gui.session.keys import Key
from napari_octsam.gui.session.last_schema import remember_schema
from napari_octsam.gui.session.state_badge import StateBadge
from napari_octsam.gui.widgets.action_button import ActionButton
from napari_octsam.gui.widgets.class_menu import ClassMenu
from napari_octsam.gui.widgets.fold import Fold
from napari_octsam.gui.widgets.form import form_on
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.gui.widgets.vertical_scroll import VerticalScroll

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["LabelWidget"]


class LabelWidget(ImageWidget):
    """Labels first, then a look where the model is unsure.

    Parameters
    ----------
    napari_viewer
        The viewer, or its proxy.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.volume = VolumeLabels(self.viewer, self.session)
        self.when_released(self.volume.close)
        self.carrying = CarryOn(self.viewer, self.session, self.volume)
        self.when_released(self.carrying.close)
        self.work_on(
            self.volume.shown,
            self.volume.notices,
            hint="Whose B-scans are labelled",
            without="Open a B-scan or a volume, then have it labelled.",
        )
        self._confidence_layer = ConfidenceLayer(self.viewer)
        self.badge = StateBadge(self)
        self.schemas = QComboBox()
        self.label = LabelPanel(self, self.volume)
        self.strip = StripPanel(self, self.volume)
        self.carry = CarryPanel(self, self.carrying)
        self.locked = ClassMenu(
            self.session.schema, nothing="No class is locked", hint="Classes that stay as they are"
        )
        self.confidence = QCheckBox("Show where the model is unsure")
        history = self.session.history
        self.undo = ActionButton(history.undo_action, "Undo", "Shift-Z")
        self.redo = ActionButton(history.redo_action, "Redo", "Ctrl-Shift-Z")
        self.message = MessageLine(lines=3)
        self._lay_out()
        self._connect()
        self.take_first_image()
        self._show_schema(self.session.schema)

    def leave_viewer(self) -> None:
        """Remove the layer of doubt; labels stay."""
        self._confidence_layer.remove()
        self.carrying.leave_viewer()

    def add_panel(self, panel: QWidget) -> None:
        """Add a panel below the others."""
        self._column.insertWidget(self._column.count() - 1, panel)

    def _lay_out(self) -> None:
        self.schemas.setToolTip("The label schema: which classes there are")
        self.confidence.setToolTip("Colour what the model is unsure of, on this B-scan")
        top = QWidget()
        form = form_on(top)
        form.addRow("Image", self.image)
        form.addRow("Schema", self.schemas)
        options = QWidget()
        more = QVBoxLayout(options)  # a form gives the menu no room
        more.setContentsMargins(0, 0, 0, 0)
        more.setSpacing(4)
        locked = QHBoxLayout()
        locked.addWidget(QLabel("Locked"))
        locked.addWidget(self.locked, 1)
        more.addLayout(locked)
        more.addWidget(self.confidence)
        carry = Fold("Carry on", self.carry, "Find objects of this B-scan on the next ones")
        content = QWidget()
        column = self._column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for part in (top, self.label, self.strip, carry, options):
            column.addWidget(part)
        column.addStretch(1)
        actions = QHBoxLayout()
        actions.setSpacing(2)
        actions.addWidget(self.undo, 1)
        actions.addWidget(self.redo, 1)
        outer = QVBoxLayout(self)  # state, undo and message stay in view
        outer.setContentsMargins(8, 6, 8, 6)
        outer.setSpacing(8)
        outer.addWidget(self.badge)
        outer.addWidget(VerticalScroll(content), 1)
        outer.addLayout(actions)
        outer.addWidget(self.message)

    def _connect(self) -> None:
        volume, session = self.volume, self.session
        self.schemas.activated.connect(self._choose_schema)
        self.confidence.toggled.connect(self._show_confidence)
        self.locked.ticked.connect(self._lock_classes)
        self.listen(volume.notices.changed, self.message.say)
        self.listen(self.volume.keeper.told, volume.notices.happened)
        self.listen(session.schema_changed, self._show_schema)
        self.listen(session.locks.changed, self._show_locks)
        self.listen(volume.shown.moved, self._show_confidence)
        self.listen(volume.overview.changed, self._show_confidence)
        self.bind_keys(
            [
                Key("Shift-Q", "label this B-scan", volume.label_this),
                Key("Shift-J", "show the next B-scan to look at", volume.next_to_look_at),
                Key("Shift-K", "this B-scan is done, or no more", volume.switch_done),
            ]
        )

    def _choose_schema(self, _index: int) -> None:
        schema = load_schema(self.schemas.currentText())
        prompts = self._prompts() if schema != self.session.schema else 0
        if prompts:
            there_are = f"There {'is' if prompts == 1 else 'are'} {counted(prompts, 'prompt')}"
            self.volume.notices.happened(
                f"{there_are} with classes of {self.session.schema.name}: clear them, or change "
                "the schema in the Prompt widget."
            )
            self._show_schema(self.session.schema)
        elif schema != self.session.schema:
            self.session.schema = schema
            remember_schema(schema)

    def _prompts(self) -> int:
        from napari.layers import Image

        layers, companions = self.viewer.layers, self.session.companions
        images = [layer for layer in layers if isinstance(layer, Image)]
        return sum(len(x.data) for image in images for x in companions.prompts(image, layers))

    def _show_schema(self, schema: LabelSchema) -> None:
        names = list(dict.fromkeys([*BUNDLED_SCHEMAS, schema.name]))
        self.schemas.clear()
        self.schemas.addItems(names)
        self.schemas.setCurrentText(schema.name)
        self.locked.set_schema(schema)
        self._show_locks()

    def _show_locks(self) -> None:
        self.locked.tick(self.session.locks.classes)

    def _lock_classes(self, values: frozenset[int]) -> None:
        self.session.locks.classes = values

    def _show_confidence(self, _changed: object = None) -> None:
        image, current = self.volume.shown.image, self.volume.current
        if not self.confidence.isChecked() or image is None or current is None:
            self._confidence_layer.remove()
            return
        found = self.volume.overview.confidence(current)
        self._confidence_layer.show(image, self.volume.shown.plane(), found)
