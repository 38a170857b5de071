"""Envelopes around requests, events and answers, and the channel between two processes."""

from __future__ import annotations

import pickle
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Generic, TypeVar

__all__ = [
    "PIPE_BYTES",
    "Answered",
    "Call",
    "Cancel",
    "Channel",
    "Failed",
    "Progressed",
    "Ready",
    "Steer",
    "Stopped",
    "Warned",
    "Word",
]

PIPE_BYTES = 1 << 20
"""What a pipe and the buffers at its ends should hold: a B-scan, or the masks of a prompt."""

_LENGTH = struct.Struct("<Q")

RequestT = TypeVar("RequestT")
EventT = TypeVar("EventT")
AnswerT = TypeVar("AnswerT")
WishT = TypeVar("WishT")


@dataclass(frozen=True, slots=True, eq=False)
class Call(Generic[RequestT]):
    """To the engine: a request; `background` requests yield to all others."""

    id: int
    request: RequestT
    background: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the engine: nobody waits for this call any more."""

    id: int


@dataclass(frozen=True, slots=True)
class Steer(Generic[WishT]):
    """To the engine: how this call is to go on."""

    id: int
    wish: WishT


@dataclass(frozen=True, slots=True)
class Ready:
    """From the engine: it has imported what it needs."""


@dataclass(frozen=True, slots=True, eq=False)
class Progressed(Generic[EventT]):
    """From the engine: what happens while it works on a call."""

    id: int
    event: EventT


@dataclass(frozen=True, slots=True, eq=False)
class Answered(Generic[AnswerT]):
    """From the engine: a call's answer."""

    id: int
    answer: AnswerT


@dataclass(frozen=True, slots=True)
class Failed:
    """From the engine: a call failed; `fault` where its log says more than the sentence."""

    id: int
    sentence: str
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Stopped:
    """From the engine: a cancelled call has ended."""

    id: int


@dataclass(frozen=True, slots=True)
class Warned:
    """From the engine: something to know that is no failure of a call."""

    sentence: str


Word = Ready | Warned | Progressed[EventT] | Answered[AnswerT] | Failed | Stopped
"""All that the engine says; the last three are final for their call."""


class Channel:
    """One end of the two pipes between napari and its engine: whole Python objects, pickled.

    Both ends are the same package on the same machine, and the pipes have no name that another
    process could open, so pickle is safe here. A message's length goes before it, so that it is
    read as one piece: each read ends in waiting for the interpreter, of which a busy napari gives
    back one turn in 5 ms.
    """

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        """Send one object; blocks while the pipe is full. OSError where the other end is gone."""
        data = pickle.dumps(message, protocol=5)
        with self._lock:
            if self._outgoing.closed:
                raise BrokenPipeError
            self._outgoing.write(_LENGTH.pack(len(data)) + data)
            self._outgoing.flush()

    def receive(self) -> Any:
        """Return the next object, waiting for it; EOFError where none can come any more."""
        try:
            (size,) = _LENGTH.unpack(self._read(_LENGTH.size))
            data = self._read(size)
        except (OSError, ValueError) as error:  # ValueError: it was closed meanwhile
            raise EOFError(str(error)) from error
        return pickle.loads(data)

    def _read(self, size: int) -> bytes:
        data = self._incoming.read(size)
        if len(data) < size:
            raise EOFError("The other end is gone.")
        return data

    def hang_up(self) -> None:
        """Let the other end see that nothing more comes."""
        with self._lock, suppress(OSError):
            self._outgoing.close()

    def close(self) -> None:
        """Close both directions; nobody may be waiting in `receive`."""
        self.hang_up()
        self._incoming.close()
