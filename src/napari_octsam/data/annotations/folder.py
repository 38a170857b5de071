"""An annotation as a folder, NAME.octsam: `annotation.json` and the labels, whole at any time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.annotation import Annotation
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import building, replacing, sweep, write_json
from napari_octsam.core.folders import close_to_others
from napari_octsam.core.images import times
from napari_octsam.core.locks import lock_file
from napari_octsam.core.reading import explaining, read_json

if TYPE_CHECKING:
    from napari_octsam.data.annotations.label_store import Labels, LabelStore

__all__ = [
    "LABELS",
    "LOCK",
    "RECORD",
    "SUFFIX",
    "AnnotationFolder",
    "is_annotation",
    "open_labels",
    "read_annotation",
]

SUFFIX = ".octsam"
"""Of the folder of an annotation."""

LABELS = "labels.zarr"
"""Name of the labels in it."""

RECORD = "annotation.json"
"""Name of all the rest in it."""

LOCK = "annotation.lock"
"""Name of the file that is locked while a process has it open."""

_VERSION = 1


def is_annotation(path: Path) -> bool:
    """Whether a folder is one of an annotation."""
    return path.suffix == SUFFIX and (path / RECORD).is_file()


def read_annotation(path: Path) -> Annotation:
    """Read all of an annotation but its labels.

    Raises
    ------
    UserError
        The folder is none of an annotation, is damaged, or of a newer version.
    """
    record = path / RECORD
    if not record.is_file():
        raise UserError(f"{path} is no annotation: it has no {RECORD}.")
    with explaining(record, "is damaged"):
        content = read_json(record)
        version = content.pop("version", None) if isinstance(content, dict) else None
        if isinstance(version, int) and version > _VERSION:
            raise UserError(
                f"{path} was written by a newer napari-octsam: update this one to open it."
            )
        return Annotation.model_validate(content)


def open_labels(path: Path, annotation: Annotation) -> LabelStore:
    """Return the labels in the folder of an annotation.

    Raises
    ------
    UserError
        There are none, or they have another shape than the annotation's image.
    """
    labels = _label_store()(path / LABELS)
    if labels.shape != annotation.image.shape:
        raise UserError(
            f"The labels in {path} are {times(labels.shape)}, but its image is "
            f"{times(annotation.image.shape)}."
        )
    return labels


class AnnotationFolder:
    """The folder of an annotation, which this process has for itself until `close`.

    Parameters
    ----------
    path
        An existing one.

    Attributes
    ----------
    path : Path
    annotation : Annotation
        As it is on the disk.
    labels : LabelStore

    Raises
    ------
    UserError
        Another process has it; or as of `read_annotation`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        read_annotation(path)  # or a lock would be put into any folder
        self._lock = lock_file(
            path / LOCK,
            f"{path} is open in another napari: close it there, or work on a copy of the folder.",
        )
        try:
            self.annotation = read_annotation(path)
            self.labels = open_labels(path, self.annotation)
        except BaseException:
            self.close()
            raise
        sweep(path)

    @classmethod
    def create(
        cls,
        path: Path,
        annotation: Annotation,
        dtype: npt.DTypeLike,
        labels: Labels | None = None,
    ) -> AnnotationFolder:
        """Make a folder: it is there as a whole, or not at all.

        Parameters
        ----------
        labels
            (..., H, W), as the image; else all are 0.

        Raises
        ------
        UserError
            There is something of that name, or nothing can be written there.
        """
        _check_suffix(path)
        with building(path, private=True) as part:
            store = _label_store().create(part / LABELS, annotation, dtype)
            if labels is not None:
                for index in np.ndindex(annotation.image.shape[:-2]):
                    store.write(index, labels[index])
            _write_record(part, annotation)
        return cls(path)

    def write(self, annotation: Annotation) -> None:
        """Write all but the labels, where it is another than before; UserError where it cannot."""
        if annotation != self.annotation:
            self.labels.describe(annotation)
            _write_record(self.path, annotation)
            self.annotation = annotation

    def copy_to(self, path: Path) -> None:
        """Copy the folder to a new place, as a whole or not at all.

        Raises
        ------
        UserError
            There is something of that name, or nothing can be written there.
        """
        _check_suffix(path)
        with building(path, private=True) as part:
            shutil.copytree(
                self.path,
                part,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns(LOCK),
                copy_function=_copy_flushed,
            )
            close_to_others(part)

    def delete(self) -> None:
        """Remove it from the disk."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Leave it to other processes."""
        self._lock.release()


def _label_store() -> type[LabelStore]:
    """Import late: zarr takes half a second, which no window is to wait for."""
    from napari_octsam.data.annotations.label_store import LabelStore

    return LabelStore


def _check_suffix(path: Path) -> None:
    if path.suffix != SUFFIX:
        raise UserError(f"{path} must end in {SUFFIX}.")


def _copy_flushed(source: str, target: str) -> None:
    with replacing(Path(target)) as part:
        shutil.copyfile(source, part)


def _write_record(folder: Path, annotation: Annotation) -> None:
    record: dict[str, Any] = {"version": _VERSION, **annotation.model_dump(mode="json")}
    write_json(folder / RECORD, record)
