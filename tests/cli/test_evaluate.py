"""`octsam evaluate` and the data it judges on: of every layout, of a part, of one schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from scipy.io import savemat
from typer.testing import CliRunner, Result

from napari_octsam.cli import app
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.data.layouts import open_dataset
from napari_octsam.data.pairs import read_dataset
from napari_octsam.data.split.split import read_split
from tests.data.test_datasets import write_pair
from tests.data.test_importers import duke_fields

Octsam = Callable[..., Result]


@pytest.fixture
def octsam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Octsam:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def duke(tmp_path: Path) -> Path:
    """Four volumes as they are, and prepared in `prepared/dme`."""
    (tmp_path / "raw").mkdir()
    for number in range(4):
        savemat(tmp_path / "raw" / f"Subject_{number:02d}.mat", duke_fields(number))
    return tmp_path / "raw"


def judged(octsam: Octsam, model: Path, *options: object) -> dict[str, object]:
    """Return what an evaluation writes."""
    files = ("--json", "report.json", "--overwrite", "--device", "cpu")
    done = octsam("evaluate", model, *options, *files)
    assert done.exit_code == 0, done.output
    return dict(json.loads(Path("report.json").read_text("utf-8")))


def test_fluid_is_judged_by_the_masks_of_fluid_and_a_part_is_taken(
    octsam: Octsam, duke: Path, tiny_checkpoint: Path
) -> None:
    assert octsam("preprocess", duke, "--name", "dme", "--out", "prepared").exit_code == 0
    data = Path("prepared/dme")
    for folder in (data, duke):
        report = judged(
            octsam, tiny_checkpoint, "--data", folder, "--schema", "fluid", "--only", "*00_001"
        )
        (score,) = report["scores"]
        assert (score["bscan"], score["class"]) == ("Subject_00_001", 1)
        assert score["tp"] + score["fn"] == 3 * 4, "the pixels of the pocket, not of a layer"

    report = judged(octsam, tiny_checkpoint, "--data", data, "--part", "test")
    assert report["about"]["schema"] == "layers7", "the first schema of the data"
    assert report["about"]["only"] == "* of the test part"
    judged_names = {score["bscan"] for score in report["scores"]}
    assert judged_names == set(read_split(data / "split.json").test)


def test_the_layout_of_the_original_project_is_judged(
    octsam: Octsam, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    write_pair(tmp_path / "raw", "s1_1", 1)
    (tmp_path / "raw" / "images").rename(tmp_path / "raw" / "imagesgreyscale")
    (tmp_path / "raw" / "masks").rename(tmp_path / "raw" / "masks14")
    report = judged(octsam, tiny_checkpoint, "--data", tmp_path / "raw")
    assert {score["class"] for score in report["scores"]} == {2, 6}
    assert report["about"]["schema"] == "oct14"
    report = judged(octsam, tiny_checkpoint, "--data", tmp_path / "raw", "--background")
    assert {score["class"] for score in report["scores"]} == {0, 2, 6}
    refused = octsam("evaluate", tiny_checkpoint, "--data", "raw", "--background", "--automatic")
    assert refused.exit_code == 1
    assert "--background" in refused.output


def test_a_part_of_data_without_a_split_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "s1_1", 1)
    with pytest.raises(UserError, match=r"has no split\.json.*octsam preprocess"):
        read_dataset(open_dataset(tmp_path), part="test")


def test_bscans_of_a_part_that_are_gone_are_named(octsam: Octsam, tmp_path: Path) -> None:
    for number in range(4):
        write_pair(tmp_path / "raw", f"s{number}_1", number)
    octsam("preprocess", "raw", "--name", "new", "--out", "prepared")
    data = tmp_path / "prepared" / "new"
    (data / "dataset.json").unlink()
    (test,) = read_split(data / "split.json").test
    for folder in ("images", "masks"):
        (data / folder / f"{test}.png").unlink()
    with pytest.raises(UserError, match=f"names B-scans of the part test that are gone: {test}"):
        read_dataset(open_dataset(data), part="test")
    assert len(read_dataset(open_dataset(data), "*", "train")) == 2


def test_values_that_the_schema_lacks_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "s1_1", 1)
    labels = np.full((40, 60), 9, np.uint8)
    labels[:4] = 255
    write_pair(tmp_path, "s2_1", 2, labels)
    dataset = open_dataset(tmp_path, bundled_schema("layers7"))
    with pytest.raises(UserError, match=r"layers7 does not know \(9\): s2_1\. Choose"):
        read_dataset(dataset)
    assert [bscan.name for bscan in read_dataset(dataset, "s1*")] == ["s1_1"]


def test_a_missing_mask_of_what_is_taken_is_refused(tmp_path: Path) -> None:
    for name in ("s1_1", "s2_1"):
        write_pair(tmp_path, name, 1)
    (tmp_path / "masks" / "s2_1.png").unlink()
    assert [bscan.name for bscan in read_dataset(open_dataset(tmp_path), "s1*")] == ["s1_1"]
    with pytest.raises(UserError, match=r"without a partner.*s2_1"):
        read_dataset(open_dataset(tmp_path))
    with pytest.raises(UserError, match="has no labelled B-scan x"):
        read_dataset(open_dataset(tmp_path), "x*")
    iio.imwrite(tmp_path / "masks" / "s1_1.png", np.zeros((9, 9), np.uint8))
    with pytest.raises(UserError, match="its mask 9 x 9"):
        read_dataset(open_dataset(tmp_path), "s1*")


@pytest.mark.parametrize("option", [(), ("--no-class",)])
def test_a_report_says_whether_the_class_was_named(
    octsam: Octsam, tmp_path: Path, tiny_checkpoint: Path, option: tuple[str, ...]
) -> None:
    write_pair(tmp_path / "raw", "s1_1", 1)
    options = ("--data", "raw", "--html", "page.html", *option)
    about = judged(octsam, tiny_checkpoint, *options)["about"]
    assert about["names_class"] is not bool(option)
    page = (tmp_path / "page.html").read_text("utf-8")
    assert ("named with the prompt" in page, "not named" in page) == (not option, bool(option))


def test_a_box_is_as_loose_as_asked_for(
    octsam: Octsam, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    write_pair(tmp_path / "raw", "s1_1", 1)
    about = judged(octsam, tiny_checkpoint, "--data", "raw", "--loose", 5)["about"]
    assert about["prompt"] == "one box 5 pixels loose"
    options = ["--data", "raw", "--loose", 5, "--prompt", "point"]
    refused = octsam("evaluate", tiny_checkpoint, *options)
    assert refused.exit_code == 1
    assert "--loose is for a box" in refused.output


@pytest.mark.parametrize(
    "options",
    [
        ("--csv", "f", "--json", "f"),
        ("--csv", "f", "--html", "./f"),
        ("--json", "f", "--html", "l"),
    ],
)
def test_two_outputs_in_one_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("l").symlink_to("f")

    result = CliRunner().invoke(app, ["evaluate", "octsam-tiny", "--data", "data", *options])

    assert result.exit_code == 1
    assert "would be written twice" in " ".join(result.stderr.split())
    assert not Path("f").exists()
