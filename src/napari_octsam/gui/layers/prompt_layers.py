"""The shapes and points layers that hold prompts: their features, colours and names.

Features of both: `class` (label value), `named` (1 where the person has chosen that class, 0 where
it is the schema's first for want of a choice) and `mask` (0 the model's choice, 1 to 3 a
candidate); of points also `sign` ("+" or "-").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_octsam.core.classes import LabelSchema
from napari_octsam.gui.layers.new_layers import placed_as
from napari_octsam.gui.layers.prompt_names import NAME_SIZE

if TYPE_CHECKING:
    from napari.layers import Image, Points, Shapes

    PromptLayer: TypeAlias = Points | Shapes

__all__ = [
    "adopt",
    "class_at",
    "class_of_next",
    "fit_features",
    "is_next_named",
    "kind_at",
    "missing_features",
    "new_points_layer",
    "new_shapes_layer",
    "restyle",
    "set_feature",
    "set_next",
    "short_name",
    "sign_of_next",
]

_KINDS = {
    "rectangle": "box",
    "ellipse": "ellipse",
    "polygon": "polygon",
    "path": "scribble",
    "line": "line",
}

_UNKNOWN = "#ff00ff"
_POSITIVE_BORDER = "#ffffff"
_NEGATIVE_BORDER = "#ff3b30"


def new_shapes_layer(image: Image, schema: LabelSchema, class_value: int) -> Shapes:
    """Return an empty shapes layer for boxes and other prompts on an image."""
    from napari.layers import Shapes

    layer = Shapes(
        ndim=image.ndim,
        name=f"{image.name} boxes",
        edge_width=2,
        opacity=0.9,
        text={"string": "", "size": NAME_SIZE, "anchor": "upper_left", "color": "white"},
        **placed_as(image),
    )
    adopt(layer, schema, class_value)
    return layer


def new_points_layer(image: Image, schema: LabelSchema, class_value: int) -> Points:
    """Return an empty points layer for positive and negative points on an image."""
    from napari.layers import Points

    layer = Points(
        ndim=image.ndim,
        name=f"{image.name} points",
        size=10,
        border_width=0.15,
        canvas_size_limits=(6, 16),
        **placed_as(image),
    )
    adopt(layer, schema, class_value)
    return layer


def adopt(layer: PromptLayer, schema: LabelSchema, class_value: int, *, named: bool = True) -> None:
    """Give a layer the features of prompts where it lacks them, and the schema's colours.

    Parameters
    ----------
    class_value
        For prompts that have no class.
    named
        Whether the person has chosen that one.
    """
    features = layer.features.copy()
    defaults = _defaults(layer, class_value)
    missing = missing_features(layer)
    if "class" in missing:
        defaults["named"] = int(named)
    for name in missing:
        dtype = object if isinstance(defaults[name], str) else np.int64
        features[name] = np.full(len(features), defaults[name], dtype)
    layer.features = features
    set_next(layer, schema, class_value=class_value)
    restyle(layer, schema)


def missing_features(layer: PromptLayer) -> list[str]:
    """Return the features of prompts that a layer lacks, or has as something else."""
    features = layer.features
    return [
        name
        for name, value in _defaults(layer, 0).items()
        if name not in features
        or (isinstance(value, int) and features[name].dtype.kind not in "iu")
    ]


def fit_features(layer: PromptLayer) -> None:
    """Give a layer a row of features for each prompt.

    Where a script sets `data`, napari leaves the table of shapes as long as it was.
    """
    import pandas as pd

    count, rows = len(layer.data), len(layer.features)
    if rows == count:
        return
    defaults = layer.feature_defaults
    kept = layer.features.iloc[:count]
    added = [defaults] * (count - rows)
    layer.features = pd.concat([kept, *added], ignore_index=True) if added else kept
    layer.feature_defaults = defaults


def restyle(layer: PromptLayer, schema: LabelSchema) -> None:
    """Show every prompt in the colour of its class, shapes with its short name."""
    values = [int(v) for v in layer.features["class"]]
    colors = [_color(schema, value) for value in values]
    if _holds_points(layer):
        _restyle_points(layer, colors)
    else:
        names = [short_name(schema, value) for value in values]
        _restyle_shapes(layer, colors, names, short_name(schema, class_of_next(layer)))


def set_next(
    layer: PromptLayer,
    schema: LabelSchema,
    *,
    class_value: int | None = None,
    named: bool | None = None,
    sign: str | None = None,
) -> None:
    """Set the class of the next prompt that is drawn, its origin and sign; None leaves it."""
    value = class_of_next(layer) if class_value is None else class_value
    defaults = _defaults(layer, value)
    defaults["named"] = int(is_next_named(layer) if named is None else named)
    if _holds_points(layer):
        defaults["sign"] = sign_of_next(layer) if sign is None else sign
    others = {n: c[0] for n, c in layer.feature_defaults.items() if n not in defaults}
    layer.feature_defaults = {**others, **defaults}
    color = _color(schema, value)
    with layer.block_update_properties():
        if _holds_points(layer):
            positive = defaults["sign"] == "+"
            layer.current_face_color = color
            layer.current_border_color = _POSITIVE_BORDER if positive else _NEGATIVE_BORDER
            layer.current_symbol = "disc" if positive else "x"
        else:
            layer.current_edge_color = color
            layer.current_face_color = _clear(color)


def class_of_next(layer: PromptLayer) -> int:
    """Return the class of the next prompt that is drawn on the layer."""
    return int(layer.feature_defaults["class"][0])


def is_next_named(layer: PromptLayer) -> bool:
    """Return whether the person has chosen the class of the next prompt."""
    return bool(layer.feature_defaults["named"][0])


def sign_of_next(layer: Points) -> str:
    """Return the sign of the next point."""
    return "-" if layer.feature_defaults["sign"][0] == "-" else "+"


def class_at(layer: PromptLayer, row: int) -> int:
    """Return the class of a prompt."""
    return int(layer.features["class"].iloc[row])


def kind_at(layer: PromptLayer, row: int) -> str:
    """Return what a prompt is called in a sentence."""
    return "point" if _holds_points(layer) else _KINDS[str(layer.shape_type[row])]


def short_name(schema: LabelSchema, value: int) -> str:
    """Return the short name of a class, or its value where the schema lacks it."""
    try:
        return schema[value].short
    except KeyError:
        return str(value)


def set_feature(layer: PromptLayer, rows: Sequence[int], name: str, value: Any) -> None:
    """Set one feature of some prompts; the next prompt's features stay as they are."""
    features, defaults = layer.features.copy(), layer.feature_defaults
    features.loc[list(rows), name] = value
    layer.features = features
    layer.feature_defaults = defaults


def _restyle_shapes(layer: Shapes, colors: list[str], names: list[str], next_name: str) -> None:
    if colors:
        layer.edge_color = colors
        layer.face_color = [_clear(color) for color in colors]
    layer.text.string = {"array": names, "default": next_name}


def _restyle_points(layer: Points, colors: list[str]) -> None:
    if not colors:
        return
    positive = [sign != "-" for sign in layer.features["sign"]]
    layer.face_color = colors
    layer.border_color = [_POSITIVE_BORDER if p else _NEGATIVE_BORDER for p in positive]
    layer.symbol = ["disc" if p else "x" for p in positive]


def _defaults(layer: PromptLayer, class_value: int) -> dict[str, Any]:
    values: dict[str, Any] = {"class": class_value, "named": 1, "mask": 0}
    return {**values, "sign": "+"} if _holds_points(layer) else values


def _holds_points(layer: PromptLayer) -> bool:
    from napari.layers import Points

    return isinstance(layer, Points)


def _color(schema: LabelSchema, value: int) -> str:
    try:
        color = schema[value].color
    except KeyError:
        return _UNKNOWN
    invisible = len(color) == 9 and color.endswith("00")
    return "#ffffff" if invisible else color


def _clear(color: str) -> str:
    return f"{color[:7]}14"
