"""The numbers with which octsam-tiny is trained."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_octsam.core.config import read_settings
from napari_octsam.training.schedule import warmed_fall

__all__ = [
    "FIRST_RUN",
    "RECIPE",
    "DataShares",
    "PretrainConfig",
    "Stage",
    "read_recipe",
]

RECIPE = Path(__file__).with_name("recipe.toml")
"""Of the weights that ship."""

FIRST_RUN = RECIPE.with_name("recipe-5-first.toml")
"""Of the weights that they begin from, made from version 4's."""


class _Numbers(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataShares(_Numbers):
    """How often a B-scan of each kind is drawn."""

    layers: float = Field(default=0.5, ge=0)
    fluid: float = Field(default=0.1, ge=0)
    lesions: float = Field(default=0.0, ge=0)
    phantoms: float = Field(default=0.4, ge=0)

    @model_validator(mode="after")
    def _something_is_drawn(self) -> DataShares:
        if not self.layers + self.fluid + self.lesions + self.phantoms > 0:
            raise ValueError("one of the shares of the kinds of B-scans must be above 0")
        return self


class Stage(_Numbers):
    """A part of a training."""

    steps: int = Field(ge=1)
    views: int = Field(default=2, ge=1, description="B-scans of a step.")
    columns: int = Field(default=512, ge=32, le=512, multiple_of=32, description="Of a view.")
    objects: int = Field(
        default=6, ge=0, description="Most objects of a view; with none, pixels alone are named."
    )
    exports: bool = Field(
        default=True, description="Whether views are also cropped and padded as exports are."
    )
    devices: float = Field(
        default=0.0, ge=0, le=1, description="Share of the views as foreign devices show them."
    )
    loose: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the objects with boxes and clicks as loose as people draw them.",
    )
    corrected: float = Field(
        default=0.0, ge=0, le=1, description="Share of the views with corrective points."
    )
    topology: float = Field(default=0.0, ge=0, description="Weight of the topology loss.")
    balance: float = Field(
        default=0.0, ge=0, description="Weight of naming each class alike, however few its pixels."
    )
    data: DataShares | None = Field(default=None, description="What is drawn, if otherwise here.")
    restart: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the learning rate from which it falls anew, with the averaged "
        "weights and a new optimizer; 0: it goes on falling.",
    )


class PretrainConfig(_Numbers):
    """How octsam-tiny is trained; `recipe.toml` says what each number means."""

    stages: tuple[Stage, ...] = Field(min_length=1)
    data: DataShares = DataShares()
    begin_from: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{40}$",
        description="Git's id of the file of weights to begin from; none: random ones.",
    )
    seed: int = Field(default=0, ge=0)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    warmup_steps: int = Field(default=100, ge=0)
    average_decay: float = Field(default=0.998, ge=0, lt=1)
    pixel_weight: float = Field(default=1.0, ge=0)
    object_weight: float = Field(default=0.3, ge=0)
    absent_weight: float = Field(
        default=0.5, ge=0, description="Of places where no lesion is drawn, and none to be named."
    )
    sure: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability from which the layers and tissue that the network named before, "
        "on B-scans of which only lesions are drawn, are taken for true; 0: never.",
    )

    @property
    def steps(self) -> int:
        """Steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def stage(self, step: int) -> Stage:
        """Return the stage of a step, counted from 0."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        raise IndexError("the training is over")

    def shares(self, stage: Stage) -> DataShares:
        """Return how often a B-scan of each kind is drawn in a stage."""
        return stage.data or self.data

    @property
    def all_shares(self) -> set[DataShares]:
        """The shares of all stages."""
        return {self.shares(stage) for stage in self.stages}

    def rate(self, step: int) -> float:
        """Return the share of the learning rate at a step: half a cosine between restarts."""
        first, peak, length = self._fall(step)
        return warmed_fall(peak, step - first, length, self.warmup_steps)

    def restarts(self, step: int) -> bool:
        """Whether a step is the first of a stage that begins anew."""
        first, _, _ = self._fall(step)
        return 0 < first == step

    def _fall(self, step: int) -> tuple[int, float, int]:
        """Return the first step of the fall that a step is part of, its peak and its length."""
        first, peak, begin = 0, 1.0, 0
        for stage in self.stages:
            if stage.restart:
                if step < begin:
                    break
                first, peak = begin, stage.restart
            begin += stage.steps
        return first, peak, begin - first


def read_recipe(path: Path | None = None, seed: int | None = None) -> PretrainConfig:
    """Return the numbers of a TOML file, by default octsam-tiny's; with another seed if given.

    Raises
    ------
    UserError
        The file cannot be read, or says something else.
    """
    recipe = read_settings(path or RECIPE, PretrainConfig)
    return recipe if seed is None else PretrainConfig(**dict(recipe) | {"seed": seed})
