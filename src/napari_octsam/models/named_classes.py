"""Which of the classes that a network knows the prompts ask for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.prompts import Prompt

__all__ = ["UNKNOWN", "class_index", "named_classes"]

UNKNOWN = -1
"""Index of no class: an object is asked for by its place alone."""


def named_classes(
    known: tuple[str, ...], schema: LabelSchema | None, prompts: Sequence[Prompt]
) -> list[int]:
    """Return the index of the class that each prompt names, or `UNKNOWN`.

    Parameters
    ----------
    known
        Bundled schemas; see `Network.known_schemas`.
    schema
        Of the prompts' class values; without one they mean nothing.
    """
    return [
        class_index(known, schema, each.class_value) if schema and each.names_class else UNKNOWN
        for each in prompts
    ]


def class_index(known: tuple[str, ...], schema: LabelSchema, value: int) -> int:
    """Return the index of a schema's class among all classes of the known schemas, or `UNKNOWN`.

    Full names tell which class it is, in any case. Where several schemas have the name, it is
    that of the schema of the same name, else of the one with most classes. The background is never
    known: it is what each schema leaves over.
    """
    name = next((each.name.casefold() for each in schema.foreground if each.value == value), "")
    indices = _indices(known)
    for each in (schema.name, *indices):
        if name in indices.get(each, {}):
            return indices[each][name]
    return UNKNOWN


@cache
def _indices(known: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Return the index of each full name by schema, those of most classes first."""
    schemas = [bundled_schema(name) for name in known]
    firsts = accumulate((len(each.classes) for each in schemas), initial=0)
    indices = {
        schema.name: {each.name.casefold(): first + each.value for each in schema.foreground}
        for schema, first in zip(schemas, firsts, strict=False)
    }
    return dict(sorted(indices.items(), key=lambda item: -len(item[1])))
