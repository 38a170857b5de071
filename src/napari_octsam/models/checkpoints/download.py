"""One file from the network: resumed where the connection breaks, verified, whole or not at all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pooch
import requests

from napari_octsam.core.errors import UserError

__all__ = ["download"]

_PAUSES = (0.5, 2.0)  # seconds before the second and the third try
_TIMEOUT = (10.0, 30.0)  # seconds to connect, and without a byte
_CHUNK = 1 << 20  # bytes between two reports of progress

pooch.get_logger().setLevel("WARNING")


def download(
    url: str,
    target: Path,
    sha256: str,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Download a file, verify it, and only then put it in its place.

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
        No network, no such file there, the wrong file, or no room on the disk. Nothing is left.
    """
    by_hand = f"or download it with a browser and put it at {target}"
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=target.name,
            path=target.parent,
            downloader=_ResumingDownloader(progress),
        )
    except requests.HTTPError as error:
        message = f"The server refused the download ({error}): try again later, {by_hand}."
        raise UserError(message) from error
    except requests.RequestException as error:
        message = f"Cannot download {url}: check the network and try again, {by_hand}."
        raise UserError(message) from error
    except ValueError as error:  # pooch's word for a wrong hash
        message = f"What came from {url} is not the file expected, and was deleted: try again, "
        raise UserError(message + f"{by_hand}.") from error
    except OSError as error:
        raise UserError(f"Cannot write {target}: {error.strerror or error}.") from error
    return target


class _ResumingDownloader:
    """A downloader for pooch that goes on where a broken connection stopped."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self._progress = progress

    def __call__(self, url: str, output_file: str, _: object) -> None:
        for pause in (*_PAUSES, None):
            try:
                return self._download_rest(url, Path(output_file))
            except requests.HTTPError:
                raise
            except requests.RequestException:
                if pause is None:
                    raise
                time.sleep(pause)
        return None

    def _download_rest(self, url: str, part: Path) -> None:
        have = part.stat().st_size
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            done = have if resumed else 0
            rest = int(response.headers.get("Content-Length", 0))
            total = done + rest if rest else 0
            _check_room(part.parent, rest)
            with part.open("ab" if resumed else "wb") as file:
                for chunk in response.iter_content(_CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    if self._progress is not None:
                        self._progress(done, total)


def _check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise UserError(
            f"The disk of {folder} has {free >> 20} MB free, but {size >> 20} MB are needed: "
            "make room, or set OCTSAM_HOME to a folder elsewhere."
        )
