"""`octsam label` and `octsam evaluate --automatic`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner, Result

from napari_octsam.cli import app
from napari_octsam.data.annotations.description import description_in, schema_in
from napari_octsam.phantoms.bscan import make_phantom
from tests.data.device_files import write_vol
from tests.data.test_datasets import write_pair
from tests.small_sam import call_it_vit_b, weights_of

Octsam = Callable[..., Result]
BSCAN = make_phantom(5, (160, 200), findings=()).image
NOISE = np.random.default_rng(1).integers(0, 256, (96, 128), np.uint8)


@pytest.fixture
def octsam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Octsam:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with a B-scan, a volume, a file that is none, and one that is damaged."""
    folder = tmp_path / "scans"
    folder.mkdir()
    iio.imwrite(folder / "one.png", BSCAN)
    tifffile.imwrite(folder / "volume.tif", np.stack([BSCAN] * 2), photometric="minisblack")
    (folder / "bad.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either", "utf-8")
    return folder


@pytest.mark.slow("the bundled model is loaded twice, and encodes four B-scans")
def test_a_folder_is_labelled_but_for_a_bad_file_and_gone_on_with(
    octsam: Octsam, scans: Path
) -> None:
    (scans / "volume.tif").unlink()
    write_vol(scans / "volume.vol", np.stack([BSCAN] * 2))
    result = octsam("label", scans, "-o", "out", "--device", "cpu")

    assert result.exit_code == 1
    assert "bad.png" in result.stderr
    assert "1 image could not be labelled" in result.stderr
    one, volume = (tifffile.imread(f"out/{name}.tif") for name in ("one", "volume"))
    assert one.shape == BSCAN.shape
    assert set(range(8)) <= set(np.unique(one).tolist())
    assert volume.shape == (2, *BSCAN.shape)
    assert np.array_equal(volume[1], one)
    schema = schema_in(Path("out/one.tif"))
    assert schema is not None
    assert schema.name == "layers7"
    said = description_in(Path("out/volume.tif"))
    assert said is not None
    assert said.scale == pytest.approx((100, 4, 10))
    assert (said.laterality, said.first) == ("OD", "inferior")

    (scans / "bad.png").unlink()
    before = Path("out/one.tif").stat().st_mtime_ns
    Path("out/volume.tif").unlink()
    iio.imwrite(scans / "noise.png", NOISE)
    again = octsam("label", scans, "-o", "out", "--device", "cpu")
    assert again.exit_code == 0, again.output
    assert "noise.png: The model is very unsure of the B-scan: is it an OCT image?" in again.stderr
    assert "one.png: The model" not in result.stderr
    assert "1 of 3 images have labels already" in again.stderr
    assert Path("out/one.tif").stat().st_mtime_ns == before
    assert Path("out/volume.tif").is_file()


def test_a_model_without_names_is_asked_for_what_another_one_names(
    octsam: Octsam, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_it_vit_b(monkeypatch)
    torch.save(weights_of(), tmp_path / "sam_vit_b.pth")
    given = ("label", scans / "one.png", "-o", "out", "--model", "sam_vit_b.pth")
    refused = octsam(*given)
    assert refused.exit_code == 1
    assert "--namer octsam-tiny" in refused.stderr

    done = octsam(*given, "--namer", "octsam-tiny", "--device", "cpu")
    assert done.exit_code == 0, done.output
    labels = tifffile.imread("out/one.tif")
    assert labels.shape == BSCAN.shape
    assert set(np.unique(labels)) <= {*range(8), 255}


def test_labels_never_mix_nor_take_the_place_of_what_is_read(octsam: Octsam, scans: Path) -> None:
    refused = octsam("label", scans / "volume.tif", "-o", scans)
    assert "is read here" in refused.stderr
    (scans / "other").mkdir()
    iio.imwrite(scans / "other" / "one.png", BSCAN)
    refused = octsam("label", scans / "one.png", scans / "other", "-o", "out")
    assert "would both have their labels" in refused.stderr
    assert octsam("label", scans / "one.png", "-o", "out", "--device", "cpu").exit_code == 0
    refused = octsam("label", scans / "one.png", "-o", "out", "--schema", "fluid")
    assert "labels of the schema layers7, not fluid" in refused.stderr


def test_names_are_judged_without_prompts_in_both_ways(
    octsam: Octsam, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[10:20], labels[20:30] = 1, 2
    write_pair(tmp_path / "raw", "s1_1", 1, labels)
    given = ("evaluate", tiny_checkpoint, "--data", "raw", "--schema", "layers7", "--automatic")
    files = ("--json", "report.json", "--html", "page.html", "--device", "cpu")
    done = octsam(*given, *files)

    assert done.exit_code == 0, done.output
    assert "no prompt, plain names" in done.output
    assert "no prompt, layers between boundaries" in done.output
    for way in ("names", "boundaries"):
        report = json.loads(Path(f"report-{way}.json").read_text("utf-8"))
        assert report["about"]["prompt"].startswith("none, ")
        assert {1, 2} <= {score["class"] for score in report["scores"]}
        assert Path(f"page-{way}.html").is_file()
    assert "is there already" in octsam(*given, *files).stderr
    assert "asks for nothing" in octsam(*given, "--loose", 5).stderr


@pytest.mark.slow("two processes import torch and load a model, and it is loaded twice here")
def test_many_images_are_labelled_by_processes_and_known_again_by_content(
    octsam: Octsam, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3):
        iio.imwrite(folder / f"{number}.png", np.roll(BSCAN, 5 * number, axis=1))
    (folder / "bad.png").write_bytes(b"no picture")
    given = ("label", folder, "-o", "out", "--model", tiny_checkpoint, "--device", "cpu")
    done = octsam(*given, "--workers", "2")
    assert done.exit_code == 1
    assert "bad.png" in done.stderr
    assert sorted(path.name for path in Path("out").glob("*.tif")) == ["0.tif", "1.tif", "2.tif"]

    (folder / "bad.png").unlink()
    again = octsam(*given)
    assert "3 of 3 images have labels already" in again.stderr
    assert "are of another picture" not in again.stderr
    iio.imwrite(folder / "1.png", np.roll(BSCAN, 9, axis=1))
    before = Path("out/1.tif").read_bytes()
    changed = octsam(*given)
    assert "1 of them are of another picture" in changed.stderr
    assert Path("out/1.tif").read_bytes() == before, "labels are never replaced unasked"
