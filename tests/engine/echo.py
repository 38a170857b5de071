"""A process of the engine without torch, which does what a test asks: it starts in a moment."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from napari_octsam.core.errors import UserError
from napari_octsam.engine.child import final_word, listen, open_channel, tell
from napari_octsam.engine.wire import (
    Call,
    Cancel,
    Channel,
    Progressed,
    Ready,
    Steer,
    Stopped,
    Warned,
)


class Echo:
    """Answers requests, which are tuples of a verb and what it takes."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self._kept: list[Any] = []
        self._text: str | None = None
        listen(channel, self._inbox.put, gone=lambda: self._inbox.put(None))
        tell(channel, Ready())

    def serve(self) -> bool:
        """Take one message; return whether napari is still there."""
        call = self._next(lambda message: message is None or isinstance(message, Call))
        if call is not None:
            tell(self._channel, self._reply(call))
        return call is not None

    def _next(self, is_wanted: Callable[[Any], bool]) -> Any:
        """Return the next message of a kind; the others are kept for later."""
        for message in self._kept:
            if is_wanted(message):
                self._kept.remove(message)
                return message
        while not is_wanted(message := self._inbox.get()):
            self._kept.append(message)
        return message

    def _reply(self, call: Call[Any]) -> object:
        try:
            return final_word(call, lambda: self._work(call), lambda: "The echo failed")
        except StopWaiting:
            return Stopped(call.id)

    def _work(self, call: Call[Any]) -> object:
        match call.request:
            case "say", thing:
                return thing
            case "count", number:
                for each in range(number):
                    tell(self._channel, Progressed(call.id, each))
                return number
            case "read", path:  # sets up
                tell(self._channel, Progressed(call.id, "reading"))
                if not Path(path).is_file():
                    raise UserError(f"There is no file {path}.")
                self._text = Path(path).read_text()
                return self._text
            case "text", *_:  # relies on it
                if self._text is None:
                    raise UserError("Nothing is read.")
                return self._text
            case "wait", *_:
                return self._wait(call)
            case "warn", sentence:
                tell(self._channel, Warned(sentence))
                return None
            case "sleep", seconds:
                tell(self._channel, Progressed(call.id, "sleeping"))
                time.sleep(seconds)
                return None
            case "exit", code:
                os._exit(code)
            case other:
                raise ValueError(f"no {other[0]}")

    def _wait(self, call: Call[Any]) -> list[object]:
        """Return the wishes up to "end", or to napari's end."""
        tell(self._channel, Progressed(call.id, "waiting"))
        wishes: list[object] = []

        def is_ours(message: object) -> bool:
            return message is None or (
                isinstance(message, Cancel | Steer) and message.id == call.id
            )

        while True:
            match self._next(is_ours):
                case Cancel():
                    raise StopWaiting
                case Steer(_, "end"):
                    return wishes
                case Steer(_, wish):
                    tell(self._channel, Progressed(call.id, wish))
                    wishes.append(wish)
                case None:
                    self._inbox.put(None)
                    return [*wishes, "left"]


class StopWaiting(BaseException):
    """Nobody waits for the call any more."""


if __name__ == "__main__":
    echo = Echo(open_channel())
    while echo.serve() and "once" not in sys.argv:
        pass
