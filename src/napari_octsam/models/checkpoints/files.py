"""Files of weights: opened without running what is in them, written whole or not at all."""

from __future__ import annotations

import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import missing, replacing

__all__ = ["read_metadata", "read_weights", "write_pickle", "write_safetensors"]

_HEAD = 1024  # bytes that tell what a file is
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_HARMLESS = re.compile(r"collections\.OrderedDict|torch\._utils\.\w+|torch\.(\w+Storage|Size)")


def read_weights(path: Path) -> tuple[Any, dict[str, str]]:
    """Return what a checkpoint file holds, and the metadata of safetensors.

    Tensors are mapped from the file, not read, where its format allows.

    Raises
    ------
    UserError
        There is no such file; it cannot be read; it is empty, damaged, a web page, no checkpoint
        at all, or carries code.
    """
    head = _read_head(path)
    if not head:
        raise UserError(f"{path} is empty: copy or download it again.")
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|!--|html|head|\?xml)", head, re.IGNORECASE):
        raise UserError(f"{path} is a web page, not a checkpoint: download the file itself again.")
    if head[8:9] == b"{":
        return _read_safetensors(path)
    return _read_pickle(path, head), {}


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file, and leave its weights alone.

    Raises
    ------
    UserError
        There is no such file, or it is damaged.
    """
    _read_head(path)
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except SafetensorError as error:
        raise UserError(f"{path} is damaged or cut short: copy or download it again.") from error


def write_safetensors(
    path: Path, state_dict: Mapping[str, torch.Tensor], metadata: Mapping[str, str]
) -> None:
    """Write weights as safetensors; where that fails, `path` stays as it was.

    Raises
    ------
    UserError
        The file cannot be written: no such folder, no right, a full disk.
    """
    tensors = {key: weights.detach().cpu().contiguous() for key, weights in state_dict.items()}
    with replacing(path) as part:
        try:
            safetensors.torch.save_file(tensors, part, {"format": "pt", **metadata})
        except SafetensorError as error:
            reason = re.search(r"I/O error: (.+?) \(os error", str(error))
            raise OSError(None, reason[1] if reason else str(error)) from error


def write_pickle(path: Path, state_dict: Mapping[str, torch.Tensor]) -> None:
    """Write weights as `torch.save` does; where that fails, `path` stays as it was.

    Raises
    ------
    UserError
        The file cannot be written: no such folder, no right, a full disk.
    """
    tensors = {key: weights.detach().cpu() for key, weights in state_dict.items()}
    with replacing(path) as part:
        try:
            torch.save(tensors, part)
        except RuntimeError as error:
            raise OSError(None, str(error).partition("\n")[0]) from error


def _read_head(path: Path) -> bytes:
    if path.is_dir():
        raise UserError(f"{path} is a folder: choose the checkpoint file in it.")
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except FileNotFoundError as error:
        raise UserError(missing(path, "checkpoint")) from error
    except OSError as error:
        raise UserError(f"Cannot read the checkpoint {path}: {error.strerror}.") from error


def _read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except SafetensorError as error:
        raise UserError(f"{path} is damaged or cut short: copy or download it again.") from error


def _read_pickle(path: Path, head: bytes) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # what torch warns of is refused below
            zipped = head.startswith(_ZIP)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # torch names no exceptions, and bad bytes raise any
        raise UserError(_why_refused(path, head, error)) from error


def _why_refused(path: Path, head: bytes, error: Exception) -> str:
    if isinstance(error, pickle.UnpicklingError) and (names := _foreign_names(path, head)):
        if any(name.startswith("torch.nn.modules.") for name in names):
            return _of_whole_model(path, names[0])
        return (
            f"{path} carries code ({names[0]}), which was not run: "
            "ask its author for the weights alone, saved as a state dict or as safetensors."
        )
    if "TorchScript" in str(error):
        return f"{path} is a TorchScript program, not a state dict, and was not run."
    cut_zip = head.startswith(_ZIP) and not zipfile.is_zipfile(path)
    cut_pickle = isinstance(error, EOFError) or "unexpected EOF" in str(error)
    if cut_zip or (head.startswith(_PICKLE) and cut_pickle):
        return f"{path} is cut short: copy or download it again."
    return f"{path} is not a checkpoint: it is neither torch's format nor safetensors."


def _of_whole_model(path: Path, code: str) -> str:
    target = path.with_name(f"{path.stem}_state_dict{path.suffix}").name
    return (
        f"{path} is a model saved whole: it carries code ({code}), which was not run. Where it was "
        "made, with the same packages and its code at hand, two lines of Python write its weights "
        "alone:\n"
        f"model = torch.load({path.name!r}, map_location='cpu', weights_only=False)\n"
        f"torch.save(model.state_dict(), {target!r})"
    )


def _foreign_names(path: Path, head: bytes) -> list[str]:
    """Return what a pickle would call when loaded, other than what weights need."""
    if not head.startswith(_ZIP):
        with path.open("rb") as stream:
            return _names(stream)
    with zipfile.ZipFile(path) as archive:
        member = next((n for n in archive.namelist() if n.endswith("data.pkl")), None)
        return _names(BytesIO(archive.read(member))) if member else []


def _names(stream: IO[bytes]) -> list[str]:
    """Read one pickle after the other, as torch's older format has them, without loading any."""
    names: list[str] = []
    with suppress(ValueError):  # pickletools' word for the end, and for what is no pickle
        while True:
            texts: list[str] = []
            found: list[str] = []
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name == "GLOBAL":
                    found.append(str(argument).replace(" ", "."))
                elif opcode.name == "STACK_GLOBAL":
                    found.append(".".join(texts[-2:]))
                elif isinstance(argument, str):
                    texts.append(argument)
            names += found
    return [name for name in names if not _HARMLESS.fullmatch(name)]
