"""Which of the classes that a network knows the prompts ask for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from napari_octsam.core.classes import BUNDLED_SCHEMAS, LabelSchema
from napari_octsam.core.prompts import Prompt

__all__ = ["UNKNOWN", "class_index", "named_classes"]

UNKNOWN = -1
"""Index of no class: an object is asked for by its place alone."""


def named_classes(
    known: Sequence[LabelSchema], schema: LabelSchema | None, prompts: Sequence[Prompt]
) -> list[int]:
    """Return the index of the class that each prompt names, or `UNKNOWN`.

    Parameters
    ----------
    known
        See `Network.known_schemas`.
    schema
        Of the prompts' class values; without one they mean nothing.
    """
    if schema is None:
        return [UNKNOWN] * len(prompts)
    values = {each.class_value for each in prompts if each.names_class}
    index = {value: class_index(known, schema, value) for value in values}
    return [index[each.class_value] if each.names_class else UNKNOWN for each in prompts]


def class_index(known: Sequence[LabelSchema], schema: LabelSchema, value: int) -> int:
    """Return the index of a schema's class among all classes of the known schemas, or `UNKNOWN`.

    Full names tell which class it is, in any case. Where several schemas have the name, it is
    that of the schema that means the same, else of the one of the same name, else of the bundled
    one with most classes, else of another. The background is never known: it is what each schema
    leaves over.
    """
    name = next((each.name.casefold() for each in schema.foreground if each.value == value), "")
    firsts = accumulate((len(each.classes) for each in known), initial=0)
    found = [
        (_fit(each, schema), first + place)
        for each, first in zip(known, firsts, strict=False)
        for place, label in enumerate(each.classes)
        if label.value and label.name.casefold() == name
    ]
    return max(found, default=((), UNKNOWN), key=lambda each: each[0])[1]


def _fit(known: LabelSchema, schema: LabelSchema) -> tuple[int, ...]:
    """Return how well a known schema suits another one that has a class in common; most is best."""
    bundled = known.name in BUNDLED_SCHEMAS
    same_name = known.name == schema.name
    return known.means_as(schema), same_name, bundled, len(known.classes) if bundled else 0
