"""`octsam annotation`: what is listed, checked, exported and imported, and how faults are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

from napari_octsam.cli import app
from napari_octsam.core.annotation import BScanState
from napari_octsam.data.annotations.folder import LABELS, read_annotation
from tests.annotated import write_annotation

LABELLED = np.random.default_rng(0).integers(0, 8, (3, 40, 60), np.uint8)
LABELLED[1] = 0
Octsam = Callable[..., Result]


@pytest.fixture
def octsam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Octsam:
    """Run a command of `octsam annotation` in a folder with an annotation, P1.octsam."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("OCTSAM_DATA", str(tmp_path / "own"))
    write_annotation(tmp_path, LABELLED)
    return lambda *arguments: CliRunner().invoke(app, ["annotation", *(str(a) for a in arguments)])


def said(result: Result) -> str:
    """Return the one line that a failed command printed on stderr."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.strip().splitlines()
    return line


def test_list_has_what_lies_here_and_what_is_kept(octsam: Octsam, tmp_path: Path) -> None:
    kept = tmp_path / "own" / "annotations"
    kept.mkdir(parents=True)
    write_annotation(kept, LABELLED[0], {(): BScanState.DONE}).rename(kept / "[red]k.octsam")

    result = octsam("list")

    assert result.exit_code == 0, result.output
    rows = [line for line in result.stdout.splitlines() if ".octsam" in line]
    assert len(rows) == 2
    for text in ("P1.octsam", str(tmp_path / "P1.tif"), "layers7", "2 corrected, 1 untouched"):
        assert text in rows[0]
    assert f"{np.count_nonzero(LABELLED):,}" in rows[0]
    assert "[red]k.octsam" in rows[1]
    assert "1 done" in rows[1]
    assert str(kept) in result.stdout


def test_list_of_nothing_says_where_it_looked(octsam: Octsam, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert octsam("list", "empty").stdout.startswith("No annotations in empty or ")
    assert said(octsam("list", "gone")) == "There is no folder gone."


def test_list_tells_what_is_damaged_beside_the_others(octsam: Octsam, tmp_path: Path) -> None:
    bad = tmp_path / "bad.octsam"
    bad.mkdir()
    (bad / "annotation.json").write_text("{")

    result = octsam("list")

    assert result.exit_code == 0
    assert "P1.octsam" in result.stdout
    assert "bad.octsam/annotation.json is damaged" in result.stderr


def test_check_names_what_is_wrong_and_fails(octsam: Octsam, tmp_path: Path) -> None:
    good = octsam("check", "P1.octsam")
    assert good.exit_code == 0, good.output
    assert good.stdout.strip() == "P1.octsam is whole."

    (tmp_path / "P1.octsam" / LABELS / "0" / "c" / "2" / "0" / "0").write_bytes(b"damaged")

    bad = octsam("check", "P1.octsam", "gone.octsam")
    assert bad.exit_code == 1
    first, second = bad.stderr.strip().splitlines()
    assert "labels of B-scan [2] in P1.octsam" in first
    assert second == "gone.octsam is no annotation: it has no annotation.json."


def test_export_and_import_give_the_same_labels(octsam: Octsam, tmp_path: Path) -> None:
    result = octsam("export", "P1.octsam", "-o", "labels.tif", "--as", "tiff")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == "Wrote labels.tif."

    result = octsam("import", "labels.tif", "--image", "P1.tif", "-o", "again.octsam")

    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == ("Wrote again.octsam: schema layers7, B-scans with labels: 2.")
    before, after = (read_annotation(tmp_path / f"{name}.octsam") for name in ("P1", "again"))
    assert (after.label_schema, after.scale) == (before.label_schema, before.scale)
    assert said(
        octsam("import", "labels.tif", "--image", "P1.tif", "-o", "again.octsam")
    ).startswith("again.octsam is there already")


def test_labels_of_another_program_take_a_schema(octsam: Octsam, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "labels.tif", LABELLED, photometric="minisblack")
    command = ("import", "labels.tif", "--image", "P1.tif", "-o", "again.octsam")

    assert "name their --schema" in said(octsam(*command))
    result = octsam(*command, "--schema", "oct14")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("kind", "output", "made"),
    [
        ("png", "labels", "labels/P1_002.png"),
        ("masks", "set", "set/dataset.json"),
        ("coco", "labels.json", "labels.json"),
    ],
)
def test_each_kind_is_written(
    octsam: Octsam, tmp_path: Path, kind: str, output: str, made: str
) -> None:
    result = octsam("export", "P1.octsam", "-o", output, "--as", kind)

    assert result.exit_code == 0, result.output
    assert (tmp_path / made).is_file()


def test_nothing_is_replaced_unless_that_is_said(octsam: Octsam, tmp_path: Path) -> None:
    command = ("export", "P1.octsam", "--as", "tiff", "-o", "labels.tif")
    (tmp_path / "labels.schema.toml").write_text("mine")

    assert said(octsam(*command)).startswith("labels.schema.toml is there already")
    assert not (tmp_path / "labels.tif").exists()
    assert (tmp_path / "labels.schema.toml").read_text() == "mine"
    assert octsam(*command, "--overwrite").exit_code == 0
    (tmp_path / "labels").mkdir()
    folder = ("export", "P1.octsam", "--as", "png", "-o", "labels", "--overwrite")
    assert said(octsam(*folder)) == "labels is there already: choose another name."


def test_states_are_chosen_by_name(octsam: Octsam) -> None:
    command = ("export", "P1.octsam", "--as", "masks", "-o", "set", "--states")

    assert "no labelled B-scan that is automatic or done" in said(
        octsam(*command, "automatic,done")
    )
    assert "takes some of untouched, automatic" in said(octsam(*command, "finished"))
    assert octsam(*command, "corrected, untouched").exit_code == 0
