"""Files that have to have a certain hash: verified once, and again whenever they change.

To hash a SAM takes up to some seconds, so that what was found is kept beside the file, for the
very file that was looked at.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import write_json

__all__ = ["has_hash", "is_verified", "remember", "was_verified"]


def is_verified(path: Path, sha256: str) -> bool:
    """Whether a file has this hash; hashes it where that is not known yet."""
    if was_verified(path, sha256):
        return True
    try:
        before = _identity(path)
        if not has_hash(path, sha256):
            return False
        if _identity(path) == before:
            remember(path, sha256)
    except OSError:
        return False
    return True


def remember(path: Path, sha256: str) -> None:
    """Remember that a file has this hash; where that cannot be, it is hashed again next time."""
    with suppress(OSError, UserError):
        write_json(_note(path), {"sha256": sha256, **_identity(path)})


def was_verified(path: Path, sha256: str) -> bool:
    """Whether a file is known to have this hash, and has not changed since; at once."""
    try:
        noted = json.loads(_note(path).read_bytes())
        return bool(noted == {"sha256": sha256, **_identity(path)})
    except (OSError, ValueError, RecursionError):
        return False


def has_hash(path: Path, sha256: str) -> bool:
    """Hash a file and compare; OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _identity(path: Path) -> dict[str, Any]:
    """Return what changes whenever a file is written to."""
    status = path.stat()
    return {
        "bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "ctime_ns": status.st_ctime_ns,
        "inode": status.st_ino,
    }
