"""The fields of `TrainConfig` in the groups in which a person meets them."""

from __future__ import annotations

from napari_octsam.core.config import TrainConfig

__all__ = ["GROUPS", "group_of", "label_of"]

GROUPS: dict[str, tuple[str, ...]] = {
    "Run": (
        "data",
        "label_schema",
        "out",
        "display_name",
        "base_model",
        "profile",
        "device",
        "minutes",
        "epochs",
        "steps",
        "patience",
        "seed",
        "display_samples",
        "display_train",
        "display_index",
        "spacing",
    ),
    "Data and prompts": (
        "classes",
        "split",
        "prompt",
        "corrections",
        "objects",
        "background",
        "augment",
        "shuffle",
    ),
    "Model": ("adapts", "lora_rank", "lora_alpha", "precision", "pseudocolor", "blue_first"),
    "Losses": (
        "loss",
        "topology",
        "topology_weight",
        "topology_warmup_epochs",
        "topology_size",
        "topology_prior",
        "unlabelled",
    ),
    "Steps": (
        "batch_size",
        "lr",
        "schedule",
        "warmup_steps",
        "optimizer",
        "weight_decay",
        "gradient_clip",
    ),
    "Logging": ("wandb", "project", "entity", "tensorboard"),
}
"""Title -> names of fields."""

_LABELS = {
    "lr": "Learning rate",
    "wandb": "Weights & Biases",
    "project": "Project there",
    "entity": "User or team there",
    "tensorboard": "TensorBoard",
    "pseudocolor": "Colour map",
    "blue_first": "Blue first in it",
    "lora_rank": "LoRA rank",
    "lora_alpha": "LoRA alpha",
    "adapts": "What is trained",
    "topology_warmup_epochs": "Topology delay",
    "topology_weight": "Topology weight",
    "topology_size": "Topology mask side",
    "objects": "Objects in a step",
    "loss": "Segmentation loss",
    "topology": "Topology loss",
    "display_name": "Name",
    "display_samples": "Samples shown",
    "display_train": "Samples learnt from",
    "display_index": "Which are shown",
    "topology_prior": "Topology prior",
    "unlabelled": "B-scans without labels",
    "batch_size": "B-scans in a step",
    "corrections": "Corrective points",
    "prompt": "Prompts",
    "spacing": "µm per pixel",
}


def group_of(name: str) -> str:
    """Return the title of the group that a field is in."""
    return next(title for title, names in GROUPS.items() if name in names)


def label_of(name: str) -> str:
    """Return a few words for a field, as a form shows them."""
    assert name in TrainConfig.model_fields
    return _LABELS.get(name, name.replace("_", " ").capitalize())
