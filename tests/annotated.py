"""Annotations that the tests of several rooms want."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_octsam.core.annotation import Annotation, BScanState, ImageLink, Progress
from napari_octsam.core.classes import bundled_schema
from napari_octsam.data.annotations.folder import AnnotationFolder
from napari_octsam.data.annotations.linked_image import link_to

__all__ = ["annotation_of", "write_annotation", "write_image"]


def annotation_of(shape: tuple[int, ...], **changed: Any) -> Annotation:
    """Return one of an image of that shape, with nothing done yet."""
    count = len(shape)
    values = {
        "name": "labels",
        "image": ImageLink(name="eye", shape=shape),
        "label_schema": bundled_schema("layers7"),
        "scale": (3.87, 11.5, 120.0, 1.0)[:count][::-1],
        "units": ("micrometer",) * count,
        "axis_labels": ("t", "z", "y", "x")[-count:],
    }
    return Annotation(**{**values, **changed})


def write_image(path: Path, shape: tuple[int, ...]) -> Path:
    """Write a B-scan or a volume of noise as TIFF."""
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    tifffile.imwrite(path, pixels, photometric="minisblack")
    return path


def write_annotation(
    folder: Path,
    labels: npt.NDArray[np.integer],
    states: Mapping[tuple[int, ...], BScanState] | None = None,
    **changed: Any,
) -> Path:
    """Write an annotation P1.octsam of an image P1.tif that lies beside it.

    B-scans with labels are corrected, where nothing else is said.
    """
    image = write_image(folder / "P1.tif", labels.shape)
    link = link_to(image, tifffile.imread(image).reshape(labels.shape))
    if states is None:
        indices = np.ndindex(labels.shape[:-2])
        states = {index: BScanState.CORRECTED for index in indices if labels[index].any()}
    progress = {index: Progress(state=state) for index, state in states.items()}
    annotation = annotation_of(labels.shape, image=link, progress=progress, **changed)
    AnnotationFolder.create(folder / "P1.octsam", annotation, labels.dtype, labels).close()
    return folder / "P1.octsam"
