"""What is chosen in the Model widget: a model, a device, a preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QWidget

from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.gui.session.trained_models import trained_models
from napari_octsam.gui.widgets.form import form_on

if TYPE_CHECKING:
    from napari_octsam.gui.session.training import Training
    from napari_octsam.models.checkpoints.registry import RegisteredModel

__all__ = ["ModelChoice", "is_here", "size_of"]

_DEVICES = ("auto", "cpu", "cuda", "mps")
_OWN_PROFILE = "as the checkpoint says"


class ModelChoice(QWidget):
    """Three combo boxes that together say what is to be loaded.

    Parameters
    ----------
    request
        What is chosen at first.
    training
        Its models can be chosen, too.
    """

    changed = Signal()
    """Another thing is chosen."""

    def __init__(self, request: LoadModel, training: Training) -> None:
        from napari_octsam.models.architectures import profiles

        super().__init__()
        self._training = training
        self.models = QComboBox()
        self.device = QComboBox()
        self.profile = QComboBox()
        self.device.addItems(_DEVICES)
        self.device.setToolTip("Where the model computes")
        self.profile.addItems([_OWN_PROFILE, *profiles()])
        self.profile.setToolTip("How a B-scan is prepared: SAM's and MedSAM's files look alike")
        self._lay_out()
        self.choose(request)
        for combo in (self.models, self.device, self.profile):
            combo.currentIndexChanged.connect(self._on_changed)

    @property
    def request(self) -> LoadModel:
        """What is chosen."""
        profile = self.profile.currentText()
        return LoadModel(
            self.models.currentData(),
            profile=None if profile == _OWN_PROFILE else profile,
            device=self.device.currentText(),
        )

    @property
    def registered(self) -> RegisteredModel | None:
        """The registered model that is chosen; None where it is a file."""
        from napari_octsam.models.checkpoints.registry import REGISTRY

        return REGISTRY.get(self.models.currentData())

    def choose(self, request: LoadModel) -> None:
        """Show a choice, after listing the models that are registered and those trained here."""
        with QSignalBlocker(self.models), QSignalBlocker(self.device), QSignalBlocker(self.profile):
            self._list_models(request.source)
            self.device.setCurrentText(request.device)
            self.profile.setCurrentText(request.profile or _OWN_PROFILE)
        self._on_changed()

    def _list_models(self, chosen: str) -> None:
        from napari_octsam.models.checkpoints.registry import REGISTRY

        self.models.clear()
        for name, model in REGISTRY.items():
            self.models.addItem(_listed(model), name)
        own = {str(path): name for path, name in trained_models(self._training.models).items()}
        if chosen not in REGISTRY:
            own.setdefault(chosen, Path(chosen).name)
        if own:
            self.models.insertSeparator(self.models.count())
        for source, name in own.items():
            self.models.addItem(name, source)
        self.models.setCurrentIndex(self.models.findData(chosen))

    def _lay_out(self) -> None:
        for combo in (self.models, self.device, self.profile):
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setMinimumContentsLength(10)
            combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        form = form_on(self)
        form.addRow("Model", self.models)
        form.addRow("Device", self.device)
        form.addRow("Preprocessing", self.profile)

    def _on_changed(self, _index: int = 0) -> None:
        model = self.registered
        self.models.setToolTip(self.models.currentText() if model else self.models.currentData())
        self.changed.emit()


def is_here(model: RegisteredModel) -> bool:
    """Return whether a model is on this computer, and verified."""
    from napari_octsam.models.checkpoints import registry

    return registry.is_here(model.name)


def size_of(model: RegisteredModel) -> str:
    """Return the size of a download in brackets, or "" where it is not known."""
    return f" ({model.bytes / 1e6:,.0f} MB)" if model.bytes else ""


def _listed(model: RegisteredModel) -> str:
    return model.title if is_here(model) else f"{model.title}{size_of(model)}"
