"""Synthetic macular B-scans with exact labels: sample data, test data and training data.

A phantom has a healthy macula with measured layer heights (`phantom.anatomy`), lesions that grow in
it (`phantom.pathology`), a device's light and speckle (`phantom.light`) and its failures
(`phantom.acquisition`). It is meant for software, not for clinical conclusions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import MAX_SIDE
from napari_octsam.phantoms.acquisition import pad, spoil
from napari_octsam.phantoms.anatomy import draw_eye
from napari_octsam.phantoms.bands import (
    BAND_TO_LABEL,
    BAND_TO_LAYER,
    Band,
    Finding,
    Tissue,
    band_map,
)
from napari_octsam.phantoms.device import draw_device, expose
from napari_octsam.phantoms.light import illuminate
from napari_octsam.phantoms.membranes import draw_lines
from napari_octsam.phantoms.pathology import cyst_mask, grow_tissue

__all__ = ["SMALLEST_SIDE", "Finding", "Phantom", "Tissue", "demo_phantom", "make_phantom"]

SMALLEST_SIDE = 128
"""Least rows and columns of a phantom; thin layers vanish below."""


@dataclass(frozen=True)
class Phantom:
    """A synthetic B-scan and its truth.

    `labels` gives every pixel its class in the schema `oct14`; the choroid and what lies below it
    are background (0). `layers` gives the seven layers of the schema `layers7`; it is 0 outside
    the retina and wherever a lesion, an artifact or padding takes the layer's place: fluid is not
    part of a layer.
    """

    image: NDArray[np.uint8]
    """Grey levels, (H, W)."""
    labels: NDArray[np.uint8]
    """Classes of `oct14`, 0 to 13, (H, W)."""
    layers: NDArray[np.uint8]
    """Classes of `layers7`, 0 to 7, (H, W)."""


def make_phantom(
    seed: int,
    shape: tuple[int, int] = (496, 768),
    findings: Collection[Finding] | None = None,
) -> Phantom:
    """Return a synthetic B-scan with exact labels.

    Parameters
    ----------
    seed : int
        Not negative. The same seed, shape and findings give the same phantom; the same seed and
        shape with other findings give the same eye on the same device.
    shape : tuple of int
        Rows and columns, each at least `SMALLEST_SIDE`.
    findings : collection of Finding, optional
        What the phantom shows besides a healthy retina. None draws a plausible set.

    Raises
    ------
    UserError
        The seed is negative, the shape too small, or a finding is not one.
    """
    _check(seed, shape)
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5)]
    for_eye, for_findings, for_lesions, for_light, for_failures = streams
    shown = _draw_findings(for_findings) if findings is None else _as_findings(findings)

    eye = draw_eye(for_eye, shape)
    tissue = grow_tissue(for_lesions, eye, shown)
    lines = draw_lines(for_lesions, eye, tissue, shown)
    bands = band_map(tissue.interfaces, shape[0])
    in_retina = (bands >= Band.RNFL) & (bands <= Band.ONL_IS)
    bands[cyst_mask(tissue, shape[0]) & in_retina] = Band.CYST

    labels, layers = BAND_TO_LABEL[bands], BAND_TO_LAYER[bands]
    rows = np.arange(shape[0], dtype=np.int16)[:, None]
    for line in lines:
        top = np.rint(line.top).astype(np.int16)
        bottom = np.rint(line.top + line.thickness).astype(np.int16)
        labels[(rows >= top) & (rows < bottom) & (line.strength > 0)] = line.finding

    device = draw_device(for_light, eye.scale)
    picture = illuminate(for_light, eye, tissue, bands, lines)
    if Finding.IMAGING_ARTIFACT in shown:
        labels[spoil(for_failures, picture, bands, labels)] = Finding.IMAGING_ARTIFACT
    image = expose(for_light, device, picture)
    if Finding.IMAGE_PADDING in shown:
        empty = pad(for_failures, labels)
        labels[empty] = Finding.IMAGE_PADDING
        image[empty] = 255 if for_failures.random() < 0.1 else 0
    layers[~np.isin(labels, (Tissue.NEUROSENSORY_RETINA, Tissue.RETINAL_PIGMENT_EPITHELIUM))] = 0
    return Phantom(np.rint(image).astype(np.uint8), labels, layers)


def demo_phantom() -> Phantom:
    """Return the phantom of napari's sample menu and of the demo: a diseased macula."""
    return make_phantom(
        173,
        findings=(
            Finding.EPIRETINAL_MEMBRANE,
            Finding.INTRARETINAL_FLUID,
            Finding.SUBRETINAL_FLUID,
            Finding.PIGMENT_EPITHELIAL_DETACHMENT,
            Finding.POSTERIOR_HYALOID_MEMBRANE,
            Finding.CHOROID_BORDER,
        ),
    )


_PREVALENCE = {
    Finding.EPIRETINAL_MEMBRANE: 0.25,
    Finding.INTRARETINAL_FLUID: 0.35,
    Finding.SUBRETINAL_FLUID: 0.3,
    Finding.SUBRETINAL_HYPERREFLECTIVE_MATERIAL: 0.2,
    Finding.PIGMENT_EPITHELIAL_DETACHMENT: 0.3,
    Finding.POSTERIOR_HYALOID_MEMBRANE: 0.35,
    Finding.CHOROID_BORDER: 0.5,
    Finding.IMAGING_ARTIFACT: 0.15,
    Finding.FIBROSIS: 0.12,
    Finding.IMAGE_PADDING: 0.35,
}
"""How often a drawn set shows each finding: often enough to learn it, not as in a clinic."""


def _draw_findings(rng: np.random.Generator) -> frozenset[Finding]:
    return frozenset(f for f, share in _PREVALENCE.items() if rng.random() < share)


def _as_findings(findings: Collection[Finding]) -> frozenset[Finding]:
    try:
        return frozenset(Finding(f) for f in findings)
    except ValueError as error:
        known = ", ".join(f"{f.value} {f.name}" for f in Finding)
        raise UserError(f"A phantom cannot show this: {error}. It can show: {known}.") from error


def _check(seed: int, shape: Sequence[int]) -> None:
    if seed < 0:
        raise UserError(f"A phantom's seed must not be negative; {seed} was given.")
    if len(shape) != 2 or min(shape) < SMALLEST_SIDE:
        size = " x ".join(str(side) for side in shape)
        raise UserError(
            f"A phantom needs at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels; {size} was asked."
        )
    if max(shape) > MAX_SIDE:
        raise UserError(
            f"A phantom has at most {MAX_SIDE} pixels each way; {shape[0]} x {shape[1]} was asked."
        )
