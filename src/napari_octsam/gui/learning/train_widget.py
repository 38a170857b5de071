"""The Train widget: labelled B-scans in, a better model out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.folders import data_folder
from napari_octsam.engine.train.messages import StartTraining
from napari_octsam.gui.learning.inputs import TrainInputs
from napari_octsam.gui.learning.results_panel import ResultsPanel
from napari_octsam.gui.session.session_widget import SessionWidget
from napari_octsam.gui.widgets.vertical_scroll import VerticalScroll

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
        self.inputs = TrainInputs(self)
        self.resume = QPushButton()
        self.results = ResultsPanel(self)
        self._shows_results = True
        self._lay_out()
        self.inputs.ready.connect(self._start)
        self.resume.clicked.connect(self._continue)
        self.results.left.connect(self._leave_results)
        self.listen(self.training.started, self._show_results)
        self.listen(self.training.changed, self._show_state)
        self._show_state()

    def _lay_out(self) -> None:
        self.resume.setToolTip(
            "Go on with a training that was stopped or broke off: its settings, its data, its split"
        )
        self.resume.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.resume.setStyleSheet("padding: 5px;")
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for widget in (self.inputs, self.resume, self.results):
            column.addWidget(widget)
        column.addWidget(QLabel("For research only. Not a medical device."))
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 6, 8, 6)
        outer.addWidget(VerticalScroll(content), 1)

    def _show_state(self) -> None:
        """Show the inputs, or in their place the training that is on or has just ended."""
        training = self.training
        in_place = training.is_on or (self._shows_results and training.history.begun is not None)
        self.inputs.setHidden(in_place)
        self.results.setVisible(
            in_place or (self._shows_results and bool(training.history.problem))
        )
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

    def _continue(self) -> None:
        run = self.training.unfinished or self._ask_for_run()
        if run is not None:
            self._start(StartTraining(TrainConfig(), resume=str(run)))

    def _ask_for_run(self) -> Path | None:
        models = (self.inputs.folder.path or data_folder()) / "models"
        title = "Folder of the training to go on with"
        chosen = QFileDialog.getExistingDirectory(self, title, str(models))
        return Path(chosen) if chosen else None

    def _start(self, start: StartTraining) -> None:
        if not self.training.is_on:
            self.training.start(start)
