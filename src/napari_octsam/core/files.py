"""Writing files so that no full disk, crash or power cut leaves half a file under its real name.

What a killed process was writing stays under a hidden name until another one sweeps it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from napari_octsam.core.errors import UserError
from napari_octsam.core.folders import make_private

__all__ = [
    "building",
    "can_name_a_file",
    "check_name",
    "composed",
    "file_name",
    "missing",
    "remove_file",
    "replacing",
    "sweep",
    "sweep_stale",
    "write_json",
]

_MOST_LETTERS = 56  # of up to 4 bytes each; 255 bytes are a name's limit, and a number follows
_MOST_ENDING = 12  # letters of a suffix, which has to stay: writers go by it
_LONGEST_NAME = 255  # bytes; of a file or folder, on every common file system
_LEFT = re.compile(r"\..*\.part-[0-9a-f]{8}(\..*)?")  # what stays where a process is killed
_STALE = 3600.0  # seconds after which nobody is writing to it any more
_UNFIT = '/\\:*?"<>|'

_swept: set[Path] = set()


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
    return "".join("_" if c in _UNFIT or not c.isprintable() else c for c in short)


def can_name_a_file(text: str) -> bool:
    """Whether a text can be a file's name, or part of one, everywhere, and leads to no folder."""
    fits = all(c.isprintable() and c not in _UNFIT for c in text)
    return fits and bool(text.strip(" ."))


def composed(name: str) -> str:
    """Return a name as it is the same from every system: some write an umlaut as two characters."""
    return unicodedata.normalize("NFC", name)


def missing(path: Path, what: str = "file") -> str:
    """Return a sentence on a path where nothing is, or a link that leads nowhere."""
    if path.is_symlink():
        return f"{path} is a link that leads nowhere: there is no {path.readlink()}."
    return f"There is no {what} {path}."


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes the place of `path` at the end.

    Where the block raises, the temporary file goes and `path` stays as it was. A file that is
    overwritten keeps its rights; a new one is open to those alone to whom its folder is. Where
    `path` is a link, what it leads to is written.

    Raises
    ------
    UserError
        The file cannot be written there: it is a folder, no such folder, no right, a full disk.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    stem = file_name(target.stem)  # short: the name itself may be as long as one can be
    temporary = target.with_name(f".{stem}.{_mark()}{target.suffix[-_MOST_ENDING:]}")
    try:
        _check_free(path, target)
        _sweep_once(target.parent)
        rights = _create(temporary, target)
        yield temporary
        _flush(temporary)
        _set_rights(temporary, rights)
        temporary.replace(target)
        _flush_folder(target.parent)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):  # a read-only disk refuses even this
            temporary.unlink(missing_ok=True)


@contextmanager
def building(folder: Path, *, private: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `folder` to fill; it gets its name at the end.

    Where the block raises, nothing stays.

    Parameters
    ----------
    private
        For its user alone, whoever may look into the folder around it; else it is open to those
        alone to whom that is.

    Raises
    ------
    UserError
        There is something of that name, or it cannot be written there.
    """
    unfinished = folder.with_name(f".{folder.name[:_MOST_LETTERS]}.{_mark()}")
    missing: list[Path] = []
    try:
        if folder.exists():
            raise UserError(f"{folder} is there already: choose another name.")
        missing = [each for each in unfinished.parents if not each.exists()]
        if private:
            make_private(unfinished)
        else:
            unfinished.mkdir(parents=True)
            _set_rights(unfinished, _within(folder.parent, _rights(unfinished)))
        _sweep_once(folder.parent)
        yield unfinished
        unfinished.rename(folder)
        _flush_folder(folder.parent)
    except OSError as error:
        raise UserError(f"Cannot write {folder}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        for each in missing:
            with suppress(OSError):  # it holds what was built
                each.rmdir()


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
    """Remove what killed processes have left half-written in a folder, however deep.

    It is for who has the folder for itself: what others are writing just now would go too.
    """
    for path in list(folder.rglob(".*")):
        if _LEFT.fullmatch(path.name):
            _remove(path)


def sweep_stale(folder: Path) -> None:
    """Remove from a folder what was left half-written so long ago that nobody goes on with it."""
    with suppress(OSError):  # it is gone, or not ours to look into
        for path in list(folder.iterdir()):
            if _LEFT.fullmatch(path.name) and time.time() - _last_change(path) > _STALE:
                _remove(path)


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


def _check_free(path: Path, target: Path) -> None:
    if target.is_dir():
        raise UserError(f"{path} is a folder: name a file in it.")
    if target.is_symlink():
        raise UserError(f"{path} is a link that leads back to itself: name another file.")
    if target.exists() and not target.is_file():
        raise UserError(f"{path} is a device and no file: name a file.")


def _mark() -> str:
    """Return what tells half-written files from others, and from one another."""
    return f"part-{secrets.token_hex(4)}"


def _create(temporary: Path, target: Path) -> int:
    """Make an empty file, and return the rights that it is to have in the place of `target`.

    Nobody can read what is written to it who could not read it afterwards.
    """
    temporary.open("xb").close()
    if target.exists():
        rights = _rights(target)
        if not _give_group(temporary, target):
            rights &= ~stat.S_IRWXG
    else:
        rights = _within(target.parent, _rights(temporary))
    _set_rights(temporary, rights | stat.S_IWUSR)
    return rights


def _rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _within(folder: Path, rights: int) -> int:
    """Return the rights of something new in a folder: no more for others than the folder's."""
    return rights & (_rights(folder) | stat.S_IRWXU)


def _set_rights(path: Path, rights: int) -> None:
    with suppress(OSError):  # some network disks know none
        path.chmod(rights)


def _give_group(path: Path, like: Path) -> bool:
    """Give a file the group of another; return whether it has that."""
    group = like.stat().st_gid
    if path.stat().st_gid != group:
        with suppress(OSError):  # the user is not in it
            os.chown(path, -1, group)
    return path.stat().st_gid == group


def _sweep_once(folder: Path) -> None:
    """Sweep a folder when this process writes to it for the first time."""
    if folder not in _swept:
        _swept.add(folder)
        sweep_stale(folder)


def _last_change(path: Path) -> float:
    """Return when a file was written to last, or any within a folder."""
    return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


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
