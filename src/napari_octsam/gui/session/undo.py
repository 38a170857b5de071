"""Undo and redo in a viewer, in the order in which things were done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from weakref import ReferenceType

from psygnal import Signal
from qtpy.QtGui import QUndoCommand, QUndoStack

from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.bscans import Plane
from napari_octsam.gui.layers.painted import Painted, painted
from napari_octsam.gui.session.locks import Locks

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from qtpy.QtGui import QAction

    from napari_octsam.gui.layers.label_writing import Written

__all__ = ["LOCKED_SINCE", "History", "Place", "Step"]

_MOST_STEPS = 20
LOCKED_SINCE = "That changed what is locked now: unlock it first."
"""Why something is not undone or redone."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A B-scan of an image, which is not kept alive."""

    image: ReferenceType[Image]
    plane: Plane


@dataclass(frozen=True, slots=True, eq=False)
class _Stroke:
    """A labels layer that a person painted on, and the step of napari's history that has it."""

    labels: Labels
    step: Sequence[Any]


@dataclass(slots=True)
class _Strokes:
    done: list[_Stroke] = field(default_factory=list)
    undone: list[_Stroke] = field(default_factory=list)


class Step(QUndoCommand):
    """Something that has been done, and can be undone and redone.

    A subclass says how in `take_back` and `do_again`. Each returns a sentence on what it did, and
    raises `UserError` where it cannot be done and nothing was changed.

    Parameters
    ----------
    text
        What was done, "commit of NSR on B-scan 3": Qt writes Undo or Redo before it.
    place
        Where; None where it was on all B-scans.
    """

    def __init__(self, text: str, place: Place | None = None) -> None:
        super().__init__(text)
        self.place = place
        self.outcome = ""
        self.refusal: UserError | None = None
        self.written: Written | None = None
        """Which pixels it changed, where it is known."""
        self.strokes = _Strokes()  # that came after it
        self._is_done = True

    def take_back(self) -> str:
        """Undo what was done."""
        raise NotImplementedError

    def do_again(self) -> str:
        """Redo what was undone."""
        raise NotImplementedError

    def undo(self) -> None:
        """Qt calls this; what is refused stays done."""
        if self._is_done:
            self._is_done = not self._attempt(self.take_back)

    @property
    def is_done(self) -> bool:
        """Whether it is done now, not undone."""
        return self._is_done

    def redo(self) -> None:
        """Qt calls this, also when the step is pushed: then it has been done already."""
        if not self._is_done:
            self._is_done = self._attempt(self.do_again)

    def _attempt(self, action: Callable[[], str]) -> bool:
        self.refusal = None
        try:
            self.outcome = action()
        except UserError as error:  # which must not go through Qt
            self.refusal = error
        return self.refusal is None


class History:
    """The steps of a viewer, and the strokes that were painted in napari before and after each.

    Steps are undone and redone by `undo` and `redo`, or by Qt's actions, whose texts name the step.
    A stroke is in the history of its labels layer; here is only noted when it came.
    """

    stepped = Signal(object)
    """The `Step` that was undone or redone."""
    refused = Signal(str)
    """Why none was."""

    def __init__(self, locks: Locks | None = None) -> None:
        self._locks = locks or Locks()
        self.stack = QUndoStack()
        self.stack.setUndoLimit(_MOST_STEPS)
        self.undo_action = _doing(self.undo, self.stack.createUndoAction(self.stack, "Undo"))
        self.redo_action = _doing(self.redo, self.stack.createRedoAction(self.stack, "Redo"))
        self._earliest = _Strokes()
        self._is_writing = False

    def push(self, step: Step) -> None:
        """Add a step that has just been done; what was undone before can be redone no more."""
        self.stack.push(step)

    def undo(self) -> None:
        """Undo the last step."""
        step = self._step(self.stack.index() - 1)
        if step is None:
            self.refused.emit("There is no commit to undo.")
        else:
            self._go(step, self.stack.undo, self.stack.redo)

    def redo(self) -> None:
        """Redo the step that was undone last."""
        step = self._step(self.stack.index())
        if step is None:
            self.refused.emit("There is no commit to redo.")
        else:
            self._go(step, self.stack.redo, self.stack.undo)

    def undo_latest(self) -> bool:
        """Undo what was done last, stroke or step; return whether there was anything."""
        strokes = self._latest_strokes
        if strokes.done:
            if self._is_locked(strokes.done[-1]):
                self.refused.emit(LOCKED_SINCE)
                return True
            stroke = strokes.done.pop()
            strokes.undone.append(stroke)
            stroke.labels.undo()
        elif self.stack.canUndo():
            self.undo()
        else:
            return False
        return True

    def redo_latest(self) -> bool:
        """Redo what was undone last, stroke or step; return whether there was anything."""
        strokes = self._latest_strokes
        if strokes.undone:
            if self._is_locked(strokes.undone[-1]):
                self.refused.emit(LOCKED_SINCE)
                return True
            stroke = strokes.undone.pop()
            strokes.done.append(stroke)
            stroke.labels.redo()
        elif self.stack.canRedo():
            self.redo()
        else:
            return False
        return True

    def note_stroke(self, labels: Labels, step: Sequence[Any] = ()) -> None:
        """Note that a labels layer was painted on just now.

        Parameters
        ----------
        step
            The value of napari's event: what the stroke changed.
        """
        for strokes in self._all_strokes():  # napari redoes nothing older than this
            strokes.undone = [other for other in strokes.undone if other.labels is not labels]
        if not self.is_writing:
            self._latest_strokes.done.append(_Stroke(labels, step))

    def forget(self, labels: Labels) -> None:
        """Forget the strokes on a labels layer that is gone."""
        for strokes in self._all_strokes():
            strokes.done = [other for other in strokes.done if other.labels is not labels]
            strokes.undone = [other for other in strokes.undone if other.labels is not labels]

    @contextmanager
    def own_writes(self) -> Iterator[None]:
        """Let labels be written meanwhile without that being a stroke of the person's."""
        self._is_writing = True
        try:
            yield
        finally:
            self._is_writing = False

    @property
    def is_writing(self) -> bool:
        """Whether what is written now is a step's, not a stroke of the person's."""
        return self._is_writing

    @property
    def done(self) -> list[Step]:
        """The steps that can be undone, the last one first."""
        steps = (self._step(i) for i in reversed(range(self.stack.index())))
        return [step for step in steps if step is not None]

    def clear(self) -> None:
        """Forget all."""
        self.stack.clear()
        self._earliest = _Strokes()

    @property
    def _latest_strokes(self) -> _Strokes:
        step = self._step(self.stack.index() - 1)
        return self._earliest if step is None else step.strokes

    def _all_strokes(self) -> list[_Strokes]:
        steps = (self._step(i) for i in range(self.stack.count()))
        return [self._earliest, *(step.strokes for step in steps if step is not None)]

    def _step(self, index: int) -> Step | None:
        return cast("Step | None", self.stack.command(index))

    def _is_locked(self, stroke: _Stroke) -> bool:
        """Whether undoing or redoing a stroke would change what is locked."""
        labels = stroke.labels
        classes, bscans = self._locks.classes, self._locks.bscans_of(labels)
        if not (stroke.step and (classes or bscans)):
            return False
        return bool(painted(labels, stroke.step).touches(classes, bscans).any())

    def _is_step_locked(self, step: Step) -> bool:
        written = step.written
        if written is None:
            return False
        change = Painted(written.indices, written.before, written.after)
        bscans = self._locks.bscans_of(written.labels)
        return bool(change.touches(self._locks.classes, bscans).any())

    def _go(self, step: Step, go: Callable[[], object], back: Callable[[], object]) -> None:
        if self._is_step_locked(step):
            self.refused.emit(LOCKED_SINCE)
            return
        with self.own_writes():
            go()
        if step.refusal is None:
            self.stepped.emit(step)
        else:
            back()  # only in the stack: the step is as it was
            self.refused.emit(str(step.refusal))


def _doing(slot: Callable[[], object], action: QAction | None) -> QAction:
    """Return one of the stack's actions that does not trigger the stack but `slot`."""
    assert action is not None  # for mypy
    action.triggered.disconnect()
    action.triggered.connect(slot)
    return action
