"""Where files of the package's own live: embeddings, downloaded models, the engine's log."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return the folder that may be deleted at any time: $OCTSAM_HOME, or the user's cache folder.

    It need not exist yet.
    """
    home = os.environ.get("OCTSAM_HOME")
    if home:
        return Path(home).expanduser()
    return Path(platformdirs.user_cache_dir("napari-octsam", appauthor=False))
