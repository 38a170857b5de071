"""What the commands print is text, whatever names hold."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.table import Table
from typer.testing import CliRunner, Result

from napari_octsam.cli import app, console
from napari_octsam.core.wording import printable
from napari_octsam.data.pictures import write_labels

NASTY = "a[od] [/red] :eye: [link=x]"
STEERS = "b\x1b]0;title\x07\x1b[31m\r\x9b2Jc\u202edefg\udce9"
Octsam = Callable[..., Result]


@pytest.fixture
def octsam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Octsam:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def test_what_steers_a_terminal_is_left_out() -> None:
    assert printable(STEERS) == "b]0;title[31m2Jcdefg\ufffd"
    assert printable("two\nlines of äöü µm") == "two\nlines of äöü µm"


@pytest.mark.parametrize("tell", [console.say, console.note])
def test_a_line_is_one_line_of_text(
    tell: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tell(f"{NASTY}\n{STEERS}")

    printed = capsys.readouterr()
    assert printed.out + printed.err == f"{NASTY} {printable(STEERS)}\n"


def test_a_table_is_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(NASTY, title=f"of {NASTY}")
    table.add_row(f"{NASTY}{STEERS}")
    console.out.print(table)

    printed = capsys.readouterr().out
    assert printed.count(NASTY) == 3
    assert "\x1b" not in printed
    assert "\x9b" not in printed


def test_bars_and_status_are_of_text(monkeypatch: pytest.MonkeyPatch) -> None:
    file = StringIO()
    monkeypatch.setenv("TERM", "xterm")
    terminal = console.TextConsole(file=file, force_terminal=True, width=200, color_system=None)
    monkeypatch.setattr(console, "_err", terminal)
    with console.working(f"Loading {NASTY}\x1b]0;"):
        pass
    with console.working("Checking") as now:
        now(f"Checking {NASTY}")
    with console.steps_bar(NASTY, 2) as show:
        show(1, f"B-scan {NASTY}\x1b]0;")
    with console.download_bar(NASTY) as loaded:
        loaded(1, 2)

    shown = file.getvalue()
    for text in ("Loading", "Checking", "B-scan"):
        assert f"{text} {NASTY}" in shown
    assert "\x1b]" not in shown


def test_names_with_brackets_are_printed_as_they_are(octsam: Octsam) -> None:
    name = "labels[od] [red].tif"
    write_labels(Path(name), np.ones((40, 50), np.uint8))

    refused = octsam("predict", name, "-o", name, "--box", "1,1,9,9")
    assert f"{name} is read here" in refused.stderr
    Path("[").mkdir()
    done = octsam("topology", name, "--schema", "layers7", "--json", "[/red].json")
    assert done.exit_code == 0, done.output
    assert Path("[/red].json").is_file()


def test_a_name_that_begins_as_options_do_is_told_how_to_write(octsam: Octsam) -> None:
    name = "-x.tif"
    write_labels(Path(name), np.ones((40, 50), np.uint8))

    told = "-x.tif begins with -, as options do: write ./-x.tif for it.\n"
    assert octsam("topology", name).stderr == told
    for way in ([f"./{name}"], ["--", name]):
        assert octsam("topology", "--schema", "layers7", *way).exit_code == 0
    done = octsam("topology", "./-x.tif", "--truth", name, "--schema", "layers7")
    assert done.exit_code == 0, done.output
