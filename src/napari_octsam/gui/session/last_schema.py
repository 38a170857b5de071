"""The label schema that was used last, remembered from one start of napari to the next."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_octsam.core.classes import (
    BUNDLED_SCHEMAS,
    LabelSchema,
    bundled_schema,
    load_schema,
)
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import write_json
from napari_octsam.core.folders import data_folder, make_private
from napari_octsam.core.reading import read_json

__all__ = ["last_schema", "remember_schema"]


def last_schema() -> LabelSchema:
    """Return the schema that was used last; the default where that is not to be had any more."""
    try:
        source = read_json(_file())["schema"]
        return load_schema(source) if isinstance(source, str) else LabelSchema(**source)
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return bundled_schema()


def remember_schema(schema: LabelSchema, path: Path | None = None) -> None:
    """Remember a schema: its name, or the file that it is from, or else all of it."""
    source: Any = schema.model_dump(mode="json") if path is None else str(path.absolute())
    if schema.name in BUNDLED_SCHEMAS and schema == bundled_schema(schema.name):
        source = schema.name
    with suppress(OSError, UserError):  # a full or read-only disk is no reason to stop working
        make_private(_file().parent)
        write_json(_file(), {"schema": source})


def _file() -> Path:
    return data_folder() / "last_schema.json"
