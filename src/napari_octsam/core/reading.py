"""Files of unknown origin: looked at before they are opened, no larger or deeper than can be held.

What is wrong is an OSError with plain words in `strerror`, or a ValueError: whoever reads says in
a sentence what the file should have been, as `explaining` does for most.
"""

from __future__ import annotations

import errno
import json
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from napari_octsam.core.errors import UserError

__all__ = ["check_regular", "explaining", "parse_json", "read_bytes", "read_json", "read_toml"]

_MOST_BYTES = 256 << 20
_MOST_TOML = 64 << 10  # tomllib takes the square of a dotted key's length
_DEEPEST = 64
_LARGEST = (1 << 63) - 1
_TOO_LONG = "it has a number of more than 64 bits"
_HALF_A_LETTER = re.compile(r"\\u[dD][89a-fA-F]")  # JSON may escape what no text can hold


@contextmanager
def explaining(path: Path, wrong: str, what: str = "", whole: str = "file") -> Iterator[None]:
    """Say in a sentence what is wrong with the file that the block reads and validates.

    Parameters
    ----------
    wrong
        What is said of a file of other content, such as "is not a label schema".
    what
        What the file is, such as "the prompts "; "" where its name says so.
    whole
        What is at fault where no field of it is.

    Raises
    ------
    UserError
        In place of the block's OSError or ValueError.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"Cannot read {what}{path}: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or whole
        raise UserError(f"{path} {wrong}: {where}: {first['msg']}.") from error
    except ValueError as error:
        raise UserError(f"{path} {wrong}: {error}.") from error


def check_regular(path: Path) -> int:
    """Return the bytes of a regular file.

    Raises
    ------
    OSError
        There is none, or it is a folder, a pipe or a device, which may be endless.
    """
    try:
        status = path.stat()
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file can have this name", str(path)) from error
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device and no file", str(path))
    return status.st_size


def read_bytes(path: Path, most: int = _MOST_BYTES) -> bytes:
    """Read a whole file of text or records.

    Raises
    ------
    OSError
        It is no regular file, too large, or cannot be read.
    """
    if check_regular(path) > most:
        raise OSError(errno.EFBIG, f"it has more than {most >> 10:,} KB", str(path))
    return path.read_bytes()


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    OSError
        As of `read_bytes`.
    ValueError
        As of `parse_json`.
    """
    return parse_json(read_bytes(path))


def parse_json(content: bytes | str) -> Any:
    """Return what JSON text says; a mark of the byte order, as Windows writes it, is left out.

    Raises
    ------
    ValueError
        It is not JSON, nested too deeply, or has a number of more than 64 bits or half a letter.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError("it is not JSON") from error
    except ValueError as error:  # Python reads no number of thousands of digits
        raise ValueError(_TOO_LONG) from error
    _check_parts(values)
    if _HALF_A_LETTER.search(text):
        _check_letters(values)
    return values


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    OSError
        As of `read_bytes`.
    ValueError
        It is not TOML, nested too deeply, or has a number of more than 64 bits.
    """
    content = read_bytes(path, _MOST_TOML)
    try:
        values = tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"it is not TOML: {error}") from error
    except ValueError as error:
        raise ValueError(_TOO_LONG) from error
    _check_parts(values)
    return values


def _check_letters(values: Any) -> None:
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("it has half a letter, which no text can hold") from error


def _check_parts(values: Any) -> None:
    level = [values]
    for _ in range(_DEEPEST):
        if any(isinstance(each, int) and abs(each) > _LARGEST for each in level):
            raise ValueError(_TOO_LONG)
        level = [part for each in level for part in _parts_of(each)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _parts_of(values: Any) -> Iterable[Any]:
    if isinstance(values, dict):
        return values.values()
    return values if isinstance(values, list) else ()
