"""Everyone on the same B-scans, with the same boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from recipes.octsam_tiny.judge import Answers, Judged, by_title, judge, judge_boxes
from recipes.octsam_tiny.lesions import LESION_NAMES
from recipes.octsam_tiny.questions import Asked, questions_of
from recipes.octsam_tiny.rivals.classical import Find, Open, Segment, boxed, inside
from recipes.octsam_tiny.rivals.unet import UNet
from recipes.octsam_tiny.sources import HELD_OUT_FLUID, VALIDATION_SUBJECT

__all__ = ["Contest", "Entry", "read_contest"]

_SMALLEST = 12  # pixels of a pocket of fluid

Judge = Callable[[Sequence[LabelledBScan], LabelSchema], Iterator[JudgedMask]]

_ASKED = (
    "layers, box 8 px loose",
    "layers, box 16 px loose",
    *(
        f"{lesion}, {box}"
        for lesion in ("intraretinal fluid", "subretinal fluid", "drusen", LESION_NAMES[4])
        for box in ("tight box", "box 4 px loose")
    ),
)
"""Questions of `judge` that everyone is asked too."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one of them reached.

    Parameters
    ----------
    layers
        The seven layers of the validation subject.
    fluid
        Each pocket of fluid of the B-scans that were held out.
    boxes
        Title of a question of the contest -> how each object went.
    """

    layers: Report
    fluid: Report
    boxes: Mapping[str, Sequence[Judged]]


@dataclass(frozen=True, slots=True)
class Contest:
    """The B-scans that nobody learnt from."""

    layers: Sequence[LabelledBScan]
    fluid: Sequence[LabelledBScan]
    asked: Sequence[Asked]
    """What is asked with boxes, tight and loose."""

    def of_model(self, model: Model) -> Entry:
        """Judge a promptable model with one tight box for each layer and each pocket."""
        return self._entry(partial(judge_model, model), partial(judge, model))

    def of_segment(self, segment: Segment) -> Entry:
        """Judge what makes a mask of a box."""
        return self._of_boxes(boxed(segment))

    def of_unet(self, unet: UNet) -> Entry:
        """Judge a U-Net: layers as it names them, a lesion as what it names so in the box."""
        return self._of_boxes(_with_unet(unet))

    def _of_boxes(self, opened: Open) -> Entry:
        return self._entry(partial(_judge, opened), partial(judge_boxes, opened))

    def _entry(self, report: Judge, answers: Callable[[Asked], Answers]) -> Entry:
        layers, fluid = bundled_schema("layers7"), bundled_schema("fluid")
        return Entry(
            build_report(report(self.layers, layers), layers),
            build_report(report(self.fluid, fluid), fluid),
            by_title(answer for each in self.asked for answer in answers(each)),
        )


def read_contest(data: Path) -> Contest:
    """Read subject 6 of `octrima`, and the held-out B-scans of `octdl_fluid` and `lesions`."""
    schema = bundled_schema("fluid")
    held_out = [b for b in read_pairs(data / "octdl_fluid") if b.name in HELD_OUT_FLUID]
    pockets = [piece for bscan in held_out for piece in pieces_of(bscan, schema, _SMALLEST)]
    asked = [
        each._replace(questions=[one for one in each.questions if one.title in _ASKED])
        for each in questions_of(data)
    ]
    return Contest(
        read_pairs(data / "octrima", VALIDATION_SUBJECT),
        pockets,
        [each for each in asked if each.questions],
    )


def _with_unet(unet: UNet) -> Open:
    def opened(image: npt.NDArray[np.uint8], schema: LabelSchema) -> Find:
        named = unet(image, schema.name)

        def find(value: int, box: Box) -> npt.NDArray[np.bool_]:
            part = (slice(None), slice(None)) if schema.name == "layers7" else inside(box)
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
