"""The header of a checkpoint: what must be known beside the weights to use them rightly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.config import Pseudocolor
from napari_octsam.models.architectures import ARCHITECTURES, profiles

__all__ = ["HEADER_KEY", "MOST_OWN_SCHEMAS", "AdapterRecord", "Header"]

HEADER_KEY = "napari_octsam"
"""Key of the safetensors metadata under which the header stands, as JSON."""

MOST_OWN_SCHEMAS = 16
"""Schemas that a model can learn beside those of its architecture."""


class AdapterRecord(BaseModel):
    """What a file of low-rank adapters says about the model that they go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str = Field(description="Name of a registered model, or of a file beside.")
    sha256: str = Field(description="Of the base's file.")
    rank: int = Field(ge=1, description="Of the adapters.")
    alpha: float = Field(gt=0, description="Their scale times the rank.")


class Header(BaseModel):
    """What a checkpoint says about its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name to show.")
    architecture: str = Field(description="The network that the weights belong to.")
    profile: str = Field(description="How a B-scan is preprocessed and framed for it.")
    pseudocolor: Pseudocolor = Field(
        default="grayscale", description="Colour map that it sees a B-scan in."
    )
    blue_first: bool = Field(
        default=False, description="Whether blue is the first channel of its colours, not red."
    )
    single_mask: bool = Field(
        default=False,
        description="Only mask 0 is trained: the three candidates are never chosen.",
    )
    adapter: AdapterRecord | None = Field(
        default=None, description="The base, where the file holds low-rank adapters only."
    )
    named_schemas: tuple[str, ...] = Field(
        default=(),
        description="Bundled label schemas by whose classes it names pixels; by default those that "
        "its architecture does.",
    )
    own_schemas: tuple[LabelSchema, ...] = Field(
        default=(),
        max_length=MOST_OWN_SCHEMAS,
        description="Schemas that it has learnt to name pixels by, in the order of their heads.",
    )
    label_schema: LabelSchema | None = Field(
        default=None, description="Classes of the training data, where they are known."
    )
    training: dict[str, JsonValue] = Field(
        default_factory=dict, description="Record of the training run."
    )

    @model_validator(mode="before")
    @classmethod
    def _names_as_its_architecture(cls, given: Any) -> Any:
        """Files of earlier versions do not say what they name."""
        if not isinstance(given, dict) or given.get("architecture") not in ARCHITECTURES:
            return given
        return {"named_schemas": ARCHITECTURES[given["architecture"]].named_schemas, **given}

    @property
    def colors(self) -> str:
        """Its colours in a word, as --pseudocolor takes it: grayscale, jet or jet:bgr."""
        return f"{self.pseudocolor}:bgr" if self.blue_first else self.pseudocolor

    @field_validator("architecture")
    @classmethod
    def _is_an_architecture(cls, name: str) -> str:
        return _one_of(ARCHITECTURES, name)

    @field_validator("profile")
    @classmethod
    def _is_a_profile(cls, name: str) -> str:
        return _one_of(profiles(), name)

    @model_validator(mode="after")
    def _fits_together(self) -> Header:
        if self.pseudocolor != "grayscale" and not ARCHITECTURES[self.architecture].takes_colors:
            raise ValueError(f"{self.architecture} sees grey B-scans only, not {self.pseudocolor}")
        for schema in self.named_schemas:
            _one_of(ARCHITECTURES[self.architecture].named_schemas, schema)
        if self.own_schemas and not ARCHITECTURES[self.architecture].named_schemas:
            raise ValueError(f"{self.architecture} names no pixels")
        return self

    @property
    def naming(self) -> tuple[LabelSchema, ...]:
        """All schemas by whose classes it names pixels."""
        return (*map(bundled_schema, self.named_schemas), *self.own_schemas)


def _one_of(known: Iterable[str], name: str) -> str:
    if name not in known:
        raise ValueError(f"there is no '{name}', only {', '.join(known)}")
    return name
