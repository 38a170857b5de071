"""A window with labels that are saved in no place of the person's is not closed unasked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import file_name
from napari_octsam.core.wording import listed
from napari_octsam.data.annotations.folder import SUFFIX

if TYPE_CHECKING:
    from napari_octsam.gui.annotations.keeper import Keeper
    from napari_octsam.gui.annotations.kept import KeptLabels

__all__ = ["UnsavedQuestion", "choose_place", "save_as"]


class UnsavedQuestion:
    """Labels are kept by the application alone, or a save has failed."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def is_needed(self) -> bool:
        """Whether there are such labels."""
        return bool(self._keeper.without_place)

    def may_close(self, window: QWidget) -> bool:
        """Ask where to save them, or whether to keep them for the next start."""
        unsaved = self._keeper.without_place
        box = QMessageBox(window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Save the labels?")
        names = listed((kept.labels.name for kept in unsaved), "and")
        box.setText(f"{names}: not saved in a place of yours yet.")
        box.setInformativeText(
            "Kept labels stay in a folder of napari-octsam, and the next start offers them."
        )
        save = box.addButton("Save …", QMessageBox.ButtonRole.AcceptRole)
        keep = box.addButton("Keep", QMessageBox.ButtonRole.ApplyRole)
        discard = box.addButton("Discard …", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(save)
        box.exec()
        if box.clickedButton() is save:
            return all(save_as(kept, window) for kept in unsaved)
        if box.clickedButton() is discard:
            return _discards(unsaved, window)
        return box.clickedButton() is keep


def _discards(unsaved: Sequence[KeptLabels], window: QWidget) -> bool:
    """Delete what the application has kept, where the person is sure."""
    names = listed((kept.labels.name for kept in unsaved), "and")
    sure = QMessageBox.question(
        window, "Delete the labels?", f"Delete {names}? These labels are nowhere else."
    )
    if sure != QMessageBox.StandardButton.Yes:
        return False
    for kept in unsaved:
        kept.discard()
    return True


def save_as(kept: KeptLabels, parent: QWidget) -> bool:
    """Ask where the annotation of a labels layer is to be, and save it there.

    Returns
    -------
    Whether it is there; if it could not be, the person has been told.
    """
    path = choose_place(kept, parent)
    if path is None:
        return False
    try:
        kept.place(path).result()
    except UserError as error:
        QMessageBox.warning(parent, "Not saved", str(error))
        return False
    return True


def choose_place(kept: KeptLabels, parent: QWidget) -> Path | None:
    """Ask for the path of a new annotation, at first beside the image; None where cancelled."""
    image = kept.image_path
    folder = image.parent if image is not None else Path.home()
    name = file_name(image.stem if image is not None else kept.labels.name)
    chosen, _ = QFileDialog.getSaveFileName(
        parent, "Save the annotation", str(folder / f"{name}{SUFFIX}"), f"Annotation (*{SUFFIX})"
    )
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix == SUFFIX else path.with_name(f"{path.name}{SUFFIX}")
