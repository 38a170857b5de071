"""Where files of the package's own live, and by default what a person makes with it."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["BEST_MODEL", "RUN_CONFIG", "cache_folder", "data_folder"]

BEST_MODEL = "best.safetensors"
"""Name of the best model in a run's folder."""

RUN_CONFIG = "config.json"
"""Name of the settings in a run's folder."""


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
