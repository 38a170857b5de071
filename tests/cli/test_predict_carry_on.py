"""`octsam predict --carry-on`: the objects of one B-scan are found on the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

from napari_octsam.cli import app
from napari_octsam.phantoms.bscan import Tissue, make_phantom

RPE = Tissue.RETINAL_PIGMENT_EPITHELIUM
ROWS = [0, 3, 7, 4]
"""How far the eye has moved on each B-scan."""


def octsam(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """The labels of a volume of an eye that moves, which is in eye.tif."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    made = make_phantom(5, (160, 200), findings=())
    image, labels = (np.stack([np.roll(x, k, 0) for k in ROWS]) for x in (made.image, made.labels))
    tifffile.imwrite("eye.tif", image, photometric="minisblack")
    return labels


def box_of(labels: np.ndarray) -> str:
    rows, cols = np.nonzero(labels == RPE)
    return f"{rows.min()},{cols.min()},{rows.max()},{cols.max()}:RPE"


@pytest.mark.slow("the bundled model is loaded, and encodes four B-scans")
def test_an_object_of_one_bscan_is_labelled_on_all(truth: np.ndarray) -> None:
    asked = ("predict", "eye.tif", "-o", "out.tif", "--box", box_of(truth[1]), "--bscan", 1)
    done = octsam(*asked, "--carry-on", "--device", "cpu")

    assert done.exit_code == 0, done.output
    assert "Carried on to" in done.output
    found = tifffile.imread("out.tif")
    for labels, true in zip(found, truth, strict=True):
        both = np.count_nonzero((labels == RPE) & (true == RPE))
        assert 2 * both / (np.count_nonzero(labels == RPE) + np.count_nonzero(true == RPE)) > 0.8


@pytest.mark.slow("the bundled model is loaded, and encodes four B-scans")
def test_what_falls_below_a_limit_goes_no_further(truth: np.ndarray) -> None:
    asked = ("predict", "eye.tif", "-o", "out.tif", "--box", box_of(truth[1]), "--bscan", 1)
    done = octsam(*asked, "--carry-on", "--least-overlap", 1, "--device", "cpu")

    assert done.exit_code == 0, done.output
    assert "does not fit that of the B-scan before" in done.output
    assert [bool(labels.any()) for labels in tifffile.imread("out.tif")] == [
        False,
        True,
        *[False] * 2,
    ]


def test_one_bscan_has_no_others(truth: np.ndarray) -> None:
    tifffile.imwrite("one.tif", truth[0], photometric="minisblack")
    refused = octsam("predict", "one.tif", "-o", "out.tif", "--box", box_of(truth[0]), "--carry-on")

    assert refused.exit_code == 1
    assert "one B-scan: there is no other" in refused.stderr
