"""The Model widget: which model, from where, on what device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_octsam.engine.predict.messages import Download, LoadedModel, LoadModel
from napari_octsam.gui.models.model_choice import ModelChoice, is_here, size_of
from napari_octsam.gui.session.session_widget import SessionWidget
from napari_octsam.gui.session.state_badge import StateBadge
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.gui.widgets.vertical_scroll import VerticalScroll
from napari_octsam.gui.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_octsam.models.checkpoints.registry import RegisteredModel

__all__ = ["ModelWidget"]

_CHECKPOINTS = "Checkpoints (*.safetensors *.pth *.pt);;All files (*)"
_RESEARCH = "For research only. Not a medical device."


class ModelWidget(SessionWidget):
    """Chooses the model of a viewer: registered, trained here, or any checkpoint from a file.

    Nothing is downloaded before the person has agreed.

    Parameters
    ----------
    napari_viewer
        The viewer, or its proxy.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        settings = self.session.settings
        self.badge = StateBadge(self)
        self.choice = ModelChoice(
            self.session.loaded or LoadModel(settings.model, device=settings.device),
            self.session.training,
        )
        self.load = QPushButton()
        self.open = QPushButton("Open a file …")
        self.hint = QLabel()
        self.details = WrappedLabel()
        self.message = MessageLine()
        self._asked: LoadModel | None = None
        self._lay_out()
        self._connect()
        self._show_model(self.session.model)

    def open_file(self, path: Path) -> None:
        """Load a checkpoint from a file."""
        self.choice.choose(replace(self.choice.request, source=str(path)))
        self._load()

    def _lay_out(self) -> None:
        for button in (self.load, self.open):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.open.setToolTip("Load a checkpoint: SAM, MedSAM, transformers, or trained here")
        self.load.setStyleSheet("font-weight: bold; padding: 5px;")
        self.open.setStyleSheet("padding: 5px;")
        research = QLabel(_RESEARCH)
        research.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        buttons.addWidget(self.load, 1)
        buttons.addWidget(self.open, 1)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.choice)
        column.addLayout(buttons)
        for label in (self.hint, self.details, self.message, research):
            column.addWidget(label)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 6, 8, 6)
        outer.setSpacing(8)
        outer.addWidget(self.badge)
        outer.addWidget(VerticalScroll(content), 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def _connect(self) -> None:
        self.choice.changed.connect(self._show_choice)
        self.load.clicked.connect(self._load_choice)
        self.open.clicked.connect(self._ask_for_file)
        self.listen(self.session.model_changed, self._show_model)
        self.listen(self.session.load_ended, self._on_load_ended)
        self.listen(self.session.told, self.message.say)
        self.listen(self.session.training.ended, self._list_models)
        self._show_choice()

    def _show_choice(self) -> None:
        """Show what the button would do, and whether it has anything to do."""
        model = self.choice.registered
        verb = "Load" if model is None or is_here(model) else "Download"
        self.load.setText("Load" if verb == "Load" else "Download …")
        self.load.setToolTip(
            "Load the chosen model, to predict with it from now on"
            if verb == "Load"
            else "Ask before the chosen model is downloaded, then load it"
        )
        in_use = self.session.loaded or self.session.first_load
        self.hint.setText(f"Press {verb} to apply.")
        self.hint.setVisible(self.choice.request not in (in_use, self._asked))

    def _list_models(self) -> None:
        self.choice.choose(self.choice.request)

    def _load_choice(self) -> None:
        model = self.choice.registered
        if model is None or is_here(model):
            self._load()
        elif self._confirm_download(model):
            self.message.say("")
            self.session.submit(Download(model.name), self._on_downloaded, self.message.say)

    def _on_downloaded(self, _path: str) -> None:
        self._list_models()
        self._load_choice()

    def _load(self) -> None:
        self._asked = self.choice.request
        self.message.say("")
        self.session.load_model(self._asked)
        self._show_choice()

    def _on_load_ended(self) -> None:
        asked, self._asked = self._asked, None
        if asked == self.choice.request:  # else the person has already chosen something else
            self.choice.choose(self.session.loaded or self.session.first_load)
        self._show_choice()

    def _ask_for_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a checkpoint", "", _CHECKPOINTS)
        if path:
            self.open_file(Path(path))

    def _confirm_download(self, model: RegisteredModel) -> bool:
        answer = QMessageBox.question(
            self,
            "Download a model",
            f"Download {model.title}{size_of(model)} from {urlsplit(str(model.url)).hostname}?",
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _show_model(self, model: LoadedModel | None) -> None:
        if model is None:
            first = self.session.first_load.source
            self.details.setText(f"No model is loaded yet. {first} loads with the first B-scan.")
        else:
            self.details.setText(_summary(model))


def _summary(model: LoadedModel) -> str:
    """Return what is in use; what goes without saying is left out."""
    from napari_octsam.models.architectures import ARCHITECTURES

    architecture = "" if model.name == model.architecture else f" ({model.architecture})"
    choice = len(ARCHITECTURES[model.architecture].profiles) > 1
    preprocessing = f", {model.profile} preprocessing" if choice else ""
    return f"{model.name}{architecture} on {model.device}, {model.precision}{preprocessing}"
