"""What a network learns from: B-scans with one or more maps of labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.data.dataset import fingerprint
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.phantoms.bscan import Finding, Tissue, make_phantom

__all__ = [
    "MixedSource",
    "Sample",
    "SampleSource",
    "layered_sample",
    "phantom_sample",
    "sample_from_pair",
]

_LAST_LAYER = 7  # the RPE's value of layers7


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A B-scan and its label maps by name of the schema.

    Parameters
    ----------
    name
        Name for messages.
    image
        (H, W) uint8 grey.
    maps
        Schema name -> (H, W) uint8 label values; `NOT_LABELLED` pixels are ignored.
    """

    name: str
    image: npt.NDArray[np.uint8]
    maps: dict[str, npt.NDArray[np.uint8]]


class SampleSource(Protocol):
    """Draws samples."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that is drawn from."""
        ...

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw one."""
        ...


def sample_from_pair(pair: LabelledBScan, schema: str) -> Sample:
    """Take a labelled B-scan whose labels follow the schema of that name."""
    return Sample(pair.name, pair.image, {schema: pair.labels})


def layered_sample(pair: LabelledBScan) -> Sample:
    """Take a B-scan with its seven layers, and what they say of the 14 classes.

    Above the first layer is the vitreous body; the layers but the last are the retina, the last is
    the RPE; below is background. Columns without layers are not labelled in either.
    """
    layers = pair.labels.copy()
    found = (layers > 0) & (layers != NOT_LABELLED)
    layers[:, ~found.any(axis=0)] = NOT_LABELLED
    classes = np.zeros_like(layers)
    classes[np.cumsum(layers > 0, axis=0) == 0] = Tissue.VITREOUS_BODY
    classes[found] = Tissue.NEUROSENSORY_RETINA
    classes[layers == _LAST_LAYER] = Tissue.RETINAL_PIGMENT_EPITHELIUM
    classes[layers == NOT_LABELLED] = NOT_LABELLED
    return Sample(pair.name, pair.image, {"layers7": layers, "oct14": classes})


def phantom_sample(rng: np.random.Generator) -> Sample:
    """Make a synthetic B-scan with both of its label maps.

    Half of them are drawn as `make_phantom` draws; the other half have each finding in two of
    five, since what is rare is learnt late.
    """
    seed = int(rng.integers(2**31))
    shape = (int(rng.integers(380, 640)), int(rng.integers(420, 900)))
    often = [finding for finding in Finding if rng.random() < 0.4]
    phantom = make_phantom(seed, shape, None if rng.random() < 0.5 else often)
    maps = {"oct14": phantom.labels, "layers7": phantom.layers}
    return Sample(f"phantom {seed}", phantom.image, maps)


@dataclass(frozen=True, slots=True, eq=False)
class MixedSource:
    """Draws from groups of samples by weight, and phantoms, each seen once, by theirs.

    Parameters
    ----------
    groups
        (weight, samples) of each group.
    phantoms
        Weight of new phantoms.
    complete
        Adds what a sample's own labels leave open.
    """

    groups: Sequence[tuple[float, Sequence[Sample]]]
    phantoms: float
    complete: Callable[[Sample], Sample] | None = None

    def __call__(self, rng: np.random.Generator) -> Sample:
        """Draw a sample."""
        weights = np.array([weight for weight, _ in self.groups] + [self.phantoms], float)
        group = int(rng.choice(len(weights), p=weights / weights.sum()))
        if group == len(self.groups):
            return phantom_sample(rng)
        samples = self.groups[group][1]
        sample = samples[int(rng.integers(len(samples)))]
        return sample if self.complete is None else self.complete(sample)

    @property
    def fingerprint(self) -> str:
        """A hash of the samples' names, images and labels; phantoms are of the code."""
        return hashlib.sha256("\n".join(self._hashes()).encode()).hexdigest()

    def _hashes(self) -> Iterator[str]:
        for _, samples in self.groups:
            for sample in samples:
                yield sample.name
                yield fingerprint(sample.image)
                yield from (f"{name} {fingerprint(m)}" for name, m in sample.maps.items())
