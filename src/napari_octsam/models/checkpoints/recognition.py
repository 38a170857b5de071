"""What a file of weights is, told from the names and shapes in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints.build import expected_shapes
from napari_octsam.models.checkpoints.conversion import from_transformers, transformers_key
from napari_octsam.models.header import Architecture

__all__ = ["Weights", "check_weights", "encoder_of_width", "is_plain", "recognise", "state_dict_of"]

_WRAPPERS = ("model", "state_dict", "model_state", "model_state_dict")
_PREFIX = "module."  # of torch's DataParallel
_ONLY_IN_VERSION_1 = "image_encoder.detail.stride2.weight"
_CONSTANTS = ("pixel_mean", "pixel_std")  # in some state dicts, never trained
_ENCODER_WIDTHS: dict[int, Architecture] = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}

_OTHER_MODELS = (
    (r"image_encoder\.(patch_embed\.seq|layers\.\d+\.blocks)\.", "MobileSAM"),
    (r"(image_encoder\.trunk|memory_attention|vision_encoder\.backbone)\.", "SAM 2"),
    (r"((backbone|encoder)\.)*layer1\.0\.conv1\.weight", "a ResNet"),
)
"""Pattern that a name begins with, and the model that has such names."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A state dict under this package's names, and what it is.

    Parameters
    ----------
    architecture
        The network that they belong to.
    state_dict
        Tensors as they are in the file.
    from_transformers
        Whether the file has transformers' names.
    """

    architecture: Architecture
    state_dict: dict[str, torch.Tensor]
    from_transformers: bool = False


def recognise(state: dict[str, torch.Tensor], source: str) -> Weights:
    """Tell what the state dict of a checkpoint file is.

    Takes one under segment_anything's, transformers' or octsam-tiny's names.

    Parameters
    ----------
    state
        From `state_dict_of`.
    source
        The file, for messages.

    Raises
    ------
    UserError
        It is none of these; the message says what it looks like.
    """
    if "image_encoder.down.0.reduce.weight" in state:
        if _ONLY_IN_VERSION_1 in state:
            raise UserError(
                f"{source} was made with version 1 of octsam-tiny, which this version of "
                "napari-octsam does not have: fine-tune octsam-tiny again on the same labels."
            )
        return Weights("octsam-tiny", state)
    foreign = "vision_encoder.pos_embed" in state
    positions = state.get("vision_encoder.pos_embed" if foreign else "image_encoder.pos_embed")
    if positions is None:
        raise UserError(f"{source} holds {_look(state)}, not a SAM of vit_b, vit_l or vit_h.")
    width = positions.shape[-1] if positions.ndim else 0
    architecture = encoder_of_width(width)
    if architecture is None:
        raise UserError(
            f"{source} looks like a SAM with an encoder {width} wide, "
            "which none of vit_b, vit_l and vit_h has."
        )
    if foreign:
        return Weights(architecture, from_transformers(state, architecture), from_transformers=True)
    return Weights(architecture, state)


def encoder_of_width(width: int) -> Architecture | None:
    """Return the architecture of SAM whose encoder has so many channels."""
    return _ENCODER_WIDTHS.get(width)


def check_weights(weights: Weights, source: str) -> None:
    """Check that the weights are complete, of the right shapes, and numbers.

    Raises
    ------
    UserError
        Some are missing, too many, of another shape, or NaN or infinite; the message counts them
        and names the first as the file does.
    """
    expected = expected_shapes(weights.architecture)
    state = weights.state_dict
    faults = {
        "missing": [key for key in expected if key not in state],
        "too many": [key for key in state if key not in expected],
        "of another shape": [
            key for key, shape in expected.items() if key in state and state[key].shape != shape
        ],
    }
    faults["not a dense tensor of floating-point numbers"] = odd = [
        key for key in expected if key in state and not is_plain(state[key])
    ]
    faults["NaN or infinite"] = [
        key
        for key in expected
        if key in state and key not in odd and not state[key].isfinite().all()
    ]
    for fault, keys in faults.items():
        if keys:
            first = transformers_key(keys[0]) if weights.from_transformers else keys[0]
            number = "1 weight is" if len(keys) == 1 else f"{len(keys)} weights are"
            which = "" if len(keys) == 1 else "the first of them "
            raise UserError(
                f"{source} looks like {weights.architecture}, but {number} {fault}: {which}{first}."
            )


def state_dict_of(content: Any, source: str) -> dict[str, torch.Tensor]:
    """Return the state dict in a file's content.

    It may be bare or under one of the usual keys, with or without the prefix "module.".

    Raises
    ------
    UserError
        There is none.
    """
    while isinstance(content, Mapping):
        wrapped = (content.get(key) for key in _WRAPPERS)
        inner = next((part for part in wrapped if isinstance(part, Mapping)), None)
        if inner is None:
            break
        content = inner
    state = _tensors(content) if isinstance(content, Mapping) else {}
    if not state:
        raise UserError(f"{source} holds no weights: save the model's state dict instead.")
    if all(key.startswith(_PREFIX) for key in state):
        state = {key.removeprefix(_PREFIX): weights for key, weights in state.items()}
    return {key: weights for key, weights in state.items() if key not in _CONSTANTS}


def is_plain(weights: torch.Tensor) -> bool:
    """Return whether weights are a dense tensor of floating-point numbers."""
    dense = weights.layout is torch.strided and not weights.is_meta
    return dense and weights.is_floating_point()


def _tensors(content: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    return {str(key): part for key, part in content.items() if isinstance(part, torch.Tensor)}


def _look(state: Mapping[str, torch.Tensor]) -> str:
    for pattern, model in _OTHER_MODELS:
        if any(re.match(pattern, key) for key in state):
            return f"what looks like {model}"
    return f"other weights, such as {next(iter(state))}"
