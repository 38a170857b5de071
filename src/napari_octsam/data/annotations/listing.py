"""Which annotations there are, and what is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from napari_octsam.core.annotation import Annotation, BScanState
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.folder import RECORD, SUFFIX, is_annotation
from napari_octsam.data.annotations.saved import SavedAnnotation, labelled_pixels, open_saved

__all__ = ["Summary", "annotations_in", "summarise"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What is in an annotation.

    Parameters
    ----------
    changed
        When a B-scan was labelled last; of an empty one, when it was made.
    states
        How many B-scans are how far.
    pixels
        That have a class other than the background.
    """

    path: Path
    annotation: Annotation
    changed: datetime
    states: Mapping[BScanState, int]
    pixels: int


def annotations_in(folder: Path) -> list[Path]:
    """Return the annotations that lie in a folder, in the order of their names.

    Raises
    ------
    UserError
        It cannot be read.
    """
    try:
        return sorted(path for path in folder.glob(f"[!.]*{SUFFIX}") if is_annotation(path))
    except OSError as error:
        raise UserError(f"Cannot read {folder}: {error.strerror or error}.") from error


def summarise(path: Path) -> Summary:
    """Read what is in an annotation; UserError where it is none, or is damaged."""
    saved = open_saved(path)
    states = Counter(saved.annotation.state(index) for index in saved.indices)
    pixels = sum(labelled_pixels(saved.labels.read(index)) for index in saved.indices)
    return Summary(path, saved.annotation, _changed(saved), states, pixels)


def _changed(saved: SavedAnnotation) -> datetime:
    times = [each.at for each in saved.annotation.progress.values()]
    made = (saved.path / RECORD).stat().st_mtime
    return max(times, default=datetime.fromtimestamp(made, UTC))
