"""Everyone on the same B-scans, with the same boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.decoded import LogitWindow
from napari_octsam.core.prompts import Box, bounding_box
from napari_octsam.data.pairs import LabelledBScan, read_pairs
from napari_octsam.evaluation.judging import JudgedMask, judge_mask
from napari_octsam.evaluation.pieces import pieces_of
from napari_octsam.evaluation.prompted import judge_model
from napari_octsam.evaluation.report import Report, build_report
from napari_octsam.models.model import Model
from recipes.octsam_tiny.rivals.classical import inside
from recipes.octsam_tiny.rivals.unet import UNet
from recipes.octsam_tiny.sources import HELD_OUT_FLUID, VALIDATION_SUBJECT

__all__ = ["Contest", "Entry", "read_contest"]

_SMALLEST = 12  # pixels of a pocket of fluid

Judge = Callable[[Sequence[LabelledBScan], LabelSchema], Iterator[JudgedMask]]
Segment = Callable[[npt.NDArray[np.uint8], Box], npt.NDArray[np.bool_]]
Find = Callable[[int, Box], npt.NDArray[np.bool_]]
"""Gives the mask of a class that has this box."""
Open = Callable[[npt.NDArray[np.uint8], LabelSchema], Find]
"""Looks at a B-scan once, for all of its classes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one of them reached.

    Parameters
    ----------
    layers
        The seven layers of the validation subject.
    fluid
        Each pocket of fluid of the B-scans that were held out.
    """

    layers: Report
    fluid: Report


@dataclass(frozen=True, slots=True)
class Contest:
    """The B-scans that nobody learnt from."""

    layers: Sequence[LabelledBScan]
    fluid: Sequence[LabelledBScan]

    def of_model(self, model: Model) -> Entry:
        """Judge a promptable model with one tight box for each layer and each pocket."""
        return self._entry(lambda bscans, schema: judge_model(model, bscans, schema))

    def of_segment(self, segment: Segment) -> Entry:
        """Judge what makes a mask of a box."""
        return self._entry(partial(_judge, _with_boxes(segment)))

    def of_unet(self, unet: UNet) -> Entry:
        """Judge a U-Net: layers as it names them, a pocket as what it names fluid in the box."""
        return self._entry(partial(_judge, _with_unet(unet)))

    def _entry(self, judge: Judge) -> Entry:
        layers, fluid = bundled_schema("layers7"), bundled_schema("fluid")
        return Entry(
            build_report(judge(self.layers, layers), layers),
            build_report(judge(self.fluid, fluid), fluid),
        )


def read_contest(data: Path) -> Contest:
    """Read subject 6 of `octrima`, and the pockets of the held-out B-scans of `octdl_fluid`."""
    schema = bundled_schema("fluid")
    held_out = [b for b in read_pairs(data / "octdl_fluid") if b.name in HELD_OUT_FLUID]
    pockets = [piece for bscan in held_out for piece in pieces_of(bscan, schema, _SMALLEST)]
    return Contest(read_pairs(data / "octrima", VALIDATION_SUBJECT), pockets)


def _with_boxes(segment: Segment) -> Open:
    return lambda image, _: lambda _, box: segment(image, box)


def _with_unet(unet: UNet) -> Open:
    def opened(image: npt.NDArray[np.uint8], schema: LabelSchema) -> Find:
        named = unet(image, schema.name)

        def find(value: int, box: Box) -> npt.NDArray[np.bool_]:
            part = inside(box) if schema.name == "fluid" else (slice(None), slice(None))
            found = np.zeros(named.shape, bool)
            found[part] = named[part] == value
            return found

        return find

    return opened


def _judge(
    opened: Open, bscans: Sequence[LabelledBScan], schema: LabelSchema
) -> Iterator[JudgedMask]:
    for bscan in bscans:
        find = opened(bscan.image, schema)
        for label in schema.foreground:
            truth = bscan.labels == label.value
            if truth.any():
                found = find(label.value, bounding_box(truth))
                yield judge_mask(bscan, label.value, _as_window(found))


def _as_window(mask: npt.NDArray[np.bool_]) -> LogitWindow:
    return LogitWindow(0, 0, np.where(mask, 8, -8).astype(np.float32))
