"""The order of the engine's work: who is next, who must stop."""

from __future__ import annotations

import threading
from collections import deque

from napari_octsam.engine.predict.messages import Label, Request, on_same_bscan
from napari_octsam.engine.wire import Call

__all__ = ["Cancelled", "Preempted", "Schedule"]


class Cancelled(BaseException):
    """Nobody waits for the call any more; no `Exception`, lest it be taken for a failure."""


class Preempted(BaseException):
    """The background call has to wait: a foreground call is there."""


class Schedule:
    """Calls that wait: foreground before background, each first come, first served.

    One thread takes calls, another adds and cancels them; any may finish what was taken.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._foreground: deque[Call[Request]] = deque()
        self._background: deque[Call[Request]] = deque()
        self._unfinished: set[int] = set()
        self._cancelled: set[int] = set()

    def add(self, call: Call[Request]) -> None:
        """Put a call at the end of its queue."""
        with self._changed:
            (self._background if call.background else self._foreground).append(call)
            self._unfinished.add(call.id)
            self._changed.notify()

    def cancel(self, id_: int) -> bool:
        """Stop a call; return whether it only waited, and is forgotten.

        One that runs stops when it asks next; one that is unknown or finished is ignored.
        """
        with self._changed:
            for waiting in (self._foreground, self._background):
                for call in waiting:
                    if call.id == id_:
                        waiting.remove(call)
                        self._unfinished.discard(id_)
                        return True
            if id_ in self._unfinished:
                self._cancelled.add(id_)
            return False

    def take(self, most: int = 1) -> list[Call[Request]]:
        """Wait for the next call; return it, and those behind it that can be done side by side.

        Parameters
        ----------
        most
            Labellings in the background that may be done side by side.
        """
        with self._changed:
            while not (self._foreground or self._background):
                self._changed.wait()
            if self._foreground:
                return [self._foreground.popleft()]
            waiting = self._background
            calls = [waiting.popleft()]
            while waiting and len(calls) < most and _is_labelling(calls[0], waiting[0]):
                calls.append(waiting.popleft())
            return calls

    def check(self, call: Call[Request]) -> None:
        """Say whether a running call may go on.

        Raises
        ------
        Cancelled
            Nobody waits for it any more.
        Preempted
            It is in the background and a foreground call waits.

        It goes on in either case where the first foreground call that waits is on the same
        B-scan, and so needs the embedding that this call is making.
        """
        with self._changed:
            waiting = self._foreground
            if waiting and on_same_bscan(waiting[0].request, call.request):
                return
            if call.id in self._cancelled:
                raise Cancelled
            if call.background and waiting:
                raise Preempted

    def put_back(self, call: Call[Request]) -> None:
        """Put a pre-empted call at the front of the background."""
        with self._changed:
            self._background.appendleft(call)

    def finish(self, call: Call[Request]) -> None:
        """Forget a call."""
        with self._changed:
            self._unfinished.discard(call.id)
            self._cancelled.discard(call.id)


def _is_labelling(*calls: Call[Request]) -> bool:
    """Whether all label by what the model in use names: that takes little memory."""
    return all(isinstance(c.request, Label) and not c.request.namer for c in calls)
