"""How right octsam-tiny is about its labels: `python -m recipes.octsam_tiny.confidence DATA MODEL`.

Of what it labels without a prompt, on B-scans that it never learnt from: how sure it is, how often
that is right, and the expected calibration error (Guo et al. 2017, arXiv:1706.04599).
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.markdown import grid
from napari_octsam.core.boundaries import boundaries_of
from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.labelling import NamedPixels
from napari_octsam.data.pairs import LabelledBScan, read_pairs
from napari_octsam.models.model import Model
from recipes.octsam_tiny.beginning import model_of
from recipes.octsam_tiny.lesions import CLASS_OF, LESION_NAMES, is_held_out
from recipes.octsam_tiny.questions import BAND, masked_bscans
from recipes.octsam_tiny.sources import VALIDATION_SUBJECT

__all__ = ["calibration_error", "confidence_table", "judged_confidence"]

_BINS = 15
_NEAR = 2  # rows
_POSSIBLE = 0.05  # probability from which a pixel counts that is not of the class

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def calibration_error(confidence: Numbers, is_right: Flags) -> float:
    """Return the expected calibration error of (N,) confidences, 0 to 1: over 15 equal bins."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    sums = np.bincount(bins, confidence, _BINS), np.bincount(bins, is_right, _BINS)
    return float(np.abs(sums[0] - sums[1]).sum() / max(counts.sum(), 1))


def judged_confidence(model: Model, data: Path) -> Iterator[tuple[str, Numbers, Flags]]:
    """Yield what is labelled, how sure the model is, and whether it is right, B-scan by B-scan."""
    for bscan in read_pairs(data / "octrima", VALIDATION_SUBJECT):
        named = model.label(bscan.image, "layers7")
        yield _of_boundaries(named, bscan)
        yield _of_labels(named, bscan)
    for bscan in read_pairs(data / "lesions"):
        if is_held_out(bscan.name):
            named = model.label(bscan.image, "oct14")
            for value, name in LESION_NAMES.items():
                found = CLASS_OF[value]
                if found is not None and (bscan.labels == value).any():
                    yield name, *_of_classes(named, (found,), bscan.labels == value)
    for bscan in masked_bscans(data):
        named = model.label(bscan.image, "oct14")
        yield "RPE with drusen", *_of_classes(named, BAND, bscan.labels == 1)


def confidence_table(judged: Sequence[tuple[str, Numbers, Flags]]) -> str:
    """Return mean confidence, share that is right, and calibration error of each title."""
    by_title: defaultdict[str, list[tuple[Numbers, Flags]]] = defaultdict(list)
    for title, confidence, is_right in judged:
        by_title[title].append((confidence, is_right))
    rows = []
    for title, found in by_title.items():
        confidence, is_right = (np.concatenate(part) for part in zip(*found, strict=True))
        figures = confidence.mean(), is_right.mean(), calibration_error(confidence, is_right)
        rows.append([title, f"{len(confidence):,}", *(f"{figure:.3f}" for figure in figures)])
    heads = ["labelled", "pixels or columns", "confidence", "right", "calibration error"]
    return grid(heads, rows)


def _of_boundaries(named: NamedPixels, bscan: LabelledBScan) -> tuple[str, Numbers, Flags]:
    """Return each boundary in each column: whether it is within 2 rows of the truth's."""
    truth, found = boundaries_of(bscan.labels, named.schema), named.layered
    both = np.isfinite(truth) & np.isfinite(found.boundaries)
    near = np.abs(truth - found.boundaries)[both] <= _NEAR
    return "layers' boundaries", found.boundary_confidence[both].astype(float), near


def _of_labels(named: NamedPixels, bscan: LabelledBScan) -> tuple[str, Numbers, Flags]:
    labels = named.layered.labels
    both = (bscan.labels != NOT_LABELLED) & (labels != NOT_LABELLED)
    tissue = both & ((bscan.labels > 0) | (labels > 0))
    right = labels[tissue] == bscan.labels[tissue]
    return "layers' pixels", named.layered.confidence[tissue].astype(float), right


def _of_classes(named: NamedPixels, classes: Sequence[int], truth: Flags) -> tuple[Numbers, Flags]:
    """Return how probable classes are, where they are possible or true, and whether they are."""
    values = [each.value for each in named.schema.classes]
    places = [values.index(value) for value in classes]
    probability = named.by_column[:, places].sum(axis=1).T.astype(float)
    asked = truth | (probability >= _POSSIBLE)
    return probability[asked].clip(0, 1), truth[asked]


def main(arguments: Sequence[str]) -> None:
    """Measure a model and print the table."""
    if len(arguments) != 2:
        sys.exit(__doc__)
    data, name = arguments
    print(confidence_table(list(judged_confidence(model_of(name), Path(data)))), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
