"""The data and the numbers with which octsam-tiny is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_octsam.io.pairs import read_pairs
from napari_octsam.training.pretraining import PretrainConfig
from napari_octsam.training.samples import Sample, SampleSource, mixed_source, sample_from_pair

__all__ = ["HELD_OUT_FLUID", "TRAINING_SUBJECTS", "octsam_tiny_config", "octsam_tiny_source"]

TRAINING_SUBJECTS = "s0[1-5]_*"
"""B-scans of `octrima` to train on; subject 6 validates."""

HELD_OUT_FLUID = ("AMD_0005", "AMD_0011")
"""B-scans of `octdl_fluid` that are never trained on."""


def octsam_tiny_config(steps: int, seed: int = 0) -> PretrainConfig:
    """Return the numbers for a run of `steps`, of which the last three in ten slow down."""
    return PretrainConfig(steps=steps, decay_steps=max(steps * 3 // 10, 1), objects=4, seed=seed)


def octsam_tiny_source(data: Path) -> SampleSource:
    """Return samples of the folders `octrima` and `octdl_fluid` in `data`, and phantoms.

    Raises
    ------
    UserError
        A folder or a mask is missing.
    """
    layers = [
        sample_from_pair(pair, "layers7")
        for pair in read_pairs(data / "octrima", TRAINING_SUBJECTS)
    ]
    fluid = [
        Sample(pair.name, pair.image, {"fluid": (pair.labels > 0).astype(np.uint8)})
        for pair in read_pairs(data / "octdl_fluid")
        if pair.name not in HELD_OUT_FLUID
    ]
    return mixed_source([(0.45, layers), (0.1, fluid)], phantoms=0.6)
