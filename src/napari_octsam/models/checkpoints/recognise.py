"""What a file of weights is, told from the names and shapes in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import listed
from napari_octsam.models.architecture import OWN, Architecture, Names
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.renaming import to_own
from napari_octsam.models.network import Network

__all__ = [
    "Weights",
    "built",
    "check_weights",
    "expected_shapes",
    "is_plain",
    "recognise",
    "state_dict_of",
]

_WRAPPERS = ("model", "state_dict", "model_state", "model_state_dict")
_PREFIXES = ("module.", "_orig_mod.", "model.", "sam.")  # torch's own, and of modules around it
_DEEPEST = 8  # wrappings; a file may wrap itself
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_CONSTANTS = ("pixel_mean", "pixel_std")  # in some state dicts, never trained

_OTHER_MODELS = (
    (r"image_encoder\.(patch_embed\.seq|layers\.\d+\.blocks)\.", "MobileSAM"),
    (r"(image_encoder\.trunk|memory_attention|vision_encoder\.backbone)\.", "SAM 2"),
    (r"((backbone|encoder)\.)*layer1\.0\.conv1\.weight", "a ResNet"),
)
"""Pattern that a name begins with, and the model that has such names."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A state dict, and what it is.

    Parameters
    ----------
    architecture
        The network that it belongs to.
    names
        Those under which it stands in the file.
    state_dict
        Under this package's names; tensors as they are in the file.
    """

    architecture: Architecture
    names: Names
    state_dict: dict[str, torch.Tensor]


def state_dict_of(content: Any, source: str) -> dict[str, torch.Tensor]:
    """Return the state dict in a file's content.

    It may be bare or under one of the usual keys, with or without prefixes such as "module.".

    Raises
    ------
    UserError
        There is none.
    """
    for _ in range(_DEEPEST):
        wrapped = (content.get(key) for key in _WRAPPERS) if isinstance(content, Mapping) else ()
        content = next((part for part in wrapped if isinstance(part, Mapping)), content)
    state = _tensors(content) if isinstance(content, Mapping) else {}
    if not state:
        raise UserError(f"{source} holds no weights: save the model's state dict instead.")
    while prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in state)), ""):
        state = {key.removeprefix(prefix): weights for key, weights in state.items()}
    return {key: weights for key, weights in state.items() if key not in _CONSTANTS}


def recognise(state: dict[str, torch.Tensor], source: str) -> Weights:
    """Tell what the state dict of a checkpoint file is.

    Parameters
    ----------
    state
        From `state_dict_of`.
    source
        The file, for messages.

    Raises
    ------
    UserError
        It is of no architecture in `ARCHITECTURES`; the message says what it looks like.
    """
    alike = [
        (architecture, names, telltale.shape[-1] if telltale.ndim else 0)
        for architecture in ARCHITECTURES.values()
        for names in architecture.names
        if (telltale := state.get(names.of(architecture.telltale))) is not None
    ]
    for architecture, names, width in alike:
        if architecture.encoder_width in (None, width):
            _check_version(architecture, state, source)
            if names is not OWN:
                state = to_own(state, names, expected_shapes(architecture))
            return Weights(architecture, names, _completed(architecture, state))
    if alike:
        kind = listed((architecture.name for architecture, *_ in alike), "or")
        raise UserError(f"{source} looks like {kind}, but its encoder is {alike[0][-1]} wide.")
    known = listed(ARCHITECTURES, "or")
    raise UserError(f"{source} holds {_look(state)}, not weights of {known}.")


def check_weights(weights: Weights, source: str, own: Sequence[LabelSchema] = ()) -> None:
    """Check that the weights are complete, of the right shapes, and numbers.

    Parameters
    ----------
    own
        Schemas that the header says were learnt beside those of the architecture.

    Raises
    ------
    UserError
        Some are missing, too many, of another shape, or NaN or infinite; the message counts them
        and names the first as the file does.
    """
    architecture, state = weights.architecture, weights.state_dict
    expected = expected_shapes(architecture, own)
    faults: dict[str, Callable[[], list[str]]] = {
        "missing": lambda: [key for key in expected if key not in state],
        "too many": lambda: [key for key in state if key not in expected],
        "of another shape": lambda: [
            key for key, shape in expected.items() if state[key].shape != shape
        ],
        "not a dense tensor of 16, 32 or 64 bit floating-point numbers": lambda: [
            key for key in expected if not is_plain(state[key])
        ],
        "NaN or infinite": lambda: [key for key in expected if not state[key].isfinite().all()],
    }
    for fault, found in faults.items():  # each only where those before it are not there
        if keys := found():
            first = weights.names.of(keys[0])
            number = "1 weight is" if len(keys) == 1 else f"{len(keys)} weights are"
            which = "" if len(keys) == 1 else "the first of them "
            raise UserError(
                f"{source} looks like {architecture.name}, but {number} {fault}: {which}{first}."
            )


def expected_shapes(
    architecture: Architecture, own: Sequence[LabelSchema] = ()
) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of an architecture's state dict; see `check_weights`."""
    with torch.device("meta"):
        state = built(architecture, own).state_dict()
    return {name: tuple(weights.shape) for name, weights in state.items()}


def built(architecture: Architecture, own: Sequence[LabelSchema] = ()) -> Network:
    """Return a network, with whatever weights, that knows these schemas beside its own."""
    return architecture.build(own) if own else architecture.build()


def is_plain(weights: torch.Tensor) -> bool:
    """Return whether weights are a dense tensor of floating-point numbers to compute with."""
    return weights.layout is torch.strided and not weights.is_meta and weights.dtype in _FLOATS


def _check_version(
    architecture: Architecture, state: Mapping[str, torch.Tensor], source: str
) -> None:
    for weight, version in architecture.earlier.items():
        if weight in state:
            name = architecture.name
            raise UserError(
                f"{source} was made with {version} of {name}, which this version of "
                f"napari-octsam does not have: fine-tune {name} again on the same labels."
            )


def _completed(
    architecture: Architecture, state: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    lacking = [name for name in architecture.begins_at_zero if name not in state]
    if not lacking:
        return state
    shapes = expected_shapes(architecture)
    return {**state, **{name: torch.zeros(shapes[name]) for name in lacking}}


def _tensors(content: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    return {str(key): part for key, part in content.items() if isinstance(part, torch.Tensor)}


def _look(state: Mapping[str, torch.Tensor]) -> str:
    for pattern, model in _OTHER_MODELS:
        if any(re.match(pattern, key) for key in state):
            return f"what looks like {model}"
    return f"other weights, such as {next(iter(state))}"
