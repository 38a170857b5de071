"""Commands on files of OCT devices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_octsam.data.annotations.description import description_in
from tests.cli.test_label import Octsam, octsam
from tests.data.device_files import boundaries, write_e2e, write_vol

__all__ = ["octsam"]


def test_labels_of_a_scan_know_its_scale_and_eye(
    octsam: Octsam, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    write_vol(tmp_path / "P1.vol")
    done = octsam(
        "predict", "P1.vol", "-o", "labels.tif", "--box", "5,5,20,30", "--bscan", "2", "--schema",
        "layers7", "--model", tiny_checkpoint, "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    said = description_in(Path("labels.tif"))
    assert said is not None
    assert said.scale == pytest.approx((100, 4, 10))
    assert (said.laterality, said.first) == ("OD", "inferior")
    done = octsam("annotation", "import", "labels.tif", "--image", "P1.vol", "-o", "P1.octsam")
    assert done.exit_code == 0, done.output
    made = json.loads(Path("P1.octsam/annotation.json").read_text("utf-8"))
    assert made["laterality"] == "OD"


def test_what_a_device_has_drawn_is_measured(octsam: Octsam, tmp_path: Path) -> None:
    drawn = boundaries("ILM", "BM")
    drawn["BM"][0] = np.float32(3.4e38)
    write_vol(tmp_path / "P1.vol", drawn=drawn)
    done = octsam("measure", "P1.vol", "--json", "m.json")
    assert done.exit_code == 0, done.output
    (eye,) = json.loads(Path("m.json").read_text("utf-8"))["measured"]
    assert eye["spacing_um"] == pytest.approx({"between": 100, "axial": 4, "lateral": 10})
    assert (eye["laterality"], eye["first_bscan"]) == ("OD", "inferior")
    (figure, *_) = eye["thickness"]
    assert figure["mean_um"] == pytest.approx(16)  # four rows
    assert figure["coverage_percent"] == pytest.approx(80)
    assert figure["states_percent"] == {"automatic": 100}
    assert "OD" in octsam("measure", "P1.vol", "--laterality", "OS").stderr
    write_vol(tmp_path / "P2.vol")
    assert "the device has drawn no layers" in octsam("measure", "P2.vol").stderr
    write_e2e(tmp_path / "P3.e2e", "R")
    assert "--spacing" in octsam("measure", "P3.e2e").stderr
    done = octsam("measure", "P3.e2e", "--spacing", "120,4,11.5", "--json", "e.json")
    assert done.exit_code == 0, done.output
