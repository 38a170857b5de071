"""Files of OCT devices as layers of napari."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Shapes
from npe2 import PluginManifest

import napari_octsam
from napari_octsam.core.annotation import BScanState
from napari_octsam.gui.annotations.keeper import keeper_of
from napari_octsam.gui.layers import device_layers
from napari_octsam.gui.layers.device_layers import get_reader, layers_of
from napari_octsam.gui.layers.layer_schema import schema_of
from napari_octsam.gui.layers.shown import ShownBScan
from napari_octsam.gui.session.settings import PLUGIN
from tests.data.device_files import (
    BIRTHDAY,
    BSCANS,
    FUNDUS,
    PATIENT,
    boundaries,
    write_dicom,
    write_e2e,
    write_fda,
    write_vol,
    write_xml,
)

MANIFEST = Path(napari_octsam.__file__).with_name("napari.yaml")


@pytest.fixture
def plugin(npe2pm: Any) -> None:
    if PLUGIN not in npe2pm:
        npe2pm.register(PluginManifest.from_file(MANIFEST))


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the person is told."""
    sentences: list[str] = []
    monkeypatch.setattr(device_layers, "_tell", sentences.append)
    return sentences


@pytest.mark.usefixtures("plugin")
def test_a_scan_opens_with_its_scale_its_fundus_and_what_the_device_drew(tmp_path: Path) -> None:
    path = write_vol(tmp_path / "P7.vol", drawn=boundaries("ILM", "BM"))
    viewer = ViewerModel()
    viewer.open(path, plugin=PLUGIN)
    bscans, fundus, lines, labels = viewer.layers

    assert [layer.name for layer in viewer.layers] == [
        "P7", "P7 fundus", "P7 B-scans", "P7 by Heidelberg Spectralis",
    ]  # fmt: skip
    assert isinstance(bscans, Image)
    assert tuple(bscans.scale) == pytest.approx((100, 4, 10))
    assert tuple(labels.scale) == pytest.approx((100, 4, 10))
    assert [str(unit) for unit in bscans.units] == ["micrometer"] * 3
    np.testing.assert_array_equal(bscans.data, BSCANS)
    assert isinstance(labels, Labels)
    schema = schema_of(labels)
    assert schema is not None
    assert schema.foreground[0].name == "total retina"
    assert (labels.data[0, 5:9, 0] == 1).all()
    # the fundus lies above the B-scans, its columns over theirs, and the slider knows no more steps
    assert fundus.data_to_world((FUNDUS.shape[0] - 1, 0))[0] < -4
    for col, at in ((0, 24.5), (64, 56.5)):
        assert fundus.data_to_world((0, at))[1] == pytest.approx((col - 0.5) * 10)
    assert isinstance(lines, Shapes)
    assert len(lines.data) == 5
    assert lines.data_to_world(lines.data[0][0]) == pytest.approx(
        fundus.data_to_world((69.5, 24.5))
    )
    assert viewer.dims.nsteps[0] == 5


def test_the_scan_is_worked_on_and_not_the_fundus(tmp_path: Path, qtbot: Any) -> None:
    viewer = ViewerModel()
    for data, arguments, kind in layers_of(write_vol(tmp_path / "P7.vol")):
        viewer.add_layer(Layer.create(data, arguments, kind))
    shown = ShownBScan(viewer)
    shown.take_first()
    assert shown.chosen().name == "P7"
    shown.close()


def test_a_single_bscan_has_two_axes(tmp_path: Path) -> None:
    path = write_vol(tmp_path / "c.vol", BSCANS[:1], [(0.5, 0.8, 0.9, 0.8)], pattern=2)
    (data, arguments, _), *_ = layers_of(path)
    assert data.shape == (48, 64)
    assert arguments["scale"] == pytest.approx((4, 10))
    assert arguments["metadata"][PLUGIN]["scan"]["pattern"] == "circle"


def test_all_scans_of_a_file_open_and_an_unknown_scale_is_told(
    tmp_path: Path, told: list[str]
) -> None:
    layers = layers_of(write_e2e(tmp_path / "both.e2e"))
    images = [each for each in layers if each[2] == "image" and "fundus" not in each[1]["name"]]
    assert [each[1]["name"] for each in images] == ["both 1 OD", "both 2 OS"]
    assert [each[1]["units"] for each in images] == [("pixel",) * 3] * 2
    assert "both 1 OD: It does not say how far apart its B-scans and columns are" in told[0]


def test_the_size_of_a_zeiss_img_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cube.img"
    path.write_bytes(BSCANS[:, ::-1, ::-1].tobytes())
    reader = get_reader(str(path))
    assert reader is not None
    asked: list[str] = []

    def ask(answer: tuple[int, int, int] | None) -> None:
        monkeypatch.setattr(
            device_layers, "_ask_size", lambda each: (asked.append(each.name), answer)[1]
        )

    ask((5, 48, 64))
    np.testing.assert_array_equal(reader(str(path))[0][0], BSCANS)
    ask(None)
    assert reader(str(path)) == [(None,)]
    assert asked == ["cube.img"] * 2


def test_other_xml_is_left_to_others(tmp_path: Path) -> None:
    other = tmp_path / "other.xml"
    other.write_text("<annotation><object/></annotation>", "utf-8")
    assert get_reader(str(other)) is None
    assert get_reader(str(tmp_path / "nowhere.xml")) is None
    assert get_reader(str(write_xml(tmp_path / "scan.xml"))) is not None


def test_no_name_of_a_patient_is_in_a_layer(tmp_path: Path) -> None:
    for path in (
        write_vol(tmp_path / "a.vol", drawn=boundaries("ILM", "BM")),
        write_dicom(tmp_path / "b.dcm"),
        write_fda(tmp_path / "c.fda"),
        write_xml(tmp_path / "d.xml"),
        write_e2e(tmp_path / "e.e2e"),
    ):
        told = repr([arguments for _, arguments, _ in layers_of(path)])
        assert PATIENT not in told
        assert BIRTHDAY not in told


@pytest.mark.slow("a window opens, with layers of every kind")
@pytest.mark.usefixtures("plugin")
def test_the_lines_are_locked_and_the_labels_are_the_devices(
    tmp_path: Path, make_napari_viewer: Callable[[], Any], engine: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    path = write_vol(tmp_path / "P7.vol", drawn=boundaries("ILM", "BM"))
    viewer.open(path, plugin=PLUGIN)
    _, _, lines, labels = viewer.layers
    assert not lines.editable
    kept = keeper_of(viewer).of(labels)
    assert kept is not None
    assert len(kept.progress) == 5
    assert {(each.state, each.by.kind, each.by.model) for each in kept.progress.values()} == {
        (BScanState.AUTOMATIC, "device", "Heidelberg Spectralis")
    }
    target = tmp_path / "P7.octsam"
    kept.place(target).result()
    text = (target / "annotation.json").read_text("utf-8")
    assert '"laterality": "OD"' in text
    assert '"first": "inferior"' in text
    assert PATIENT not in text
    _check_copy(viewer, labels, qtbot)
    # the annotation brings the scan, and not what the device has drawn again
    viewer.layers.clear()
    viewer.open(target, plugin=PLUGIN)
    qtbot.waitUntil(lambda: "P7" in [layer.name for layer in viewer.layers], timeout=30_000)
    assert [layer.name for layer in viewer.layers if isinstance(layer, Labels)] == [
        "P7 by Heidelberg Spectralis"
    ]


def _check_copy(viewer: Any, labels: Labels, qtbot: Any) -> None:
    """A copy that was changed is a person's."""
    changed = Labels(labels.data.copy(), name="copy", metadata=labels.metadata, scale=labels.scale)
    changed.data[3, 0, 0] = 1
    viewer.add_layer(changed)
    copied = keeper_of(viewer).of(changed)
    assert copied is not None
    qtbot.waitUntil(lambda: len(copied.progress) == 5, timeout=30_000)
    assert {each.by.kind for each in copied.progress.values()} == {"person"}
