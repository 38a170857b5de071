from __future__ import annotations

import hashlib
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints import download
from napari_octsam.models.checkpoints.load import load_model, read_checkpoint
from napari_octsam.models.checkpoints.registry import (
    REGISTRY,
    RegisteredModel,
    absolute_name,
    fetch,
    is_here,
    local_path,
)

CONTENT = bytes(range(256)) * 20_000  # 5 MB
HASH = hashlib.sha256(CONTENT).hexdigest()
WHOLE = ["weights.pth", "weights.pth.verified"]


class Server(ThreadingHTTPServer):
    """Serves `content` at /weights.pth, and breaks off the first `breaks` answers half way."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.breaks = 0
        self.resumes = True
        self.ranges: list[str | None] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.ranges.append(wanted)
        if self.path != "/weights.pth":
            self.send_error(404)
            return
        resumed = wanted is not None and server.resumes
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and resumed else 0
        if start == len(server.content):
            self.send_error(416)
            return
        rest = server.content[start:]
        self.send_response(206 if resumed else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if server.breaks:
            server.breaks -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models; the pauses between tries are short."""
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path))
    monkeypatch.setattr(download, "_PAUSES", (0.01, 0.01))
    model = RegisteredModel(
        "test", "for tests", "vit_b", "sam", "http://x.invalid/weights.pth", HASH
    )
    monkeypatch.setitem(REGISTRY, "test", model)
    return tmp_path / "models"


class CancelledError(Exception):
    """The person has had enough."""


def cancel_at(enough: int) -> Callable[[int, int], None]:
    def cancel(done: int, total: int) -> None:
        if done >= enough:
            raise CancelledError

    return cancel


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_model_is_downloaded_once_and_with_progress(server: Server, folder: Path) -> None:
    told: list[tuple[int, int]] = []
    assert local_path("test") is None

    path = fetch("test", lambda done, total: told.append((done, total)), server.url)

    assert path == folder / "weights.pth"
    assert path.read_bytes() == CONTENT
    assert local_path("test") == path
    assert files(folder) == WHOLE
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 2

    assert fetch("test", base_url=server.url) == path
    assert len(server.ranges) == 1


def test_a_broken_transfer_goes_on_where_it_stopped(server: Server, folder: Path) -> None:
    server.breaks = 2
    told: list[tuple[int, int]] = []

    path = fetch("test", lambda done, total: told.append((done, total)), server.url)

    assert path.read_bytes() == CONTENT
    first, *resumed = (int((wanted or "=0-")[:-1].rpartition("=")[2]) for wanted in server.ranges)
    assert first == 0
    assert [at // download._CHUNK for at in resumed] == [2, 3]  # of 2.4 and 3.7 that came
    assert {total for _, total in told} == {len(CONTENT)}
    assert files(folder) == WHOLE


def test_a_server_that_cannot_resume_is_asked_again_for_all(server: Server) -> None:
    server.breaks, server.resumes = 1, False

    assert fetch("test", base_url=server.url).read_bytes() == CONTENT


def test_a_transfer_that_keeps_breaking_goes_on_at_the_next_try(
    server: Server, folder: Path
) -> None:
    server.breaks = 3

    with pytest.raises(UserError, match="check the network") as caught:
        fetch("test", base_url=server.url)

    assert server.url in str(caught.value)
    assert str(folder / "weights.pth") in str(caught.value)
    assert len(server.ranges) == 3
    (part,) = folder.iterdir()
    came = part.stat().st_size
    assert part.name.startswith(".")

    assert fetch("test", base_url=server.url).read_bytes() == CONTENT
    assert server.ranges[3:] == [f"bytes={came}-"]
    assert files(folder) == WHOLE


def test_what_was_left_after_the_last_byte_is_not_fetched_again(
    server: Server, folder: Path
) -> None:
    with pytest.raises(CancelledError):
        fetch("test", cancel_at(len(CONTENT)), server.url)
    (part,) = folder.iterdir()
    assert part.read_bytes() == CONTENT

    assert fetch("test", base_url=server.url).read_bytes() == CONTENT
    assert server.ranges[1:] == [f"bytes={len(CONTENT)}-"]


def test_a_wrong_beginning_is_fetched_again(server: Server, folder: Path) -> None:
    with pytest.raises(CancelledError):
        fetch("test", cancel_at(1), server.url)
    (part,) = folder.iterdir()
    part.write_bytes(b"!" * part.stat().st_size)

    assert fetch("test", base_url=server.url).read_bytes() == CONTENT
    assert files(folder) == WHOLE


def test_what_nobody_goes_on_with_goes(server: Server, folder: Path) -> None:
    folder.mkdir()
    for name, mtime in ((".old.pth.01234567.unfinished", 0), (".new.pth.01234567.unfinished", 1)):
        (folder / name).touch()
        if not mtime:
            os.utime(folder / name, (0, 0))

    fetch("test", base_url=server.url)

    assert files(folder) == [".new.pth.01234567.unfinished", *WHOLE]


def test_one_process_downloads_at_a_time(server: Server, folder: Path) -> None:
    folder.mkdir()
    with (
        FileLock(folder / f".weights.pth.{HASH[:8]}.lock"),
        pytest.raises(UserError, match="Another process downloads"),
    ):
        fetch("test", base_url=server.url)
    assert not server.ranges


@pytest.mark.parametrize("garbage", [b"garbage!", CONTENT[:-1] + b"!", b""])
def test_a_file_that_is_another_is_not_there(server: Server, folder: Path, garbage: bytes) -> None:
    folder.mkdir()
    (folder / "weights.pth").write_bytes(garbage)

    assert local_path("test") is None
    assert not is_here("test")
    with pytest.raises(UserError, match="not on this machine"):
        load_model("test")

    assert fetch("test", base_url=server.url).read_bytes() == CONTENT
    assert is_here("test")


def test_a_file_that_has_changed_since_is_looked_at_again(server: Server, folder: Path) -> None:
    path = fetch("test", base_url=server.url)
    times = path.stat()
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert not is_here("test")
    assert local_path("test") is None


def test_a_note_that_is_damaged_is_made_again(server: Server, folder: Path) -> None:
    path = fetch("test", base_url=server.url)
    for garbage in ("", "[]", "not JSON", "[" * 9999):
        (folder / "weights.pth.verified").write_text(garbage)
        assert not is_here("test")
        assert local_path("test") == path
        assert is_here("test")


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_what_is_downloaded_is_for_its_user_alone(server: Server, folder: Path) -> None:
    fetch("test", base_url=server.url)
    assert [path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())] == [
        0o700,
        0o600,
        0o600,
    ]


def test_the_wrong_file_is_deleted(server: Server, folder: Path) -> None:
    server.content = CONTENT[:-1] + b"!"

    with pytest.raises(UserError, match="not the file expected"):
        fetch("test", base_url=server.url)

    assert files(folder) == []
    assert local_path("test") is None


def test_a_file_that_is_not_there_is_asked_for_once(server: Server, folder: Path) -> None:
    with pytest.raises(UserError, match="404"):
        fetch("test", base_url=f"{server.url}/elsewhere")

    assert len(server.ranges) == 1
    assert files(folder) == []


def test_no_server_says_what_to_do(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"

    with pytest.raises(UserError) as caught:
        fetch("test", base_url=url)

    assert f"{url}/weights.pth" in str(caught.value)
    assert str(folder / "weights.pth") in str(caught.value)


def test_a_disk_without_room_is_said_before_the_download(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**6))
    told: list[int] = []

    with pytest.raises(UserError, match="OCTSAM_HOME"):
        fetch("test", lambda done, _: told.append(done), server.url)

    assert not told
    assert files(folder) == []


def test_a_download_that_was_cancelled_goes_on_at_the_next_try(
    server: Server, folder: Path
) -> None:
    with pytest.raises(CancelledError):
        fetch("test", cancel_at(1), server.url)
    (part,) = folder.iterdir()
    came = part.stat().st_size

    fetch("test", base_url=server.url)
    assert server.ranges[1:] == [f"bytes={came}-"]


def test_a_file_put_there_by_hand_is_taken(folder: Path) -> None:
    folder.mkdir()
    (folder / "weights.pth").write_bytes(CONTENT)

    assert not is_here("test")
    assert fetch("test") == folder / "weights.pth"
    assert is_here("test")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="octsam-tiny, vit_b, vit_l, vit_h"):
        fetch("vit_x")


def test_metas_models_are_the_published_files() -> None:
    assert REGISTRY["vit_b"].bytes == 375_042_383
    for name, start in (("vit_b", "ec2df627"), ("vit_l", "3adcc431"), ("vit_h", "a7bf3b02")):
        model = REGISTRY[name]
        assert model.sha256 is not None
        assert model.sha256.startswith(start)
        assert model.url is not None
        assert model.url.startswith("https://dl.fbaipublicfiles.com/segment_anything/sam_")


def test_octsam_tiny_comes_with_the_package() -> None:
    path = fetch("octsam-tiny")

    assert path.stat().st_size < 20_000_000
    header = read_checkpoint(path).header
    assert header.architecture == "octsam-tiny"
    assert header.profile == "octsam-tiny"


def test_a_model_has_a_name_that_holds_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.pth").touch()
    named = ("octsam-tiny", "facebook/sam-vit-base", "mine.pth", "none.pth")
    found = [absolute_name(each) for each in named]
    assert found == ["octsam-tiny", "vit_b", str(tmp_path / "mine.pth"), "none.pth"]
