"""Labels of a picture in this process: from prompts on its B-scans, or unasked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.decoded import DecodedObject, LogitWindow
from napari_octsam.core.errors import UserError
from napari_octsam.core.images import as_grey, normalised, take_bscan
from napari_octsam.core.masks import composite
from napari_octsam.core.prompts import Prompt, check_prompt
from napari_octsam.core.trust import Trust, trust_in
from napari_octsam.data.pictures import Picture, is_rgb

if TYPE_CHECKING:
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.labelling import Labelling
    from napari_octsam.models.model import Model

__all__ = ["PredictedObject", "check_prompts", "label_picture", "predict_labels"]


@dataclass(frozen=True, slots=True, eq=False)
class PredictedObject:
    """One prompt and what became of it: the predicted IoU, the pixels labelled, the mask."""

    prompt: Prompt
    score: float
    pixels: int
    window: LogitWindow


def check_prompts(picture: Picture, prompts: Sequence[Prompt]) -> list[Prompt]:
    """Return the prompts clipped to their B-scans; UserError where one does not fit `picture`.

    The B-scans that they are on are checked too, before a model is loaded for them.
    """
    colour_axes = 1 if is_rgb(picture) else 0
    *volume, rows, cols = picture.shape[: picture.ndim - colour_axes]
    for prompt in prompts:
        if volume and not prompt.bscan:
            raise UserError(
                f"The picture is a volume of {' x '.join(map(str, volume))} B-scans: say which one "
                'with --bscan N, or with "bscan": [N] in the prompts file.'
            )
    for bscan in {prompt.bscan for prompt in prompts}:
        as_grey(take_bscan(picture, bscan, rgb=bool(colour_axes)))
    return [check_prompt(prompt, (rows, cols)) for prompt in prompts]


def predict_labels(
    model: Model,
    picture: Picture,
    prompts: Sequence[Prompt],
    schema: LabelSchema,
    *,
    threshold: float = 0.5,
    on_bscan: Callable[[tuple[int, ...], int], None] = lambda *_: None,
) -> tuple[npt.NDArray[np.uint8], list[PredictedObject]]:
    """Predict the prompts' objects on each B-scan that has any.

    Parameters
    ----------
    picture
        (..., H, W) or (..., H, W, 3 or 4), from `open_picture`.
    prompts
        Prompts from `check_prompts`.
    schema
        Of their class values.
    threshold
        Probability in (0, 1) above which a pixel belongs to an object.
    on_bscan
        Told the index of each B-scan before it is encoded, and how many are done.

    Returns
    -------
    labels
        (..., H, W) uint8 class values; 0 where no object is.
    objects
        One a prompt, by B-scan.
    """
    rgb = is_rgb(picture)
    labels = np.zeros(picture.shape[:-1] if rgb else picture.shape, np.uint8)
    found: list[PredictedObject] = []
    for done, bscan in enumerate(sorted({prompt.bscan for prompt in prompts})):
        here = [prompt for prompt in prompts if prompt.bscan == bscan]
        on_bscan(bscan, done)
        grey = normalised(as_grey(take_bscan(picture, bscan, rgb=rgb)))
        objects = model.decode(model.encode(grey), here, schema)
        labels[bscan] = _painted(grey.shape, here, objects, threshold)
        found += [
            PredictedObject(
                prompt=p,
                score=o.scores[o.chosen],
                pixels=int((labels[bscan] == p.class_value).sum()),
                window=o.window(),
            )
            for p, o in zip(here, objects, strict=True)
        ]
    return labels, found


def label_picture(
    label: Callable[[npt.NDArray[Any]], Labelling],
    picture: Picture,
    on_bscan: Callable[[int, int], None] = lambda *_: None,
) -> tuple[npt.NDArray[np.uint8], list[tuple[int, ...]]]:
    """Label each B-scan of a picture unasked: layers in order, the rest by the model's names.

    Parameters
    ----------
    label
        Labels one B-scan, (H, W) or (H, W, 3 or 4).
    picture
        (..., H, W) or (..., H, W, 3 or 4), from `open_picture`.
    on_bscan
        Told before each B-scan how many are done, and of how many.

    Returns
    -------
    labels
        (..., H, W) uint8 label values; see `core.labelling.Labelling`.
    doubtful
        Indices of the B-scans whose confidence is `Trust.DOUBTFUL`.
    """
    rgb = is_rgb(picture)
    labels = np.zeros(picture.shape[:-1] if rgb else picture.shape, np.uint8)
    bscans, doubtful = list(np.ndindex(labels.shape[:-2])), []
    for done, bscan in enumerate(bscans):
        on_bscan(done, len(bscans))
        found = label(take_bscan(picture, bscan, rgb=rgb))
        labels[bscan] = found.labels
        if trust_in(found.mean_confidence) is Trust.DOUBTFUL:
            doubtful.append(bscan)
    return labels, doubtful


def _painted(
    shape: tuple[int, ...],
    prompts: Sequence[Prompt],
    objects: Sequence[DecodedObject],
    threshold: float,
) -> npt.NDArray[np.uint8]:
    rows, cols = shape
    chosen = [(p.class_value, o.window()) for p, o in zip(prompts, objects, strict=True)]
    painted = composite((rows, cols), chosen, threshold)
    painted[painted == NOT_LABELLED] = 0
    return painted
