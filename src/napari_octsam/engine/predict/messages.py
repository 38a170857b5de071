"""What crosses between napari's process and the engine's: small, frozen, numpy and text only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import Boundaries
from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.labelling import NamedPixels
from napari_octsam.core.prompts import Prompt

__all__ = [
    "Answer",
    "BScan",
    "Decode",
    "Download",
    "Encode",
    "Encoded",
    "Label",
    "Labelled",
    "LoadModel",
    "LoadedModel",
    "Name",
    "Prediction",
    "Progress",
    "Request",
    "on_same_bscan",
]


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load a model and make it the one in use; where that fails the old one stays.

    Parameters
    ----------
    source
        Name in the registry, or path of a checkpoint file.
    profile
        Preprocessing to use instead of the one that the checkpoint suggests, or None.
    device
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    """

    source: str
    profile: str | None = None
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Download:
    """Download a registered checkpoint; answered with its path as str."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class BScan:
    """One B-scan as models take it, with a name for messages.

    Parameters
    ----------
    pixels
        (H, W) uint8, grey, from `core.images.normalised`.
    name
        What the person calls it: file or layer, and index in the volume.
    """

    pixels: npt.NDArray[np.uint8]
    name: str = "B-scan"


@dataclass(frozen=True, slots=True, eq=False)
class Encode:
    """Make the embedding of a B-scan ready (from memory, the disk cache or the encoder)."""

    bscan: BScan


@dataclass(frozen=True, slots=True, eq=False)
class Decode:
    """Predict all objects of one B-scan, encoding it first where needed.

    Parameters
    ----------
    prompts
        Checked prompts (`core.prompts.check_prompt`) of this B-scan.
    schema
        Of their class values; without one the model is told no class.
    """

    bscan: BScan
    prompts: tuple[Prompt, ...]
    schema: LabelSchema | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """Label all of one B-scan without a prompt, encoding it first where needed.

    Parameters
    ----------
    schema
        One by whose classes the model names pixels (`LoadedModel.named_schemas`).
    namer
        Name or file of a model that does it in its stead where it does not: that one's labels
        become boxes and points for the model in use. "" where there is none.
    """

    bscan: BScan
    schema: LabelSchema
    namer: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """Name each pixel of one B-scan; answered with `core.labelling.NamedPixels`, `lightened`.

    Parameters
    ----------
    schema
        As of `Label`.
    """

    bscan: BScan
    schema: LabelSchema


Request = LoadModel | Download | Encode | Decode | Label | Name


def on_same_bscan(one: Request, other: Request) -> bool:
    """Whether one request needs the embedding that the other makes."""
    match one, other:
        case (
            Encode(a) | Decode(a) | Label(a) | Name(a),
            Encode(b) | Decode(b) | Label(b) | Name(b),
        ):
            return np.array_equal(a.pixels, b.pixels)
        case _:
            return False


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Answer to `LoadModel`: what is in use now.

    Parameters
    ----------
    name
        Name to show.
    architecture
        Name of its network, in `models.architectures`.
    profile
        Preprocessing profile in use.
    device, precision
        For example "cpu" and "bfloat16".
    note
        A sentence that the person should read (a guessed profile, say), or "".
    named_schemas
        Label schemas by whose classes it names pixels, bundled ones and those that it has learnt.
    """

    name: str
    architecture: str
    profile: str
    device: str
    precision: str
    note: str = ""
    named_schemas: tuple[LabelSchema, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoded:
    """Answer to `Encode`: where the embedding came from and how long it took."""

    origin: Literal["memory", "disk", "encoder"]
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Answer to `Decode`: one object per prompt, in the order of the prompts.

    `encode_seconds` is 0 where the embedding was ready.
    """

    shape: tuple[int, int]
    objects: tuple[DecodedObject, ...]
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Answer to `Label`: what of a `core.labelling.Labelling` is looked at, in small types.

    Parameters
    ----------
    model
        Name of the model that labelled.
    labels
        (H, W) uint8 label values; `NOT_LABELLED` where nothing is seen.
    confidence
        (H, W) uint8, 0 to 100: how probable the model thinks the label of each pixel, in percent.
    boundaries, boundary_confidence
        As of a `Labelling`.
    mean_confidence
        `Labelling.mean_confidence`.
    """

    model: str
    labels: npt.NDArray[np.uint8]
    confidence: npt.NDArray[np.uint8]
    boundaries: Boundaries
    boundary_confidence: npt.NDArray[np.float32]
    mean_confidence: float


Answer = LoadedModel | str | Encoded | Prediction | Labelled | NamedPixels

Stage = Literal[
    "waiting", "loading", "checking", "encoding", "decoding", "labelling", "downloading"
]
"""What happens to a request; "waiting" where another one goes first."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the engine is doing for a request.

    Parameters
    ----------
    stage
        The state badge's word.
    done, total
        Units done and expected (bytes or encoder blocks); `total` 0 where it is not known.
    subject
        What is loaded, downloaded or encoded: a model's or a B-scan's name.
    """

    stage: Stage
    done: int = 0
    total: int = 0
    subject: str = ""
