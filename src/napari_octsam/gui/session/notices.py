"""What the person is told, in one line: what happened last, and how things stand."""

from __future__ import annotations

from psygnal import Signal

__all__ = ["Notices"]


class Notices:
    """An event, such as a commit, and a state, such as a prompt that cannot be used.

    Each is taken back by itself, so that a look at the state leaves the outcome of a commit.
    """

    changed = Signal(str)
    """All that is to be shown now; "" for nothing."""

    def __init__(self) -> None:
        self._event = ""
        self._state = ""

    @property
    def text(self) -> str:
        """The event, then the state."""
        return f"{self._event} {self._state}".strip()

    @property
    def state(self) -> str:
        """How things stand; "" where there is nothing to say."""
        return self._state

    def happened(self, sentence: str) -> None:
        """Tell of an event in place of the last."""
        self._show(sentence, self._state)

    def also(self, sentence: str) -> None:
        """Tell of an event beside the last; "" where there is nothing to say."""
        self._show(f"{self._event} {sentence}".strip(), self._state)

    def stands(self, sentence: str) -> None:
        """Tell how things stand; "" where there is nothing to say."""
        self._show(self._event, sentence)

    def expire(self) -> None:
        """Take the last event back: the person has gone on."""
        self._show("", self._state)

    def _show(self, event: str, state: str) -> None:
        self._event, self._state = event, state
        self.changed.emit(self.text)
