"""`octsam`, also as `python -m napari_octsam`: from its first moment Ctrl-C ends it in a word."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point of `octsam`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from napari_octsam.cli import main as run

    run()


def _end(_number: int, _frame: FrameType | None) -> None:
    """End at once, before a command begins and after it: libraries answer in any way there."""
    sys.stderr.write("Stopped.\n")
    sys.stderr.flush()
    os._exit(130)


if __name__ == "__main__":
    main()
