"""Files of low-rank adapters, ours and SAMed's: the base that they go on, and going on it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PureWindowsPath

from torch import Tensor

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import replacing
from napari_octsam.core.wording import listed
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.recognise import is_plain
from napari_octsam.models.checkpoints.registry import REGISTRY, local_path
from napari_octsam.models.header import AdapterRecord
from napari_octsam.models.sam.adapters import merged

__all__ = ["base_file", "holds_adapters", "join", "make_record", "put_base_beside"]

_MASKS = (
    "mask_decoder.mask_tokens.",
    "mask_decoder.output_hypernetworks_mlps.",
    "mask_decoder.iou_prediction_head.",
)
"""Of the decoder, what there is once for each mask that it gives."""


def holds_adapters(state: Mapping[str, Tensor]) -> bool:
    """Return whether a state dict is one of adapters; see `adapters.adapter_weights`."""
    return "w_a_000" in state


def make_record(base: str, rank: int, alpha: float) -> AdapterRecord:
    """Return what the header of adapters on a base model says.

    A checkpoint is named as `put_base_beside` names it.

    Parameters
    ----------
    base
        Name of a registered model, or path of a checkpoint.

    Raises
    ------
    UserError
        The checkpoint cannot be read.
    """
    if base in REGISTRY:
        return AdapterRecord(base=base, sha256=REGISTRY[base].sha256 or "", rank=rank, alpha=alpha)
    path = Path(base).resolve()
    return AdapterRecord(base=f"base_{path.name}", sha256=_sha256(path), rank=rank, alpha=alpha)


def put_base_beside(base: str, record: AdapterRecord, folder: Path) -> None:
    """Put the base into the folder of the adapters, where it is to be; a registered one is none.

    It takes no room on the same disk: it is another name of the file.

    Raises
    ------
    UserError
        It cannot be read, or not be written there.
    """
    target = folder / record.base
    if record.base in REGISTRY or target.exists():
        return
    source = Path(base).resolve()
    with suppress(OSError):
        os.link(source, target)
        return
    with replacing(target) as part:
        shutil.copyfile(source, part)


def base_file(
    path: Path, state: Mapping[str, Tensor], record: AdapterRecord | None, named: Path | None
) -> Path:
    """Return the checkpoint that adapters go on.

    Parameters
    ----------
    path
        The file of adapters.
    state
        What it holds.
    record
        What its header says; without one, the base is the registered SAM of the same width.
    named
        The base, where the person has named it; else it is looked for in the registry and beside
        the adapters, and nowhere else, whatever path the file names.

    Raises
    ------
    UserError
        It is not there, or is another than they were trained on.
    """
    if record is None:
        return named or _registered(_architecture(path, state), path)
    if named is None and record.base in REGISTRY:
        return _registered(record.base, path)
    name = PureWindowsPath(record.base).name  # knows / too
    file = named or path.parent / name
    if not file.is_file() or file == path:
        where = "name it with --base" if name == path.name else f"put {name} beside them"
        raise UserError(f"{path} holds adapters for {name}, which is not beside them: {where}.")
    if _sha256(file) != record.sha256:
        raise UserError(
            f"{path} holds adapters that were trained on another {name} than {file}: "
            "they need that very file."
        )
    return file


def join(
    path: Path,
    state: Mapping[str, Tensor],
    base: Mapping[str, Tensor],
    record: AdapterRecord | None,
) -> tuple[dict[str, Tensor], str]:
    """Merge what a file of adapters holds into the state dict of its base.

    SAMed's decoder gives one mask for each class, from mask tokens of its own and without a
    prompt: those are left out, and the base's stay.

    Returns
    -------
    The state dict, unchecked where it is not the encoder's, and a sentence on what was left out,
    or "".

    Raises
    ------
    UserError
        The adapters do not fit the base.
    """
    _check_pairs(path, state, base)
    scale = 1.0 if record is None else record.alpha / record.rank
    masks, own = (_mask_count(weights) for weights in (state, base))
    if masks in (0, own):
        return merged(base, state, scale), ""
    fitting = {k: v for k, v in state.items() if not k.startswith(_MASKS)}
    return merged(base, fitting, scale), (
        f" Its decoder's {masks} masks, one for each class, take no prompt and were left "
        "out: the base's masks are in their place. SAMed was trained at 512 x 512 pixels, this "
        "encoder sees more: check the masks, or fine-tune it."
    )


def _mask_count(state: Mapping[str, Tensor]) -> int:
    tokens = state.get("mask_decoder.mask_tokens.weight")
    return 0 if tokens is None or tokens.ndim != 2 else len(tokens)


def _architecture(path: Path, state: Mapping[str, Tensor]) -> str:
    width = state["w_a_000"].shape[-1] if state["w_a_000"].ndim else 0
    widths = {a.encoder_width: a.name for a in ARCHITECTURES.values() if not a.no_adapters}
    if width not in widths:
        raise UserError(
            f"{path} holds adapters for an encoder {width} wide, "
            f"which none of {listed(widths.values(), 'and')} has."
        )
    return widths[width]


def _registered(name: str, path: Path) -> Path:
    file = local_path(name)
    if file is None:
        raise UserError(
            f"{path} holds adapters for {name}, which is not on this machine yet: "
            f"download {name} first."
        )
    return file


def _check_pairs(path: Path, state: Mapping[str, Tensor], base: Mapping[str, Tensor]) -> None:
    """Check that there is a pair A, B of one rank for q and for v of each block of the base."""
    widths = [weight.shape[1] for key, weight in base.items() if key.endswith(".attn.qkv.weight")]
    rank = state["w_a_000"].shape[0] if state["w_a_000"].ndim else 0
    expected = {
        f"w_{factor}_{2 * block + part:03d}": (rank, width) if factor == "a" else (width, rank)
        for block, width in enumerate(widths)
        for part in (0, 1)
        for factor in "ab"
    }
    found = {
        key: tuple(weights.shape)
        for key, weights in state.items()
        if key.startswith(("w_a_", "w_b_")) and is_plain(weights)
    }
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            raise UserError(
                f"{path} holds adapters that do not fit their base of {len(widths)} blocks of "
                f"attention: {key}: {_sized(found.get(key))} in the file, "
                f"{_sized(expected.get(key))} expected."
            )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"Cannot read the checkpoint {path}: {error.strerror}.") from error


def _sized(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else " x ".join(map(str, shape))
