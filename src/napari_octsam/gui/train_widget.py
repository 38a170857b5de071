"""The Train widget: labelled B-scans in, a better model out."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
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
from napari_octsam.engine.training_messages import Begun, StartTraining
from napari_octsam.gui.form import captioned, form_on
from napari_octsam.gui.message_line import MessageLine
from napari_octsam.gui.new_layers import labels_colormap
from napari_octsam.gui.path_input import PathInput
from napari_octsam.gui.session_widget import SessionWidget
from napari_octsam.gui.train_curves import TrainCurves
from napari_octsam.gui.train_outcome import outcome
from napari_octsam.gui.train_samples import TrainSamples
from napari_octsam.gui.train_settings import TrainSettings
from napari_octsam.gui.train_source import TrainSource, write_checked
from napari_octsam.gui.train_status import TrainStatus
from napari_octsam.gui.vertical_scroll import VerticalScroll
from napari_octsam.io.checking import Checked

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_octsam.training.events import Sample

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
        self.check = QPushButton("Check the data")
        self.train = QPushButton("Train")
        self.resume = QPushButton("Continue a run …")
        self.status = TrainStatus(self.training)
        self.use = QPushButton("Use the new model")
        self.message = MessageLine()
        self.curves = TrainCurves()
        self.samples = TrainSamples()
        self._run: Path | None = None
        self._inputs_panel = QWidget()
        self._lay_out()
        self._connect()
        self._show_again()

    def _lay_out(self) -> None:
        self.train.setToolTip("Check the data, then train in the background")
        self.check.setToolTip("Say what is wrong with the data and what would be trained")
        self.resume.setToolTip("Go on with a run that was stopped or broke off")
        for button in (self.check, self.train, self.resume, self.use):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet("padding: 5px;")
        for button in (self.train, self.use):
            button.setStyleSheet("font-weight: bold; padding: 6px;")
        rows = QWidget()
        form = form_on(rows)
        self.base.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        form.addRow(captioned("Begins with"), self.base)
        form.addRow(captioned("Saved in"), self.folder)
        column = QVBoxLayout(self._inputs_panel)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.source, rows, self.settings):
            column.addWidget(widget)
        column.addLayout(_row(self.train, self.check))
        column.addWidget(self.resume)
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(8)
        for part in (self._inputs_panel, self.status, self.use, self.message):
            inner.addWidget(part)
        inner.addWidget(self.curves)
        inner.addWidget(self.samples)
        inner.addWidget(QLabel("For research only. Not a medical device."))
        inner.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 6, 8, 6)
        outer.addWidget(VerticalScroll(content), 1)

    def _connect(self) -> None:
        training, session = self.training, self.session
        self.check.clicked.connect(self._check)
        self.train.clicked.connect(self._train)
        self.resume.clicked.connect(self._continue)
        self.use.clicked.connect(self._use)
        self.samples.opened.connect(self._open_sample)
        self.listen(training.changed, self._show_state)
        self.listen(training.began, self._on_begun)
        self.listen(training.stepped, self.curves.add_step)
        self.listen(training.epoch_done, self.curves.add_epoch)
        self.listen(training.sampled, self.samples.show_samples)
        self.listen(training.told, self.message.say)
        self.listen(training.ended, self._on_ended)
        self.listen(session.model_changed, self._show_base)
        theme = self.viewer.events.theme
        theme.connect(self._paint)
        self.when_released(lambda: theme.disconnect(self._paint))

    def _show_again(self) -> None:
        """Show what the training has told before the widget was opened."""
        self._paint()
        self._show_base()
        self.use.hide()
        training = self.training
        if training.begun is not None:
            self._on_begun(training.begun)
            if not training.is_on:
                self._on_ended(training.complete)
        else:
            self.curves.hide()
        self._show_state()

    @property
    def _base(self) -> LoadModel:
        return self.session.loaded or self.session.first_load

    def _show_base(self, _model: object = None) -> None:
        model, source = self.session.model, self._base.source
        self.base.setText(source if model is None else model.name)
        self.base.setToolTip(f"{source}: the model in use. Choose another in the Model widget.")

    def _show_state(self) -> None:
        self._inputs_panel.setVisible(not self.training.is_on)
        self.status.refresh()

    # What is asked for.

    def _check(self) -> None:
        self.message.say("Checking the data …")
        check = self.source.checking(self.settings.values["seed"])
        self.session.read(check, self._show_found, self.message.say)

    def _show_found(self, checked: Checked) -> None:
        found = checked.found
        lines = [problem.text for problem in found.problems]
        lines += [] if lines else [found.plan]
        lines += [f"Note: {warning}" for warning in found.warnings]
        self.message.say("\n".join(lines))

    def _train(self) -> None:
        config = self._config()
        if config is None:
            return
        if self.source.from_folder.isChecked():
            self._start(StartTraining(config))
            return
        self.message.say("Writing the labelled B-scans down …")
        stamp = datetime.now().strftime("%y-%m-%d_%H.%M.%S")
        folder = Path(config.out).parent / "data" / stamp
        write = partial(write_checked, self.source.checking(config.seed), folder)
        self.train.setEnabled(False)
        self.session.read(write, partial(self._start_on, config, folder), self._refuse)

    def _config(self) -> TrainConfig | None:
        """Return what is set, or say what is missing."""
        target, source = self.folder.path, self.source.folder.path
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
                label_schema=self.source.schema_name,
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
            changed = {"data": str(folder), "label_schema": ""}
            self._start(StartTraining(config.model_copy(update=changed)))

    def _refuse(self, sentence: str) -> None:
        self.train.setEnabled(True)
        self.message.say(sentence)

    def _continue(self) -> None:
        run = self._run
        if run is None:
            target = self.folder.path or data_folder()
            chosen = QFileDialog.getExistingDirectory(
                self, "Folder of the run to go on with", str(target / "models")
            )
            run = Path(chosen) if chosen else None
        if run is not None:
            self._start(StartTraining(TrainConfig(), resume=str(run)))

    def _start(self, start: StartTraining) -> None:
        if self.training.is_on:
            return
        self.message.say("")
        self.use.hide()
        self.training.start(start)

    # What the training tells.

    def _on_begun(self, begun: Begun) -> None:
        self._run = Path(begun.folder)
        notes = [f"Note: {warning}" for warning in begun.warnings]
        self.message.say("\n".join([begun.plan, *notes]))
        self.curves.begin(begun.schema)
        self.curves.show()
        self.samples.begin(begun.schema)
        for epoch in self.training.epochs:
            self.curves.add_epoch(epoch)
        for step in self.training.steps:
            self.curves.add_step(step)
        if self.training.samples is not None:
            self.samples.show_samples(self.training.samples)

    def _on_ended(self, complete: bool) -> None:
        training = self.training
        if training.problems:
            self.message.say("\n".join([self.message.text(), *training.problems]))
        if complete:
            self._run = None
        self.resume.setText("Continue a run …" if self._run is None else "Continue")
        said = outcome(training, complete=complete)
        if said:
            self.message.say(said)
        self.use.setVisible(training.best is not None)

    def _use(self) -> None:
        best = self.training.best
        if best is None:
            return
        before = self._base.source
        self.session.load_model(LoadModel(str(best), device=self._base.device))
        self.use.hide()
        self.message.say(
            f"The new model predicts from now on. Shift-V changes between it and {before}."
        )

    def _open_sample(self, sample: Sample) -> None:
        begun = self.training.begun
        if begun is None:
            return
        self.viewer.add_image(sample.image, name=sample.name, colormap="gray")
        colors = labels_colormap(begun.schema)
        epoch = self.training.samples.epoch if self.training.samples else 0
        for labels, name in ((sample.truth, "truth"), (sample.predicted, f"epoch {epoch}")):
            self.viewer.add_labels(labels, name=f"{sample.name} {name}", colormap=colors)

    def _paint(self, _event: object = None) -> None:
        theme = get_theme(self.viewer.theme)
        self.curves.paint_like(theme.background.as_hex(), theme.text.as_hex())


def _row(*buttons: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(2)
    for button in buttons:
        row.addWidget(button, 1)
    return row
