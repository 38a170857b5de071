"""The public face: its names come without torch, and the page on them runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import napari_octsam
from napari_octsam.cli import app
from tests.running import forked

DOCS = Path(__file__).parent.parent / "docs"

WITHOUT_TORCH = """
import sys
import napari_octsam

assert not [name for name in sys.modules if name.startswith("napari_octsam.")]

from napari_octsam import Box, LabelSchema, Point, Prompt, load_model, open_dataset

open_dataset("bscans")
Prompt(1, Box(0, 0, 9, 9), (Point(4, 5),))
assert "torch" not in sys.modules
"""


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of code of a page in docs/."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def octsam(line: str) -> None:
    program, *arguments = line.split()
    assert program == "octsam"
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output


def run(script: str) -> str:
    """Return what a script prints in a fresh process."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def execute(script: str) -> None:
    exec(script, {"__name__": "__main__"})


def run_forked(script: str, folder: Path) -> str:
    """Return what a script prints in a process that has torch already."""
    code, printed = forked(execute, script, folder=folder).end()
    assert code == 0, printed
    return printed


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the data set that the page draws."""
    monkeypatch.chdir(tmp_path)
    octsam(blocks("from-python.md", "sh")[0])
    return tmp_path


def test_the_names_come_without_torch(here: Path) -> None:
    run(WITHOUT_TORCH)


def test_there_are_the_names_and_no_others() -> None:
    assert set(napari_octsam.__all__) <= set(dir(napari_octsam))
    for name in napari_octsam.__all__:
        assert getattr(napari_octsam, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'load_models'"):
        napari_octsam.load_models  # noqa: B018


@pytest.mark.slow("loads the model and judges two B-scans, in Python and on the command line")
def test_the_page_runs_and_the_command_line_finds_the_same(here: Path) -> None:
    printed = run_forked("\n".join(blocks("from-python.md", "python")), here)
    octsam(blocks("from-python.md", "sh")[1])

    dice = re.search(r"^Dice (0\.\d+)$", printed, re.MULTILINE)
    assert dice is not None
    assert float(dice[1]) == pytest.approx(0.990, abs=0.002)
    assert Path("report.csv").read_text("utf-8").startswith("row,bscan,class,name,tp,")
    assert Path("labels.tif").read_bytes() == Path("again.tif").read_bytes()


def test_the_check_of_a_data_set_runs(here: Path) -> None:
    (script,) = blocks("datasets.md", "python")

    assert "The model learns oct14, trains on 2 B-scans" in run_forked(script, here)
