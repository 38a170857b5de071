"""`octsam measure`."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_octsam.core.annotation import BScanState
from tests.annotated import write_annotation
from tests.cli.test_label import Octsam, octsam
from tests.core.test_boundaries import flat_layers
from tests.measurement.test_measure import macula

__all__ = ["octsam"]

MACULA = "120,3.9,24"


def test_a_volume_is_measured_into_a_table_and_files(octsam: Octsam, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "eye.tif", macula(), photometric="minisblack")
    done = octsam(
        "measure", "eye.tif", "--schema", "layers7", "--spacing", MACULA, "--laterality", "OD",
        "--first", "superior", "--span", "RNFL:INL", "--json", "m.json", "--csv", "m.csv",
        "--columns", "c.csv",
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    assert "inner nasal" in done.output
    assert "was found on B-scan 30" in done.stderr
    content = json.loads(Path("m.json").read_text("utf-8"))
    (eye,) = content["measured"]
    assert content["about"]["use"] == "research use only"
    assert eye["spacing_um"] == {"axial": 3.9, "lateral": 24.0, "between": 120.0}
    figures = {(f["span"], f["region"]): f for f in eye["thickness"]}
    assert figures["RNFL to RPE", "outer temporal"]["mean_um"] == pytest.approx(336, rel=0.01)
    assert figures["RNFL to INL", "inner nasal"]["coverage_percent"] == 100
    assert len([name for span, name in figures if span == "INL"]) == 1 + 9 + 64
    table = pd.read_csv("m.csv")
    assert set(table["file"]) == {"eye.tif"}
    row = table.query("name == 'INL' and region == 'central'").iloc[0]
    assert row["mean_um"] == pytest.approx(figures["INL", "central"]["mean_um"])
    columns = pd.read_csv("c.csv")
    assert len(columns) == 61 * 300
    assert columns["INL_um"].mean() == pytest.approx(figures["INL", "all"]["mean_um"], rel=1e-4)


def test_an_annotation_knows_its_scale_and_whose_labels_it_has(
    octsam: Octsam, tmp_path: Path
) -> None:
    labels = np.stack([flat_layers()] * 3)
    labels[2] = 0
    states = {(0,): BScanState.CORRECTED, (1,): BScanState.AUTOMATIC}
    path = write_annotation(tmp_path, labels, states, scale=(120.0, 4.0, 11.5))
    done = octsam("measure", path, "--json", "m.json")

    assert done.exit_code == 0, done.output
    assert "50 % corrected, 50 % automatic" in done.output
    assert "67 %" in done.output
    (eye,) = json.loads(Path("m.json").read_text("utf-8"))["measured"]
    assert eye["thickness"][0]["mean_um"] == 16
    assert eye["thickness"][0]["states_percent"] == {"corrected": 50, "automatic": 50}
    assert eye["fovea"] is None
    wrong = octsam("measure", path, "--spacing", "120,3.5,11.5")
    assert "leave --spacing out" in wrong.stderr
    # in a folder, the picture beside the annotation is not taken for labels
    assert octsam("measure", tmp_path).exit_code == 0


def test_an_unknown_scale_is_asked_for(octsam: Octsam, tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "a.png", flat_layers())
    done = octsam("measure", "a.png", "--schema", "layers7")
    assert done.exit_code == 1
    assert "--spacing" in done.stderr
    path = write_annotation(tmp_path, np.stack([flat_layers()] * 2), units=("pixel",) * 3)
    assert "--spacing" in octsam("measure", path).stderr
    assert "no fovea" not in octsam("measure", path, "--spacing", "3.87,11.2").output
    assert "how far apart" in octsam("measure", path, "--spacing", "3.87,11.2").stderr
    assert "--schema" in octsam("measure", "a.png", "--spacing", "3.87,11.2").stderr


def test_a_folder_is_measured_but_for_a_bad_file(octsam: Octsam, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    iio.imwrite(folder / "a.png", flat_layers())
    (folder / "b.png").write_bytes(b"no picture")
    iio.imwrite(folder / "c.png", flat_layers())
    wanted = ("--schema", "layers7", "--spacing", "3.87,11.2", "--json", "m.json", "--csv", "m.csv")
    done = octsam("measure", folder, *wanted)

    assert done.exit_code == 1
    assert "b.png" in done.stderr
    assert "1 file could not be measured" in done.stderr
    content = json.loads(Path("m.json").read_text("utf-8"))
    assert [each["file"] for each in content["measured"]] == ["a.png", "c.png"]
    assert [each["file"] for each in content["failed"]] == ["b.png"]
    assert set(pd.read_csv("m.csv")["file"]) == {"a.png", "c.png"}
    assert "is there already" in octsam("measure", folder, *wanted).stderr
    assert "one by one" in octsam("measure", folder, *wanted[:4], "--fovea", "0,10").stderr


def test_two_visits_are_compared_and_a_page_is_written(octsam: Octsam, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "one.tif", macula(), photometric="minisblack")
    later = macula(fovea=(27, 160))
    tifffile.imwrite(tmp_path / "two.tif", later, photometric="minisblack")
    done = octsam(
        "measure", "one.tif", "--schema", "layers7", "--spacing", MACULA, "--compare", "two.tif",
        "--laterality", "OD", "--json", "m.json", "--report", "m.html",
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    assert "one.tif, then two.tif: change of thickness, µm" in done.output
    (change,) = json.loads(Path("m.json").read_text("utf-8"))["changes"]
    figures = {(f["span"], f["region"]): f for f in change["thickness"]}
    assert figures["GCL+IPL", "central"]["change_um"] == pytest.approx(0, abs=1)
    assert figures["RNFL", "all"]["coverage_percent"] < 100
    page = Path("m.html").read_text("utf-8")
    assert "Change of thickness" in page or "change of thickness" in page
    assert "one.tif" in page
    alone = ("measure", "one.tif", "--schema", "layers7", "--spacing", MACULA)
    assert "name it with --compare" in octsam(*alone, "--compare-fovea", "1,2").stderr


def test_a_circle_is_measured_by_sector(octsam: Octsam, tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "a.png", flat_layers())
    wanted = ("measure", "a.png", "--schema", "layers7", "--spacing", "4,14")
    done = octsam(*wanted, "--circle", "tsnit", "--laterality", "OD")

    assert done.exit_code == 0, done.output
    assert "sector of the circle" in done.output
    assert "hour 9" in done.output
    assert "no volumes" in done.stderr
    assert "TSNIT" in octsam(*wanted, "--circle", "around").stderr


def test_a_folder_is_one_table_and_what_was_measured_is_known_again(
    octsam: Octsam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path / "home"))
    folder = tmp_path / "labels"
    folder.mkdir()
    for name in "abc":
        iio.imwrite(folder / f"{name}.png", flat_layers())
    wanted = ("--schema", "layers7", "--spacing", "3.87,11.2")
    done = octsam("measure", folder, *wanted, "--columns", "c.csv")

    assert done.exit_code == 0, done.output
    assert "mean thickness of the whole scan, µm" in done.output
    assert set(pd.read_csv("c.csv")["file"]) == {"a.png", "b.png", "c.png"}
    first = octsam("measure", folder, *wanted, "--csv", "one.csv")
    monkeypatch.setattr("napari_octsam.cli.measured_cohort.measure_file", None)  # nobody calls it
    again = octsam("measure", folder, *wanted, "--csv", "two.csv")
    assert (first.exit_code, again.exit_code) == (0, 0), again.output
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()
    iio.imwrite(folder / "b.png", np.roll(flat_layers(), 2, axis=0))
    changed = octsam("measure", folder, *wanted)
    assert "1 file could not be measured" in changed.stderr, "b.png is another file by now"


@pytest.mark.slow("two processes are begun")
def test_a_folder_is_measured_by_two_processes_as_by_one(
    octsam: Octsam, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    for number in range(4):
        iio.imwrite(folder / f"{number}.png", np.roll(flat_layers(), number, axis=0))
    (folder / "bad.png").write_bytes(b"no picture")
    wanted = ("measure", folder, "--schema", "layers7", "--spacing", "3.87,11.2", "--json")
    files = []
    for processes in ("1", "2"):
        monkeypatch.setenv("OCTSAM_HOME", str(tmp_path / f"home {processes}"))
        done = octsam(*wanted, f"{processes}.json", "--workers", processes)
        assert done.exit_code == 1
        assert "bad.png" in done.stderr
        files.append(json.loads(Path(f"{processes}.json").read_text("utf-8")))

    assert files[0] == files[1]
    assert [each["file"] for each in files[1]["measured"]] == [f"{n}.png" for n in range(4)]
