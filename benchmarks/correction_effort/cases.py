"""B-scans with the truth and what octsam-tiny labels by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import Boundaries, boundaries_of
from napari_octsam.core.classes import LabelClass, LabelSchema, StackStep, bundled_schema
from napari_octsam.core.images import as_grey, normalised, take_bscan
from napari_octsam.core.retracing import costs_from_image, costs_from_probabilities
from napari_octsam.core.tracing import Costs
from napari_octsam.data.labels import read_labels
from napari_octsam.data.pairs import read_pairs
from napari_octsam.data.pictures import open_picture
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding

__all__ = [
    "RPE_BAND",
    "Case",
    "layers_of_subject_6",
    "load",
    "rpe_of_amd_volume",
    "truths_of_amd_volume",
]

RPE_BAND = LabelSchema(
    name="rpe_band",
    classes=(
        LabelClass(value=0, name="background", short="BG", color="#00000000"),
        LabelClass(value=1, name="RPE with drusen", short="RPE", color="#d55e00", components=1),
    ),
    stack=(StackStep(value=0), StackStep(value=1), StackStep(value=0)),
)
"""From the RPE's upper border to Bruch's membrane."""

Pixels = npt.NDArray[np.uint8]

_SUBJECT_6 = "s06_*"
_NAMED = "layers7"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A B-scan to be corrected.

    Parameters
    ----------
    found, truth
        Boundaries; the truth is NaN where either shows no layers: there, nothing is judged.
    costs
        How each boundary is traced again, by the name of the way.
    layers
        Label value in `_NAMED` of the layer that each two boundaries have between them.
    """

    image: Pixels
    found: Boundaries
    truth: Boundaries
    costs: Mapping[str, Callable[[int], Costs]]
    layers: tuple[int, ...]
    embedding: Embedding

    @property
    def rows(self) -> int:
        """Height of the B-scan."""
        return len(self.image)


def layers_of_subject_6(data: Path, model: Model) -> Iterator[Case]:
    """Yield the B-scans of octrima that octsam-tiny did not learn from, with all 8 boundaries."""
    schema = bundled_schema(_NAMED)
    for pair in read_pairs(data / "octrima", _SUBJECT_6):
        truth = boundaries_of(pair.labels, schema)
        yield _case(pair.image, truth, range(8), model)


def rpe_of_amd_volume(data: Path, model: Model, every: int) -> Iterator[Case]:
    """Yield every so many of the labelled B-scans of the volume with drusen."""
    for image, labels in truths_of_amd_volume(data)[::every]:
        yield _case(image, boundaries_of(labels, RPE_BAND), (6, 7), model)


def truths_of_amd_volume(data: Path) -> list[tuple[Pixels, Pixels]]:
    """Return image and labels of the B-scans that have some, in their order."""
    folder = data / "amd_volume"
    masks = sorted((folder / "masks").glob("*.png"))
    return [
        (
            normalised(as_grey(take_bscan(open_picture(folder / "images" / mask.name), ()))),
            read_labels(mask).astype(np.uint8),
        )
        for mask in masks
    ]


def load() -> Model:
    """Load octsam-tiny."""
    return load_model("octsam-tiny", device="cpu")


def _case(
    image: Pixels,
    truth: Boundaries,
    numbers: range | tuple[int, ...],
    model: Model,
) -> Case:
    schema = bundled_schema(_NAMED)
    embedding = model.encode(image)
    named = model.label(embedding, schema)
    found = named.layered.boundaries[list(numbers)]
    both = np.isfinite(found).all(axis=0) & np.isfinite(truth).all(axis=0)

    @cache
    def by_names(number: int) -> Costs:
        return costs_from_probabilities(named.by_column, schema, numbers[number])

    @cache
    def by_edges(number: int) -> Costs:
        return costs_from_image(image, found, number)

    return Case(
        image,
        found,
        np.where(both, truth, np.nan).astype(np.float32),
        {"probabilities": by_names, "image": by_edges},
        tuple(schema.layers[number].value for number in numbers[:-1]),
        embedding,
    )
