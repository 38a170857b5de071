"""How Python is started for work of our own: isolated from the folder that one happens to be in.

A `napari.py` that lies there is not ours, and is not to run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["isolated_environment", "isolated_python"]


def isolated_python(*arguments: str, executable: str | None = None) -> list[str]:
    """Return a command line of Python that imports nothing from the current folder.

    Parameters
    ----------
    executable
        Of Python; the one that runs this where not given.
    """
    return [executable or sys.executable, "-P", *arguments]


def isolated_environment() -> dict[str, str]:
    """Return this process's environment, in which Python finds the same modules.

    The current folder is left out, unless PYTHONPATH names it: Python puts it there for `python
    -m`, and takes it for an entry that is empty.
    """
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    modules = [entry for entry in sys.path if entry in named or not _is_current(entry)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, modules))}


def _is_current(entry: str) -> bool:
    try:
        return Path(entry).samefile(Path.cwd())
    except OSError:  # one of them is not there
        return False
