"""Where the labels are saved, and how far the B-scan is that is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QWidget
from superqt import QElidingLabel

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.drafts import drafts
from napari_octsam.data.annotations.folder import SUFFIX, is_annotation
from napari_octsam.gui.annotations.closing import save_as
from napari_octsam.gui.annotations.opening import labels_layer
from napari_octsam.gui.annotations.recovery import RecoveryDialog

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_octsam.gui.annotations.keeper import Keeper
    from napari_octsam.gui.annotations.kept import KeptLabels
    from napari_octsam.gui.layers.shown import ShownBScan
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["AnnotationPanel"]

_OFFER_AFTER = 500  # milliseconds: the window is there by then


class AnnotationPanel(QWidget):
    """A line on the annotation of the labels in use, with what can be done about it.

    Parameters
    ----------
    owner
        The widget that it is part of.
    keeper
        Of the viewer.
    shown
        The B-scan that is shown.
    labels
        Gives the labels layer in use.
    """

    def __init__(
        self,
        owner: SessionWidget,
        keeper: Keeper,
        shown: ShownBScan,
        labels: Callable[[], Labels | None],
    ) -> None:
        super().__init__(owner)
        self._owner = owner
        self._keeper = keeper
        self._shown = shown
        self._labels = labels
        self.status = QElidingLabel()
        self.done = QPushButton("Done")
        self.done.setCheckable(True)
        self.done.setToolTip(
            "This B-scan is right as it is: nothing automatic changes it, and it counts as done"
        )
        self.save = QPushButton("Save as …")
        self.save.setToolTip("Choose where the annotation is kept from now on")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.status, 1)
        row.addWidget(self.done)
        row.addWidget(self.save)
        self.done.clicked.connect(self._set_done)
        self.save.clicked.connect(self._save)
        owner.listen(keeper.changed, self.refresh)
        owner.listen(shown.moved, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how things stand."""
        kept = self._keeper.of(self._labels())
        self.save.setEnabled(kept is not None and kept.path is not None)
        state = self._state()
        self.done.setEnabled(kept is not None and state is not None)
        self.done.setChecked(state is BScanState.DONE)
        text, why = ("No labels yet", "") if kept is None else _told(kept)
        said = text if state is None else f"{text} · {state}"
        self.status.setText(said)
        self.status.setToolTip(why or said)

    def add_to(self, menu: QMenu) -> None:
        """Add what can be done with annotations to a menu."""
        menu.addSeparator()
        menu.addAction("Open an annotation …", self.open_annotation)
        menu.addAction("Labels that were not saved …", self.offer_all)

    def offer(self) -> None:
        """Offer, soon, what is in no place of the person's, and was not postponed."""
        QTimer.singleShot(_OFFER_AFTER, self._offer_new)

    def offer_all(self) -> None:
        """Offer all that is in no place of the person's."""
        self._show_drafts(with_postponed=True)

    def open_annotation(self) -> None:
        """Ask for an annotation, and open it."""
        chosen = QFileDialog.getExistingDirectory(self, f"Open an annotation (a folder {SUFFIX})")
        if chosen and not is_annotation(Path(chosen)):
            self._keeper.told.emit(f"{chosen} is no annotation: its name ends in {SUFFIX}.")
        elif chosen:
            self._open(Path(chosen))

    def _offer_new(self) -> None:
        if self._owner.session.is_open:
            self._show_drafts(with_postponed=False)

    def _show_drafts(self, *, with_postponed: bool) -> None:
        found = [draft for draft in drafts() if with_postponed or not draft.is_postponed]
        if not found:
            if with_postponed:
                self._keeper.told.emit("All labels are saved in places of yours.")
            return
        dialog = RecoveryDialog(found, self.window())
        dialog.wanted.connect(self._open)
        dialog.show()

    def _open(self, path: Path) -> None:
        try:
            data, arguments, _ = labels_layer(path)
        except UserError as error:
            self._keeper.told.emit(str(error))
            return
        self._owner.viewer.add_labels(data, **arguments)

    def _state(self) -> BScanState | None:
        kept, index = self._keeper.of(self._labels()), self._index()
        if kept is None or index is None:
            return None
        found = kept.progress.get(index)
        return BScanState.UNTOUCHED if found is None else found.state

    def _index(self) -> tuple[int, ...] | None:
        try:
            plane, image = self._shown.plane(), self._shown.chosen()
        except UserError:
            return None
        return plane.index if plane.axes == (image.ndim - 2, image.ndim - 1) else None

    def _set_done(self, is_done: bool) -> None:
        kept, index = self._keeper.of(self._labels()), self._index()
        if kept is not None and index is not None:
            state = BScanState.DONE if is_done else kept.state_by_labels(index)
            kept.set_state(index, state)

    def _save(self) -> None:
        kept = self._keeper.of(self._labels())
        if kept is not None and save_as(kept, self.window() or self):
            self._keeper.told.emit(f"Saved in {kept.path}; from now on it is kept there.")


def _told(kept: KeptLabels) -> tuple[str, str]:
    """Return what is said of where labels are, and more."""
    if kept.problem:
        return "Not on the disk", kept.problem
    if kept.path is None:
        return "Nothing to save yet", ""
    if kept.is_placed:
        return kept.path.name, f"Saved in {kept.path}, with every change"
    return "Not saved yet", f"Kept by napari-octsam until you say where, in {kept.path}"
