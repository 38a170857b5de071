"""Layers of napari as an annotation, and an annotation as layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octsam.core.annotation import Annotation, DrawnPrompt, ImageLink, Progress
from napari_octsam.gui.layers.bscans import Plane, data_shape, to_image_pixels
from napari_octsam.gui.layers.prompt_layers import class_at

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.layers.prompt_layers import PromptLayer

__all__ = ["described", "drawn_prompts", "image_link"]


def described(
    labels: Labels,
    link: ImageLink,
    schema: LabelSchema,
    progress: Mapping[tuple[int, ...], Progress],
    prompts: Iterable[DrawnPrompt] = (),
    models: Iterable[str] = (),
    eye: Mapping[str, Any] | None = None,
) -> Annotation:
    """Return all of an annotation but its labels.

    Parameters
    ----------
    labels
        Their layer.
    link
        The image that they belong to.
    eye
        `laterality` and `first` of the annotation, where they are known.
    """
    return Annotation(
        name=labels.name,
        image=link,
        label_schema=schema,
        scale=tuple(float(size) for size in labels.scale),
        units=tuple(str(unit) for unit in labels.units),
        axis_labels=tuple(labels.axis_labels),
        progress=dict(progress),
        prompts=tuple(prompts),
        models=tuple(models),
        **(eye or {}),
    )


def image_link(labels: Labels, image: Image | None, pixels: str = "") -> ImageLink:
    """Return the link to an image; without one, to whatever has the shape of the labels."""
    layer = labels if image is None else image
    path = layer.source.path if image is not None else None
    return ImageLink(
        name=layer.name,
        path="" if path is None else str(Path(path).absolute()),
        shape=data_shape(labels),
        pixels=pixels,
    )


def drawn_prompts(layers: Iterable[PromptLayer], image: Image) -> Iterator[DrawnPrompt]:
    """Yield the prompts on an image, in its pixels."""
    first = Plane((image.ndim - 2, image.ndim - 1), (0,) * (image.ndim - 2))
    for layer in layers:
        for row in range(len(layer.data)):
            vertices = np.atleast_2d(layer.data[row])
            at = to_image_pixels(vertices, layer, image, first)
            yield DrawnPrompt(
                kind=_kind(layer, row),
                at=tuple(tuple(float(x) for x in vertex) for vertex in at),
                class_value=class_at(layer, row),
                **_features(layer, row),
            )


def _kind(layer: PromptLayer, row: int) -> Any:
    kinds = getattr(layer, "shape_type", None)
    return "point" if kinds is None else str(kinds[row])


def _features(layer: Layer, row: int) -> dict[str, Any]:
    table = layer.features
    found: dict[str, Any] = {"mask": int(table["mask"].iloc[row])} if "mask" in table else {}
    return found | ({"sign": str(table["sign"].iloc[row])} if "sign" in table else {})
