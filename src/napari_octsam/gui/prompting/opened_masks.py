"""Masks in files, as those of the original project, opened as labels layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import times
from napari_octsam.data.annotations.description import schema_in
from napari_octsam.data.labels import LABEL_SUFFIXES, ONLY_255, marks_with_255, read_labels
from napari_octsam.data.prepared import schema_of_mask
from napari_octsam.gui.layers.bscans import data_shape
from napari_octsam.gui.layers.labelled_images import above_labels
from napari_octsam.gui.layers.layer_schema import described
from napari_octsam.gui.layers.new_layers import placed_as

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image, Labels
    from napari.viewer import Viewer

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.layers.companions import Companions
    from napari_octsam.gui.session.session import Session

__all__ = ["MASK_FILES", "OpenedMasks", "ask_for_masks", "open_masks"]

MASK_FILES = f"Masks ({' '.join(f'*{suffix}' for suffix in LABEL_SUFFIXES)})"
"""Filter of a dialog for files."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenedMasks:
    """Labels layers that files became, each with its image, and what is to be told."""

    layers: Sequence[tuple[Labels, Image | None]]
    text: str


def open_masks(
    paths: Sequence[Path],
    viewer: Viewer,
    session: Session,
    preferred: Image | None,
    done: Callable[[OpenedMasks], object],
    failed: Callable[[str], object],
) -> None:
    """Read masks beside the window, and open each as a labels layer.

    Parameters
    ----------
    preferred
        The image that they are placed as, where none has a mask's name and they fit.
    done
        Called with the layers that were made.
    failed
        Called with a sentence where no file could be read.
    """
    session.read(
        partial(_read, paths), lambda read: done(_add(viewer, session, read, preferred)), failed
    )


def ask_for_masks(viewer: Viewer) -> None:
    """Ask for files, and open them as labels: the command of napari's File menu."""
    from napari.utils.notifications import show_info, show_warning
    from qtpy.QtWidgets import QFileDialog

    from napari_octsam.gui.session.session import session_of

    names, _ = QFileDialog.getOpenFileNames(None, "Open as labels", "", MASK_FILES)
    if names:
        paths = [Path(name) for name in names]
        session = session_of(viewer)
        viewer = getattr(viewer, "__wrapped__", viewer)
        open_masks(paths, viewer, session, None, lambda made: show_info(made.text), show_warning)


@dataclass(frozen=True, slots=True, eq=False)
class _Mask:
    name: str
    values: npt.NDArray[Any]
    schema: LabelSchema | None


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    masks: list[_Mask]
    problems: list[str]


def _read(paths: Sequence[Path]) -> _Read:
    read = _Read([], [])
    for path in paths:
        try:
            schema = schema_in(path) or schema_of_mask(path)
            read.masks.append(_Mask(path.stem, _compact(read_labels(path)), schema))
        except UserError as error:
            read.problems.append(str(error))
    if not read.masks:
        raise UserError(" ".join(read.problems))
    return read


def _compact(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy that can be painted on, of 8 bit where that holds all values."""
    is_small = 0 <= int(values.min()) <= int(values.max()) <= 255
    return np.array(values, np.uint8 if is_small else values.dtype)


def _add(viewer: Viewer, session: Session, read: _Read, preferred: Image | None) -> OpenedMasks:
    from napari.layers import Labels

    made: list[tuple[Labels, Image | None]] = []
    lost = []
    for mask in read.masks:
        name, values = mask.name, mask.values
        image = _image_for(name, values.shape, viewer.layers, preferred)
        place = {} if image is None else placed_as(image)
        shape = values.shape if image is None else data_shape(image)
        meaning = {} if mask.schema is None else described(mask.schema)
        labels = Labels(values.reshape(shape), name=name, opacity=0.5, **place, **meaning)
        _insert(viewer.layers, labels, image, session.companions)
        made.append((labels, image))
        if image is None:
            lost.append(f"{name} ({times(values.shape)}) lies on no open image.")
        if marks_with_255(values):
            lost.append(f"The only value in {name} beside 0 is 255. {ONLY_255}")
    names = ", ".join(labels.name for labels, _ in made)
    return OpenedMasks(made, " ".join([f"Opened as labels: {names}.", *lost, *read.problems]))


def _insert(layers: LayerList, labels: Labels, image: Image | None, companions: Companions) -> None:
    if image is None:
        layers.append(labels)
        return
    layers.insert(above_labels(image, layers, companions), labels)
    companions.labels.note(image, labels)


def _image_for(
    name: str, shape: tuple[int, ...], layers: LayerList, preferred: Image | None
) -> Image | None:
    """Return the image of a mask's size that has its name, else the preferred, else the only."""
    from napari.layers import Image

    images = [x for x in layers if isinstance(x, Image) and _same_bscans(data_shape(x), shape)]
    namesakes = [image for image in images if image.name == name]
    if namesakes:
        return namesakes[0]
    if preferred in images:
        return preferred
    return images[0] if len(images) == 1 else None


def _same_bscans(image: tuple[int, ...], mask: tuple[int, ...]) -> bool:
    """Whether two shapes are one; files of a single B-scan are read without further axes."""
    single = len(mask) == 2 and image[-2:] == mask and set(image[:-2]) == {1}
    return single or image == mask
