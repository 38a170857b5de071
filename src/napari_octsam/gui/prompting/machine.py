"""Prompting as a state machine: `react` says what each event does.

Nothing here knows Qt, napari or the engine. `Prompter` tells of events, and does what it is told.

    EMPTY --edited--> WAITING --rested--> ASKED --answered--> SHOWN --edited--> WAITING
      ^                                                         |
      +----------- moved, cancelled, nothing to ask ------------+
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from napari_octsam.gui.prompting.predicted import Predicted

__all__ = [
    "Answered",
    "Ask",
    "Chosen",
    "Do",
    "Effect",
    "Event",
    "Failed",
    "LiveSwitched",
    "NothingToAsk",
    "Phase",
    "Say",
    "State",
    "Tell",
    "ThresholdSet",
    "react",
]

_NOT_THERE_YET = "Nothing was committed: the prediction was not there yet."
_NOTHING_TO_PREDICT = "There is nothing to predict: draw a box or a point first."
_NOTHING_TO_COMMIT = "There is nothing to commit: draw a box or a point first."


class Phase(Enum):
    """How far the prompts on the shown B-scan are on their way to masks."""

    EMPTY = auto()
    """There is no prediction, and none is on its way."""
    WAITING = auto()
    """They were edited just now: the hand may still be moving."""
    ASKED = auto()
    """The engine has been asked."""
    SHOWN = auto()
    """The prediction of the prompts as they are is shown."""
    CLOSED = auto()
    """The widget is closed."""


@dataclass(frozen=True, slots=True)
class State:
    """All that the next step of prompting depends on.

    Parameters
    ----------
    phase
        How far the prompts are.
    predicted
        What is shown: in `WAITING` and `ASKED` the prediction of the prompts before.
    commits
        The answer is committed when it arrives.
    live
        Each edit is followed by a prediction.
    threshold
        Probability above which a pixel belongs to an object, 0 to 1.
    """

    phase: Phase = Phase.EMPTY
    predicted: Predicted | None = None
    commits: bool = False
    live: bool = True
    threshold: float = 0.5


class Event(Enum):
    """What happens."""

    EDITED = auto()
    """A prompt was drawn, moved, removed, or given another class or sign."""
    RESTED = auto()
    """No edit has followed for a while."""
    MOVED = auto()
    """Another B-scan is shown, or other pixels of it."""
    SETTLED = auto()
    """It has been shown for a while; or a change is over that leaves the prompts to be seen to."""
    PREDICT = auto()
    """The person wants to see the masks."""
    COMMIT = auto()
    """The person wants the masks in the labels layer."""
    WRITTEN = auto()
    """There they are, and their prompts are gone."""
    CANCELLED = auto()
    """All work of the engine for this viewer was stopped."""
    MODEL_CHANGED = auto()
    """Another model is in use."""
    SCHEMA_CHANGED = auto()
    """Another label schema is in use."""
    CLOSED = auto()
    """The widget was closed."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The engine has answered."""

    predicted: Predicted


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine, or the reading of the B-scan, has failed; why."""

    why: str


@dataclass(frozen=True, slots=True)
class NothingToAsk:
    """There was no prompt to ask about on an event; and the problem that is told already, or ""."""

    on: Event
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Another candidate mask was chosen in what is predicted."""

    predicted: Predicted


@dataclass(frozen=True, slots=True)
class ThresholdSet:
    """The threshold was set, 0 to 1."""

    threshold: float


@dataclass(frozen=True, slots=True)
class LiveSwitched:
    """The live preview was switched on or off."""

    live: bool


class Do(Enum):
    """What is to be done."""

    START_TIMER = auto()
    """`RESTED` is to follow, unless an edit comes first."""
    CANCEL = auto()
    """Wait for no answer any more."""
    SHOW = auto()
    """Show what is predicted, from the threshold on."""
    CLEAR = auto()
    """Show no prediction."""
    WRITE = auto()
    """Write what is predicted into the labels; where that is done, `WRITTEN` is to follow."""
    OFFER = auto()
    """Say that prompts are there to be predicted, where there are some."""
    EXPIRE = auto()
    """Take back what was told last: the person has gone on."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask about the prompts; `NothingToAsk` is to follow where there are none."""

    on: Event


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell what happened."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Say:
    """Say how things stand; "" takes back what was said."""

    sentence: str


AnyEvent: TypeAlias = (
    Event | Answered | Failed | NothingToAsk | Chosen | ThresholdSet | LiveSwitched
)
Effect: TypeAlias = Do | Ask | Tell | Say
Reaction: TypeAlias = tuple[State, tuple[Effect, ...]]


def react(state: State, event: AnyEvent) -> Reaction:
    """Return the state after an event, and what is to be done, in that order.

    `Do.WRITE` and `Ask` lead to further events at once, so each is the last of its effects.
    """
    phase = state.phase
    if phase is Phase.CLOSED:
        return state, ()
    match event:
        case Event.EDITED if state.live:
            waiting = replace(state, phase=Phase.WAITING)
            return waiting, (Do.EXPIRE, Do.CANCEL, Do.START_TIMER)
        case Event.EDITED:
            return _drop(state, before=(Do.EXPIRE,), after=(Do.OFFER,))
        case Event.RESTED if phase is Phase.WAITING:
            return _ask(state, event)
        case Event.MOVED:
            return _drop(state, before=(Do.EXPIRE, Say("")))
        case Event.SETTLED if phase is Phase.EMPTY:
            return _ask(state, event) if state.live else (state, (Do.OFFER,))
        case Event.PREDICT:
            return _ask(state, event, before=(Do.EXPIRE,))
        case Event.COMMIT if phase is Phase.SHOWN:
            return state, (Do.WRITE,)
        case Event.COMMIT if phase is Phase.ASKED:
            return replace(state, commits=True), ()
        case Event.COMMIT:
            return _ask(replace(state, commits=True), event)
        case Answered(predicted) if phase is Phase.ASKED:
            shown = replace(state, phase=Phase.SHOWN, predicted=predicted, commits=False)
            return shown, (Do.SHOW, Do.WRITE) if state.commits else (Do.SHOW,)
        case NothingToAsk(Event.COMMIT, problem):
            told = Tell("Nothing was committed." if problem else _NOTHING_TO_COMMIT)
            return _drop(replace(state, commits=False), after=(told,))
        case NothingToAsk(Event.PREDICT, ""):
            return _drop(state, after=(Tell(_NOTHING_TO_PREDICT),))
        case NothingToAsk() | Event.CANCELLED | Event.SCHEMA_CHANGED:
            return _drop(state)
        case Failed(why):
            return _drop(state, after=(Say(why),))
        case Event.WRITTEN:
            rest = Phase.WAITING if phase is Phase.WAITING else Phase.EMPTY
            return replace(state, phase=rest, predicted=None), _clearing(state)
        case Event.MODEL_CHANGED if phase is not Phase.ASKED:  # else the new one answers
            return _drop(state)
        case Chosen(predicted) if phase is Phase.SHOWN:
            return replace(state, predicted=predicted), (Do.SHOW,)
        case ThresholdSet(threshold) if threshold != state.threshold:
            return replace(state, threshold=threshold), (Do.EXPIRE, Do.SHOW)
        case LiveSwitched(live):
            return _drop(replace(state, live=live), before=(Do.EXPIRE,))
        case Event.CLOSED:
            return replace(state, phase=Phase.CLOSED), (Do.CANCEL,)
    return state, ()


def _ask(state: State, on: Event, before: tuple[Effect, ...] = ()) -> Reaction:
    return replace(state, phase=Phase.ASKED), (*before, Ask(on))


def _drop(
    state: State, before: tuple[Effect, ...] = (), after: tuple[Effect, ...] = ()
) -> Reaction:
    """Forget the prediction, and the one that is on its way."""
    told = (Tell(_NOT_THERE_YET),) if state.commits else ()
    dropped = replace(state, phase=Phase.EMPTY, predicted=None, commits=False)
    return dropped, (*before, Do.CANCEL, *told, *_clearing(state), *after)


def _clearing(state: State) -> tuple[Effect, ...]:
    return () if state.predicted is None else (Do.CLEAR,)
