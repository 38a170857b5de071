"""Promptable segmentation of retinal OCT in napari. Research use only.

The names below are imported when they are first used, and torch when a model is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.prompts import Box, Point, Prompt
    from napari_octsam.core.version import __version__
    from napari_octsam.data.layouts import open_dataset
    from napari_octsam.models.model import Model

__all__ = [
    "Box",
    "LabelSchema",
    "Model",
    "Point",
    "Prompt",
    "__version__",
    "load_model",
    "open_dataset",
]

_HOMES = {
    "Box": "core.prompts",
    "LabelSchema": "core.classes",
    "Model": "models.model",
    "Point": "core.prompts",
    "Prompt": "core.prompts",
    "__version__": "core.version",
    "open_dataset": "data.layouts",
}


def load_model(
    name_or_path: str | Path,
    *,
    profile: str | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> Model:
    """Load a registered model that is on this machine, or a checkpoint file.

    Parameters
    ----------
    name_or_path
        "octsam-tiny", which comes with the package; another name that `octsam models` lists; or
        the path of a checkpoint.
    profile
        Preprocessing to use instead of the one that the checkpoint suggests.
    device
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    precision
        Of the encoder: "auto", "float32", "bfloat16" or "float16".

    Raises
    ------
    UserError
        The model is not downloaded, the checkpoint is no good, the device is not there or does
        not have the precision, or memory ran out.
    """
    from napari_octsam.models.checkpoints.load import load_model  # imports torch

    return load_model(name_or_path, profile, device, precision=precision)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
