"""The labels layer that commits go into, and files that are opened as one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QToolButton, QWidget

from napari_octsam.data.dataset import listed
from napari_octsam.gui.prompting.opened_masks import MASK_FILES, open_masks
from napari_octsam.gui.widgets.layer_combo import LayerCombo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QMimeData
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from napari_octsam.gui.prompting.labels_choice import LabelsChoice
    from napari_octsam.gui.prompting.opened_masks import OpenedMasks
    from napari_octsam.gui.prompting.prompter import Prompter
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["LabelsRow"]


class LabelsRow(QWidget):
    """A combo of layers with a menu beside it; masks that are dropped on it are opened as labels.

    Parameters
    ----------
    combo
        Of the labels layers.
    """

    def __init__(
        self, owner: SessionWidget, prompter: Prompter, choice: LabelsChoice, combo: LayerCombo
    ) -> None:
        super().__init__(owner)
        self._viewer = owner.viewer
        self._session = owner.session
        self._prompter = prompter
        self._choice = choice
        self.more = QToolButton()
        self.more.setText("…")
        self.more.setToolTip("Open masks as labels (or drop them here), or say what values mean")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.more.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.menu = menu = QMenu(self.more)
        menu.addAction("Open as labels …", self._choose_files)
        meaning = menu.addAction("What its values mean …", self._ask)
        assert meaning is not None  # for mypy
        menu.aboutToShow.connect(lambda: meaning.setEnabled(prompter.committer.target is not None))
        self.more.setMenu(menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(combo, 1)
        row.addWidget(self.more)
        self.setAcceptDrops(True)

    def open(self, paths: Sequence[Path]) -> None:
        """Open files as labels of the image in use, or of whichever they fit."""
        image = self._prompter.shown.image
        open_masks(paths, self._viewer, self._session, image, self._take, self._tell)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Let files be dropped."""
        if event is not None and _files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Open the files that are dropped."""
        if event is not None and (paths := _files(event.mimeData())):
            event.acceptProposedAction()
            self.open(paths)

    def _choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Open as labels", "", MASK_FILES)
        if names:
            self.open([Path(name) for name in names])

    def _ask(self) -> None:
        target = self._prompter.committer.target
        if target is not None:
            self._choice.ask_about(target)

    def _take(self, opened: OpenedMasks) -> None:
        """Tell what was opened, and use what lies on the image in use."""
        self._tell(opened.text)
        current = self._prompter.shown.image
        mine = [labels for labels, image in opened.layers if image is not None and image is current]
        others = [labels for labels, _ in opened.layers if labels not in mine[-1:]]
        if assumed := [labels.name for labels in others if self._choice.assume(labels)]:
            schema = self._session.schema.name
            self._prompter.notices.also(f"Values taken as {schema}: {listed(assumed)}.")
        if mine:
            self._choice.choose(mine[-1])

    def _tell(self, sentence: str) -> None:
        self._prompter.notices.happened(sentence)


def _files(dropped: QMimeData | None) -> list[Path]:
    urls = [] if dropped is None else dropped.urls()
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]
