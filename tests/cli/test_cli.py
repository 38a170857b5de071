from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner, Result

from napari_octsam import __version__
from napari_octsam.cli import app, models
from napari_octsam.cli.checks import CHECKS, Finding, Verdict, examine, loses_none
from napari_octsam.core.classes import BUNDLED_SCHEMAS
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.headers import read_header
from napari_octsam.models.checkpoints.recognise import expected_shapes
from napari_octsam.phantoms.bscan import make_phantom
from tests.data.test_datasets import write_pair
from tests.small_sam import call_it_vit_b

SHAPE = (96, 128)
BSCAN = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
Octsam = Callable[..., Result]


@pytest.fixture
def octsam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Octsam:
    """Run a command in an empty folder, with a terminal wide enough for every table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path / "home"))
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def bscan(tmp_path: Path) -> Path:
    iio.imwrite(tmp_path / "bscan.png", BSCAN)
    return tmp_path / "bscan.png"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "volume.tif", np.stack([BSCAN] * 3), photometric="minisblack")
    return tmp_path / "volume.tif"


def said(result: Result) -> str:
    """Return the one line that a failed command printed on stderr."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_help_is_quick_and_says_what_the_tool_is_not_for() -> None:
    code = (
        "import sys\n"
        "from napari_octsam.cli import app\n"
        "try: app(['predict', '--help'])\n"
        "except SystemExit: pass\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'napari', 'qtpy', 'numpy', 'skimage'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "Research use only. Not a medical device." in done.stdout


def test_version(octsam: Octsam) -> None:
    assert octsam("--version").stdout.strip() == f"octsam {__version__}"


def test_predict_writes_labels_of_the_pictures_shape(
    octsam: Octsam, bscan: Path, tiny_checkpoint: Path
) -> None:
    result = octsam(
        *("predict", bscan, "-o", "labels.tif", "--model", tiny_checkpoint, "--threshold", 0.05),
        *("--box", "10,20,60,100:IRF", "--box", "70.5,0,90,127:choroid border"),
        *("--point", "30,50,+", "--point", "40,60,-", "--point", "5,5,+:12"),
    )

    assert result.exit_code == 0, result.output
    labels = tifffile.imread("labels.tif")
    assert labels.shape == SHAPE
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 3, 9, 12}
    for name in ("3 intraretinal fluid", "9 choroid border", "12 vitreous body"):
        assert name in result.stdout
    assert result.stdout.count("intraretinal fluid") == 1, "its points did not join the box"


def test_predict_equals_the_model_asked_directly(
    octsam: Octsam, bscan: Path, tiny_checkpoint: Path
) -> None:
    from napari_octsam.core.masks import NOT_LABELLED, composite
    from napari_octsam.core.prompts import Box, Prompt
    from napari_octsam.models.checkpoints.load import load_model

    model = load_model(tiny_checkpoint, device="cpu")
    (answer,) = model.decode(model.encode(BSCAN), [Prompt(6, Box(10, 20, 60, 100))])
    expected = composite(SHAPE, [(6, answer.window())], 0.3)
    expected[expected == NOT_LABELLED] = 0

    options = ("--model", tiny_checkpoint, "--device", "cpu", "--threshold", 0.3)
    octsam("predict", bscan, "-o", "labels.npy", "--box", "60,100,10,20:RPE", *options)

    np.testing.assert_array_equal(np.load("labels.npy"), expected)


def test_a_prompt_without_class_gets_the_first_of_the_schema(
    octsam: Octsam, bscan: Path, tiny_checkpoint: Path
) -> None:
    model = ("--model", tiny_checkpoint, "--schema", "layers7")
    result = octsam("predict", bscan, "-o", "labels.png", "--box", "10,20,60,100", *model)

    assert result.exit_code == 0, result.output
    assert "has a class it is 1 retinal nerve fiber layer" in result.stderr
    assert set(np.unique(iio.imread("labels.png"))) <= {0, 1}


def test_the_model_is_told_only_a_class_that_was_written() -> None:
    from napari_octsam.cli.prompts import parse_box
    from napari_octsam.core.classes import bundled_schema

    told = [parse_box(f"10,20,60,100{name}", bundled_schema(), 1) for name in (":RPE", "")]
    assert [(each.class_value, each.names_class) for each in told] == [(6, True), (1, False)]


def test_prompts_of_a_volume_label_their_own_bscans_only(
    octsam: Octsam, volume: Path, tiny_checkpoint: Path
) -> None:
    prompts = [{"class": 6, "box": [5, 5, 90, 120], "bscan": [i]} for i in (0, 2)]
    Path("prompts.json").write_text(json.dumps({"prompts": prompts}))
    model = ("--model", tiny_checkpoint, "--threshold", 0.01)
    result = octsam("predict", volume, "-o", "labels.tif", "--prompts", "prompts.json", *model)

    assert result.exit_code == 0, result.output
    labels = tifffile.imread("labels.tif")
    assert labels.shape == (3, *SHAPE)
    assert not labels[1].any()
    np.testing.assert_array_equal(labels[0], labels[2])


def test_boxes_and_points_go_to_the_named_bscan(
    octsam: Octsam, volume: Path, tiny_checkpoint: Path
) -> None:
    options = ("--model", tiny_checkpoint, "--threshold", 0.01, "--bscan", 1)
    result = octsam("predict", volume, "-o", "labels.tif", "--box", "5,5,90,120:6", *options)

    assert result.exit_code == 0, result.output
    labels = tifffile.imread("labels.tif")
    assert not labels[[0, 2]].any()


def test_labels_that_are_there_are_replaced_only_where_that_is_said(
    octsam: Octsam, bscan: Path, tiny_checkpoint: Path
) -> None:
    Path("labels.tif").write_text("hours of work")
    command = ("predict", bscan, "-o", "labels.tif", "--box", "10,20,60,100:IRF", "--model")

    sentence = said(octsam(*command, "never opened.pth"))

    assert sentence.startswith("labels.tif is there already: name another file")
    assert "--overwrite" in sentence
    assert Path("labels.tif").read_text() == "hours of work"
    result = octsam(*command, tiny_checkpoint, "--overwrite")
    assert result.exit_code == 0, result.output
    assert tifffile.imread("labels.tif").shape == SHAPE


def test_the_help_says_the_class_of_a_bare_box_and_where_bscans_count_from(octsam: Octsam) -> None:
    text = " ".join(octsam("predict", "--help").stdout.replace("│", " ").split())

    assert "Without CLASS it has the schema's first class after the background: 1 ERM" in text
    assert "Without CLASS it has the box's class, else the schema's first" in text
    assert "counted from 0" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "nothing to predict"),
        (["--box", "1,2,3"], "The box '1,2,3' is not r0,c0,r1,c1"),
        (["--box", "1,2,3,x:6"], "The box '1,2,3,x:6' is not r0,c0,r1,c1"),
        (["--box", "nan,2,30,40:6"], "not a finite number"),
        (["--box", "10,10,10,50:6"], "has no area"),
        (["--box", "200,200,300,300:6"], "is outside the B-scan of 96 x 128 pixels"),
        (["--box", "1,2,30,40:retna"], "has no class 'retna'. It has: 0 BG, 1 ERM"),
        (["--point", "1,2"], "The point '1,2' is not r,c,+"),
        (["--point", "1,2,?"], "The point '1,2,?' is not r,c,+"),
        (["--point", "10,10,-:6"], "only negative points"),
        (["--point", "10,500,+:6"], "is outside the B-scan of 96 x 128 pixels"),
        (["--box", "1,2,30,40:6", "--bscan", "x"], "The B-scan 'x' is not a number"),
        (["--box", "1,2,30,40:6", "--bscan", "0"], "B-scan"),
        (["--box", "1,2,30,40:6", "--schema", "layers8"], "Cannot read the label schema layers8"),
        (["--prompts", "gone.json"], "Cannot read the prompts gone.json"),
        (["--box", "1,2,30,40:6", "-o", "labels.gif"], "cannot be written as labels.gif"),
        (["--box", "1,2,30,40:6", "-o", "gone/labels.tif"], "There is no folder gone"),
        (["--box", "1,2,30,40:6", "-o", "bscan.png"], "is read here"),
        (["--box", "1,2,30,40:6", "--model", "gone.pth"], "gone.pth"),
    ],
)
def test_a_bad_request_is_one_line_and_writes_nothing(
    octsam: Octsam, bscan: Path, options: list[str], sentence: str
) -> None:
    before = bscan.read_bytes()

    assert sentence in said(octsam("predict", bscan, "-o", "labels.tif", *options))
    assert bscan.read_bytes() == before
    assert list(bscan.parent.iterdir()) == [bscan]


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.zeros((1, 1), np.uint8), "too small"),
        (np.full(SHAPE, np.nan), "12288 pixels that are NaN"),
        (np.zeros((9000, 9000), np.uint8), "too large"),
        (np.zeros(SHAPE, complex), "complex128 is not a grey image"),
    ],
)
def test_a_picture_that_is_no_bscan_is_one_line(
    octsam: Octsam, tmp_path: Path, pixels: np.ndarray, sentence: str
) -> None:
    np.save(tmp_path / "bscan.npy", pixels)
    options = ("--box", "0,0,0.8,0.8:6", "--model", "never opened.pth")

    assert sentence in said(octsam("predict", "bscan.npy", "-o", "labels.tif", *options))
    assert not Path("labels.tif").exists()


def test_a_volume_without_bscan_says_how_to_name_one(octsam: Octsam, volume: Path) -> None:
    sentence = said(octsam("predict", volume, "-o", "labels.tif", "--box", "1,2,30,40:6"))

    assert "a volume of 3 B-scans: say which one with --bscan" in sentence


def test_a_prompt_of_an_unknown_class_in_a_file_is_refused(octsam: Octsam, bscan: Path) -> None:
    prompts = {"prompts": [{"class": 99, "box": [1, 2, 30, 40]}]}
    Path("prompts.json").write_text(json.dumps(prompts))

    sentence = said(octsam("predict", bscan, "-o", "labels.tif", "--prompts", "prompts.json"))
    assert "has no class '99'" in sentence


def test_models_lists_each_with_its_state(octsam: Octsam) -> None:
    result = octsam("models")

    assert result.exit_code == 0, result.output
    rows = {line.split("│")[1].strip(): line for line in result.stdout.splitlines() if "│" in line}
    assert set(rows) == {"octsam-tiny", "vit_b", "vit_l", "vit_h"}
    assert "bundled" in rows["octsam-tiny"]
    assert "375.0 MB" in rows["vit_b"]
    assert "not downloaded" in rows["vit_b"]


def test_an_unknown_model_cannot_be_downloaded(octsam: Octsam) -> None:
    assert "vit_x" in said(octsam("models", "--download", "vit_x"))


def test_convert_keeps_the_weights_and_sets_the_profile(
    octsam: Octsam, tiny_checkpoint: Path
) -> None:
    from napari_octsam.models.checkpoints.load import read_checkpoint

    result = octsam("convert", tiny_checkpoint, "again.safetensors")

    assert result.exit_code == 0, result.output
    old, new = read_checkpoint(tiny_checkpoint), read_checkpoint(Path("again.safetensors"))
    assert new.header == old.header
    assert all((new.state_dict[key] == value).all() for key, value in old.state_dict.items())


def test_every_command_that_loads_a_checkpoint_takes_colours(
    octsam: Octsam, bscan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_it_vit_b(monkeypatch)
    shapes = expected_shapes(ARCHITECTURES["vit_b"])
    torch.save({key: torch.full(shape, 0.01) for key, shape in shapes.items()}, "sam jet.pth")
    asked = ("--box", "1,2,30,40:6", "-o", "labels.tif", "--device", "cpu")

    assert "says by its name" in said(octsam("convert", "sam jet.pth", "one.safetensors"))
    assert "says by its name" in said(octsam("predict", bscan, *asked, "--model", "sam jet.pth"))
    assert not list(Path().glob("*.safetensors"))
    named = ("--pseudocolor", "Jet:BGR")
    done = octsam("predict", bscan, *asked, "--model", "sam jet.pth", *named)
    assert done.exit_code == 0, done.output
    assert octsam("convert", "sam jet.pth", "one.safetensors", *named).exit_code == 0
    data = tmp_path / "data"
    write_pair(data, "s1_1", 1)
    asked = ("sam jet.pth", "--data", data, "--json", "report.json", "--device", "cpu")
    assert "says by its name" in said(octsam("evaluate", *asked))
    assert octsam("evaluate", *asked, *named).exit_code == 0
    about = json.loads(Path("report.json").read_text("utf-8"))["about"]
    assert about["pseudocolor"] == "jet:bgr"
    train = ("train", "nowhere", "--out", "runs", "--base-model", "sam jet.pth")
    assert "nowhere." in said(octsam(*train, *named))
    assert "There are no colours 'yet'" in said(octsam(*train, "--pseudocolor", "yet"))
    header = read_header(Path("one.safetensors"))
    assert header is not None
    assert (header.pseudocolor, header.blue_first) == ("jet", True)
    refused = octsam("convert", "sam jet.pth", "two.safetensors", "--pseudocolor", "yet")
    assert "There are no colours 'yet'" in said(refused)


def test_convert_refuses_to_write_over_its_source(octsam: Octsam, tiny_checkpoint: Path) -> None:
    before = tiny_checkpoint.read_bytes()

    assert "name another file" in said(octsam("convert", tiny_checkpoint, tiny_checkpoint))
    assert tiny_checkpoint.read_bytes() == before


def test_convert_replaces_a_checkpoint_only_where_that_is_said(
    octsam: Octsam, tiny_checkpoint: Path
) -> None:
    Path("mine.safetensors").write_text("hours of training")

    sentence = said(octsam("convert", tiny_checkpoint, "mine.safetensors"))

    assert "mine.safetensors is there already" in sentence
    assert Path("mine.safetensors").read_text() == "hours of training"
    result = octsam("convert", tiny_checkpoint, "mine.safetensors", "--overwrite")
    assert result.exit_code == 0, result.output


def test_convert_of_a_missing_file_onto_one_that_is_there_is_one_line(
    octsam: Octsam, tiny_checkpoint: Path
) -> None:
    sentence = said(octsam("convert", "gone.pth", tiny_checkpoint, "--overwrite"))
    assert "There is no checkpoint gone.pth" in sentence


def test_convert_of_no_checkpoint_is_one_line(octsam: Octsam, tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><html>")

    assert "page.pth" in said(octsam("convert", "page.pth", "out.safetensors"))
    assert not Path("out.safetensors").exists()


@pytest.mark.slow("asks three real processes: of Qt, of OpenGL and of torch")
def test_doctor_gives_a_verdict_on_everything(octsam: Octsam) -> None:
    result = octsam("doctor")

    for name in ("versions", "plugin", "Qt", "OpenGL", "device", "cache", "disk", "privacy"):
        assert f"│ {name}" in result.stdout
    assert result.exit_code == (1 if "problem" in result.stdout else 0)
    assert __version__ in result.stdout


@pytest.mark.parametrize(
    ("pyside", "python", "loses"),
    [("6.12.0", (3, 11), True), ("6.10.3", (3, 11), False), ("6.12.0", (3, 12), False)],
)
def test_doctor_knows_which_pyside_wears_out_which_python(
    pyside: str, python: tuple[int, int], loses: bool
) -> None:
    assert loses_none(pyside, python) == loses


def test_doctor_finds_a_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path / "file" / "cache"))
    finding = examine(CHECKS["cache"])

    assert finding.verdict is Verdict.PROBLEM
    assert "Make the folder writable" in finding.advice


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_doctor_finds_what_others_can_read_and_closes_it(
    octsam: Octsam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, data = tmp_path / "cache", tmp_path / "data"
    monkeypatch.setenv("OCTSAM_HOME", str(cache))
    monkeypatch.setenv("OCTSAM_DATA", str(data))
    monkeypatch.setattr("napari_octsam.cli.checks.CHECKS", {"privacy": CHECKS["privacy"]})
    assert examine(CHECKS["privacy"]).verdict is Verdict.OK
    for path in (cache / "embeddings" / "a", data / "annotations" / "a.octsam" / "b"):
        path.parent.mkdir(parents=True)
        path.touch()
        path.chmod(0o644)
    cache.chmod(0o755)
    data.chmod(0o700)

    finding = examine(CHECKS["privacy"])
    assert finding.verdict is Verdict.WARNING
    assert finding.found == f"others can get at {cache} and 2 more"
    assert "--fix" in finding.advice
    data.chmod(0o750)

    result = octsam("doctor", "--fix")

    assert result.exit_code == 0
    assert "Closed to others: 7 folders and files." in result.stderr
    assert examine(CHECKS["privacy"]).verdict is Verdict.OK
    modes = {path.stat().st_mode & 0o077 for path in tmp_path.glob("*/**/*")}
    assert modes == {0}


def test_a_check_that_crashes_is_a_problem_not_a_traceback() -> None:
    def crash() -> Finding:
        raise RuntimeError("first line\nlast line")

    finding = examine(crash)

    assert finding.verdict is Verdict.PROBLEM
    assert finding.found == "last line"


def test_the_demo_of_a_missing_picture_is_one_line(octsam: Octsam) -> None:
    assert said(octsam("demo", "gone.png")) == "There is no file gone.png."


def test_the_command_itself_fails_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "napari_octsam", "predict", "gone.png", "-o", "labels.tif"]
    done = subprocess.run(
        [*command, "--box", "1,2,30,40:6"], capture_output=True, text=True, cwd=tmp_path
    )

    assert done.returncode == 1
    assert done.stderr.strip() == "There is no file gone.png."
    assert done.stdout == ""


def layers(*shape: int) -> np.ndarray:
    """Return labels of the seven layers: RNFL broken and with an island, INL with a hole."""
    labels = np.zeros(shape, np.uint8)
    for value in range(1, 8):
        labels[..., 8 * value : 8 * value + 8, :] = value
    labels[..., 8:16, 60:70] = 0
    labels[..., 2:4, 5:9] = 1
    labels[..., 26:28, 40:43] = 0
    return labels


def test_topology_shows_what_is_surplus_and_where(octsam: Octsam, tmp_path: Path) -> None:
    iio.imwrite("labels.png", layers(96, 128))
    clean = layers(96, 128)
    clean[2:4, 5:9], clean[26:28, 40:43], clean[8:16, 60:70] = 0, 3, 1
    iio.imwrite("truth.png", clean)

    done = octsam(
        "topology", "labels.png", "--truth", "truth.png", "--schema", "layers7", "--json", "t.json"
    )

    assert done.exit_code == 0, done.output
    assert "3 (not 1)" in done.output
    assert "component of 8 at" in done.output
    assert "hole of 6 at" in done.output
    assert "5 of 8 are as the schema layers7 expects" in done.output
    written = json.loads(Path("t.json").read_text("utf-8"))
    assert written["about"] == {
        "labels": "labels.png",
        "truth": "truth.png",
        "schema": "layers7",
        "connectivity": 8,
        "octsam": __version__,
    }
    rows = {row["name"]: row for row in written["classes"]}
    rnfl = rows["retinal nerve fiber layer"]
    assert rnfl["betti"] == {"components": 3, "holes": 0}
    assert [part["size"] for part in rnfl["surplus"]] == [8 * 58, 8]
    assert rnfl["surplus"][1]["row"] in (2, 3)
    assert rnfl["surplus"][1]["col"] in (6, 7)
    assert rnfl["against"]["truth"] == {"components": 1, "holes": 0}
    assert rnfl["against"]["matching_error"] == {"components": 2, "holes": 0}
    inl = rows["inner nuclear layer"]
    assert [part["kind"] for part in inl["surplus"]] == ["hole"]
    assert rows["retina"]["betti"] == {"components": 2, "holes": 1}


def test_topology_reads_masks_as_training_does_and_keeps_to_their_schema(
    octsam: Octsam, tmp_path: Path
) -> None:
    for kind in ("images", "masks"):
        (tmp_path / "raw" / kind).mkdir(parents=True)
        for eye in ("a_1", "b_1"):
            values = layers(96, 128).astype(np.float32 if eye == "a_1" else np.uint8)
            picture = np.stack([values] * 3, -1) if eye == "b_1" else values
            iio.imwrite(tmp_path / "raw" / kind / f"{eye}.tif", picture)
    raw = octsam("topology", "raw/masks/b_1.tif", "--schema", "layers7")
    assert raw.exit_code == 0, raw.output
    made = octsam("preprocess", "raw", "--schema", "layers7", "--name", "new", "--out", ".")
    assert made.exit_code == 0, made.output
    prepared = octsam("topology", "new/masks/a_1.png")
    assert "as the schema layers7 expects" in prepared.output
    assert prepared.output == raw.output
    refused = octsam("topology", "new/masks/a_1.png", "--schema", "oct14")
    assert "new/masks/a_1.png is labelled with the schema layers7, not with oct14" in said(refused)


def test_topology_reports_a_class_that_is_lost_and_never_replaces_its_input(
    octsam: Octsam,
) -> None:
    labels = layers(96, 128)
    labels[labels == 3] = 0
    iio.imwrite("labels.png", labels)
    done = octsam("topology", "labels.png", "--schema", "layers7")
    assert done.exit_code == 0, done.output
    assert "3 INL" in done.output
    assert "0 (not 1)" in done.output

    before = Path("labels.png").read_bytes()
    assert "is read here" in said(octsam("topology", "labels.png", "--json", "labels.png"))
    assert "no folder" in said(octsam("topology", "labels.png", "--json", "none/t.json"))
    assert Path("labels.png").read_bytes() == before


def test_no_command_replaces_a_file_without_being_told(octsam: Octsam, tmp_path: Path) -> None:
    iio.imwrite("labels.png", layers(96, 128))
    Path("mine").write_text("precious")
    commands = {
        "topology": ("labels.png", "--schema", "layers7", "--json", "mine"),
        "evaluate": ("octsam-tiny", "--data", ".", "--csv", "mine"),
    }
    for name, arguments in commands.items():
        sentence = said(octsam(name, *arguments))
        assert sentence.startswith("mine is there already: name another file"), name
    assert Path("mine").read_text() == "precious"

    done = octsam("topology", *commands["topology"], "--overwrite")
    assert done.exit_code == 0, done.output
    assert json.loads(Path("mine").read_text("utf-8"))["about"]["connectivity"] == 8


@pytest.mark.parametrize("command", ["evaluate", "predict", "topology"])
def test_the_help_names_every_bundled_schema(octsam: Octsam, command: str) -> None:
    shown = " ".join(octsam(command, "--help").output.replace("│", " ").split())
    assert f"({', '.join(BUNDLED_SCHEMAS)})" in shown


def test_topology_prints_names_as_they_are(octsam: Octsam) -> None:
    Path("odd.toml").write_text(
        'name = "[b]odd"\n'
        '[[classes]]\nvalue = 0\nname = "none"\nshort = "N"\ncolor = "#000000"\n'
        '[[classes]]\nvalue = 1\nname = "a"\nshort = "[/b]"\ncolor = "#ff0000"\n'
        '[[classes]]\nvalue = 2\nname = "b"\nshort = "B2"\ncolor = "#00ff00"\n'
        '[[unions]]\nname = "[red]x[/blue]"\nvalues = [1, 2]\n'
    )
    iio.imwrite("labels.png", np.ones((40, 50), np.uint8))
    done = octsam("topology", "labels.png", "--schema", "odd.toml")
    assert done.exit_code == 0, done.output
    assert "[red]x[/blue]" in done.output
    assert "1 [/b]" in done.output


def test_topology_lists_every_part_of_noise(octsam: Octsam) -> None:
    noise = (np.random.default_rng(0).random((600, 600)) < 0.05).astype(np.uint8)
    iio.imwrite("noise.png", noise)
    done = octsam("topology", "noise.png", "--schema", "layers7", "--json", "t.json")
    assert done.exit_code == 0, done.output
    assert "more" in done.output
    (rnfl, *_) = json.loads(Path("t.json").read_text("utf-8"))["classes"]
    assert len(rnfl["surplus"]) == rnfl["betti"]["components"] - 1 + rnfl["betti"]["holes"]


def test_topology_names_the_bscan_of_a_volume(octsam: Octsam) -> None:
    tifffile.imwrite("volume.tif", layers(3, 96, 128), photometric="minisblack")
    done = octsam("topology", "volume.tif", "--schema", "layers7", "--json", "t.json")
    assert done.exit_code == 0, done.output
    rows = json.loads(Path("t.json").read_text("utf-8"))["classes"]
    assert {tuple(row["bscan"]) for row in rows} == {
        (0,),
        (1,),
        (2,),
    }


@pytest.mark.parametrize(
    ("labels", "arguments", "sentence"),
    [
        (np.zeros((40, 50), np.uint8), (), "no labels"),
        (np.full((40, 50), 255, np.uint8), (), "no labels"),
        (np.full((40, 50), 0.5, np.float32), (), "fractions"),
        (np.full((40, 50), 99, np.uint8), (), "does not know (99)"),
        (np.ones((40, 50), np.uint8), ("--truth", "other.tif"), "40 x 50 pixels, but other.tif"),
        (np.ones((40, 50), np.uint8), ("--connectivity", "6"), "8 or 4, not 6"),
        (np.indices((40, 50, 3))[2].astype(np.uint8), (), "colour picture"),
    ],
)
def test_topology_says_what_is_wrong_with_its_input(
    octsam: Octsam, labels: np.ndarray, arguments: tuple[str, ...], sentence: str
) -> None:
    rgb = labels.ndim == 3
    tifffile.imwrite("labels.tif", labels, photometric="rgb" if rgb else "minisblack")
    tifffile.imwrite("other.tif", np.ones((40, 51), np.uint8))
    assert sentence in said(octsam("topology", "labels.tif", *arguments))


def write_layers(folder: Path, names: tuple[str, ...]) -> None:
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for i, name in enumerate(names):
        phantom = make_phantom(i, (128, 160))
        iio.imwrite(folder / "images" / f"{name}.png", phantom.image)
        iio.imwrite(folder / "masks" / f"{name}.png", phantom.layers)


@pytest.mark.slow("trains, judges, predicts and goes on with the network of the real size")
def test_train_makes_a_model_that_predicts_and_goes_on_where_it_was(
    octsam: Octsam, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    write_layers(tmp_path / "data", ("s01_1", "s01_2", "s02_1"))
    options = ("--schema", "layers7", "--epochs", 1, "--objects", 2, "--no-augment")
    done = octsam(
        "train", "data", "--base-model", tiny_checkpoint, "--out", "runs", *options, "--lr", 1e-3
    )
    assert done.exit_code == 0, done.output
    (run,) = Path("runs").glob("*-*")
    settings = json.loads((run / "config.json").read_text())
    assert (settings["epochs"], settings["lr"], settings["augment"]) == (1, 1e-3, False)
    assert json.loads((run / "metrics.json").read_text())[0]["classes"]
    report = json.loads((run / "report.json").read_text())
    assert (report["bscans"], report["about"]["only"]) == (1, "validation part")
    assert "The best model on the validation part" in done.stdout
    assert (run / "report.csv").is_file()
    assert "worst" in (run / "report.html").read_text().lower()

    box = ("--box", "20,5,90,150:RNFL", "--schema", "layers7")
    image = tmp_path / "data" / "images" / "s01_1.png"
    predicted = octsam("predict", image, *box, "--model", run / "best.safetensors", "-o", "l.png")
    assert predicted.exit_code == 0, predicted.output
    again = octsam("train", "--resume", run.absolute())
    assert again.exit_code == 0, again.output
    assert "own settings: leave out --lr" in said(octsam("train", "--resume", run, "--lr", 0.1))
    (run / "split.json").unlink()
    assert "has lost its split.json" in said(octsam("train", "--resume", run))


def test_train_takes_its_settings_from_a_file_and_options_go_before(
    octsam: Octsam, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    write_layers(tmp_path / "data", ("s01_1", "s02_1"))
    Path("run.toml").write_text(
        f"data = 'data'\nout = 'runs'\nlabel_schema = 'layers7'\nbase_model = '{tiny_checkpoint}'\n"
        "epochs = 3\nobjects = 1\naugment = false\n"
    )
    done = octsam("train", "run.toml", "--epochs", 1)
    assert done.exit_code == 0, done.output
    (run,) = Path("runs").glob("*-*")
    settings = json.loads((run / "config.json").read_text())
    assert (settings["epochs"], settings["objects"]) == (1, 1)
    assert settings["data"] == str(tmp_path / "data")
    assert "two folders of data" in said(octsam("train", "data", "--data", "other"))


def test_train_that_is_stopped_says_how_to_go_on(
    octsam: Octsam, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: object) -> Iterator[None]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("napari_octsam.training.loop.FineTuning.run", stopped)
    write_layers(tmp_path / "data", ("s01_1", "s02_1"))
    base = ("--base-model", tiny_checkpoint, "--schema", "layers7")
    result = octsam("train", "data", "--out", "runs", *base)
    assert result.exit_code == 130
    (run,) = (tmp_path / "runs").glob("*-*")
    assert f"octsam train --resume {run}" in result.stderr


def test_train_says_what_is_wrong_before_it_begins_or_downloads(
    octsam: Octsam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_layers(tmp_path / "data", ("s01_1", "s02_1", "s03_1"))
    assert "Say where" in said(octsam("train", "data"))
    out = ("--out", "runs")
    assert "--epochs: Input should be" in said(octsam("train", "data", *out, "--epochs", 0))
    assert "There is no folder" in said(octsam("train", "none", *out))
    assert "not the folder of a run" in said(octsam("train", "--resume", tmp_path))
    assert "Say where the labelled" in said(octsam("train", *out))
    assert "No device 'tpu'" in said(octsam("train", "data", *out, "--device", "tpu"))
    assert "no device 'cuda:99'" in said(octsam("train", "data", *out, "--device", "cuda:99"))
    Path("run.yaml").write_text("epochs: 1")
    assert "settings: those end in .toml or .json" in said(octsam("train", "run.yaml", *out))
    (tmp_path / "data" / "masks" / "s02_1.png").unlink()
    monkeypatch.setattr(models, "_download", lambda name: pytest.fail("downloaded"))
    failed = octsam("train", "data", "--schema", "layers7", *out, "--base-model", "vit_b")
    assert failed.exit_code == 1
    assert "s02_1" in failed.stderr
    assert not Path("runs").exists()
