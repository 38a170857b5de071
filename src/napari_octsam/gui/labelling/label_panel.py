"""What is to be labelled, what is asked about it, and how far it is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_octsam.core.automatic import Present
from napari_octsam.core.wording import counted, duration
from napari_octsam.gui.labelling.volume_labels import NamerQuestion, Question, VolumeLabels
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.gui.widgets.seldom import seldom

if TYPE_CHECKING:
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["LabelPanel"]

_ANSWERS = {
    Present.KEEP: ("Keep", "Label only B-scans that have no labels"),
    Present.FILL: ("Fill", "Label only what is unlabelled in them"),
    Present.REPLACE: ("Replace", "Label them anew"),
}
_NEVER = "B-scans that are corrected, done or locked stay as they are"


class LabelPanel(QWidget):
    """Buttons for this B-scan, for some and for all; below them a question, or the progress."""

    def __init__(self, owner: SessionWidget, volume: VolumeLabels) -> None:
        super().__init__(owner)
        self._volume = volume
        self.this = QPushButton("Label this B-scan")
        self.all = QPushButton("All")
        self.some = QPushButton("Label these")
        self.first, self.last = QSpinBox(), QSpinBox()
        self.question = _QuestionPanel(volume)
        self.progress = _ProgressPanel(volume)
        self._some_row = QWidget()
        self._lay_out()
        self.this.clicked.connect(volume.label_this)
        self.all.clicked.connect(volume.label_all)
        self.some.clicked.connect(lambda: volume.label_range(self.first.value(), self.last.value()))
        owner.listen(volume.shown.image_changed, self.refresh)
        owner.listen(volume.question_changed, self.question.show_question)
        owner.listen(volume.labeller.changed, seldom(self.progress.refresh, self))
        self.refresh()

    def refresh(self) -> None:
        """Show what there is to label."""
        indices = self._volume.indices
        last = indices[-1][-1] if len(indices) > 1 else 0
        self.this.setEnabled(bool(indices))
        self.all.setVisible(len(indices) > 1)
        self.all.setText(f"All {len(indices)}")
        self._some_row.setVisible(len(indices) > 1)
        for box, value in ((self.first, 0), (self.last, last)):
            box.setRange(0, last)
            box.setValue(value)

    def _lay_out(self) -> None:
        self.this.setStyleSheet("font-weight: bold; padding: 6px;")
        self.all.setStyleSheet("padding: 6px;")
        self.this.setToolTip(f"Have the model label it without a prompt (Shift-Q). {_NEVER}")
        self.all.setToolTip(f"Label each B-scan, this one first. {_NEVER}")
        self.some.setToolTip(f"Label the B-scans from one to the other. {_NEVER}")
        self.first.setToolTip("The first B-scan to label")
        self.last.setToolTip("The last B-scan to label")
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        buttons.addWidget(self.this, 2)
        buttons.addWidget(self.all, 1)
        some = QHBoxLayout(self._some_row)
        some.setContentsMargins(0, 0, 0, 0)
        some.addWidget(QLabel("B-scans"))
        some.addWidget(self.first, 1)
        some.addWidget(QLabel("to"))
        some.addWidget(self.last, 1)
        some.addWidget(self.some)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(buttons)
        column.addWidget(self._some_row)
        column.addWidget(self.question)
        column.addWidget(self.progress)


class _QuestionPanel(QWidget):
    """Asks what is to happen to labels that are there, or whether another model may help."""

    def __init__(self, volume: VolumeLabels) -> None:
        super().__init__()
        self._text = MessageLine(lines=2)
        self.answers = {}
        row = QHBoxLayout()
        row.setSpacing(2)
        for present, (text, hint) in _ANSWERS.items():
            button = self.answers[present] = QPushButton(text)
            button.setToolTip(hint)
            button.clicked.connect(partial(volume.answer, present))
            row.addWidget(button, 1)
        self.both = QPushButton("Label with both")
        self.both.setToolTip("The labels of the one become boxes and points for the other")
        self.both.clicked.connect(volume.accept_namer)
        row.addWidget(self.both, 1)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Label nothing")
        self.cancel.clicked.connect(volume.leave)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._text)
        column.addLayout(row)
        self.hide()

    def show_question(self, question: Question | NamerQuestion | None) -> None:
        """Ask a question, or nothing more."""
        self.setVisible(question is not None)
        for button in self.answers.values():
            button.setVisible(isinstance(question, Question))
        self.both.setVisible(isinstance(question, NamerQuestion))
        if question is None:
            return
        if isinstance(question, NamerQuestion):
            self._text.say(
                f"{question.model} does not name pixels by itself. {question.namer} can tell it "
                "where to look: its labels become boxes and points."
            )
            return
        if len(question.indices) == 1:
            self._text.say("A model has labelled this B-scan already. What of its labels?")
            return
        has = "has" if question.automatic == 1 else "have"
        self._text.say(
            f"{question.automatic} of {len(question.indices)} B-scans {has} a model's labels "
            "already. What of them?"
        )


class _ProgressPanel(QWidget):
    """How far a labelling is; hidden while there is none."""

    def __init__(self, volume: VolumeLabels) -> None:
        super().__init__()
        self._volume = volume
        self.text = QLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Label no more; what is labelled stays")
        self.stop.clicked.connect(volume.stop)
        row = QHBoxLayout()
        row.addWidget(self.text, 1)
        row.addWidget(self.stop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self.bar)
        self._second = QTimer(self)  # the time that is left runs on between two B-scans
        self._second.setInterval(1000)
        self._second.timeout.connect(self.refresh)
        self.hide()

    def refresh(self) -> None:
        """Show how it stands now."""
        run = self._volume.labeller.run
        if run is None or run.total == 1:
            self.hide()
            self._second.stop()
            return
        left = run.seconds_left
        told = "" if left is None else f" · {duration(left)} left"
        self.text.setText(f"{run.done} of {counted(run.total, 'B-scan')}{told}")
        self.bar.setRange(0, run.total)
        self.bar.setValue(run.done)
        self.show()
        self._second.start()
