"""The labelled B-scans that octsam-tiny learns from, and those that only judge it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.data.pairs import LabelledBScan, read_pairs
from recipes.octsam_tiny.lesions import CLASS_OF, by_lesion, is_held_out, lesion_sample
from recipes.octsam_tiny.recipe import DataShares
from recipes.octsam_tiny.samples import (
    MixedSource,
    Sample,
    SampleSource,
    layered_sample,
    sample_from_pair,
)

__all__ = ["HELD_OUT_FLUID", "TRAINING_SUBJECTS", "VALIDATION_SUBJECT", "octsam_tiny_sources"]

TRAINING_SUBJECTS = "s0[1-5]_*"
"""B-scans of `octrima` to train on."""

VALIDATION_SUBJECT = "s06_*"
"""B-scans of `octrima` that are never trained on."""

HELD_OUT_FLUID = ("AMD_0005", "AMD_0011")
"""B-scans of `octdl_fluid` that are never trained on."""


def octsam_tiny_sources(
    data: Path, complete: Callable[[Sample], Sample] | None = None
) -> Callable[[DataShares], SampleSource]:
    """Return what draws by any shares of `octrima`, `octdl_fluid`, `lesions`, and of phantoms.

    A folder is read once, when it is first wanted; then a `UserError` says if it or a mask is
    missing. `complete` adds to a drawn B-scan what its labels leave open.
    """
    layers, fluid = cache(partial(_layers, data)), cache(partial(_fluid, data))
    lesions = cache(partial(_lesions, data))

    def source_of(shares: DataShares) -> SampleSource:
        groups = [(shares.layers, layers), (shares.fluid, fluid)]
        drawn = [(each, read()) for each, read in groups if each]
        if shares.lesions:
            drawn += [(shares.lesions * part, samples) for part, samples in lesions()]
        return MixedSource(drawn, shares.phantoms, complete)

    return source_of


def _layers(data: Path) -> list[Sample]:
    pairs = read_pairs(data / "octrima", TRAINING_SUBJECTS)
    return [layered_sample(_checked(pair, "layers7")) for pair in pairs]


def _fluid(data: Path) -> list[Sample]:
    pairs = [p for p in read_pairs(data / "octdl_fluid") if p.name not in HELD_OUT_FLUID]
    if not pairs:
        raise UserError(f"{data / 'octdl_fluid'} has no B-scan to train on.")
    return [sample_from_pair(_checked(pair, "fluid"), "fluid") for pair in pairs]


def _lesions(data: Path) -> list[tuple[float, list[Sample]]]:
    folder = data / "lesions"
    pairs = [pair for pair in read_pairs(folder) if not is_held_out(pair.name)]
    for pair in pairs:
        if foreign := set(np.unique(pair.labels).tolist()) - {0, *CLASS_OF}:
            raise UserError(f"{pair.name} has the value {min(foreign)}, which is no lesion.")
    groups = by_lesion([lesion_sample(pair) for pair in pairs])
    if not groups:
        raise UserError(f"{folder} has no lesion to train on.")
    return groups


def _checked(pair: LabelledBScan, schema: str) -> LabelledBScan:
    foreign = bundled_schema(schema).lacking(np.unique(pair.labels).tolist())
    if foreign:
        raise UserError(f"{pair.name} has the value {foreign[0]}, which {schema} does not know.")
    return pair
