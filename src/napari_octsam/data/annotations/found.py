"""Labels that were read from a file of any kind, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.description import Description
from napari_octsam.data.annotations.label_store import Labels

__all__ = ["FoundLabels", "required"]


@dataclass(frozen=True, slots=True, eq=False)
class FoundLabels:
    """Labels, their schema, and what more the file says; None where nothing."""

    labels: Labels
    schema: LabelSchema
    description: Description | None


def required(schema: LabelSchema | None, path: Path) -> LabelSchema:
    """Return the schema of a file of labels; UserError where none is known."""
    if schema is None:
        raise UserError(f"{path} does not say what its labels mean: name their --schema.")
    return schema
