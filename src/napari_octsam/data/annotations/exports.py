"""What an annotation can be exported as."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from pathlib import Path

from napari_octsam.core.annotation import Annotation, BScanState
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.chosen import BY_A_PERSON
from napari_octsam.data.annotations.coco_export import write_coco
from napari_octsam.data.annotations.description import sidecar_of
from napari_octsam.data.annotations.masks_export import write_masks
from napari_octsam.data.annotations.png_export import write_png
from napari_octsam.data.annotations.saved import SavedAnnotation
from napari_octsam.data.annotations.tiff_export import write_tiff

__all__ = ["Kind", "export", "files_of"]


class Kind(StrEnum):
    """A form to export to."""

    TIFF = "tiff"
    PNG = "png"
    MASKS = "masks"
    COCO = "coco"


_COPIES: dict[Kind, Callable[[SavedAnnotation, Path], None]] = {
    Kind.TIFF: write_tiff,
    Kind.PNG: write_png,
}
"""All labels as they are."""

_DATA_SETS: dict[Kind, Callable[[SavedAnnotation, Path, Collection[BScanState]], None]] = {
    Kind.MASKS: write_masks,
    Kind.COCO: write_coco,
}
"""B-scans to learn from, of some states."""


def export(
    saved: SavedAnnotation, kind: Kind, path: Path, states: Collection[BScanState] | None = None
) -> None:
    """Export an annotation.

    Parameters
    ----------
    states
        Of the B-scans of a data set; None: those that a person did.

    Raises
    ------
    UserError
        States are named for a kind that takes all B-scans; or as of the kind's function.
    """
    if kind in _DATA_SETS:
        _DATA_SETS[kind](saved, path, BY_A_PERSON if states is None else states)
    elif states is None:
        _COPIES[kind](saved, path)
    else:
        raise UserError(f"All B-scans are exported as {kind}: leave --states out.")


def files_of(kind: Kind, annotation: Annotation, path: Path) -> tuple[Path, ...]:
    """Return the files that an export to `path` writes; none where it makes a folder."""
    if kind is Kind.MASKS or (kind is Kind.PNG and len(annotation.image.shape) > 2):
        return ()
    return (path,) if kind is Kind.COCO else (path, sidecar_of(path))
