"""Learn: the model in use learns from what was corrected, and its labels are made anew."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.folders import data_folder
from napari_octsam.data.checking import Checked, check_dataset
from napari_octsam.data.split.patients import read_patients
from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.engine.train.messages import StartTraining
from napari_octsam.gui.layers.labelled_images import LabelledImage
from napari_octsam.gui.learning.before_after import BeforeAfter
from napari_octsam.gui.learning.held_back import compared, judged, work_told
from napari_octsam.gui.learning.labelled import read_labelled
from napari_octsam.gui.learning.source import write_checked
from napari_octsam.gui.learning.status_panel import StatusPanel
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.training.model_names import model_name
from napari_octsam.training.verdict import verdict

if TYPE_CHECKING:
    from napari_octsam.core.automatic import Index
    from napari_octsam.gui.labelling.labels_target import LabelsTarget
    from napari_octsam.gui.labelling.volume_labels import VolumeLabels
    from napari_octsam.gui.session.session_widget import SessionWidget
    from napari_octsam.training.events import Samples

__all__ = ["LearnPanel"]

_BY_A_PERSON = (BScanState.CORRECTED, BScanState.DONE)
_LAST = 5  # B-scans by whose corrections the work is told


class LearnPanel(QWidget):
    """One button; then how far it is; then before and after, and whether to take it.

    Parameters
    ----------
    owner
        The widget that it is in.
    volume
        The B-scans that are labelled there.
    """

    def __init__(self, owner: SessionWidget, volume: VolumeLabels) -> None:
        super().__init__(owner)
        self._session, self._volume = owner.session, volume
        self._training = training = owner.session.training
        self._is_mine = False
        self._before: Samples | None = None
        self._work: list[int] = []
        self._relabels = False
        self.learn = QPushButton("Learn from what is corrected")
        self.status = StatusPanel(training)
        self.message = MessageLine()
        self.pictures = BeforeAfter()
        self.take = QPushButton("Take it")
        self.not_now = QPushButton("Not now")
        self._lay_out()
        self.learn.clicked.connect(self._learn)
        self.take.clicked.connect(self._take)
        self.not_now.clicked.connect(self._leave)
        owner.listen(training.changed, self._refresh)
        owner.listen(training.sampled, self._note_samples)
        owner.listen(training.ended, self._end)
        owner.listen(owner.session.load_ended, self._relabel)
        self._refresh()

    def _lay_out(self) -> None:
        self.learn.setToolTip(
            "The model learns from the B-scans that you have corrected or called done, about a "
            "minute; you can go on meanwhile"
        )
        self.take.setToolTip(
            "Use the new model, and have it label the automatic B-scans anew; what you did stays"
        )
        self.not_now.setToolTip("Keep the model in use; the Model widget lists the new one too")
        self.learn.setStyleSheet("padding: 6px;")
        self.take.setStyleSheet("font-weight: bold; padding: 6px;")
        self.not_now.setStyleSheet("padding: 6px;")
        answers = QHBoxLayout()
        answers.setSpacing(2)
        for button, stretch in ((self.take, 2), (self.not_now, 1)):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.hide()
            answers.addWidget(button, stretch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (self.learn, self.status, self.message, self.pictures):
            column.addWidget(part)
        column.addLayout(answers)

    def _refresh(self) -> None:
        self.status.refresh()
        self.learn.setEnabled(not self._training.is_on)

    def _learn(self) -> None:
        target = self._volume.target
        chosen = {} if target is None else _by_a_person(target)
        if target is None or not chosen:
            self.message.say("Correct a B-scan first, or call one done: those are learnt from.")
            return
        self._leave()
        self.learn.setEnabled(False)
        self.message.say("Copying the corrected B-scans …")
        schema, models = self._session.schema, data_folder() / "models"
        now = datetime.now()
        folder = data_folder() / "data" / now.strftime("%y-%m-%d_%H.%M.%S")
        pair = LabelledImage(target.image, target.labels)
        config = self._config(model_name(schema, len(chosen), now))
        self._work = self._changed_last(target, chosen)

        def check() -> Checked:
            dataset = read_labelled([pair], schema, chosen)
            return check_dataset(dataset, before=read_patients(models))

        self._session.read(
            partial(write_checked, check, folder),
            partial(self._begin, config.model_copy(update={"data": str(folder)})),
            self._refuse,
        )

    def _changed_last(self, target: LabelsTarget, chosen: Iterable[Index]) -> list[int]:
        """Return how many pixels the person has changed in each of the last B-scans."""
        by_time = sorted(chosen, key=lambda index: target.progress[index].at)[-_LAST:]
        models = ((index, self._volume.as_labelled(index)) for index in by_time)
        return [
            int(np.count_nonzero(labels != target.labels.data[index]))
            for index, labels in models
            if labels is not None
        ]

    def _config(self, name: str) -> TrainConfig:
        base = self._session.loaded or self._session.first_load
        return TrainConfig(
            out=str(data_folder() / "models"),
            display_name=name,
            base_model=base.source,
            profile=base.profile or "",
            device=base.device,
            display_samples=1,
        )

    def _begin(self, config: TrainConfig, checked: Checked) -> None:
        if checked.found.problems:
            self._refuse("\n".join(problem.text for problem in checked.found.problems))
            return
        if self._training.is_on:
            self._refuse("A training is on already: wait for it, or stop it.")
            return
        self.message.say("")
        self._is_mine, self._before = True, None
        self._training.start(StartTraining(config))

    def _refuse(self, sentence: str) -> None:
        self.message.say(sentence)
        self._refresh()

    def _note_samples(self, samples: Samples) -> None:
        if self._is_mine and samples.epoch == 0:
            self._before = samples

    def _end(self) -> None:
        if not self._is_mine:
            return
        history = self._training.history
        if history.problem:
            self.message.say("\n".join([history.problem, *history.problems]))
            return
        if not history.complete or history.best is None:
            self.message.say("Stopped: the model in use stays.")
            return
        self.message.say(self._outcome())
        if self._before is not None and history.samples is not None and history.begun is not None:
            pair = self._before.samples[0], history.samples.samples[0]
            self.pictures.show_pair(*pair, history.begun.schema)
        self.take.show()
        self.not_now.show()

    def _outcome(self) -> str:
        history = self._training.history
        told = verdict(history.first_score, history.best_score)
        if self._before is None or history.samples is None or history.begun is None:
            return " ".join(filter(None, (told, work_told(self._work))))
        schema = history.begun.schema
        pair = [judged(each.samples[0], schema) for each in (self._before, history.samples)]
        return " ".join(filter(None, (told, compared(*pair), work_told(self._work))))

    def _take(self) -> None:
        best, base = self._training.history.best, self._session.loaded or self._session.first_load
        self._leave()
        if best is not None:
            self._relabels = True
            self._session.load_model(LoadModel(str(best), device=base.device))

    def _relabel(self) -> None:
        relabels, self._relabels = self._relabels, False
        if relabels:
            self._volume.label_automatic_anew()

    def _leave(self) -> None:
        self.message.say("")
        self.pictures.hide()
        self.take.hide()
        self.not_now.hide()


def _by_a_person(target: LabelsTarget) -> dict[Index, tuple[int, ...] | None]:
    """Return the B-scans that a person has done, and the classes, where these are not all."""
    return {
        index: progress.classes
        for index, progress in target.progress.items()
        if progress.state in _BY_A_PERSON
    }
