"""Files that are whole, whatever happens while they are written."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from napari_octsam.core import files
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import building, can_name_a_file, remove_file, replacing, sweep
from napari_octsam.core.folders import close_to_others, make_private, open_to_others


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    path.write_text("before")
    flushed: list[tuple[int, str]] = []

    def watched(opened: int) -> None:
        flushed.append((os.fstat(opened).st_ino, path.read_text()))

    monkeypatch.setattr(os, "fsync", watched)
    with replacing(path) as part:
        part.write_text("after")
    assert flushed[0] == (path.stat().st_ino, "before")
    if os.name == "posix":
        assert flushed[1:] == [(tmp_path.stat().st_ino, "after")]


def test_a_folder_appears_when_it_is_whole_or_never(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with building(folder) as unfinished:
        (unfinished / "file").write_text("content")
        assert not folder.exists()
    assert (folder / "file").read_text() == "content"

    with pytest.raises(UserError, match="is there already"), building(folder):
        pass
    with pytest.raises(ZeroDivisionError), building(tmp_path / "other"):
        raise ZeroDivisionError
    with (
        pytest.raises(UserError, match=r"Cannot write .*other: No space"),
        building(tmp_path / "other"),
    ):
        raise OSError(28, "No space left on device")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder", "new"]


def test_a_removed_file_is_gone_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda opened: flushed.append(os.fstat(opened).st_ino))

    remove_file(path)
    remove_file(path)  # nothing is there: nothing to do

    assert not path.exists()
    if os.name == "posix":
        assert flushed == [tmp_path.stat().st_ino]
    with pytest.raises(UserError, match="Cannot remove"):
        remove_file(tmp_path)


def test_only_what_was_left_half_written_is_swept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    path.parent.mkdir()
    kept = [path, tmp_path / ".hidden", path.with_name("a.part-01234567.json")]
    for each in kept:
        each.write_text("mine")
    with replacing(path) as left:
        left.write_text("mine")
    left.write_text("half")  # as if the process had been killed before

    sweep(tmp_path)

    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(kept)


posix = pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")


def rights(path: Path) -> int:
    return path.stat().st_mode & 0o777


@posix
def test_what_is_overwritten_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for mode in (0o600, 0o640, 0o664, 0o444):
        path.touch()
        path.chmod(mode)
        with replacing(path) as part:
            assert rights(part) & 0o077 & ~mode == 0
            part.unlink()  # as some writers do
            part.write_text("after")
        assert (rights(path), path.read_text()) == (mode, "after")


@posix
def test_a_new_file_is_open_to_those_to_whom_its_folder_is(tmp_path: Path) -> None:
    for mode, expected in ((0o755, 0o644), (0o750, 0o640), (0o700, 0o600)):
        folder = tmp_path / f"{mode:o}"
        folder.mkdir()
        folder.chmod(mode)
        with replacing(folder / "file") as part:
            assert rights(part) == expected
            part.write_text("content")
        assert rights(folder / "file") == expected
        with building(folder / "built") as part:
            assert rights(part) == mode
        with building(folder / "private", private=True) as part:
            assert rights(part) == 0o700


def test_what_a_link_leads_to_is_written(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "file.txt", tmp_path / "link.txt"
    real.parent.mkdir()
    real.write_text("before")
    link.symlink_to(real)
    with replacing(link) as part:
        part.write_text("after")
    assert link.is_symlink()
    assert real.read_text() == "after"

    real.unlink()
    with replacing(link) as part:
        part.write_text("anew")
    assert link.is_symlink()
    assert real.read_text() == "anew"

    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(UserError, match="leads back to itself"), replacing(loop):
        pass


def left_behind(path: Path, seconds_ago: float) -> Path:
    """Leave a half-written file, as a process that was killed does."""
    with replacing(path) as left:
        left.write_text("mine")
    left.write_text("half")
    os.utime(left, (time.time() - seconds_ago,) * 2)
    return left


def test_the_next_process_sweeps_what_was_left_long_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = left_behind(tmp_path / "a.txt", 7200)
    young = left_behind(tmp_path / "b.txt", 60)
    with building(tmp_path / "folder") as built:
        pass
    for name in ("new", "file"):
        (built / name).mkdir(parents=True)
    os.utime(built / "new", (0, 0))
    os.utime(built / "file", (0, 0))
    os.utime(built, (0, 0))
    monkeypatch.setattr(files, "_swept", set())

    with replacing(tmp_path / "c.txt") as part:
        part.write_text("mine")

    assert not old.exists()
    assert not built.exists()
    assert young.exists()


def test_a_folder_that_was_not_built_leaves_none_above_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), building(tmp_path / "a" / "b" / "c"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@posix
def test_private_folders_are_made_for_their_user_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private(tmp_path / "a" / "b")
    make_private(tmp_path / "a" / "b")
    make_private(tmp_path)
    assert [rights(tmp_path / name) for name in ("a", "a/b", ".")] == [0o700, 0o700, 0o755]
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "file")


@posix
def test_what_others_can_reach_is_found_and_closed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("open", "closed"):
        (root / name).mkdir(parents=True)
        (root / name / "file").touch(0o644)
    (root / "closed").chmod(0o700)
    (root / "link").symlink_to(tmp_path)
    assert list(open_to_others(root)) == [root, root / "open", root / "open" / "file"]

    close_to_others(root)

    assert not list(open_to_others(root))
    assert [rights(path) for path in sorted(root.rglob("*")) if not path.is_symlink()] == [
        0o700,
        0o600,
        0o700,
        0o600,
    ]
    assert rights(tmp_path) != 0o600


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "C:a", "a\nb", "a\0b", "a?"])
def test_names_that_can_lead_elsewhere_name_no_file(name: str) -> None:
    assert not can_name_a_file(name)
    assert can_name_a_file("Schicht 7, größer.v2")


@pytest.mark.parametrize("name", ["a" * 251 + ".tif", "ä" * 125 + ".tif", "x." + "b" * 253])
def test_a_name_as_long_as_one_can_be_is_written(tmp_path: Path, name: str) -> None:
    with replacing(tmp_path / name) as part:
        part.write_text("whole")

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "whole"
