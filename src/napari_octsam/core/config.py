"""What a fine-tuning run is told: one model for the command line, the widget and the docs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import check_name
from napari_octsam.core.reading import read_json, read_toml

__all__ = [
    "BUNDLED_MODEL",
    "PSEUDOCOLORS",
    "Adapts",
    "PromptKind",
    "Pseudocolor",
    "TopologyKind",
    "TrainConfig",
    "read_settings",
    "sentence_of",
]

Settings = TypeVar("Settings", bound=BaseModel)

BUNDLED_MODEL = "octsam-tiny"
"""Name of the model that comes with the package, and is taken where none is named."""

TopologyKind = Literal["none", "spatial", "wasserstein", "octsam"]
"""No topology loss, one of ours, or the original project's."""

Adapts = Literal["decoder", "decoder and prompts", "lora", "everything"]
"""What is trained: the mask decoder; with the prompt encoder; the decoder with low-rank adapters
on the image encoder's q and v; all weights."""

PromptKind = Literal["boxes", "points", "boxes and points", "several points", "mixed"]
"""Prompts to learn from: one box, one point, both, up to five points, or all kinds."""

Pseudocolor = Literal[
    "grayscale",
    "autumn",
    "bone",
    "cividis",
    "cool",
    "deepgreen",
    "hot",
    "hsv",
    "inferno",
    "jet",
    "magma",
    "ocean",
    "parula",
    "pink",
    "plasma",
    "rainbow",
    "viridis",
    "winter",
    "spring",
    "summer",
    "twilight",
    "twilight_shifted",
    "turbo",
]
"""A colour map by its name in OpenCV, in lower case; "grayscale" leaves a B-scan grey."""

PSEUDOCOLORS: tuple[Pseudocolor, ...] = get_args(Pseudocolor)


class TrainConfig(BaseModel):
    """Settings of a fine-tuning run; the defaults suit a laptop without a GPU."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    data: str = Field(default="", description="Folder of labelled B-scans, of any layout.")
    label_schema: str = Field(
        default="", description="Classes of the masks, where the data does not say."
    )
    out: str = Field(default="", description="Folder for the run's own, such as models/custom.")
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1 or mps.")
    base_model: str = Field(
        default=BUNDLED_MODEL, description="Name of a model, or path of a checkpoint."
    )
    profile: str = Field(
        default="", description="Preprocessing to use in place of the checkpoint's own."
    )
    display_name: str = Field(
        default="", description="Name of the new model; empty: made from the time."
    )
    prompt: PromptKind = Field(default="mixed", description="Prompts to learn from.")
    corrections: int = Field(
        default=0, ge=0, le=8, description="Points added to a prompt where its mask is wrong."
    )
    background: bool = Field(
        default=False, description="Whether the background is a class to learn."
    )
    pseudocolor: Pseudocolor | None = Field(
        default=None,
        description="Colour map that the model sees B-scans in; none: as it has learnt them.",
    )
    blue_first: bool = Field(
        default=False,
        description="Whether blue is the first channel of that colour map, as the original project "
        "fed it.",
    )
    adapts: Adapts = Field(
        default="decoder",
        description="What is trained: the mask decoder, quick and right for most; with the prompt "
        "encoder; with low-rank adapters on the image encoder of a SAM; or all weights.",
    )
    lora_rank: int = Field(default=4, ge=1, le=256, description="Rank of the low-rank adapters.")
    lora_alpha: float = Field(
        default=4.0, gt=0, description="Scale of the adapters times the rank; SAMed's is the rank."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="Precision of the image encoder."
    )
    epochs: int = Field(default=10, ge=1, description="Times that each B-scan is seen.")
    batch_size: int = Field(default=2, ge=1, description="B-scans in a step.")
    objects: int = Field(default=16, ge=1, description="Most objects of a B-scan in a step.")
    lr: float = Field(default=1e-4, gt=0, le=1, description="Learning rate at its highest.")
    weight_decay: float = Field(default=0.0, ge=0, description="Weight decay of the optimizer.")
    optimizer: Literal["adam", "adamw", "sgd"] = Field(default="adamw", description="Optimizer.")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        default="cosine", description="How the learning rate falls to the end."
    )
    warmup_steps: int = Field(
        default=20,
        ge=0,
        description="Steps in which the learning rate rises; a tenth of all at most.",
    )
    gradient_clip: float = Field(
        default=1.0, ge=0, description="Highest norm of the gradient; 0: any."
    )
    loss: Literal["dice_ce", "dice", "focal", "dice_focal"] = Field(
        default="dice_ce", description="Segmentation loss."
    )
    topology: TopologyKind = Field(
        default="spatial",
        description="Loss on breaks, islands and holes that the labels do not have: spatial "
        "matches them by place, wasserstein by size; octsam is the original project's.",
    )
    topology_weight: float = Field(default=0.1, ge=0, description="Weight of the topology loss.")
    topology_warmup_epochs: int = Field(
        default=1,
        ge=0,
        description="Epochs before the topology loss begins; the last one has it in any case.",
    )
    topology_size: int | None = Field(
        default=None,
        ge=16,
        le=1024,
        description="Side of the masks in the topology loss, in pixels; none: the decoder's own.",
    )
    augment: bool = Field(
        default=True, description="Whether B-scans are flipped, scaled and changed in contrast."
    )
    shuffle: bool = Field(default=True, description="Whether the order changes with each epoch.")
    patience: int = Field(
        default=0, ge=0, description="Epochs without gain before it stops; 0: never."
    )
    seed: int = Field(
        default=0, ge=0, description="Seed of split, order, prompts and augmentation."
    )
    display_samples: int = Field(
        default=3, ge=0, le=16, description="Validation B-scans whose masks are shown each epoch."
    )
    spacing: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="µm per pixel along the A-scan, for the final report; none: not known.",
    )
    wandb: bool = Field(
        default=False, description="Whether figures and samples are sent to Weights & Biases."
    )
    project: str = Field(default="", description="Project there.")
    entity: str = Field(default="", description="User or team there.")
    tensorboard: bool = Field(
        default=False, description="Whether figures and samples are written for TensorBoard."
    )

    @field_validator("data", "label_schema", "out", "base_model")
    @classmethod
    def _can_be_a_path(cls, text: str) -> str:
        check_name(text)
        return text

    @property
    def uses_topology(self) -> bool:
        """Whether there is a topology loss."""
        return self.topology != "none" and self.topology_weight > 0

    @property
    def freezes_encoder(self) -> bool:
        """Whether each B-scan has to be encoded only once."""
        return self.adapts in ("decoder", "decoder and prompts")


def sentence_of(error: ValidationError) -> str:
    """Return the first thing that is wrong with a value, as a sentence."""
    first = error.errors()[0]
    ours = {"extra_forbidden": "there is no such setting", "model_type": "it holds no settings"}
    return f"{ours.get(first['type'], first['msg'].removeprefix('Value error, '))}."


def read_settings(path: Path, kind: type[Settings]) -> Settings:
    """Read settings of a kind from TOML or JSON.

    Raises
    ------
    UserError
        The file cannot be read, or has an unknown field or an impossible value.
    """
    try:
        values = read_json(path) if path.suffix.lower() == ".json" else read_toml(path)
        return kind.model_validate(values)
    except OSError as error:
        raise UserError(f"Cannot read the configuration {path}: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: {where or 'configuration'}: {sentence_of(error)}") from error
    except ValueError as error:
        raise UserError(f"{path} holds no settings: {error}.") from error
