"""What the network named before it learnt: layers and tissue where only lesions are drawn.

A B-scan with lesions says nothing of its layers. Without them the network forgets, on the eyes of
which most are unlike the healthy ones, what it knew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.tiny.network import TinyNetwork
from napari_octsam.phantoms.bscan import Tissue
from recipes.octsam_tiny.lesions import LESIONS
from recipes.octsam_tiny.samples import Sample

__all__ = ["Teacher", "named_probabilities"]

_TISSUE = (0, *Tissue)  # of oct14; 0 is what lies below the retina


class Teacher:
    """Adds the names that a network is sure of to B-scans of which only lesions are drawn.

    Parameters
    ----------
    network
        That has learnt to name layers and tissue.
    sure
        Probability from which a name is taken.
    """

    def __init__(self, network: TinyNetwork, sure: float) -> None:
        header = Header(name="before", architecture="octsam-tiny", profile="octsam-tiny")
        self._model = Model(network.eval().requires_grad_(False), header, torch.device("cpu"))
        self._sure = sure
        self._taught: dict[str, Sample] = {}

    def __call__(self, sample: Sample) -> Sample:
        """Return a sample with a map of layers and, where no lesion is drawn, with tissue.

        Those of which more than lesions are drawn stay as they are.
        """
        if LESIONS not in sample.maps:
            return sample
        if sample.name not in self._taught:
            self._taught[sample.name] = self._teach(sample)
        return self._taught[sample.name]

    def _teach(self, sample: Sample) -> Sample:
        found = named_probabilities(self._model, sample.image, ("layers7", "oct14"))
        layers, tissue = map(self._sure_names, found.values())
        tissue[~np.isin(tissue, _TISSUE)] = NOT_LABELLED
        drawn = (sample.maps[LESIONS] > 0) | (sample.maps["oct14"] != NOT_LABELLED)
        layers[drawn] = NOT_LABELLED
        classes = np.where(drawn, sample.maps["oct14"], tissue)
        return replace(sample, maps={**sample.maps, "layers7": layers, "oct14": classes})

    def _sure_names(self, probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        names: npt.NDArray[np.uint8] = probabilities.argmax(0).astype(np.uint8)
        names[probabilities.max(0) < self._sure] = NOT_LABELLED
        return names


def named_probabilities(
    model: Model, image: npt.NDArray[np.uint8], schemas: Sequence[str]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return octsam-tiny's unprompted probabilities (classes, H, W) of each schema's classes."""
    names = model.network.pixel_names  # type: ignore[attr-defined]  # octsam-tiny has it
    with torch.inference_mode():
        fine = model.features(image)["fine"]
        full = {
            schema: F.interpolate(names(fine, schema), image.shape, mode="bilinear")
            for schema in schemas
        }
    return {schema: logits[0].softmax(0).numpy() for schema, logits in full.items()}
