"""What napari wants of a training, as the trainer's main thread sees it between two events."""

from __future__ import annotations

import threading

from napari_octsam.engine.train.messages import Wish

__all__ = ["Steering"]


class Steering:
    """Pause, go on and stop: set by the thread that receives, obeyed by the one that trains."""

    def __init__(self) -> None:
        self._may_go = threading.Event()
        self._may_go.set()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether the training is to end now."""
        return self._stopped

    @property
    def paused(self) -> bool:
        """Whether the training is to wait."""
        return not self._may_go.is_set()

    def obey(self, wish: Wish) -> None:
        """Take over a wish; nothing goes on after a stop."""
        if wish == "stop":
            self._stopped = True
        if wish == "pause" and not self._stopped:
            self._may_go.clear()
        else:
            self._may_go.set()

    def wait(self) -> None:
        """Wait while the training is paused."""
        self._may_go.wait()
