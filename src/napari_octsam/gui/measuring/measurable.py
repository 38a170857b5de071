"""A labels layer as what is measured: its labels, whose they are, and its scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.bscans import data_shape
from napari_octsam.gui.layers.layer_schema import schema_of
from napari_octsam.measurement.figures import UNKNOWN_STATE
from napari_octsam.measurement.measure import Eye, Measured, measure
from napari_octsam.measurement.spacing import Spacing, spacing_of

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_octsam.core.annotation import Progress

__all__ = ["MeasuredLayer", "layer_spacing", "measure_layer", "schema_to_measure"]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredLayer:
    """What was measured of a labels layer.

    Parameters
    ----------
    name
        Of the layer.
    labels
        As they were then, (H, W) or (B-scans, H, W).
    """

    name: str
    labels: npt.NDArray[np.uint8]
    measured: Measured


def layer_spacing(labels: Labels) -> Spacing | None:
    """Return the spacing that a layer's scale and units say; None where they say no lengths."""
    try:
        return spacing_of(labels.scale, [str(unit) for unit in labels.units])
    except UserError:  # it says one that no OCT has
        return None


def schema_to_measure(labels: Labels, chosen: LabelSchema) -> LabelSchema:
    """Return the schema that a layer carries, else the one that is chosen."""
    return schema_of(labels) or chosen


def measure_layer(
    labels: Labels,
    schema: LabelSchema,
    spacing: Spacing,
    eye: Eye,
    progress: Mapping[tuple[int, ...], Progress] | None,
) -> MeasuredLayer:
    """Read a labels layer and measure it; made for a thread of its own.

    Parameters
    ----------
    progress
        How far each B-scan is; None: nobody keeps it.

    Raises
    ------
    UserError
        It cannot be read or measured.
    """
    shape = data_shape(labels)
    if len(shape) not in (2, 3):
        raise UserError(f"{labels.name} has {len(shape)} axes: a B-scan or a volume is measured.")
    found, states = np.empty(shape, np.uint8), []
    for index in np.ndindex(shape[:-2]):
        found[index] = bscan = _read(labels, index, schema)
        known = None if progress is None else progress.get(index)
        states.append(UNKNOWN_STATE if known is None else str(known.state))
        if known is None and progress is not None and not bscan.any():
            states[-1] = str(BScanState.UNTOUCHED)
            found[index] = NOT_LABELLED
    return MeasuredLayer(labels.name, found, measure(found, schema, spacing, eye, states))


def _read(
    labels: Labels, index: tuple[int, ...], schema: LabelSchema
) -> npt.NDArray[np.integer[Any]]:
    data = labels.data[0] if labels.multiscale else labels.data
    try:
        bscan = np.array(data[index])
    except Exception as error:  # lazy arrays read files, and fail in as many ways
        raise UserError(f"The layer {labels.name} cannot be read: {error}.") from error
    if unknown := schema.lacking(np.unique(bscan).tolist()):
        raise UserError(
            f"{labels.name} has the value {unknown[0]}, which the schema {schema.name} does not "
            "know: choose the schema of these labels in the Label or Prompt widget."
        )
    return bscan
