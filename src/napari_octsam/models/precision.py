"""How precisely the encoder computes: in 16 bit where that is faster and the masks stay."""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import torch

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import write_json
from napari_octsam.core.folders import cache_folder, make_private
from napari_octsam.core.prompts import Box, Point, Prompt
from napari_octsam.core.reading import read_json
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.embeddings import encoder_hash
from napari_octsam.models.header import Header
from napari_octsam.models.model import EncodeProgress, Model, NoNumbersError
from napari_octsam.models.network import Network

__all__ = ["check_precision", "choose_precision", "faster_precision", "mask_agreement"]

_MIN_AGREEMENT = 0.99
_FILE = "precision.json"

_log = logging.getLogger(__name__)

_PROMPTS = (
    Prompt(1, box=Box(150, 40, 190, 727)),
    Prompt(1, box=Box(230, 300, 330, 500)),
    Prompt(1, points=(Point(170, 384),)),
    Prompt(1, box=Box(150, 40, 330, 727), points=(Point(200, 200), Point(260, 600, False))),
)


def choose_precision(
    network: Network,
    header: Header,
    device: torch.device,
    on_check: EncodeProgress | None = None,
) -> str:
    """Return the precision for a network's encoder on its device.

    It is `faster_precision` where the masks agree with those in float32, else "float32". What
    was measured is kept in the cache folder, for these weights, this device and this torch.
    `on_check` is told how far measuring is.
    """
    fast = faster_precision(device)
    if fast == "float32" or not ARCHITECTURES[header.architecture].gains_by_16_bit:
        return "float32"
    key = f"{encoder_hash(network)} {header.profile} {_name(device)} {fast} {torch.__version__}"
    measured = _read_measured()
    if key not in measured:
        exact, rounded = (Model(network, header, device, p) for p in ("float32", fast))
        measured[key] = mask_agreement(exact, rounded, on_check)
        _write_measured(measured)
    return fast if measured[key] >= _MIN_AGREEMENT else "float32"


def check_precision(name: str, device: torch.device) -> None:
    """Check that the device has the precision that was asked for, or that it is "auto".

    Raises
    ------
    UserError
        The device cannot compute in it.
    """
    has = {
        "auto": True,
        "float32": True,
        "bfloat16": device.type == "cpu" or _has_bfloat16(device),
        "float16": device.type == "cuda",
    }
    if not has.get(name, False):
        others = " or ".join(other for other, there in has.items() if there)
        raise UserError(f"The device {device} does not compute in {name}: use {others}.")


def faster_precision(device: torch.device) -> str:
    """Return the 16-bit type that the device computes faster in than in float32, or "float32"."""
    if device.type == "cuda":
        return "bfloat16" if _has_bfloat16(device) else "float16"
    instructions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    if device.type == "cpu" and any(
        getattr(torch.cpu, name, lambda: False)() for name in instructions
    ):
        return "bfloat16"
    return "float32"


def _has_bfloat16(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def mask_agreement(exact: Model, rounded: Model, progress: EncodeProgress | None = None) -> float:
    """Return the lowest IoU of the two models' single masks, of a few prompts on a test picture."""
    picture = _layered_picture()
    wanted = _single_masks(exact, picture, _half_of(progress, 0))
    try:
        found = _single_masks(rounded, picture, _half_of(progress, 1))
    except NoNumbersError:
        return 0.0
    return min(_iou(a, b) for a, b in zip(wanted, found, strict=True))


def _single_masks(
    model: Model, picture: npt.NDArray[np.uint8], progress: EncodeProgress | None
) -> list[npt.NDArray[np.bool_]]:
    decoded = model.decode(model.encode(picture, progress), _PROMPTS)
    return [each.candidates[0].window.mask(picture.shape) for each in decoded]


def _half_of(progress: EncodeProgress | None, half: int) -> EncodeProgress | None:
    """Return what tells of the first or second half of what `progress` is told."""
    if progress is None:
        return None
    return lambda done, total: progress(half * total + done, 2 * total)


def _layered_picture() -> npt.NDArray[np.uint8]:
    """Return bands with speckle, (496, 768): enough of a B-scan to compare two precisions on."""
    rows, cols = np.mgrid[:496, :768]
    depth = rows - 150 - 25 * np.sin(cols / 120)
    bands = 0.35 + 0.25 * np.sin(depth / 9) * np.exp(-((depth - 90) ** 2) / 8000)
    speckle = np.random.default_rng(0).gamma(8, 1 / 8, bands.shape)
    picture: npt.NDArray[np.uint8] = (bands * speckle * 200).clip(0, 255).astype(np.uint8)
    return picture


def _iou(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _read_measured() -> dict[str, float]:
    """Return what was measured on this machine; a file that cannot be trusted is deleted."""
    path = cache_folder() / _FILE
    try:
        found = read_json(path)
        measured: dict[str, float] = found["measured"]
        if found["sha256"] != _hash(measured):
            raise ValueError("it is damaged")
        if not all(type(value) is float and 0 <= value <= 1 for value in measured.values()):
            raise ValueError("it holds what is no agreement")
    except OSError:
        return {}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        _log.warning("deleted %s, which was not written so: %s", path, error)
        with suppress(OSError):
            path.unlink()
        return {}
    return measured


def _write_measured(measured: dict[str, float]) -> None:
    path = cache_folder() / _FILE
    with suppress(OSError, UserError):  # it is only measured again next time
        make_private(path.parent)
        write_json(path, {"measured": measured, "sha256": _hash(measured)})


def _hash(measured: dict[str, float]) -> str:
    return hashlib.sha256(json.dumps(measured, sort_keys=True).encode()).hexdigest()
