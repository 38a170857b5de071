"""Files that are whole, whatever happens while they are written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_octsam.core.files import replacing


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
