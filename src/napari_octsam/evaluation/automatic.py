"""How well a model labels B-scans that it is asked nothing about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.decoded import LogitWindow
from napari_octsam.core.labelling import NamedPixels
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.judging import JudgedMask, judge_mask
from napari_octsam.models.model import Model

__all__ = ["Way", "judge_automatic", "ways_of"]

Way: TypeAlias = Literal["names", "boundaries"]
"""How names become labels: each pixel by itself, or as layers between ordered boundaries."""

_SURELY = 1e-6  # what a probability is kept from 0 and 1


def ways_of(schema: LabelSchema) -> tuple[Way, ...]:
    """Return the ways in which B-scans can be labelled by a schema."""
    return ("names", "boundaries") if schema.stack else ("names",)


def judge_automatic(
    model: Model,
    bscans: Iterable[LabelledBScan],
    schema: LabelSchema,
    way: Way,
    axial_um: float | None = None,
) -> Iterator[JudgedMask]:
    """Let the model label each B-scan, and judge each class of the foreground.

    Parameters
    ----------
    way
        One of `ways_of` the schema.
    axial_um
        µm per pixel along the A-scan; None where it is not known.
    """
    for bscan in bscans:
        named = model.label(bscan.image, schema)
        for place, label in enumerate(named.schema.classes):
            if label.value:
                yield judge_mask(bscan, label.value, _window(named, place, way), axial_um)


def _window(named: NamedPixels, place: int, way: Way) -> LogitWindow:
    """Return a class as logits of its probability, with the sign that its labels have."""
    labelled = named.plain if way == "names" else named.layered
    probability = named.by_column[:, place].T.clip(_SURELY, 1 - _SURELY)
    logits = np.log(probability / (1 - probability))
    mine = labelled.labels == named.schema.classes[place].value
    signed: npt.NDArray[np.float32] = np.where(
        mine, logits.clip(_SURELY, None), logits.clip(None, -_SURELY)
    )
    return LogitWindow(0, 0, signed)
