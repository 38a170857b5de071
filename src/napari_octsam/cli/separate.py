"""A training for each class, as the original project's all_masks_seperate_models."""

from __future__ import annotations

from pathlib import Path

from napari_octsam.core.classes import LabelSchema, load_schema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError

__all__ = ["one_for_each_class"]


def one_for_each_class(config: TrainConfig) -> list[TrainConfig]:
    """Return the settings of a training for each class that is to be learnt, or for all of them.

    Raises
    ------
    UserError
        There is no such class, or no such data.
    """
    schema = _schema(config)
    if config.classes:
        schema = schema.only(config.classes.split(","))
    return [_of_one(config, each.short) for each in schema.foreground]


def _of_one(config: TrainConfig, short: str) -> TrainConfig:
    name = f"{config.display_name} {short}".strip()
    return config.model_copy(update={"classes": short, "display_name": name})


def _schema(config: TrainConfig) -> LabelSchema:
    from napari_octsam.data.layouts import open_dataset

    if not config.data:
        raise UserError("Say where the labelled B-scans lie: docs/datasets.md has the layouts.")
    known = load_schema(config.label_schema) if config.label_schema else None
    return open_dataset(Path(config.data), known).schemas[0]
