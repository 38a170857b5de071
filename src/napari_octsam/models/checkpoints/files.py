"""Files of weights: opened without running what is in them, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import IO, Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import missing, replacing
from napari_octsam.core.reading import check_regular
from napari_octsam.models.hashes import weights_hash

__all__ = ["check_pickle", "read_metadata", "read_weights", "write_pickle", "write_safetensors"]

_HEAD = 1024  # bytes that tell what a file is
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_PICKLES = (
    5  # before the weights in torch's older format: three on itself, the state dict, its keys
)
_MOST_PROGRAM = 16 << 20  # bytes of the pickle in a zip, which has all but the weights
_MOST_SWELLING = 2  # torch does not compress: what is unpacked is as large as the file
_GREEDY = ("builtins.bytearray", "__builtin__.bytearray")  # makes as much of a number as it says
_HARMLESS = re.compile(r"collections\.OrderedDict|torch\._utils\.\w+|torch\.(\w+Storage|Size)")
_HASH = "napari_octsam_sha256"
"""Key of the metadata of safetensors that we write: a hash of all else in the file."""


def read_weights(path: Path) -> tuple[Any, dict[str, str]]:
    """Return what a checkpoint file holds, and the metadata of safetensors.

    Tensors are mapped from the file, not read, where its format allows.

    Raises
    ------
    UserError
        There is no such file; it cannot be read; it is empty, damaged, a web page, no checkpoint
        at all, carries code, or would take far more memory than it is large.
    """
    head = _read_head(path)
    if not head:
        raise UserError(f"{path} is empty: copy or download it again.")
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|!--|html|head|\?xml)", head, re.IGNORECASE):
        raise UserError(f"{path} is a web page, not a checkpoint: download the file itself again.")
    if head[8:9] == b"{":
        return _read_safetensors(path)
    return _read_pickle(path, head), {}


def check_pickle(path: Path) -> None:
    """Look at what a file of torch's format would make of the memory, before it is loaded.

    Raises
    ------
    UserError
        There is no such file, it cannot be read, or it would take far more memory than it is
        large.
    """
    _foreign_names(path, _read_head(path))


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
    said = {"format": "pt", **metadata}
    said[_HASH] = _content_hash(tensors, said)
    with replacing(path) as part:
        try:
            safetensors.torch.save_file(tensors, part, said)
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
    try:
        check_regular(path)
        with path.open("rb") as file:
            return file.read(_HEAD)
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder: choose the checkpoint file in it.") from error
    except FileNotFoundError as error:
        raise UserError(missing(path, "checkpoint")) from error
    except OSError as error:
        raise UserError(f"Cannot read the checkpoint {path}: {error.strerror}.") from error


def _read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            said = file.metadata() or {}
        known = said.pop(_HASH, None)
        if known is not None and known != _content_hash(weights, said):
            raise ValueError("it has other content than was written")
        return weights, said
    except Exception as error:  # of types that torch has not, it fails in other ways
        raise UserError(f"{path} is damaged or cut short: copy or download it again.") from error


def _content_hash(weights: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> str:
    said = json.dumps(sorted(metadata.items()))
    return hashlib.sha256(f"{weights_hash(weights)} {said}".encode()).hexdigest()


def _read_pickle(path: Path, head: bytes) -> Any:
    names: list[str] = []
    try:
        names = _foreign_names(path, head)
        with warnings.catch_warnings(action="ignore"):  # what torch warns of is refused below
            zipped = head.startswith(_ZIP)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except UserError:
        raise
    except Exception as error:  # torch names no exceptions, and bad bytes raise any
        raise UserError(_why_refused(path, head, names, error)) from error


def _why_refused(path: Path, head: bytes, names: list[str], error: Exception) -> str:
    if isinstance(error, pickle.UnpicklingError) and names:
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
    """Return what a pickle would call when loaded, other than what weights need.

    Raises
    ------
    UserError
        It would take far more memory than the file is large.
    """
    if head.startswith(_ZIP):
        names = _names(BytesIO(_zipped_program(path)))
    else:
        with path.open("rb") as stream:
            names = _names(stream)
    if not set(_GREEDY).isdisjoint(names):
        raise _too_large(path)
    return [name for name in names if not _HARMLESS.fullmatch(name)]


def _zipped_program(path: Path) -> bytes:
    """Return the pickle in a zip, once it is sure that nothing in it swells."""
    with zipfile.ZipFile(path) as archive:
        files = archive.infolist()
        if sum(file.file_size for file in files) > _MOST_SWELLING * path.stat().st_size:
            raise _too_large(path)
        program = next((file for file in files if file.filename.endswith("data.pkl")), None)
        if program is None:
            return b""
        if program.file_size > _MOST_PROGRAM:
            raise _too_large(path)
        return archive.read(program)


def _too_large(path: Path) -> UserError:
    return UserError(
        f"{path} would take far more memory than it is large, as no weights do, and was not loaded."
    )


def _names(stream: IO[bytes]) -> list[str]:
    """Read one pickle after the other, as torch's older format has them, without loading any."""
    names: list[str] = []
    with suppress(ValueError, MemoryError):  # pickletools' words for the end, and for no pickle
        for _ in range(_PICKLES):
            texts: list[str] = []
            for opcode, argument, _ in islice(pickletools.genops(stream), _MOST_PROGRAM):
                if opcode.name == "GLOBAL":
                    names.append(str(argument).replace(" ", "."))
                elif opcode.name == "STACK_GLOBAL":
                    names.append(".".join(texts[-2:]))
                elif isinstance(argument, str):
                    texts.append(argument)
    return names
