"""One file from the network: resumed where it broke off, verified, whole or not at all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import replacing
from napari_octsam.core.folders import make_private
from napari_octsam.core.locks import lock_file
from napari_octsam.models.checkpoints.verified import has_hash

__all__ = ["download"]

_PAUSES = (0.5, 2.0)  # seconds before the second and the third try
_TIMEOUT = (10.0, 30.0)  # seconds to connect, and without a byte
_CHUNK = 1 << 20  # bytes between two reports of progress
_UNFINISHED = ".unfinished"
_FORGOTTEN = 7 * 86400.0  # seconds after which nobody goes on with a download

_Progress = Callable[[int, int], None]


def download(url: str, target: Path, sha256: str, progress: _Progress | None = None) -> Path:
    """Download a file, verify it, and only then put it in its place.

    What has come when it breaks off stays beside `target`, for a week, and the next download goes
    on from there.

    Parameters
    ----------
    url
        Where it is.
    target
        Where it goes; its folder is made.
    sha256
        Hash that it must have.
    progress
        Called with (bytes done, bytes in all or 0); may raise to cancel.

    Returns
    -------
    `target`.

    Raises
    ------
    UserError
        No network, no such file there, the wrong file, no room on the disk, or another process
        downloads it.
    """
    by_hand = f"or download it with a browser and put it at {target}"
    part = target.with_name(f".{target.name}.{sha256[:8]}{_UNFINISHED}")
    try:
        make_private(target.parent)
        with _alone(target, part):
            _forget_old(target.parent)
            if not _comes_right(url, part, sha256, progress):
                raise UserError(
                    f"What came from {url} is not the file expected, and was deleted: try again, "
                    f"{by_hand}."
                )
            with replacing(target) as place:
                part.replace(place)
    except requests.HTTPError as error:
        message = f"The server refused the download ({error}): try again later, {by_hand}."
        raise UserError(message) from error
    except requests.RequestException as error:
        message = (
            f"Cannot download {url}: check the network and try again, which goes on where this "
            f"stopped, {by_hand}."
        )
        raise UserError(message) from error
    except OSError as error:
        raise UserError(f"Cannot write {target}: {error.strerror or error}.") from error
    return target


def _comes_right(url: str, part: Path, sha256: str, progress: _Progress | None) -> bool:
    """Fetch the rest of a file, or all of it where the beginning was wrong; see if it is right."""
    for goes_on in (part.exists(), False):
        _fetch(url, part, progress)
        if has_hash(part, sha256):
            return True
        part.unlink()
        if not goes_on:
            break
    return False


def _fetch(url: str, part: Path, progress: _Progress | None) -> None:
    """Fetch the rest of a file, trying again where the connection breaks."""
    for pause in (*_PAUSES, None):
        try:
            return _fetch_rest(url, part, progress)
        except requests.HTTPError:
            raise
        except requests.RequestException:
            if pause is None:
                raise
            time.sleep(pause)
    return None


def _fetch_rest(url: str, part: Path, progress: _Progress | None) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if have and response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # there is no more: it broke off after the last byte
        response.raise_for_status()
        resumed = response.status_code == requests.codes.partial_content
        done = have if resumed else 0
        rest = int(response.headers.get("Content-Length", 0))
        total = done + rest if rest else 0
        _check_room(part.parent, rest)
        part.touch(0o600)
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, total)


@contextmanager
def _alone(target: Path, part: Path) -> Iterator[None]:
    """Keep other processes from the same download."""
    taken = f"Another process downloads {target.name} just now: wait for its end."
    lock = lock_file(part.with_suffix(".lock"), taken)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _forget_old(folder: Path) -> None:
    """Remove what downloads have left that nobody goes on with."""
    for path in folder.glob(f".*{_UNFINISHED}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _FORGOTTEN:
                path.unlink()


def _check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise UserError(
            f"The disk of {folder} has {free >> 20} MB free, but {size >> 20} MB are needed: "
            "make room, or set OCTSAM_HOME to a folder elsewhere."
        )
