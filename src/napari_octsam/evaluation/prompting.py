"""How a model is asked for a class, as a person would who knows where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.correction import correction
from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Point, Prompt, bounding_box
from napari_octsam.core.regions import deepest_pixel
from napari_octsam.core.wording import counted
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding

__all__ = ["FirstPrompt", "Prompting", "ask", "class_prompt"]

FirstPrompt: TypeAlias = Literal["box", "point"]


@dataclass(frozen=True, slots=True)
class Prompting:
    """What a model is given for a class.

    Parameters
    ----------
    kind
        As of `class_prompt`.
    corrections
        Points that are added one by one where the mask is wrong, as in `core.correction`.
    loose
        As of `class_prompt`.
    names_class
        Whether it is told the class too: a model that knows it looks for it.
    """

    kind: FirstPrompt = "box"
    corrections: int = 0
    loose: int = 0
    names_class: bool = True

    def in_words(self) -> str:
        """Return it as a phrase: "one box 5 pixels loose and 3 corrections"."""
        first = f"one {self.kind}"
        if self.loose:
            first += f" {counted(self.loose, 'pixel')} loose"
        if not self.corrections:
            return first
        return f"{first} and {counted(self.corrections, 'correction')}"


def class_prompt(mask: Mask, class_value: int, kind: FirstPrompt, loose: int = 0) -> Prompt:
    """Return the prompt for all pixels of a class.

    Parameters
    ----------
    mask
        (H, W) bool, not empty.
    kind
        "box": the tight bounding box; "point": one positive point, as deep in the mask as can be.
    loose
        Pixels by which a box is too large on every side, as far as the B-scan goes.
    """
    if kind == "box":
        rows, cols = mask.shape
        return Prompt(class_value, box=bounding_box(mask).loosened(loose).clipped((rows, cols)))
    row, col = deepest_pixel(mask)
    return Prompt(class_value, points=(Point(float(row), float(col)),))


def ask(
    model: Model,
    embedding: Embedding,
    truths: Mapping[int, Mask],
    schema: LabelSchema,
    prompting: Prompting,
    ignored: Mask | None = None,
) -> dict[int, DecodedObject]:
    """Ask for each class, and correct as often as `prompting` says; return the last answers.

    Parameters
    ----------
    truths
        (H, W) masks by label value of the schema, none of them empty.
    ignored
        (H, W) bool, pixels that nobody labelled.
    """
    prompts = {
        value: replace(
            class_prompt(truth, value, prompting.kind, prompting.loose),
            names_class=prompting.names_class,
        )
        for value, truth in truths.items()
    }
    for _ in range(prompting.corrections):
        for value, found in _decoded(model, embedding, prompts, schema).items():
            mask = found.window().mask(embedding.shape)
            point = correction(truths[value], mask, ignored)
            if point is not None:
                points = (*prompts[value].points, point)
                prompts[value] = replace(prompts[value], points=points)
    return _decoded(model, embedding, prompts, schema)


def _decoded(
    model: Model, embedding: Embedding, prompts: Mapping[int, Prompt], schema: LabelSchema
) -> dict[int, DecodedObject]:
    found = model.decode(embedding, list(prompts.values()), schema)
    return dict(zip(prompts, found, strict=True))
