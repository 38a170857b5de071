"""Annotations that nobody has given a place yet: the application keeps them in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from napari_octsam.core.annotation import Annotation
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import file_name
from napari_octsam.core.folders import data_folder
from napari_octsam.core.locks import if_free
from napari_octsam.data.annotations.folder import (
    LABELS,
    LOCK,
    SUFFIX,
    AnnotationFolder,
    is_annotation,
    read_annotation,
)

__all__ = ["PICTURE", "Draft", "drafts", "drafts_folder", "is_draft", "new_draft_path"]

PICTURE = "picture.png"
"""Name of the small picture of an annotation, beside its labels."""

_LATER = "not-now"


@dataclass(frozen=True, slots=True)
class Draft:
    """An annotation without a place, which no process has open."""

    path: Path
    annotation: Annotation
    at: datetime
    """When it was changed last."""
    size: int
    """Bytes on the disk."""
    is_postponed: bool
    """Whether the person has said "not now"."""

    @property
    def picture(self) -> Path | None:
        """A PNG of it, where there is one."""
        path = self.path / PICTURE
        return path if path.is_file() else None

    def postpone(self) -> None:
        """Remember that the person said "not now"."""
        (self.path / _LATER).touch()

    def discard(self) -> None:
        """Delete it.

        Raises
        ------
        UserError
            Another process has it by now.
        """
        AnnotationFolder(self.path).delete()


def drafts_folder() -> Path:
    """Return the folder of the annotations without a place; it need not exist."""
    return data_folder() / "annotations"


def new_draft_path(name: str) -> Path:
    """Return a path that is free for the annotation of an image of that name."""
    now = datetime.now().strftime("%Y-%m-%d %H-%M-%S")
    first = drafts_folder() / f"{now} {file_name(name)}{SUFFIX}"
    path, number = first, 2
    while path.exists():
        path = first.with_name(f"{first.stem} ({number}){SUFFIX}")
        number += 1
    return path


def is_draft(path: Path) -> bool:
    """Whether an annotation's folder is one that the application keeps."""
    return path.parent == drafts_folder()


def drafts() -> list[Draft]:
    """Return the annotations without a place that can be opened, the latest first.

    Those that are open somewhere, damaged or of a newer version are left out, and stay.
    """
    folder = drafts_folder()
    paths = list(folder.iterdir()) if folder.is_dir() else []
    return sorted(_read_all(paths), key=lambda draft: draft.at, reverse=True)


def _read_all(paths: list[Path]) -> Iterator[Draft]:
    for path in paths:
        if path.name.startswith(".") or not is_annotation(path) or _is_open(path):
            continue
        try:
            annotation = read_annotation(path)
            files = [each.stat() for each in path.rglob("*") if each.is_file()]
        except (OSError, UserError):
            continue
        at = max((each.stat().st_mtime for each in _content(path)), default=0.0)
        size = int(np.sum([each.st_size for each in files]))
        later = (path / _LATER).exists()
        yield Draft(path, annotation, datetime.fromtimestamp(at, UTC), size, later)


def _content(path: Path) -> Iterator[Path]:
    yield path / "annotation.json"
    yield from (path / LABELS).rglob("*")


def _is_open(path: Path) -> bool:
    with if_free(path / LOCK) as free:
        return not free
