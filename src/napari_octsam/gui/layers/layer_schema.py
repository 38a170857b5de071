"""Which schema the values of a labels layer are of: told by the layer itself, shown and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from napari_octsam.core.classes import (
    BUNDLED_SCHEMAS,
    NOT_LABELLED,
    LabelSchema,
    bundled_schema,
)
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from napari.layers import Labels
    from napari.utils.colormaps import DirectLabelColormap

__all__ = [
    "check_meaning",
    "described",
    "fits",
    "labels_colormap",
    "move_rows",
    "names_in",
    "schema_of",
    "show_schema",
    "values_of",
]

_PLUGIN = "napari-octsam"
_SCHEMA = "schema"
_UNKNOWN = "#ff00ff"


def schema_of(labels: Labels) -> LabelSchema | None:
    """Return the schema that a labels layer carries; None where it does not say.

    That in its metadata, else the bundled one whose values its table of features names.
    """
    try:
        return LabelSchema.model_validate(labels.metadata[_PLUGIN][_SCHEMA])
    except (KeyError, TypeError, ValidationError):
        names = names_in(labels)
    bundled = map(bundled_schema, BUNDLED_SCHEMAS)
    return next((schema for schema in bundled if names == _folded(schema)), None)


def show_schema(labels: Labels, schema: LabelSchema) -> None:
    """Have a labels layer carry a schema: in its metadata, its colours, and under the mouse.

    What else is in its metadata and its table of features stays.
    """
    labels.colormap = labels_colormap(schema)
    labels.features = _named(labels.features, schema)
    labels.metadata = _with_schema(labels.metadata, schema)


def move_rows(labels: Labels, mapping: Mapping[int, int]) -> None:
    """Have a person's rows on old values go on as rows on new ones, without the old names."""
    own = _own(labels.features)
    labels.features = own.assign(index=own["index"].replace(dict(mapping)))


def described(schema: LabelSchema) -> dict[str, Any]:
    """Return the arguments that give a new labels layer a schema, as `show_schema` does."""
    return {
        "colormap": labels_colormap(schema),
        "features": _table(schema),
        "metadata": _with_schema({}, schema),
    }


def check_meaning(labels: Labels, schema: LabelSchema) -> None:
    """Raise UserError where a labels layer carries another schema, or names a value otherwise."""
    known = schema_of(labels)
    if known is not None and not known.means_as(schema):
        raise UserError(f"{labels.name} is labelled with {known.name}, not with {schema.name}.")
    if known is None and (value := _misnamed(labels, schema)) is not None:
        raise UserError(
            f'{labels.name} calls the value {value} "{names_in(labels)[value]}", {schema.name} '
            "does not."
        )


def values_of(labels: Labels) -> frozenset[int]:
    """Return the label values of a layer, read B-scan by B-scan; not `NOT_LABELLED`.

    Raises
    ------
    UserError
        The layer cannot be read.
    """
    data = labels.data[0] if labels.multiscale else labels.data
    found: set[int] = set()
    try:
        for index in np.ndindex(data.shape[:-2]):
            found.update(np.unique(np.asarray(data[index])).tolist())
    except Exception as error:  # lazy arrays read files, and fail in as many ways
        raise UserError(f"The layer {labels.name} cannot be read: {error}.") from error
    return frozenset(found - {NOT_LABELLED})


def fits(labels: Labels, values: Iterable[int], schema: LabelSchema) -> bool:
    """Whether a schema has all values of a layer, and the names that the layer has for any."""
    return not schema.lacking(values) and _misnamed(labels, schema) is None


def labels_colormap(schema: LabelSchema, background: str | None = None) -> DirectLabelColormap:
    """Return the colours of a schema; values that it lacks are magenta, 255 is clear.

    Parameters
    ----------
    background
        Colour of class 0 instead of the schema's.
    """
    from napari.utils.colormaps import DirectLabelColormap

    colors: dict[int | None, str] = {c.value: c.color for c in schema.classes}
    if background is not None:
        colors[0] = background
    return DirectLabelColormap(color_dict={**colors, None: _UNKNOWN, NOT_LABELLED: "transparent"})


def _with_schema(metadata: dict[str, Any], schema: LabelSchema) -> dict[str, Any]:
    ours = metadata.get(_PLUGIN)
    others = ours if isinstance(ours, dict) else {}
    return {**metadata, _PLUGIN: {**others, _SCHEMA: schema.model_dump(mode="json")}}


def _table(schema: LabelSchema) -> dict[str, list[Any]]:
    return {
        "index": [c.value for c in schema.classes],
        "name": [c.name for c in schema.classes],
    }


def _named(features: pd.DataFrame, schema: LabelSchema) -> pd.DataFrame:
    """Return a person's table with the names of a schema."""
    import pandas as pd

    own = _own(features)
    names = pd.DataFrame(_table(schema))
    if own.columns.size == 1:
        return names
    return names.merge(own, on="index", how="outer").fillna({"name": ""})


def _own(features: pd.DataFrame) -> pd.DataFrame:
    """Return a person's table without names; where it has no `index`, rows are values."""
    import pandas as pd

    own = features.drop(columns="name", errors="ignore")
    index = own["index"] if "index" in own else own.index.to_series()
    return own.assign(index=pd.to_numeric(index, errors="coerce"))


def names_in(labels: Labels) -> dict[int, str]:
    """Return the names that a layer's table of features has for values, in lower case."""
    features = labels.features
    if not {"index", "name"} <= set(features.columns):
        return {}
    rows = zip(features["index"], features["name"], strict=True)
    return {
        int(value): name.strip().casefold()
        for value, name in rows
        if isinstance(name, str) and name.strip() and _is_whole(value)
    }


def _is_whole(value: object) -> bool:
    return isinstance(value, int | float | np.number) and float(value).is_integer()


def _folded(schema: LabelSchema) -> dict[int, str]:
    return {c.value: c.name.casefold() for c in schema.classes}


def _misnamed(labels: Labels, schema: LabelSchema) -> int | None:
    """Return the first value that a layer calls otherwise than a schema does."""
    known = {c.value: {c.name.casefold(), c.short.casefold()} for c in schema.classes}
    names = names_in(labels).items()
    return next((value for value, name in names if name not in known.get(value, ())), None)
