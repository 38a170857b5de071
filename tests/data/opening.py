"""What other processes do with an annotation."""

from __future__ import annotations

import time
from pathlib import Path

from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.folder import AnnotationFolder

__all__ = ["hold_annotation", "open_annotation"]


def open_annotation(path: Path) -> None:
    """Open it, and say how that went."""
    try:
        folder = AnnotationFolder(path)
    except UserError as error:
        print(error)
    else:
        print("opened", folder.annotation.name)
        folder.close()


def hold_annotation(path: Path) -> None:
    """Keep it open until this process is killed."""
    AnnotationFolder(path)
    print("holding", flush=True)
    time.sleep(120)
