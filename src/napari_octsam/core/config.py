"""What a fine-tuning run is told: one model for the command line, the widget and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import check_name
from napari_octsam.core.reading import read_json, read_toml

__all__ = [
    "BUNDLED_MODEL",
    "MODELS_ELSEWHERE",
    "PRESETS",
    "PSEUDOCOLORS",
    "Adapts",
    "PromptKind",
    "Pseudocolor",
    "TopologyKind",
    "TrainConfig",
    "layered",
    "read_settings",
    "sentence_of",
]

Settings = TypeVar("Settings", bound=BaseModel)

BUNDLED_MODEL = "octsam-tiny"
"""Name of the model that comes with the package, and is taken where none is named."""

MODELS_ELSEWHERE = {
    "facebook/sam-vit-base": "vit_b",
    "facebook/sam-vit-large": "vit_l",
    "facebook/sam-vit-huge": "vit_h",
}
"""Names that Hugging Face has for models -> those that they have here."""

TopologyKind = Literal["none", "spatial", "wasserstein", "octsam"]
"""No topology loss, one of ours, or the original project's."""

Adapts = Literal["auto", "decoder", "decoder and prompts", "lora", "everything"]
"""What is trained: what suits the network; the mask decoder; with the prompt encoder; the decoder
with low-rank adapters on the image encoder's q and v; all weights."""

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


PRESETS: dict[str, dict[str, object]] = {
    "octsam-2023": {
        "base_model": "vit_b",
        "adapts": "decoder",
        "prompt": "boxes",
        "background": True,
        "objects": 10**6,
        "epochs": 10,
        "batch_size": 2,
        "lr": 1e-3,
        "schedule": "constant",
        "warmup_steps": 0,
        "gradient_clip": 0.0,
        "optimizer": "adam",
        "topology": "octsam",
        "topology_warmup_epochs": 0,
        "augment": False,
        "shuffle": False,
    }
}
"""Settings of other trainings by their names; "octsam-2023" is the original project's own."""

_SUITS_PROMPTS = {"adapts": "decoder", "batch_size": 2, "objects": 16, "lr": 1e-4}
_SUITS_NAMES = {"adapts": "everything", "batch_size": 1, "objects": 4, "lr": 1e-3}
_LENGTHS = ("epochs", "steps", "minutes")
_ROUNDING = 1e-6  # by which shares may miss 1


class TrainConfig(BaseModel):
    """Settings of a fine-tuning run; the defaults suit a laptop without a GPU.

    What is None, or "auto", is left to what suits the network: see `suited`.
    """

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
        default="",
        description="Name of the new model; empty: its classes, the day and the number of B-scans.",
    )
    prompt: PromptKind = Field(default="mixed", description="Prompts to learn from.")
    corrections: int = Field(
        default=0, ge=0, le=8, description="Points added to a prompt where its mask is wrong."
    )
    classes: str = Field(
        default="",
        description="Classes to learn, such as IRF,SRF; all others are background. Empty: all.",
    )
    split: str = Field(
        default="",
        description="Shares of a new split to train, validate and test on; empty: 0.7,0.15,0.15.",
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
        default="auto",
        description="What is trained: the mask decoder; with the prompt encoder; with low-rank "
        "adapters on the image encoder of a SAM; or all weights. auto: all of a model that can "
        "label unasked, as octsam-tiny, which learns that too; of others the mask decoder.",
    )
    lora_rank: int = Field(default=4, ge=1, le=256, description="Rank of the low-rank adapters.")
    lora_alpha: float = Field(
        default=4.0, gt=0, description="Scale of the adapters times the rank; SAMed's is the rank."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="Precision of the image encoder."
    )
    epochs: int | None = Field(
        default=None,
        ge=1,
        description="Times that each B-scan is seen; none: 10, or as long as minutes says.",
    )
    steps: int | None = Field(default=None, ge=1, description="Steps in all, instead of epochs.")
    minutes: float | None = Field(
        default=None,
        gt=0,
        le=1e5,
        description="Most minutes to learn, instead of epochs; none: 1 where a model that can "
        "label unasked learns.",
    )
    batch_size: int | None = Field(
        default=None, ge=1, description="B-scans in a step; none: 2, or 1 where all is trained."
    )
    objects: int | None = Field(
        default=None,
        ge=1,
        description="Most objects of a B-scan in a step; none: 16, or 4 where all is trained.",
    )
    lr: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Learning rate at its highest; none: 1e-4, or 1e-3 where all is trained.",
    )
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
    topology_prior: float = Field(
        default=0.0,
        ge=0,
        description="Weight of a loss on B-scans that nobody labelled: on pieces and holes of the "
        "named pixels that the schema's classes and unions do not have.",
    )
    unlabelled: str = Field(
        default="",
        description="Folder of B-scans that nobody labelled, for topology_prior.",
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
    display_train: int = Field(
        default=0, ge=0, le=16, description="B-scans to learn from that are shown too."
    )
    display_index: str = Field(
        default="",
        description="Which are shown of either part, by their places from 0, such as 0,7; empty: "
        "the first ones.",
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

    @field_validator("data", "label_schema", "out", "base_model", "unlabelled")
    @classmethod
    def _can_be_a_path(cls, text: str) -> str:
        check_name(text)
        return text

    @field_validator("split")
    @classmethod
    def _is_three_shares(cls, text: str) -> str:
        if text:
            shares_in(text)
        return text

    @field_validator("display_index")
    @classmethod
    def _is_places(cls, text: str) -> str:
        places_in(text)
        return text

    @property
    def displayed(self) -> tuple[int, ...] | None:
        """What `display_index` says; None where it says nothing."""
        return places_in(self.display_index) if self.display_index else None

    @property
    def shares(self) -> tuple[float, float, float] | None:
        """What `split` says; None where it says nothing."""
        return shares_in(self.split) if self.split else None

    @field_validator("base_model")
    @classmethod
    def _is_called_as_here(cls, name: str) -> str:
        return MODELS_ELSEWHERE.get(name, name)

    @model_validator(mode="after")
    def _has_one_length(self) -> TrainConfig:
        given = [name for name in _LENGTHS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} both say how long it learns: give one")
        return self

    def suited(self, *, names: bool) -> TrainConfig:
        """Return the settings with all that was left open as it suits a network.

        Parameters
        ----------
        names
            Whether it names pixels by itself: then all of it learns, unless something else is set.
        """
        whole = names and self.adapts in ("auto", "everything")
        suits: dict[str, object] = {**(_SUITS_NAMES if whole else _SUITS_PROMPTS)}
        if all(getattr(self, name) is None for name in _LENGTHS):
            suits |= {"minutes": 1.0} if whole else {"epochs": 10}
        left_open = {name for name in suits if getattr(self, name) in (None, "auto")}
        return self.model_copy(update={name: suits[name] for name in left_open})

    @property
    def uses_topology(self) -> bool:
        """Whether there is a topology loss."""
        return self.topology != "none" and self.topology_weight > 0

    @property
    def uses_original_topology(self) -> bool:
        """Whether that is the original project's, which takes the objects of a B-scan together."""
        return self.topology == "octsam" and self.uses_topology

    @property
    def freezes_encoder(self) -> bool:
        """Whether each B-scan has to be encoded only once."""
        return self.adapts in ("decoder", "decoder and prompts")


def shares_in(text: str) -> tuple[float, float, float]:
    """Return the shares that a text such as "0.7,0.15,0.15" names.

    Raises
    ------
    ValueError
        They are not three numbers that are not negative, the first of them above 0, or do not add
        up to 1.
    """
    try:
        first, second, third = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError("it takes three shares, such as 0.7,0.15,0.15") from None
    fits = first > 0 <= min(second, third) and abs(first + second + third - 1) < _ROUNDING
    if not fits:
        raise ValueError("the shares to train, validate and test on have to add up to 1")
    return first, second, third


def places_in(text: str) -> tuple[int, ...]:
    """Return the places that a text such as "0,7" names.

    Raises
    ------
    ValueError
        They are not whole numbers from 0 on.
    """
    parts = [part.strip() for part in text.split(",")] if text else []
    if not all(part.isdecimal() for part in parts):
        raise ValueError("it takes places from 0 on, such as 0,7")
    return tuple(int(part) for part in parts)


def layered(*layers: Mapping[str, object]) -> dict[str, object]:
    """Return settings of which later layers go before earlier ones.

    How long it learns is one setting: where a layer says so in minutes, epochs of an earlier one
    are gone.
    """
    found: dict[str, object] = {}
    for layer in layers:
        if any(layer.get(name) is not None for name in _LENGTHS):
            found = {name: value for name, value in found.items() if name not in _LENGTHS}
        found |= layer
    return found


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
