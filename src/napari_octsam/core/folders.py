"""Where files of the package's own live, and by default what a person makes with it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import platformdirs

__all__ = [
    "BEST_MODEL",
    "OTHERS",
    "RUN_CONFIG",
    "cache_folder",
    "close_to_others",
    "data_folder",
    "make_private",
    "open_to_others",
]

BEST_MODEL = "best.safetensors"
"""Name of the best model in a run's folder."""

RUN_CONFIG = "config.json"
"""Name of the settings in a run's folder."""


OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""What a file's mode has for all but its owner."""


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their user alone.

    One that is there stays as it is. On Windows the folder is closed too, where Python can do it:
    3.11.10 and 3.12.4 on.

    Raises
    ------
    OSError
        It cannot be made.
    """
    try:
        folder.mkdir(0o700)
    except FileNotFoundError:
        make_private(folder.parent)
        folder.mkdir(0o700, exist_ok=True)
    except FileExistsError:
        if not folder.is_dir():
            raise


def open_to_others(root: Path) -> Iterator[Path]:
    """Yield the folders and files below and with `root` that others can reach.

    A folder that is closed closes what is in it. Links are another's matter. Windows keeps its
    rights elsewhere: nothing is found there.
    """
    if os.name == "nt":
        return
    try:
        mode = root.lstat().st_mode
        if stat.S_ISLNK(mode) or not mode & OTHERS:
            return
        yield root
        within = sorted(root.iterdir()) if stat.S_ISDIR(mode) else []
    except OSError:  # it is gone, or not ours to look into
        return
    for path in within:
        yield from open_to_others(path)


def close_to_others(root: Path) -> None:
    """Take from all but the owner what they may do with a folder or file and all below it.

    Raises
    ------
    OSError
        One belongs to somebody else.
    """
    for path in (root, *root.rglob("*")):
        mode = path.lstat().st_mode
        if mode & OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def cache_folder() -> Path:
    """Return the folder that may be deleted at any time: $OCTSAM_HOME, or the user's cache folder.

    It need not exist yet.
    """
    home = os.environ.get("OCTSAM_HOME")
    if home:
        return Path(home).expanduser()
    return Path(platformdirs.user_cache_dir("napari-octsam", appauthor=False))


def data_folder() -> Path:
    """Return where models and data sets go by default: $OCTSAM_DATA, or the user's data folder.

    It need not exist yet.
    """
    home = os.environ.get("OCTSAM_DATA")
    if home:
        return Path(home).expanduser()
    return Path(platformdirs.user_data_dir("napari-octsam", appauthor=False))
