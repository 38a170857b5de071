"""What a training is made of: the data, the model to start from, the settings, where it goes."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_octsam.core.config import TrainConfig, sentence_of
from napari_octsam.core.config_groups import label_of
from napari_octsam.core.errors import UserError
from napari_octsam.core.folders import data_folder
from napari_octsam.data.checking import Checked
from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.engine.train.messages import StartTraining
from napari_octsam.gui.learning.settings_form import TrainSettings
from napari_octsam.gui.learning.source import TrainSource, write_checked
from napari_octsam.gui.widgets.form import captioned, form_on
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.gui.widgets.path_input import PathInput
from napari_octsam.gui.widgets.wrapped_label import WrappedLabel
from napari_octsam.training.base_model import check_base_model

if TYPE_CHECKING:
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["TrainInputs"]


class TrainInputs(QWidget):
    """Asks for all that a training needs, checks it, and writes down the labels of layers."""

    ready = Signal(object)
    """A `StartTraining` to begin with."""

    def __init__(self, owner: SessionWidget) -> None:
        super().__init__(owner)
        self._session = owner.session
        self.source = TrainSource(owner)
        self.base = QElidingLabel()
        self.settings = TrainSettings()
        self.folder = PathInput("Folder for models", QFileDialog.getExistingDirectory)
        self.folder.path = data_folder()
        self.copied = WrappedLabel()
        self.copied.setText(
            "The new model goes into its folder models, a copy of the labelled B-scans into data, "
            "both on this computer."
        )
        self.check = QPushButton("Check the data")
        self.train = QPushButton("Train")
        self.message = MessageLine()
        self._lay_out()
        self.check.clicked.connect(self._check)
        self.train.clicked.connect(self._train)
        owner.listen(self._session.model_changed, self._show_base)
        self._show_base()

    def _lay_out(self) -> None:
        self.train.setToolTip("Check the data, then train in the background")
        self.check.setToolTip("Say what is wrong with the data and what would be trained on")
        for button in (self.check, self.train):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.check.setStyleSheet("padding: 5px;")
        self.train.setStyleSheet("font-weight: bold; padding: 6px;")
        self.base.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        rows = QWidget()
        form = form_on(rows)
        hint = "The model in use, which stays as it is. Choose another in the Model widget."
        form.addRow(captioned("Starts from", hint), self.base)
        form.addRow(captioned("Saved in"), self.folder)
        form.addRow(self.copied)
        self.source.from_folder.toggled.connect(self.copied.setHidden)
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        buttons.addWidget(self.train, 1)
        buttons.addWidget(self.check, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.source, rows, self.settings):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addWidget(self.message)

    @property
    def _models(self) -> Path | None:
        target = self.folder.path
        return None if target is None else target / "models"

    @property
    def _base(self) -> LoadModel:
        return self._session.loaded or self._session.first_load

    def _show_base(self, _model: object = None) -> None:
        model, source = self._session.model, self._base.source
        self.base.setText(source if model is None else model.name)
        self.base.setToolTip(source)

    def _check(self) -> None:
        self.message.say("Checking the data …")
        check = self.source.checking(self.settings.values["seed"], self._models)
        self._session.read(check, self._show_found, self.message.say)

    def _show_found(self, checked: Checked) -> None:
        found = checked.found
        lines = [problem.text for problem in found.problems] or [found.plan]
        self.message.say("\n".join([*lines, *(f"Note: {text}" for text in found.warnings)]))

    def _train(self) -> None:
        config = self._config()
        if config is None:
            return
        if self.source.from_folder.isChecked():
            self._begin(StartTraining(config))
            return
        self.message.say("Copying the labelled B-scans …")
        stamp = datetime.now().strftime("%y-%m-%d_%H.%M.%S")
        folder = Path(config.out).parent / "data" / stamp
        check = self.source.checking(config.seed, self._models)
        write = partial(write_checked, check, folder)
        self.train.setEnabled(False)
        self._session.read(write, partial(self._begin_on, config, folder), self._refuse)

    def _config(self) -> TrainConfig | None:
        """Return what is set, or say what is missing."""
        models = self._models
        source = self.source.folder.path if self.source.from_folder.isChecked() else None
        if self.source.from_folder.isChecked() and source is None:
            self.message.say("Choose the folder of the labelled B-scans first.")
            return None
        if models is None:
            self.message.say("Choose where the model is saved first.")
            return None
        try:
            config = TrainConfig.model_validate(
                {
                    **self.settings.values,
                    "data": str(source or ""),
                    "label_schema": self.source.schema_name if source else "",
                    "out": str(models),
                    "base_model": self._base.source,
                    "profile": self._base.profile or "",
                    "device": self._base.device,
                }
            )
            check_base_model(config)
        except ValidationError as error:
            where = "".join(f"{label_of(str(name))}: " for name in error.errors()[0]["loc"][:1])
            self.message.say(f"{where}{sentence_of(error)}")
            return None
        except UserError as error:
            self.message.say(str(error))
            return None
        return config

    def _begin_on(self, config: TrainConfig, folder: Path, checked: Checked) -> None:
        self.train.setEnabled(True)
        if checked.found.problems:
            self._show_found(checked)
        else:
            on_copy = config.model_copy(update={"data": str(folder)})
            self._begin(StartTraining(on_copy, copied=True))

    def _refuse(self, sentence: str) -> None:
        self.train.setEnabled(True)
        self.message.say(sentence)

    def _begin(self, start: StartTraining) -> None:
        self.message.say("")
        self.ready.emit(start)
