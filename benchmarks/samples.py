"""The B-scan, the prompts and the small model of all parts; no torch, for napari's process."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np

from napari_octsam.core.prompts import Box, Prompt
from napari_octsam.data.pictures import write_labels
from napari_octsam.engine.predict.messages import BScan
from napari_octsam.phantoms.bscan import demo_phantom, make_phantom

__all__ = ["CLASS", "TINY", "box_prompts", "sample_bscan", "write_pairs"]

TINY = "octsam-tiny"
"""Name in the registry of the bundled model."""

CLASS = 6
"""Retinal pigment epithelium; which class it is makes no difference."""


def sample_bscan() -> BScan:
    """Return the demo's synthetic B-scan, 496 x 768."""
    return BScan(demo_phantom().image, "synthetic B-scan")


def box_prompts(shape: tuple[int, int], count: int) -> tuple[Prompt, ...]:
    """Return objects with a box each, spread over a B-scan of `shape` (rows, cols)."""
    rng = np.random.default_rng(0)
    heights, widths = rng.uniform(20, 90, count), rng.uniform(40, 300, count)
    rows, cols = rng.uniform(0, shape[0] - heights), rng.uniform(0, shape[1] - widths)
    return tuple(
        Prompt(CLASS, Box(float(r), float(c), float(r + h - 1), float(c + w - 1)))
        for r, c, h, w in zip(rows, cols, heights, widths, strict=True)
    )


def write_pairs(folder: Path, count: int) -> None:
    """Write so many phantoms of as many patients with their seven layers, 496 x 512."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        phantom = make_phantom(number, (496, 512))
        iio.imwrite(folder / "images" / f"P{number}_1.png", phantom.image)
        write_labels(folder / "masks" / f"P{number}_1.png", phantom.layers)
