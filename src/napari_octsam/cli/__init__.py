"""The command `octsam`: every action of the widgets, without a window.

Modules that import torch or napari are imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

from napari_octsam.cli.app import app, main

__all__ = ["app", "main"]
