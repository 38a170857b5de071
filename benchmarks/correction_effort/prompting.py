"""Layers are asked for by prompts, and corrected by points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.correction_effort.cases import Case
from benchmarks.correction_effort.effort import CLOSE, Effort, Hand
from napari_octsam.core.boundaries import steps_between
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.correction import correction
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.evaluation.prompting import class_prompt
from napari_octsam.models.model import Model

__all__ = ["by_prompts"]

_MOST_POINTS = 6  # on a layer, after which a person gives up


def by_prompts(case: Case, model: Model) -> Effort:
    """Draw a box around each layer, then click where its mask is wrong, up to six times."""
    hand, left = Hand(), 0
    judged = np.isfinite(case.truth).all(axis=0)
    steps = steps_between(np.nan_to_num(case.truth), case.rows)
    ignored = np.broadcast_to(~judged, steps.shape)
    for number, value in enumerate(case.layers):
        truth = (steps == number + 1) & judged
        prompt = class_prompt(truth, value, "box")
        assert prompt.box is not None
        hand.act()  # its class
        hand.act((prompt.box.row0, prompt.box.col0), (prompt.box.row1, prompt.box.col1))
        mask = _asked(case, model, prompt)
        wrong = _wrong(mask, case, number)
        for _ in range(_MOST_POINTS):
            point = correction(truth, mask, ignored) if wrong else None
            if point is None:
                break
            prompt = replace(prompt, points=(*prompt.points, point))
            hand.act((point.row, point.col))
            mask = _asked(case, model, prompt)
            wrong = _wrong(mask, case, number)
        hand.act()  # commit
        left += wrong
        columns = np.flatnonzero(judged).tolist()
        hand.touched.update((edge, col) for edge in (number, number + 1) for col in columns)
    return hand.effort(left)


def _asked(case: Case, model: Model, prompt: Prompt) -> Mask:
    (found,) = model.decode(case.embedding, [prompt], bundled_schema("layers7"))
    return found.window().mask((case.rows, case.found.shape[1]))


def _wrong(mask: Mask, case: Case, number: int) -> int:
    """Return in how many columns the top or the bottom of a layer's mask is off."""
    shown = mask.any(axis=0)
    top = np.where(shown, mask.argmax(axis=0), -np.inf)
    bottom = np.where(shown, len(mask) - mask[::-1].argmax(axis=0), -np.inf)
    edges = np.abs(np.stack([top, bottom]) - case.truth[number : number + 2])
    return int(np.count_nonzero(edges > CLOSE))
