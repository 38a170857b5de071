"""Writing files so that no full disk, crash or power cut leaves half a file under its real name."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from napari_octsam.core.errors import UserError

__all__ = ["building", "check_name", "file_name", "remove_file", "replacing", "sweep", "write_json"]

_MOST_LETTERS = 56  # of up to 4 bytes each; 255 bytes are a name's limit, and a number follows
_LONGEST_SUFFIX = 16
_LONGEST_NAME = 255  # bytes; of a file or folder, on every common file system
_LEFT = ".*.????????*"  # what `replacing` leaves where its process is killed


def check_name(text: str) -> None:
    """Raise ValueError where no file system has such a path."""
    try:
        name = os.fsencode(text)
    except UnicodeEncodeError:
        name = b"\0"
    if b"\0" in name:
        raise ValueError("it holds a character that no path can have")
    if any(len(part) > _LONGEST_NAME for part in name.replace(b"\\", b"/").split(b"/")):
        raise ValueError(f"it holds a name of more than {_LONGEST_NAME} bytes")


def file_name(text: str) -> str:
    """Return a text as a file's name can have it: its beginning, with _ for what none can hold."""
    short = text[:_MOST_LETTERS]
    return "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in short)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes the place of `path` at the end.

    Where the block raises, the temporary file goes and `path` stays as it was.

    Raises
    ------
    UserError
        The file cannot be written there: it is a folder, no such folder, no right, a full disk.
    """
    beginning, end = path.stem[:_MOST_LETTERS], path.suffix[:_LONGEST_SUFFIX]
    temporary = path.with_name(f".{beginning}.{secrets.token_hex(4)}{end}")
    try:
        _check_free(path)
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):  # a read-only disk refuses even this
            temporary.unlink(missing_ok=True)


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder` to fill; it gets its name at the end.

    Where the block raises, nothing stays.

    Raises
    ------
    UserError
        There is something of that name, or it cannot be written there.
    """
    unfinished = folder.with_name(f".{folder.name[:_MOST_LETTERS]}.{secrets.token_hex(4)}")
    try:
        if folder.exists():
            raise UserError(f"{folder} is there already: choose another name.")
        unfinished.mkdir(parents=True)
        yield unfinished
        unfinished.rename(folder)
        _flush_folder(folder.parent)
    except OSError as error:
        raise UserError(f"Cannot write {folder}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def remove_file(path: Path) -> None:
    """Remove a file for good, if it is there: no power cut brings it back.

    Raises
    ------
    UserError
        It cannot be removed.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"Cannot remove {path}: {error.strerror or error}.") from error
    _flush_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what killed processes have left half-written in a folder, however deep."""
    for path in folder.rglob(_LEFT):
        with suppress(OSError):
            path.unlink()


def write_json(path: Path, values: Any) -> None:
    """Write what JSON can hold; NaN and infinity, which it cannot, are a ValueError.

    Raises
    ------
    UserError
        The file cannot be written there; see `replacing`.
    """
    text = json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False)
    with replacing(path) as part:
        part.write_text(text, "utf-8")


def _check_free(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file in it.")
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is a device and no file: name a file.")


def _flush(file: Path) -> None:
    """Wait until a file is on the disk: else a power cut may leave its name and not its content."""
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk, where the operating system can."""
    if os.name == "nt":
        return
    with suppress(OSError):  # some network disks cannot, and the file is whole either way
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
