"""Numbers, names, keys and streams that no command expects: a sentence, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_cli import Octsam, bscan, octsam, said  # noqa: F401  (fixtures)

LONG = "a" * 300
COMMANDS = {
    "predict": ["predict", LONG + ".png", "-o", "out.tif", "--box", "1,1,9,9"],
    "predict into it": ["predict", "bscan.png", "-o", LONG + ".tif", "--box", "1,1,9,9"],
    "predict with its model": [
        *["predict", "bscan.png", "-o", "out.tif", "--box", "1,1,9,9:1", "--model", LONG]
    ],
    "predict with its schema": [
        *["predict", "bscan.png", "-o", "out.tif", "--box", "1,1,9,9", "--schema", LONG]
    ],
    "predict with its prompts": ["predict", "bscan.png", "-o", "out.tif", "--prompts", LONG],
    "phantoms": ["phantoms", LONG],
    "models": ["models", "--download", LONG],
    "convert": ["convert", LONG, "out.pth"],
    "convert into it": ["convert", "bscan.png", LONG],
    "convert on its base": ["convert", "bscan.png", "out.pth", "--base", LONG],
    "evaluate": ["evaluate", LONG, "--data", "."],
    "evaluate its data": ["evaluate", "octsam-tiny", "--data", LONG],
    "evaluate into it": ["evaluate", "octsam-tiny", "--data", ".", "--html", LONG],
    "preprocess": ["preprocess", LONG],
    "preprocess named so": ["preprocess", ".", "--name", LONG],
    "preprocess with its groups": ["preprocess", ".", "--groups", LONG],
    "topology": ["topology", LONG + ".png"],
    "topology in its schema": ["topology", "bscan.png", "--schema", LONG],
    "train": ["train", LONG],
    "train its settings": ["train", LONG + ".toml"],
    "train on": ["train", "--resume", LONG],
    "demo": ["demo", LONG + ".png"],
    "list": ["annotation", "list", LONG],
    "check": ["annotation", "check", LONG],
    "export": ["annotation", "export", LONG, "-o", "out.tif", "--as", "tiff"],
    "import": ["annotation", "import", LONG, "--image", "bscan.png", "-o", "out.octsam"],
    "import its image": ["annotation", "import", "bscan.png", "--image", LONG, "-o", "a.octsam"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_that_no_file_can_have_is_told(
    octsam: Octsam,  # noqa: F811
    bscan: Path,  # noqa: F811
    command: str,
) -> None:
    before = sorted(Path.cwd().iterdir())

    sentence = said(octsam(*COMMANDS[command]))

    assert len(sentence) < 1000
    assert [path for path in Path.cwd().iterdir() if path not in before] in (
        [],
        [Path.cwd() / "home"],
    )


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e308", "1e999"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "octsam-tiny", "--data", ".", "--spacing"],
        ["predict", "bscan.png", "-o", "out.tif", "--box", "1,1,9,9", "--threshold"],
        ["train", ".", "--lr"],
        ["train", ".", "--spacing"],
    ],
)
def test_numbers_that_are_none_are_refused(
    octsam: Octsam,  # noqa: F811
    bscan: Path,  # noqa: F811
    arguments: list[str],
    number: str,
) -> None:
    result = octsam(*arguments, number)

    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize("number", ["9" * 40, "9" * 5000])
@pytest.mark.parametrize(
    "arguments",
    [
        ["phantoms", "new", "--seed"],
        ["phantoms", "new", "--rows"],
        ["phantoms", "new", "--count"],
        ["preprocess", ".", "--seed"],
        ["train", ".", "--seed"],
        ["train", ".", "--epochs"],
        ["evaluate", "octsam-tiny", "--data", ".", "--corrections"],
        ["predict", "bscan.png", "-o", "out.tif", "--box", "1,1,9,9", "--bscan"],
        ["predict", "bscan.png", "-o", "out.tif", "--point"],
    ],
)
def test_numbers_without_end_are_refused(
    octsam: Octsam,  # noqa: F811
    bscan: Path,  # noqa: F811
    arguments: list[str],
    number: str,
) -> None:
    result = octsam(*arguments, number)

    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert not Path("new").exists()


def test_a_phantom_larger_than_any_bscan_is_refused(octsam: Octsam) -> None:  # noqa: F811
    assert "99999999" in said(octsam("phantoms", "new", "--rows", "99999999"))


def run(*arguments: str, **streams: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "napari_octsam", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=environment, text=True, timeout=120, **streams)  # type: ignore[call-overload]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
@pytest.mark.parametrize("arguments", [["models"], ["--help"], ["models", "--help"], ["--version"]])
def test_a_full_stdout_is_told(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, stdout=full, stderr=subprocess.PIPE)

    assert done.returncode == 1, done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert "No space left" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_stderr_is_survived() -> None:
    with Path("/dev/full").open("w") as full:
        refused = run("phantoms", "p", "--rows", "1", stdout=subprocess.PIPE, stderr=full)
        listed = run("models", stdout=subprocess.PIPE, stderr=full)

    assert refused.returncode == 1
    assert listed.returncode == 0
    assert "octsam-tiny" in listed.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal for one process")
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
def test_ctrl_c_at_the_beginning_is_one_word(seconds: float) -> None:
    program = (
        "import runpy, sys\n"
        "class Begun:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'napari_octsam.cli':\n"
        "            print('begun', flush=True)\n"
        "sys.meta_path.insert(0, Begun())\n"
        "sys.argv = ['octsam', 'models']\n"
        "runpy.run_module('napari_octsam', run_name='__main__')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)

    assert "Traceback" not in errors
    at_the_very_end = (-signal.SIGINT, "")  # Python itself has let go of it
    ended = (process.returncode, errors.strip())
    assert ended in ((130, "Stopped."), (0, ""), at_the_very_end)
