"""Writing into labels layers: each write is one undo step of its layer, to be undone and redone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.masks import Overlap, merge
from napari_octsam.gui.layers.bscans import Plane

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = [
    "Written",
    "check_writable",
    "redo_write",
    "undo_write",
    "write",
    "write_all",
    "write_mapped",
]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Pixels of a labels layer that a write changed.

    Parameters
    ----------
    labels
        The layer.
    shape
        That its array had.
    indices
        One array of N integers for each of its axes.
    before, after
        (N,) values of these pixels.
    """

    labels: Labels
    shape: tuple[int, ...]
    indices: tuple[npt.NDArray[np.intp], ...]
    before: npt.NDArray[np.integer]
    after: npt.NDArray[np.integer]

    @property
    def fits(self) -> bool:
        """Whether the layer's array has that shape still."""
        return tuple(self.labels.data.shape) == self.shape


def write(
    labels: Labels,
    plane: Plane,
    predicted: npt.NDArray[np.uint8],
    overlap: Overlap,
    replaceable: Collection[int] = (),
) -> Written | None:
    """Write a predicted B-scan into a labels layer, as one undo step of the layer.

    Parameters
    ----------
    predicted
        (H, W) from `core.masks.composite`, rows and columns as `plane` has them.
    overlap, replaceable
        What may be overwritten. Where the layer preserves labels, only unlabelled pixels.

    Returns
    -------
    What was changed, or None where nothing was.

    Raises
    ------
    UserError
        The layer is locked, or its array cannot be written to.
    """
    check_writable(labels)
    labels.visible = True  # napari writes into what it shows, and a write out of sight looks lost
    current = plane.oriented(np.asarray(labels.data[plane.selector]))
    allowed = Overlap.KEEP if labels.preserve_labels else overlap
    rows, cols = np.nonzero(merge(current, predicted, allowed, replaceable))
    if not rows.size:
        return None
    indices = plane.indices(rows, cols)
    before = current[rows, cols]
    _write_step(labels, indices, predicted[rows, cols].astype(labels.data.dtype))
    after = np.asarray(labels.data[indices])  # what is locked has stayed
    return Written(labels, tuple(labels.data.shape), indices, before, after)


def write_all(
    labels: Labels, wanted: Mapping[tuple[int, ...], npt.NDArray[np.integer]]
) -> Written | None:
    """Give B-scans of a labels layer other labels, as one undo step of the layer.

    Parameters
    ----------
    wanted
        (H, W) label values by the index of the B-scan, whose rows and columns are the last two
        axes of the layer.

    Returns
    -------
    What was changed, or None where nothing was.

    Raises
    ------
    UserError
        As of `write`; or the layer preserves its labels.
    """
    check_writable(labels)
    if labels.preserve_labels:
        raise UserError(f"{labels.name} preserves its labels: untick that in its controls first.")
    labels.visible = True
    parts = []
    for index, values in wanted.items():
        current = np.asarray(labels.data[index])
        rows, cols = np.nonzero(current != values)
        where = tuple(np.full_like(rows, place) for place in index)
        parts.append(((*where, rows, cols), current[rows, cols], values[rows, cols]))
    indices = tuple(np.concatenate(axis) for axis in zip(*(at for at, _, _ in parts), strict=True))
    if not indices or not indices[0].size:
        return None
    before = np.concatenate([values for _, values, _ in parts])
    _write_step(labels, indices, np.concatenate([v for _, _, v in parts]).astype(before.dtype))
    after = np.asarray(labels.data[indices])  # what is locked has stayed
    return Written(labels, tuple(labels.data.shape), indices, before, after)


def write_mapped(labels: Labels, mapping: Mapping[int, int]) -> Written | None:
    """Change values everywhere in a labels layer, as one undo step of the layer.

    Parameters
    ----------
    mapping
        Old value -> new one; others stay.

    Returns
    -------
    What was changed, or None where nothing was.

    Raises
    ------
    UserError
        As of `write`.
    """
    check_writable(labels)
    labels.visible = True
    current = np.asarray(labels.data)
    changed = [old for old, new in mapping.items() if old != new]
    indices = np.nonzero(np.isin(current, changed))
    if not indices[0].size:
        return None
    before = current[indices]
    after = before.copy()
    for old in changed:
        after[before == old] = mapping[old]
    _write_step(labels, indices, after)
    return Written(labels, tuple(current.shape), indices, before, after)


def undo_write(written: Written) -> None:
    """Undo a write, which still fits, by the layer's own undo; harmless where it is undone.

    Raises
    ------
    UserError
        The last step of the layer is not this write: somebody has painted since. Nothing is
        changed.
    """
    labels = written.labels
    if _has(written, written.before):
        return
    if _has(written, written.after):
        labels.visible = True
        labels.undo()
        if _has(written, written.before):
            return
        labels.redo()
    raise UserError(f"{labels.name} was painted on after the commit: undo that first (Ctrl-Z).")


def redo_write(written: Written) -> None:
    """Redo a write, which still fits; harmless where it is redone.

    By the layer's own redo, so that what was painted later can be redone after it; anew where the
    layer has forgotten it.

    Raises
    ------
    UserError
        The pixels are not as they were before the write. Nothing is changed.
    """
    labels = written.labels
    if _has(written, written.after):
        return
    if not _has(written, written.before):
        raise UserError(f"{labels.name} was painted on since: the commit cannot be redone.")
    check_writable(labels)
    labels.visible = True
    labels.redo()
    if not _has(written, written.after):
        _write_step(labels, written.indices, written.after)


def _write_step(
    labels: Labels, indices: tuple[npt.NDArray[np.intp], ...], values: npt.NDArray[np.integer]
) -> None:
    with labels.block_history():
        labels.data_setitem(indices, values)


def _has(written: Written, values: npt.NDArray[np.integer]) -> bool:
    return bool(np.array_equal(written.labels.data[written.indices], values))


def check_writable(labels: Labels) -> None:
    """Raise UserError where a labels layer is locked, or its array cannot be written to."""
    if not labels.editable:
        raise UserError(f"{labels.name} cannot be edited now: choose another labels layer.")
    is_lazy = hasattr(labels.data, "compute")  # dask
    writeable = getattr(getattr(labels.data, "flags", None), "writeable", True)
    read_only = getattr(labels.data, "read_only", False)  # zarr
    if labels.multiscale or is_lazy or read_only or not writeable:
        raise UserError(f"{labels.name} cannot be written to: choose another labels layer.")
