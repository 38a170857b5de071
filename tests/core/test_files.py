"""Files that are whole, whatever happens while they are written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import building, remove_file, replacing, sweep


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
    kept = [path, tmp_path / ".hidden", path.with_name("a.01234567.json")]
    for each in kept:
        each.write_text("mine")
    with replacing(path) as left:
        left.write_text("mine")
    left.write_text("half")  # as if the process had been killed before

    sweep(tmp_path)

    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(kept)


@pytest.mark.parametrize("name", ["a" * 251 + ".tif", "ä" * 125 + ".tif", "x." + "b" * 253])
def test_a_name_as_long_as_one_can_be_is_written(tmp_path: Path, name: str) -> None:
    with replacing(tmp_path / name) as part:
        part.write_text("whole")

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "whole"
