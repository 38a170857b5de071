"""The header of a checkpoint: what must be known beside the weights to use them rightly."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import Pseudocolor

__all__ = [
    "ARCHITECTURES",
    "HEADER_KEY",
    "PROFILES",
    "AdapterRecord",
    "Architecture",
    "Header",
    "Profile",
    "profiles_of",
]

Architecture = Literal["octsam-tiny", "vit_b", "vit_l", "vit_h"]
Profile = Literal["sam", "medsam", "octsam-tiny"]

ARCHITECTURES: tuple[Architecture, ...] = ("octsam-tiny", "vit_b", "vit_l", "vit_h")
PROFILES: tuple[Profile, ...] = ("sam", "medsam", "octsam-tiny")

HEADER_KEY = "napari_octsam"
"""Key of the safetensors metadata under which the header stands, as JSON."""


class AdapterRecord(BaseModel):
    """What a file of low-rank adapters says about the model that they go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str = Field(description="Name of a registered model, or path of a checkpoint.")
    sha256: str = Field(description="Of the base's file.")
    rank: int = Field(ge=1, description="Of the adapters.")
    alpha: float = Field(gt=0, description="Their scale times the rank.")


class Header(BaseModel):
    """What a checkpoint says about its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name to show.")
    architecture: Architecture = Field(description="The network that the weights belong to.")
    profile: Profile = Field(description="How a B-scan is preprocessed and framed for it.")
    pseudocolor: Pseudocolor = Field(
        default="grayscale", description="Colour map that it sees a B-scan in."
    )
    single_mask: bool = Field(
        default=False,
        description="Only mask 0 is trained: the three candidates are never chosen.",
    )
    adapter: AdapterRecord | None = Field(
        default=None, description="The base, where the file holds low-rank adapters only."
    )
    label_schema: LabelSchema | None = Field(
        default=None, description="Classes of the training data, where they are known."
    )
    training: dict[str, JsonValue] = Field(
        default_factory=dict, description="Record of the training run."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Header:
        if self.architecture == "octsam-tiny" and self.pseudocolor != "grayscale":
            raise ValueError(f"octsam-tiny sees grey B-scans only, not {self.pseudocolor}")
        return self


def profiles_of(architecture: str) -> tuple[Profile, ...]:
    """Return the ways of preprocessing that an architecture can take."""
    own = architecture == "octsam-tiny"
    return tuple(p for p in PROFILES if (p == "octsam-tiny") == own)
