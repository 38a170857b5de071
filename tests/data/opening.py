"""What other processes do with an annotation."""

from __future__ import annotations

import time
from itertools import cycle
from pathlib import Path

import numpy as np

from napari_octsam.core.annotation import BScanState, Progress
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.folder import AnnotationFolder

__all__ = ["hold_annotation", "open_annotation", "write_annotation_for_ever"]


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


def write_annotation_for_ever(path: Path) -> None:
    """Give all B-scans one value after another, and name it each time, until this one is killed."""
    folder = AnnotationFolder(path)
    print("writing", flush=True)
    for value in cycle(range(8)):
        for number in range(folder.labels.shape[0]):
            folder.labels.write((number,), np.full(folder.labels.shape[1:], value, np.uint8))
            state = Progress(state=BScanState.CORRECTED)
            progress = {**folder.annotation.progress, (number,): state}
            changed = {"name": f"value {value}", "progress": progress}
            folder.write(folder.annotation.model_copy(update=changed))
