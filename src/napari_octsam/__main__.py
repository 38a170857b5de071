"""`octsam`, also as `python -m napari_octsam`: from its first moment Ctrl-C ends it in a word."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point of `octsam`."""
    before = signal.signal(signal.SIGINT, _end)
    from napari_octsam.cli import main as run

    signal.signal(signal.SIGINT, before)
    run()


def _end(_number: int, _frame: FrameType | None) -> None:
    """End at once: nothing is begun yet, and a library half imported answers in any way."""
    sys.stderr.write("Stopped.\n")
    sys.stderr.flush()
    os._exit(130)


if __name__ == "__main__":
    main()
