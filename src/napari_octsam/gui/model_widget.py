"""The Model widget: which model, from where, on what device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_octsam.engine.messages import Download, LoadedModel, LoadModel
from napari_octsam.gui.message_line import MessageLine
from napari_octsam.gui.session_widget import SessionWidget
from napari_octsam.gui.state_badge import StateBadge
from napari_octsam.gui.vertical_scroll import VerticalScroll
from napari_octsam.gui.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_octsam.models.registry import RegisteredModel

__all__ = ["ModelWidget"]

_DEVICES = ("auto", "cpu", "cuda", "mps")
_OWN_PROFILE = "as the checkpoint says"
_CHECKPOINTS = "Checkpoints (*.safetensors *.pth *.pt);;All files (*)"
_RESEARCH = "For research only. Not a medical device."


class ModelWidget(SessionWidget):
    """Chooses the model of a viewer: a registered one, or any checkpoint from a file.

    Nothing is downloaded before the person has agreed.

    Parameters
    ----------
    napari_viewer
        The viewer, or its proxy.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.badge = StateBadge(self)
        self.models = QComboBox()
        self.load = QPushButton()
        self.open = QPushButton("Open a file …")
        self.profile = QComboBox()
        self.device = QComboBox()
        self.details = WrappedLabel()
        self.message = MessageLine()
        self._fill()
        self._lay_out()
        self._connect()
        self._show_model(self.session.model)

    def open_file(self, path: Path) -> None:
        """Load a checkpoint from a file."""
        self._load(str(path))

    def _fill(self) -> None:
        from napari_octsam.models.header import PROFILES

        self.profile.addItems([_OWN_PROFILE, *PROFILES])
        self.profile.setToolTip("How a B-scan is prepared: SAM's and MedSAM's files look alike")
        self.device.addItems(_DEVICES)
        self.device.setCurrentText(self.session.settings.device)
        self.device.setToolTip("Where the model computes")
        self.refresh()
        index = self.models.findData(self.session.settings.model)
        self.models.setCurrentIndex(max(index, 0))

    def refresh(self) -> None:
        """List the registered models, with what is on this computer."""
        from napari_octsam.models.registry import REGISTRY

        chosen = self.models.currentData()
        with QSignalBlocker(self.models):
            self.models.clear()
            for name, model in REGISTRY.items():
                self.models.addItem(_listed(model), name)
            self.models.setCurrentIndex(max(self.models.findData(chosen), 0))

    def _lay_out(self) -> None:
        for combo in (self.models, self.profile, self.device):
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setMinimumContentsLength(10)
            combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for button in (self.load, self.open):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.load.setStyleSheet("font-weight: bold; padding: 5px;")
        self.open.setStyleSheet("padding: 5px;")
        research = QLabel(_RESEARCH)
        research.setWordWrap(True)
        research.setEnabled(False)
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        buttons.addWidget(self.load, 1)
        buttons.addWidget(self.open, 1)
        form = QFormLayout()
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Model", self.models)
        form.addRow("Device", self.device)
        form.addRow("Input", self.profile)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(form)
        column.addLayout(buttons)
        for label in (self.details, self.message, research):
            column.addWidget(label)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 6, 8, 6)
        outer.setSpacing(8)
        outer.addWidget(self.badge)
        outer.addWidget(VerticalScroll(content), 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def _connect(self) -> None:
        self.models.currentIndexChanged.connect(self._show_choice)
        self.load.clicked.connect(self._load_choice)
        self.open.clicked.connect(self._ask_for_file)
        self.listen(self.session.model_changed, self._show_model)
        self.listen(self.session.told, self.message.say)
        self._show_choice()

    def _show_choice(self, _index: int = 0) -> None:
        self.load.setText("Load" if _is_here(self._choice()) else "Download …")
        self.models.setToolTip(self.models.currentText())

    def _choice(self) -> RegisteredModel:
        from napari_octsam.models.registry import REGISTRY

        return REGISTRY[self.models.currentData()]

    def _load_choice(self) -> None:
        choice = self._choice()
        if _is_here(choice):
            self._load(choice.name)
        elif self._confirm_download(choice):
            self.message.say("")
            self.session.submit(Download(choice.name), self._on_downloaded, self.message.say)

    def _on_downloaded(self, _path: str) -> None:
        self.refresh()
        self._show_choice()
        self._load_choice()

    def _load(self, source: str) -> None:
        profile = self.profile.currentText()
        self.message.say("")
        self.session.load_model(
            LoadModel(
                source,
                profile=None if profile == _OWN_PROFILE else profile,
                device=self.device.currentText(),
            )
        )

    def _ask_for_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a checkpoint", "", _CHECKPOINTS)
        if path:
            self.open_file(Path(path))

    def _confirm_download(self, model: RegisteredModel) -> bool:
        answer = QMessageBox.question(
            self,
            "Download a model",
            f"Download {model.title}{_size_of(model)} from {urlsplit(str(model.url)).hostname}?",
        )
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _show_model(self, model: LoadedModel | None) -> None:
        if model is None:
            self.details.setText("No model is loaded yet: octsam-tiny is, when one is needed.")
            return
        self.details.setText(
            f"{model.name}: {model.architecture}, input as {model.profile}, "
            f"{model.precision} on {model.device}"
        )


def _is_here(model: RegisteredModel) -> bool:
    from napari_octsam.models.registry import local_path

    return model.url is None or local_path(model.name) is not None


def _listed(model: RegisteredModel) -> str:
    return model.title if _is_here(model) else f"{model.title}{_size_of(model)}"


def _size_of(model: RegisteredModel) -> str:
    return f" ({model.bytes / 1e6:,.0f} MB)" if model.bytes else ""
