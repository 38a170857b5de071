"""Writing files so that a full disk or a crash never leaves half a file under the real name."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from napari_octsam.core.errors import UserError

__all__ = ["file_name", "replacing", "write_json"]

_MOST_LETTERS = 56  # of up to 4 bytes each; 255 bytes are a name's limit, and a number follows


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
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file in it.")
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is a device and no file: name a file.")
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):  # a read-only disk refuses even this
            temporary.unlink(missing_ok=True)


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
