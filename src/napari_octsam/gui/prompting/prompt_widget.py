"""The Prompt widget: draw, see, commit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_octsam.core.classes import LabelSchema
from napari_octsam.gui.annotations.keeper import keeper_of
from napari_octsam.gui.annotations.panel import AnnotationPanel
from napari_octsam.gui.prompting.class_panel import ClassPanel
from napari_octsam.gui.prompting.copying import COPY_KEY, PASTE_KEY
from napari_octsam.gui.prompting.draw_panel import TOOL_KEYS, DrawPanel
from napari_octsam.gui.prompting.keys import SWITCH_MODEL, KeySheet, LayerKeys
from napari_octsam.gui.prompting.labels_choice import LabelsChoice
from napari_octsam.gui.prompting.layers_panel import LayersPanel
from napari_octsam.gui.prompting.mask_panel import MaskPanel
from napari_octsam.gui.prompting.prompter import Prompter
from napari_octsam.gui.session.keys import Key, Keys, taken_keys
from napari_octsam.gui.session.session_widget import SessionWidget
from napari_octsam.gui.session.state_badge import StateBadge
from napari_octsam.gui.session.undo_keys import REDO_KEY, UNDO_KEY, undo_keys_of
from napari_octsam.gui.widgets.action_button import ActionButton
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.gui.widgets.vertical_scroll import VerticalScroll

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

__all__ = ["PromptWidget"]

_COMMIT = "Write the predicted masks into the labels layer (Shift-Enter)"
_NOTHING_TO_COMMIT = "There is nothing to commit on this B-scan: draw a box or a point first"


class PromptWidget(SessionWidget):
    """Boxes and points in, labels out.

    Parameters
    ----------
    napari_viewer
        The viewer, or its proxy.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.prompter = Prompter(self.viewer, self.session)
        self.when_released(self.prompter.close)
        self.share_image(self.prompter.shown)
        self.badge = StateBadge(self)
        self.classes = ClassPanel(self, self.prompter)
        self.choice = LabelsChoice(
            self.viewer, self.session, self.prompter, self.classes.use_schema
        )
        self.when_released(self.choice.close)
        self.layers = LayersPanel(self, self.prompter, self.choice)
        self.keeper = keeper_of(self.viewer)
        self.annotation = AnnotationPanel(
            self, self.keeper, self.prompter.shown, lambda: self.prompter.committer.target
        )
        self.draw = DrawPanel(self, self.prompter)
        self.masks = MaskPanel(self, self.prompter)
        self.live = QCheckBox("Live preview")
        self.predict = QPushButton("Predict")
        self.commit = QPushButton("Commit")
        self.undo = ActionButton(self.session.history.undo_action, "Undo", "Shift-Z")
        self.redo = ActionButton(self.session.history.redo_action, "Redo", "Ctrl-Shift-Z")
        self.clear = QPushButton("Clear")
        self.help = QPushButton("Keys")
        self.message = MessageLine(lines=2)
        self._lay_out()
        self._connect()
        self._undo_keys = undo_keys_of(self.viewer, self.session.history)
        self.when_released(self._undo_keys.release)
        self._keys = Keys(self.viewer)
        self.when_released(self._keys.release)
        copying = {COPY_KEY: self.prompter.copy, PASTE_KEY: self.prompter.paste}
        self.when_released(LayerKeys(self.prompter.drawing, copying).release)
        self._bind_keys(self.session.schema)
        self.message.say(self.prompter.notices.text)
        if self.prompter.shown.image is None:
            self.prompter.notices.happened(
                "Open a B-scan, then draw a box around what is to be labelled."
            )

    def leave_viewer(self) -> None:
        """Remove the preview; prompts and labels stay."""
        self.prompter.preview.remove()

    def _lay_out(self) -> None:
        self.live.setChecked(True)
        self.live.setToolTip("Predict after each edit")
        self.predict.setToolTip("Show the masks of the prompts on this B-scan (G)")
        self.predict.hide()
        self.commit.setStyleSheet("font-weight: bold; padding: 6px;")
        self.help.setToolTip("List the keys, and how one prompt is changed")
        self.clear.setToolTip("Clear the prompts of this B-scan (Shift-Delete)")
        for button in (self.predict, self.commit, self.undo, self.redo, self.clear, self.help):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        actions = QHBoxLayout()
        actions.setSpacing(2)
        actions.addWidget(self.commit, 2)
        actions.addWidget(self.undo, 1)
        actions.addWidget(self.redo, 1)
        actions.addWidget(self.clear, 1)
        options = QHBoxLayout()
        options.addWidget(self.live, 1)
        options.addWidget(self.predict)
        options.addWidget(self.help)

        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for part in (self.layers, self.annotation, self.draw, self.classes, self.masks):
            column.addWidget(part)
        column.addLayout(options)
        column.addStretch(1)
        outer = QVBoxLayout(self)  # state, actions and message stay in view
        outer.setContentsMargins(8, 6, 8, 6)
        outer.setSpacing(8)
        outer.addWidget(self.badge)
        outer.addWidget(VerticalScroll(content), 1)
        outer.addLayout(actions)
        outer.addWidget(self.message)

    def _connect(self) -> None:
        self.live.toggled.connect(self._on_live)
        self.predict.clicked.connect(self.prompter.predict)
        self.commit.clicked.connect(self.prompter.commit)
        self.clear.clicked.connect(self.prompter.clear)
        self.help.clicked.connect(self._show_keys)
        self.listen(self.prompter.notices.changed, self.message.say)
        self.listen(self.session.told, self.prompter.notices.happened)
        self.listen(self.session.schema_changed, self._bind_keys)
        drawing, shown = self.prompter.drawing, self.prompter.shown
        for signal in (drawing.edited, drawing.layers_changed, shown.moved, shown.image_changed):
            self.listen(signal, self._show_commit)
        self._show_commit()
        self.listen(self.keeper.told, self.prompter.notices.happened)
        self.listen(self.keeper.opened, self._show_opened)
        self.listen(self.prompter.committer.target_changed, self.annotation.refresh)
        self.annotation.add_to(self.layers.labels_row.menu)
        self.annotation.offer()

    def _show_opened(self, image: Image) -> None:
        """Go on with the image of an annotation that was opened."""
        self.prompter.shown.image = image
        self.prompter.committer.follow(image)
        self.prompter.drawing.follow(image)
        self.viewer.fit_to_view()

    def _show_commit(self) -> None:
        """Grey out Commit where there is nothing to commit."""
        can_commit = self.prompter.has_prompts
        self.commit.setEnabled(can_commit)
        self.commit.setToolTip(_COMMIT if can_commit else _NOTHING_TO_COMMIT)

    def _on_live(self, live: bool) -> None:
        self.prompter.live = live
        self.predict.setVisible(not live)

    def _bind_keys(self, schema: LabelSchema) -> None:
        taken = self._keys.bind(self._all_keys(schema))
        if taken:
            self.prompter.notices.happened(taken_keys(taken))

    def _switch_model(self) -> None:
        if not self.session.switch_model():
            self.prompter.notices.happened(
                "There is no other model to compare with: load one, or fine-tune this one."
            )

    def _show_keys(self) -> None:
        KeySheet(self._all_keys(self.session.schema), self).show()

    def _all_keys(self, schema: LabelSchema) -> list[Key]:
        prompter = self.prompter
        drawing = prompter.drawing
        tools = [
            Key(TOOL_KEYS[tool], button.text(), partial(self.draw.toggle, tool))
            for tool, button in self.draw.tools.items()
        ]
        actions = [
            Key("Q", "point on / off the object", drawing.switch_sign),
            Key("W", "next mask", prompter.next_candidate),
            Key("G", "predict, without live preview", prompter.predict),
            Key("Shift-Enter", "commit", prompter.commit),
            Key("Shift-Z", "undo the commit", prompter.undo),
            Key(UNDO_KEY, "undo the last stroke or commit", self._undo_keys.undo),
            Key(REDO_KEY, "redo it", self._undo_keys.redo),
            Key("Shift-Delete", "clear the prompts", prompter.clear),
            Key("Shift-Right", "copy them to the next B-scan", partial(prompter.copy_to_next, 1)),
            Key("Shift-Left", "copy them to the one before", partial(prompter.copy_to_next, -1)),
            Key(SWITCH_MODEL, "the model before, on the same prompts", self._switch_model),
        ]
        classes = [
            Key(c.hotkey, c.name, partial(prompter.choose_class, c.value))
            for c in schema.classes
            if c.hotkey is not None
        ]
        return tools + actions + classes
