"""Annotations that are in no place of the person's are offered when napari starts again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import counted

if TYPE_CHECKING:
    from napari_octsam.data.annotations.drafts import Draft

__all__ = ["RecoveryDialog"]

_PICTURE = (160, 100)
_UNITS = ("bytes", "kB", "MB", "GB")
_MOST_ROWS, _AROUND = 3, 120  # rows seen at once; pixels of what is around them


class RecoveryDialog(QDialog):
    """Shows the annotations that were kept, to be opened, discarded, or left for later.

    Parameters
    ----------
    drafts
        At least one.
    parent
        The window.
    """

    wanted = Signal(Path)
    """The folder of one that is to be opened."""

    def __init__(self, drafts: Sequence[Draft], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Labels of before")
        self.setWindowModality(Qt.WindowModality.NonModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._drafts = list(drafts)
        count = counted(len(drafts), "annotation")
        were, one = ("was", "it") if len(drafts) == 1 else ("were", "one")
        what = QLabel(
            f"{count} from before {were} kept, but not saved in a place of yours yet. Open {one}, "
            "then choose Save as."
        )
        what.setWordWrap(True)
        self.rows = QListWidget()
        self.rows.setSelectionMode(QListWidget.SelectionMode.SingleSelection)
        self.open_button = QPushButton("Open")
        self.discard_button = QPushButton("Discard …")
        self.later_button = QPushButton("Not now")
        self.open_button.setToolTip("Open the labels, their image and their prompts")
        self.discard_button.setToolTip("Delete the chosen labels from this computer")
        self.later_button.setToolTip("Leave them; the menu of the Prompt widget has them")
        self.open_button.setDefault(True)
        buttons = QDialogButtonBox()
        buttons.addButton(self.open_button, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.discard_button, QDialogButtonBox.ButtonRole.DestructiveRole)
        buttons.addButton(self.later_button, QDialogButtonBox.ButtonRole.RejectRole)
        column = QVBoxLayout(self)
        column.addWidget(what)
        column.addWidget(self.rows, 1)
        column.addWidget(buttons)
        self._show()
        rows = min(len(drafts), _MOST_ROWS) * self.rows.sizeHintForRow(0)
        self.resize(560, _AROUND + rows)
        self.rows.itemDoubleClicked.connect(self._open)
        self.open_button.clicked.connect(self._open)
        self.discard_button.clicked.connect(self._discard)
        self.later_button.clicked.connect(self._postpone)

    def _show(self) -> None:
        self.rows.clear()
        for draft in self._drafts:
            item = QListWidgetItem(self.rows)
            row = _Row(draft)
            item.setSizeHint(row.sizeHint())
            self.rows.setItemWidget(item, row)
        self.rows.setCurrentRow(0)

    def _chosen(self) -> Draft | None:
        row = self.rows.currentRow()
        return self._drafts[row] if row >= 0 else None

    def _open(self) -> None:
        draft = self._chosen()
        if draft is not None:
            self._drafts.remove(draft)
            self.wanted.emit(draft.path)
            self._end_or_show()

    def _discard(self) -> None:
        draft = self._chosen()
        if draft is None or not self._confirms(draft):
            return
        try:
            draft.discard()
        except UserError as error:
            QMessageBox.warning(self, "Not deleted", str(error))
            return
        self._drafts.remove(draft)
        self._end_or_show()

    def _confirms(self, draft: Draft) -> bool:
        answer = QMessageBox.question(
            self,
            "Delete the labels?",
            f"Delete the labels of {draft.annotation.image.name}? They are nowhere else.",
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _postpone(self) -> None:
        for draft in self._drafts:
            draft.postpone()
        self.close()

    def _end_or_show(self) -> None:
        if self._drafts:
            self._show()
        else:
            self.close()


class _Row(QWidget):
    def __init__(self, draft: Draft) -> None:
        super().__init__()
        picture = QLabel()
        picture.setFixedSize(*_PICTURE)
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        if draft.picture is not None:
            scaled = QPixmap(str(draft.picture)).scaled(
                *_PICTURE,
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            picture.setPixmap(scaled)
        words = QLabel()
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setText("\n".join(_told(draft)))
        row = QHBoxLayout(self)
        row.addWidget(picture)
        row.addWidget(words, 1)


def _told(draft: Draft) -> list[str]:
    annotation = draft.annotation
    states = [progress.state for progress in annotation.progress.values()]
    done = sum(state is BScanState.DONE for state in states)
    labelled = f"{counted(len(states), 'B-scan')} labelled" + (f", {done} done" if done else "")
    when = draft.at.astimezone().strftime("%A, %d %B %Y, %H:%M")
    schema = annotation.label_schema.name
    return [annotation.image.name, when, f"{labelled}, {schema}, {_size(draft.size)}"]


def _size(count: int) -> str:
    size, unit = float(count), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}"
