"""How a training goes, and what comes of it: progress, curves, samples, the new model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.engine.train.messages import Begun
from napari_octsam.gui.layers.layer_schema import described
from napari_octsam.gui.learning.curves import Curves
from napari_octsam.gui.learning.samples import SampleStrip
from napari_octsam.gui.learning.status_panel import StatusPanel
from napari_octsam.gui.prompting.keys import SWITCH_MODEL
from napari_octsam.gui.widgets.message_line import MessageLine

if TYPE_CHECKING:
    from napari_octsam.gui.session.session_widget import SessionWidget
    from napari_octsam.training.events import Sample

__all__ = ["ResultsPanel"]


class ResultsPanel(QWidget):
    """Shows the training of a session, also one that began before the widget was opened."""

    left = Signal()
    """The person wants to set up another training."""

    def __init__(self, owner: SessionWidget) -> None:
        super().__init__(owner)
        self._viewer = owner.viewer
        self._session = owner.session
        self.training = training = owner.session.training
        self.status = StatusPanel(training)
        self.use = QPushButton("Use the new model")
        self.report = QPushButton("Open the report")
        self.again = QPushButton("New training …")
        self.message = MessageLine()
        self.curves = Curves()
        self.samples = SampleStrip()
        self._lay_out()
        self.use.clicked.connect(self._use)
        self.report.clicked.connect(self._open_report)
        self.again.clicked.connect(self.left)
        self.samples.opened.connect(self._open_sample)
        owner.listen(training.changed, self.status.refresh)
        owner.listen(training.started, self._forget)
        owner.listen(training.started, self.curves.prepare)
        owner.listen(training.began, self._begin)
        owner.listen(training.stepped, self.curves.add_step)
        owner.listen(training.epoch_done, self.curves.add_epoch)
        owner.listen(training.sampled, self.samples.show_samples)
        owner.listen(training.told, self.message.say)
        owner.listen(training.ended, self._end)
        theme = self._viewer.events.theme
        theme.connect(self._paint)
        owner.when_released(lambda: theme.disconnect(self._paint))
        self._paint()
        self._show_past()

    def _lay_out(self) -> None:
        for button in (self.use, self.report, self.again):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet("padding: 5px;")
        self.use.setStyleSheet("font-weight: bold; padding: 6px;")
        self.use.setToolTip("Predict with it from now on; the model in use stays one key away")
        self.report.setToolTip("How well the best model does, with its worst B-scans, as a page")
        self.again.setToolTip("Back to data and settings; the Model widget has the new model")
        after = QHBoxLayout()
        after.setSpacing(2)
        after.addWidget(self.report, 1)
        after.addWidget(self.again, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.status)
        column.addWidget(self.use)
        column.addLayout(after)
        for part in (self.message, self.curves, self.samples):
            column.addWidget(part)

    def _show_past(self) -> None:
        """Show what the training told before the widget was there."""
        self._forget()
        history = self.training.history
        if self.training.is_on and history.begun is not None:
            self._begin(history.begun)
        elif history.begun is not None or history.problem:
            self._end()

    def _forget(self) -> None:
        self.use.hide()
        self.report.hide()
        self.again.hide()
        self.curves.hide()
        self.samples.hide()
        self.message.say("")

    def _begin(self, begun: Begun) -> None:
        notes = [f"Note: {warning}" for warning in begun.warnings]
        self.message.say("\n".join([begun.plan, *notes]))
        self.curves.begin(self.training.history)
        self.curves.show()
        self.samples.begin(begun.schema)
        if self.training.history.samples is not None:
            self.samples.show_samples(self.training.history.samples)

    def _end(self) -> None:
        history = self.training.history
        if history.begun is not None and self.curves.isHidden():
            self._begin(history.begun)
        problems = [history.problem, *history.problems]
        self.message.say("\n".join(problems) if history.problem else history.outcome)
        self.use.setVisible(history.best is not None)
        self.report.setVisible(history.report is not None)
        self.again.setVisible(history.begun is not None)

    def _use(self) -> None:
        best, session = self.training.history.best, self._session
        if best is None:
            return
        before = session.loaded or session.first_load
        session.load_model(LoadModel(str(best), device=before.device))
        self.use.hide()
        self.message.say(
            f"The new model predicts from now on. In the Prompt widget, {SWITCH_MODEL} changes "
            f"between it and {before.source}, on the same prompts."
        )

    def _open_report(self) -> None:
        report = self.training.history.report
        if report is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(report)))

    def _open_sample(self, sample: Sample) -> None:
        history = self.training.history
        if history.begun is None or history.samples is None:
            return
        self._viewer.add_image(sample.image, name=sample.name, colormap="gray")
        meaning = described(history.begun.schema)
        epoch = f"epoch {history.samples.epoch}"
        for labels, name in ((sample.truth, "truth"), (sample.predicted, epoch)):
            self._viewer.add_labels(labels, name=f"{sample.name} {name}", **meaning)

    def _paint(self, _event: object = None) -> None:
        theme = get_theme(self._viewer.theme)
        self.status.paint_like(theme.current.as_hex())
        self.curves.paint_like(theme.background.as_hex(), theme.text.as_hex())
