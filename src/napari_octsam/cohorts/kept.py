"""Results that are known again by the content of what they are of."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_octsam.core.files import replacing
from napari_octsam.core.folders import make_private
from napari_octsam.core.version import __version__

__all__ = ["KeptResults", "content_key"]

_CHUNK = 1 << 20


def content_key(path: Path, *asked: object) -> str:
    """Return a hash of a file, or of all in a folder, of what is asked of it, and of the version.

    Hidden files and locks of a folder are left out.

    Parameters
    ----------
    asked
        Values whose `repr` says all of them.

    Raises
    ------
    OSError
        It cannot be read.
    """
    found = hashlib.sha256(repr((__version__, asked)).encode())
    for name, file in _files(path):
        found.update(f"\0{name}\0{file.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                found.update(chunk)
    return found.hexdigest()


class KeptResults:
    """A folder of results, one a file, which may be deleted at any time.

    Parameters
    ----------
    folder
        Made where it is missing, for its user alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was kept; None where that is nothing, or damaged."""
        try:
            content = json.loads(gzip.decompress(self._path(key).read_bytes()))
        except (OSError, EOFError, ValueError, zlib.error):
            return None
        is_it = isinstance(content, dict) and content.get("key") == key
        value = content.get("value") if is_it else None
        return value if isinstance(value, dict) else None

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep a result, which JSON must have.

        Raises
        ------
        UserError
            It cannot be written.
        """
        path = self._path(key)
        make_private(path.parent)
        content = json.dumps({"key": key, "value": value}, allow_nan=False)
        with replacing(path) as part:
            part.write_bytes(gzip.compress(content.encode(), mtime=0))

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json.gz"


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if not path.is_dir():
        yield "", path
        return
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        hidden = any(part.startswith(".") for part in name.parts)
        if file.is_file() and not hidden and file.suffix != ".lock":
            yield name.as_posix(), file
