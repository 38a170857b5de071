"""MATLAB files: their fields, and what is wrong with them in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.reading import check_regular
from napari_octsam.data.lazy import check_decoded

__all__ = ["fields_of", "mat_files", "read_fields", "shapes_of", "whole_bytes"]


def mat_files(folder: Path) -> list[Path]:
    """Return the MATLAB files of a folder, sorted."""
    found = [p for p in folder.iterdir() if p.suffix.lower() == ".mat" and p.name[0] != "."]
    return sorted(found)


def fields_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a file's fields, without reading them.

    Raises
    ------
    UserError
        The file is of version 7.3, damaged or of another kind.
    """
    from scipy.io import whosmat  # late, as below: the widgets open sooner

    try:
        check_regular(path)
        return {name: tuple(shape) for name, shape, _ in whosmat(path)}
    except Exception as error:  # scipy fails in many ways on broken files
        raise _complaint(path, error) from error


def shapes_of(path: Path, names: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the shapes of the named fields, of at least three axes, without reading them.

    Raises
    ------
    UserError
        A field is missing, or the file cannot be read.
    """
    fields = fields_of(path)
    missing = [name for name in names if name not in fields]
    if missing:
        there = ", ".join(fields) or "no field"
        raise UserError(f"{path} lacks the field {', '.join(missing)}. It has: {there}.")
    return [fields[name] + (1,) * (3 - len(fields[name])) for name in names]


def read_fields(path: Path, names: Sequence[str]) -> list[npt.NDArray[Any]]:
    """Read the named arrays; one of two axes gets a third, which MATLAB leaves out when it is 1.

    Raises
    ------
    UserError
        A field is not there or not of numbers, or the file cannot be read.
    """
    from scipy.io import loadmat

    _check_sizes(path, names)
    try:
        content = loadmat(path, variable_names=list(names))
    except Exception as error:
        raise _complaint(path, error) from error
    missing = [name for name in names if name not in content]
    if missing:
        raise UserError(f"{path} breaks off before the field {', '.join(missing)}.")
    arrays = [np.atleast_3d(content[name]) for name in names]
    for name, array in zip(names, arrays, strict=True):
        if array.dtype.kind not in "buif":
            raise UserError(f"{path}: the field {name} does not hold numbers.")
    return arrays


def whole_bytes(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return images of whole numbers from 0 to 255 as uint8, which MATLAB often keeps as double."""
    if images.dtype == np.uint8:
        return images
    with np.errstate(invalid="ignore"):
        as_bytes = images.astype(np.uint8)
    return as_bytes if np.array_equal(as_bytes, images) else images


def _check_sizes(path: Path, names: Sequence[str]) -> None:
    fields = fields_of(path)
    for name in names:
        try:
            check_decoded(fields.get(name, ()), np.dtype(np.float64))
        except ValueError as error:
            raise _complaint(path, error) from error


def _complaint(path: Path, error: Exception) -> UserError:
    if isinstance(error, NotImplementedError):
        return UserError(
            f"{path} is a MATLAB 7.3 file, which cannot be read here. In MATLAB, save it again: "
            f"S = load('{path.name}'); save('{path.name}', '-struct', 'S', '-v7')."
        )
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return UserError(f"{path} cannot be read as a MATLAB file: {reason}.")
