"""The B-scans of the image in use: a model labels them, a person looks through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.automatic import Index, Present, bscans_named
from napari_octsam.core.errors import UserError
from napari_octsam.gui.labelling.as_labelled import as_labelled
from napari_octsam.gui.labelling.label_step import LabelStep, OneBScanStep
from napari_octsam.gui.labelling.labeller import Labeller, namer_for, why_not_named
from napari_octsam.gui.labelling.labels_target import LabelsTarget
from napari_octsam.gui.labelling.overview import Overview
from napari_octsam.gui.labelling.shown_labels import ShownLabels
from napari_octsam.gui.layers.bscans import Plane, data_shape, line_up
from napari_octsam.gui.layers.labels_in_use import add_labels, labels_in_use, labels_to_take
from napari_octsam.gui.layers.layer_schema import check_meaning
from napari_octsam.gui.layers.new_layers import prepare_labels
from napari_octsam.gui.session.undo import Place

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.viewer import Viewer

    from napari_octsam.gui.session.session import Session

__all__ = ["NamerQuestion", "Question", "VolumeLabels", "plane_of"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is to happen to B-scans that a model has labelled already.

    Parameters
    ----------
    indices
        All that are to be labelled.
    automatic
        How many of them are.
    """

    indices: tuple[Index, ...]
    automatic: int


@dataclass(frozen=True, slots=True)
class NamerQuestion:
    """Whether another model is to say what the one in use is asked for, as it names no pixels.

    Parameters
    ----------
    indices
        All that are to be labelled.
    model, namer
        The one in use, and the other.
    """

    indices: tuple[Index, ...]
    model: str
    namer: str


class VolumeLabels(ShownLabels):
    """Labels the image that is shown, and keeps an overview of its B-scans.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    session
        Its session.
    """

    question_changed = Signal(object)
    """The `Question` or `NamerQuestion` that is open now, or None."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__(viewer, session, (LabelStep, OneBScanStep))
        self.labeller = Labeller(session)
        self.overview = Overview(session.main)
        self.question: Question | NamerQuestion | None = None
        self._helped: tuple[str, str] | None = None  # a model, and the namer that may help it
        self._wanted: tuple[Index, ...] = ()  # once a model is loaded
        self.labeller.labelled.connect(self.overview.note)
        self.labeller.told.connect(self.notices.happened)
        self._follow(session.locks.changed, self.overview.refresh)
        self._follow(session.load_ended, self._on_load_ended)
        self._follow(session.cancelled, self._forget_wanted)
        session.read(partial(prepare_labels, session.schema), _ignore, _ignore)
        self.look()

    @property
    def target(self) -> LabelsTarget | None:
        """The image with the labels that are used with it; None where there are none yet."""
        image = self.shown.image
        if image is None:
            return None
        labels = labels_in_use(image, self._session.schema, self._viewer, self._session.companions)
        return None if labels is None else self._target_of(image, labels)

    @property
    def indices(self) -> list[Index]:
        """The B-scans of the image, in their order."""
        image = self.shown.image
        return [] if image is None else list(np.ndindex(data_shape(image)[:-2]))

    @property
    def current(self) -> Index | None:
        """The B-scan that is shown; None where the view shows none."""
        try:
            plane = self.shown.plane()
        except UserError:
            return None
        return plane.index if plane.is_bscan else None

    def label_this(self) -> None:
        """Label the B-scan that is shown."""
        self._tell_of(lambda: self._label([self._shown_index()]))

    def label_range(self, first: int, last: int) -> None:
        """Label the B-scans from one to another along the last axis, both included."""

        def label() -> None:
            here = self._shown_index()
            low, high = sorted((first, last))
            self._label([i for i in self.indices if i[:-1] == here[:-1] and low <= i[-1] <= high])

        self._tell_of(label)

    def label_all(self) -> None:
        """Label all B-scans of the image."""
        self._tell_of(lambda: self._label(self.indices))

    def label_automatic_anew(self) -> None:
        """Label those B-scans again that a model has labelled and nobody has touched since."""

        def label() -> None:
            target = self.target
            anew = (
                [] if target is None else [i for i in self.indices if _may_be_replaced(target, i)]
            )
            if anew:
                self._start(anew, Present.REPLACE)

        self._tell_of(label)

    def answer(self, present: Present) -> None:
        """Say what is to happen to B-scans that are labelled already, and begin."""
        question = self.question
        self._ask(None)
        if isinstance(question, Question):
            self._tell_of(lambda: self._start(question.indices, present))

    def accept_namer(self) -> None:
        """Have the other model say what the one in use is asked for, as long as that is in use."""
        question = self.question
        self._ask(None)
        if isinstance(question, NamerQuestion):
            self._helped = question.model, question.namer
            self._tell_of(lambda: self._label(question.indices))

    def leave(self) -> None:
        """Label nothing after all."""
        self._ask(None)

    def stop(self) -> None:
        """Label no more; what is labelled stays."""
        self._forget_wanted()
        self.labeller.stop()

    def take_back(self) -> None:
        """Bring the labels back that the B-scan that is shown had before it was labelled."""

        def take_back() -> None:
            index, image = self._shown_index(), self.shown.chosen()
            step = self._labelling_of(index)
            if step is None:
                raise UserError(f"No model has labelled {bscans_named([index])} of late.")
            place = Place(ref(image), plane_of(index))
            self._session.history.push(OneBScanStep(step, place))
            self.notices.happened(f"{_capital(bscans_named([index]))} is as it was before.")

        self._tell_of(take_back)

    def go_to(self, index: Index) -> None:
        """Show a B-scan."""

        def go() -> None:
            plane = self.shown.plane()
            self.shown.go_to(replace(plane, index=index) if plane.is_bscan else plane_of(index))

        self._tell_of(go)

    def next_to_look_at(self) -> None:
        """Show the B-scan that is most worth a look, or the next after it."""
        index = self.overview.next_to_look_at(self.current)
        if index is None:
            self.notices.happened("There is no automatic B-scan left to look at.")
        else:
            self.go_to(index)

    def set_done(self, is_done: bool) -> None:
        """Say whether the labels of the B-scan that is shown are right as they are."""

        def set_done() -> None:
            index, target = self._shown_index(), self._labelled()
            kept = self.keeper.of(target.labels)
            if kept is not None:
                state = BScanState.DONE if is_done else kept.state_by_labels(index)
                kept.set_state(index, state)

        self._tell_of(set_done)

    def switch_done(self) -> None:
        """Call the B-scan that is shown done, or no more."""
        target, index = self.target, self.current
        is_done = target is not None and index is not None and target.state(index) == "done"
        self.set_done(not is_done)

    def set_locked(self, is_locked: bool) -> None:
        """Lock the B-scan that is shown, or let it be changed again."""

        def lock() -> None:
            labels = self._labelled().labels
            self._session.locks.lock_bscan(labels, self._shown_index(), locked=is_locked)

        self._tell_of(lock)

    def look(self, _of: object = None) -> None:
        """Have the overview show the labels that there are now."""
        self.overview.follow(self.target)

    def as_labelled(self, index: Index) -> npt.NDArray[Any] | None:
        """Return what a model last made of the labels of a B-scan, (H, W); None: not known."""
        target = self.target
        if target is None:
            return None
        return as_labelled(self._session.history.done, target.labels, index)

    def close(self) -> None:
        """Stop for good."""
        super().close()
        self.labeller.close()
        self.overview.close()

    def _label(self, indices: Sequence[Index]) -> None:
        """Label B-scans, once a model is there and the person has said what to do with labels."""
        self._ask(None)
        session = self._session
        if session.model is None:
            self._wanted = tuple(indices)
            session.ensure_model()
            return
        if (why := why_not_named(session.model, session.schema)) and not self._namer():
            if namer := namer_for(session.model, session.schema):
                self._ask(NamerQuestion(tuple(indices), session.model.name, namer))
                return
            raise UserError(why)
        target = self.target
        automatic = [] if target is None else [i for i in indices if _may_be_replaced(target, i)]
        if automatic:
            self._ask(Question(tuple(indices), len(automatic)))
        else:
            self._start(indices, Present.KEEP)

    def _start(self, indices: Sequence[Index], present: Present) -> None:
        image = self.shown.chosen()
        target, note = self.target_for(image)
        first = self.current
        first = indices[0] if first is None else first
        self.labeller.start(target, indices, first, present, self._namer())
        self.notices.happened(note)

    def _namer(self) -> str:
        """Return the model that may help the one in use with this schema; "" where none may."""
        model = self._session.model
        if model is None or self._helped is None:
            return ""
        helps = self._helped == (model.name, namer_for(model, self._session.schema))
        return self._helped[1] if helps else ""

    def target_for(self, image: Image) -> tuple[LabelsTarget, str]:
        """Return the labels to write into, made where there are none, and a note."""
        schema, companions = self._session.schema, self._session.companions
        labels = labels_in_use(image, schema, self._viewer, companions)
        labels = labels or labels_to_take(image, schema, self._viewer, companions)
        note = ""
        if labels is None:
            labels, note = add_labels(image, schema, self._viewer, companions)
        if not line_up(labels, image):
            raise UserError(
                f"{labels.name} does not lie pixel for pixel on {image.name}: choose other labels."
            )
        check_meaning(labels, schema)
        companions.labels.set(image, labels)
        return self._target_of(image, labels), note

    def _target_of(self, image: Image, labels: Labels) -> LabelsTarget:
        return LabelsTarget(self._viewer, self.keeper, self._session.locks, image, labels)

    def _labelled(self) -> LabelsTarget:
        target = self.target
        if target is None:
            raise UserError("There are no labels yet: label a B-scan first.")
        return target

    def _shown_index(self) -> Index:
        plane = self.shown.plane()
        if not plane.is_bscan:
            raise UserError("The view does not show a B-scan: change the order of its axes back.")
        return plane.index

    def _labelling_of(self, index: Index) -> LabelStep | None:
        """Return the last labelling of a B-scan that is not taken back."""
        labels = self._labelled().labels
        steps = (step for step in self._session.history.done if isinstance(step, LabelStep))
        return next((step for step in steps if step.labels is labels and step.has(index)), None)

    def _ask(self, question: Question | NamerQuestion | None) -> None:
        if question != self.question:
            self.question = question
            self.question_changed.emit(question)

    def _on_schema(self, _schema: object) -> None:
        self._ask(None)
        self.look()

    def _on_load_ended(self) -> None:
        wanted, self._wanted = self._wanted, ()
        if wanted and self._session.model is not None:
            self._tell_of(lambda: self._label(wanted))

    def _forget_wanted(self) -> None:
        self._wanted = ()


def _may_be_replaced(target: LabelsTarget, index: Index) -> bool:
    is_automatic = target.state(index) is BScanState.AUTOMATIC
    return is_automatic and target.has_labels(index) and not target.is_locked(index)


def plane_of(index: Index) -> Plane:
    """Return the plane of a B-scan, along the last two axes."""
    return Plane((len(index), len(index) + 1), index)


def _ignore(_: object) -> None:
    """Do nothing: without it, the first labels take longer."""


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
