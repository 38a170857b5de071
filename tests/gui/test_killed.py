"""napari is killed while labels are edited."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.running import forked, run_named

pytest.importorskip("napari")

KILLS = 5
SECONDS = 4.0
"""A second on a quiet machine, as `benchmarks.killing` measures it; others may be busy here."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
@pytest.mark.slow("edits for some seconds, five times, before each kill")
def test_a_killed_napari_loses_no_more_than_the_last_moment(tmp_path: Path) -> None:
    process = forked(
        run_named, "benchmarks.killing:kill_many", str(tmp_path), KILLS, folder=tmp_path
    )
    code, said = process.end()
    lost = [float(line.split()[1]) for line in said.splitlines() if line.startswith("lost ")]
    assert code == 0, said
    assert len(lost) == KILLS
    assert max(lost) < SECONDS
