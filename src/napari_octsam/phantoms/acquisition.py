"""What goes wrong while a B-scan is taken and stored: artifacts and padding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_octsam.phantoms.bands import Band, Finding, Tissue
from napari_octsam.phantoms.fields import Curve, Picture, smooth_curve

__all__ = ["pad", "spoil"]

_LESIONS = (
    Finding.EPIRETINAL_MEMBRANE,
    Finding.INTRARETINAL_FLUID,
    Finding.SUBRETINAL_FLUID,
    Finding.SUBRETINAL_HYPERREFLECTIVE_MATERIAL,
    Finding.PIGMENT_EPITHELIAL_DETACHMENT,
    Finding.FIBROSIS,
)


def spoil(
    rng: np.random.Generator,
    picture: Picture,
    bands: NDArray[np.uint8],
    labels: NDArray[np.uint8],
) -> NDArray[np.bool_]:
    """Put one imaging artifact into `picture` in place and return its pixels (H, W)."""
    kind = rng.choice(["shadow", "blink", "mirror"], p=[0.5, 0.25, 0.25])
    if kind == "mirror":
        return _mirror(rng, picture, bands, labels)
    columns = _free_columns(rng, labels)
    region = np.zeros(picture.shape, np.bool_)
    region[:, columns] = True
    if kind == "shadow":
        region &= bands > Band.VITREOUS
    remaining = rng.uniform(0.02, 0.15)
    edge = np.minimum(np.arange(columns.size), np.arange(columns.size)[::-1])
    dimmed = 1 - (1 - remaining) * np.clip((edge + 1) / 3, 0, 1).astype(np.float32)
    picture[:, columns] *= np.where(region[:, columns], dimmed, 1)
    return region


def _free_columns(rng: np.random.Generator, labels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return neighbouring columns, 3 to 8 % of the width, that hide little pathology."""
    width = labels.shape[1]
    size = max(6, int(width * rng.uniform(0.03, 0.08)))
    lesion = np.isin(labels, _LESIONS).sum(axis=0)
    covered = np.convolve(lesion, np.ones(size, np.int64), "valid")
    starts = rng.integers(int(0.12 * width), int(0.88 * width) - size, 8)
    start = starts[np.argmin(covered[starts])]
    return np.arange(start, start + size)


def _mirror(
    rng: np.random.Generator,
    picture: Picture,
    bands: NDArray[np.uint8],
    labels: NDArray[np.uint8],
) -> NDArray[np.bool_]:
    """Fold a ghost of the retina, upside down, into the vitreous at the top of the image."""
    height, width = picture.shape
    room = (bands == Band.VITREOUS).sum(axis=0)
    phm = labels == Finding.POSTERIOR_HYALOID_MEMBRANE
    room = np.where(phm.any(axis=0), np.minimum(room, phm.argmax(axis=0)), room)
    depth = np.clip(room * rng.uniform(0.3, 0.7), 3, None)
    side = rng.choice([0.0, 1.0])
    across = np.abs(np.linspace(0, 1, width) - side)
    depth = np.rint(depth * np.clip(1.3 - across / rng.uniform(0.4, 0.9), 0, 1)).astype(np.int64)
    rows = np.arange(height)[:, None]
    region: NDArray[np.bool_] = rows < depth
    source = np.clip(room + depth - rows, 0, height - 1)
    ghost = np.take_along_axis(picture, source, axis=0) * np.float32(rng.uniform(0.35, 0.8))
    np.copyto(picture, np.maximum(picture, ghost), where=region)
    return region


def pad(rng: np.random.Generator, labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the pixels (H, W) that a device or an export left empty round the B-scan.

    Above an artifact that reaches the first row there is no padding: it would hide the artifact.
    """
    height, width = labels.shape
    rows, cols = np.arange(height)[:, None], np.arange(width)
    vitreous = labels == Tissue.VITREOUS_BODY
    roof = int((~vitreous).argmax(axis=0).min())
    kind = rng.choice(["corner", "sides", "letterbox"])
    if kind == "sides" or roof == 0:
        left, right = rng.integers(2, width // 10, 2)
        left, right = [(left, right), (left, 0), (0, right)][rng.integers(3)]
        return np.broadcast_to((cols < left) | (cols >= width - right), labels.shape)
    if kind == "letterbox":
        free = (labels == 0).all(axis=1)[::-1].argmin()
        top, bottom = int(roof * rng.uniform(0.3, 0.9)), int(free * rng.uniform(0.2, 0.8))
        return np.broadcast_to((rows < max(2, top)) | (rows >= height - bottom), labels.shape)
    left_depth, right_depth = rng.permutation([0, max(3.0, roof * rng.uniform(0.3, 1.2))])
    edge: Curve = np.linspace(left_depth, right_depth, width)
    steps = np.rint(edge + rng.uniform(0, 1.0) * smooth_curve(rng, width, width / 6))
    return np.asarray((rows < steps) & vitreous)
