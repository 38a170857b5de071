"""The Train widget: labelled B-scans in, a better model out."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.folders import data_folder
from napari_octsam.engine.messages import LoadModel
from napari_octsam.engine.training_messages import StartTraining
from napari_octsam.gui.form import captioned, form_on
from napari_octsam.gui.message_line import MessageLine
from napari_octsam.gui.path_input import PathInput
from napari_octsam.gui.session_widget import SessionWidget
from napari_octsam.gui.train_results import TrainResults
from napari_octsam.gui.train_settings import TrainSettings
from napari_octsam.gui.train_source import TrainSource, write_checked
from napari_octsam.gui.vertical_scroll import VerticalScroll
from napari_octsam.gui.wrapped_label import WrappedLabel
from napari_octsam.io.checking import Checked

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["TrainWidget"]


class TrainWidget(SessionWidget):
    """Fine-tunes the model in use on corrected labels, in a process of its own.

    Parameters
    ----------
    napari_viewer
        The viewer, or its proxy.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.training = self.session.training
        self.source = TrainSource(self)
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
        self.resume = QPushButton()
        self.message = MessageLine()
        self.results = TrainResults(self)
        self._inputs_panel = QWidget()
        self._shows_results = True
        self._lay_out()
        self.check.clicked.connect(self._check)
        self.train.clicked.connect(self._train)
        self.resume.clicked.connect(self._continue)
        self.results.left.connect(self._leave_results)
        self.listen(self.training.started, self._show_results)
        self.listen(self.training.changed, self._show_state)
        self.listen(self.session.model_changed, self._show_base)
        self._show_base()
        self._show_state()

    def _lay_out(self) -> None:
        self.train.setToolTip("Check the data, then train in the background")
        self.check.setToolTip("Say what is wrong with the data and what would be trained on")
        self.resume.setToolTip(
            "Go on with a training that was stopped or broke off: its settings, its data, its split"
        )
        for button in (self.check, self.train, self.resume):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet("padding: 5px;")
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
        column = QVBoxLayout(self._inputs_panel)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.source, rows, self.settings):
            column.addWidget(widget)
        column.addLayout(buttons)
        column.addWidget(self.message)
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(8)
        inner.addWidget(self._inputs_panel)
        inner.addWidget(self.resume)
        inner.addWidget(self.results)
        inner.addWidget(QLabel("For research only. Not a medical device."))
        inner.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 6, 8, 6)
        outer.addWidget(VerticalScroll(content), 1)

    @property
    def _base(self) -> LoadModel:
        return self.session.loaded or self.session.first_load

    def _show_base(self, _model: object = None) -> None:
        model, source = self.session.model, self._base.source
        self.base.setText(source if model is None else model.name)
        self.base.setToolTip(source)

    def _show_state(self) -> None:
        """Show the inputs, or in their place the training that is on or has just ended."""
        training = self.training
        in_place = training.is_on or (self._shows_results and training.run.begun is not None)
        self._inputs_panel.setHidden(in_place)
        self.results.setVisible(in_place or (self._shows_results and bool(training.run.problem)))
        can_continue = training.unfinished is not None or not in_place
        self.resume.setVisible(can_continue and not training.is_on)
        self.resume.setText(
            "Continue the training" if training.unfinished else "Continue an earlier training …"
        )

    def _show_results(self) -> None:
        self._shows_results = True

    def _leave_results(self) -> None:
        self._shows_results = False
        self._show_state()

    def _check(self) -> None:
        self.message.say("Checking the data …")
        check = self.source.checking(self.settings.values["seed"])
        self.session.read(check, self._show_found, self.message.say)

    def _show_found(self, checked: Checked) -> None:
        found = checked.found
        lines = [problem.text for problem in found.problems] or [found.plan]
        self.message.say("\n".join([*lines, *(f"Note: {text}" for text in found.warnings)]))

    def _train(self) -> None:
        config = self._config()
        if config is None:
            return
        if self.source.from_folder.isChecked():
            self._start(StartTraining(config))
            return
        self.message.say("Copying the labelled B-scans …")
        stamp = datetime.now().strftime("%y-%m-%d_%H.%M.%S")
        folder = Path(config.out).parent / "data" / stamp
        write = partial(write_checked, self.source.checking(config.seed), folder)
        self.train.setEnabled(False)
        self.session.read(write, partial(self._start_on, config, folder), self._refuse)

    def _config(self) -> TrainConfig | None:
        """Return what is set, or say what is missing."""
        target = self.folder.path
        source = self.source.folder.path if self.source.from_folder.isChecked() else None
        if self.source.from_folder.isChecked() and source is None:
            self.message.say("Choose the folder of the labelled B-scans first.")
            return None
        if target is None:
            self.message.say("Choose where the model is saved first.")
            return None
        try:
            return TrainConfig(
                **self.settings.values,
                data=str(source or ""),
                label_schema=self.source.schema_name if source else "",
                out=str(target / "models"),
                base_model=self._base.source,
                profile=self._base.profile or "",
                device=self._base.device,
            )
        except ValidationError as error:
            self.message.say(f"{error.errors()[0]['msg']}.".removeprefix("Value error, "))
            return None

    def _start_on(self, config: TrainConfig, folder: Path, checked: Checked) -> None:
        self.train.setEnabled(True)
        if checked.found.problems:
            self._show_found(checked)
        else:
            self._start(StartTraining(config.model_copy(update={"data": str(folder)})))

    def _refuse(self, sentence: str) -> None:
        self.train.setEnabled(True)
        self.message.say(sentence)

    def _continue(self) -> None:
        run = self.training.unfinished or self._ask_for_run()
        if run is not None:
            self._start(StartTraining(TrainConfig(), resume=str(run)))

    def _ask_for_run(self) -> Path | None:
        models = (self.folder.path or data_folder()) / "models"
        title = "Folder of the training to go on with"
        chosen = QFileDialog.getExistingDirectory(self, title, str(models))
        return Path(chosen) if chosen else None

    def _start(self, start: StartTraining) -> None:
        self.message.say("")
        if not self.training.is_on:
            self.training.start(start)
