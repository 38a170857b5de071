"""The data of Chiu 2015 and Farsiu 2014: files of their structure, whole and broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.data.dataset import Dataset
from napari_octsam.data.facts import examine
from napari_octsam.data.importers.boundaries import layers_between
from napari_octsam.data.importers.matfile import read_fields
from napari_octsam.data.layouts import Layout, open_dataset, recognise
from napari_octsam.data.preflight import Preflight, judge

ROWS, COLS, SLICES = 40, 24, 5
RNG = np.random.default_rng(0)
DRAWN = slice(4, 20)


def preflight(dataset: Dataset) -> Preflight:
    return judge(dataset, examine(dataset))


def duke_fields(seed: int = 0) -> dict[str, np.ndarray]:
    """A volume as in Chiu's files: B-scans 1 and 3 labelled, 0 all zero, the others NaN."""
    layers = np.full((8, COLS, SLICES), np.nan)
    layers[..., 0] = 0
    fluid = np.full((ROWS, COLS, SLICES), np.nan)
    for index in (1, 3):
        layers[:, DRAWN, index] = np.arange(8)[:, None] * 4 + 3.3 + index
        fluid[:, :, index] = 0
        fluid[12:15, 6:10, index] = 2  # each pocket has a number
    images = np.random.default_rng(seed).integers(0, 256, (ROWS, COLS, SLICES), np.uint8)
    second = np.where(layers > 0, layers + 1, layers)
    fields = {"images": images, "manualLayers1": layers, "manualLayers2": second}
    return {**fields, "manualFluid1": fluid, "manualFluid2": np.zeros_like(fluid)}


def amd_fields() -> dict[str, np.ndarray]:
    """A volume as in Farsiu's files: B-scans 1 to 3 labelled in their middle columns."""
    maps = np.full((SLICES, COLS, 3), np.nan)
    maps[1:4, DRAWN] = (5, 20, 28.4)
    images = RNG.integers(0, 256, (ROWS, COLS, SLICES), np.uint8)
    return {"images": images, "layerMaps": maps, "Age": np.array([[71]])}


@pytest.fixture
def duke(tmp_path: Path) -> Path:
    for subject in (1, 2, 10):
        savemat(tmp_path / f"Subject_{subject:02d}.mat", duke_fields(subject), do_compression=True)
    return tmp_path


@pytest.fixture
def amd(tmp_path: Path) -> Path:
    savemat(tmp_path / "Farsiu_Ophthalmology_2013_AMD_Subject_1001.mat", amd_fields())
    return tmp_path


def complaints(dataset: Dataset) -> str:
    return "\n".join(problem.text for problem in dataset.problems)


def test_layers_lie_between_rounded_boundaries_from_top_to_bottom() -> None:
    boundaries = np.array([[1.4, np.nan, 2, 0], [3.5, 4, 6, 0], [6.2, 7, 5, 0]])

    layers = layers_between(boundaries, 8)

    np.testing.assert_array_equal(layers[:, 0], [0, 1, 1, 1, 2, 2, 0, 0])
    assert (layers[:, 1] == 255).all(), "a boundary of this column is not drawn"
    np.testing.assert_array_equal(layers[:, 2], [0, 0, 1, 1, 1, 1, 0, 0])
    assert (layers[:, 3] == 255).all(), "all boundaries at 0 are none"


def test_duke_gives_the_labelled_bscans_by_subject(duke: Path) -> None:
    assert recognise(duke) is Layout.DUKE
    dataset = open_dataset(duke)

    assert [item.name for item in dataset.items[:3]] == [
        *("Subject_01_001", "Subject_01_003", "Subject_02_001")
    ]
    assert {item.group for item in dataset.items} == {"Subject_01", "Subject_02", "Subject_10"}
    (counted,) = preflight(dataset).warnings[:1]
    assert counted.startswith("6 of 15 B-scans are labelled (Subject_01 2 of 5,")
    assert not preflight(dataset).problems


def test_duke_has_a_map_of_layers_and_one_of_fluid(duke: Path) -> None:
    fields = duke_fields(1)
    item = open_dataset(duke).items[1]

    np.testing.assert_array_equal(item.read_image(), fields["images"][..., 3])
    maps = item.read_maps()
    assert list(maps) == ["layers7", "fluid"]
    assert (maps["layers7"][:, :4] == 255).all()
    assert (maps["layers7"][:, 20:] == 255).all()
    column = maps["layers7"][:, 10]
    np.testing.assert_array_equal(column[6:34], np.repeat(np.arange(1, 8), 4))
    assert not column[:6].any()
    assert not column[34:].any()
    drawn = fields["manualFluid1"][:, DRAWN, 3] > 0
    np.testing.assert_array_equal(maps["fluid"][:, DRAWN] == 1, drawn)
    assert (maps["fluid"][:, :4] == 255).all(), "nobody looked for fluid there"


def test_duke_bscans_with_fluid_and_no_layers_are_taken(tmp_path: Path) -> None:
    fields = duke_fields()
    fields["manualLayers1"][..., 3] = np.nan
    fields["manualFluid1"][..., 1] = 0
    fields["manualFluid1"][..., 2] = 0
    savemat(tmp_path / "Subject_01.mat", fields)

    dataset = open_dataset(tmp_path)

    assert [item.name for item in dataset.items] == ["Subject_01_001", "Subject_01_003"]
    assert f"2 of {SLICES} B-scans are labelled" in dataset.warnings[0]
    maps = dataset.items[1].read_maps()
    assert (maps["layers7"] == 255).all()
    pocket = fields["manualFluid1"][:, 6:10, 3] > 0
    np.testing.assert_array_equal(maps["fluid"][:, 6:10], pocket)
    assert (np.delete(maps["fluid"], np.s_[6:10], axis=1) == 255).all()
    only = preflight(open_dataset(tmp_path, bundled_schema("layers7")))
    assert "B-scans with background only, or not labelled: Subject_01_003." in only.warnings


def test_the_other_grader_can_be_chosen(duke: Path) -> None:
    first, second = (open_dataset(duke, grader=grader).items[0].read_maps() for grader in (1, 2))

    np.testing.assert_array_equal(first["layers7"][:-1], second["layers7"][1:])
    assert (first["fluid"] == 1).any()
    assert not (second["fluid"] == 1).any()


def test_images_that_matlab_keeps_as_double_stay_the_same_bytes(tmp_path: Path) -> None:
    fields = duke_fields()
    savemat(tmp_path / "Subject_01.mat", {**fields, "images": fields["images"].astype(float)})

    item = open_dataset(tmp_path).items[0]

    np.testing.assert_array_equal(item.read_image(), fields["images"][..., 1])


def test_a_volume_of_one_bscan_has_two_axes_in_matlab(tmp_path: Path) -> None:
    fields = {name: array[..., 1] for name, array in duke_fields().items()}
    savemat(tmp_path / "Subject_01.mat", fields)

    (item,) = open_dataset(tmp_path).items

    np.testing.assert_array_equal(item.read_image(), fields["images"])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"manualFluid1": None}, r"Subject_02\.mat lacks the field manualFluid1\. It has: images"),
        ({"images": None}, r"Subject_02\.mat lacks the field images"),
        ({"manualLayers1": np.zeros((7, COLS, SLICES))}, r"manualLayers1 is 7 x 24 x 5"),
        ({"manualFluid1": np.zeros((ROWS, COLS, 4))}, r"not of the shape of Chiu's data"),
        ({"images": np.zeros((2, 3, 4, 5))}, r"images is 2 x 3 x 4 x 5"),
        ({"manualLayers1": np.full((8, COLS, SLICES), "x")}, r"not hold numbers|shape"),
    ],
)
def test_a_wrong_file_is_one_problem_and_the_others_are_read(
    duke: Path, changes: dict[str, np.ndarray | None], complaint: str
) -> None:
    import re

    fields = {k: v for k, v in {**duke_fields(), **changes}.items() if v is not None}
    savemat(duke / "Subject_02.mat", fields)

    dataset = open_dataset(duke)

    assert {item.group for item in dataset.items} == {"Subject_01", "Subject_10"}
    (problem,) = dataset.problems
    assert problem.names == ("Subject_02",)
    assert re.search(complaint, problem.text), problem.text


@pytest.mark.parametrize("kept", [0, 100, 3000, 0.5, 0.98])
def test_a_file_that_was_cut_short_is_one_problem(duke: Path, kept: float) -> None:
    path = duke / "Subject_02.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept if kept > 1 else kept * len(whole))])

    found = preflight(open_dataset(duke))

    assert found.problems
    assert all("Subject_02" in problem.text and problem.names for problem in found.problems)
    assert "\n" not in found.problems[0].text


def test_a_file_of_version_7_3_says_how_to_convert_it(tmp_path: Path) -> None:
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
    (tmp_path / "Subject_01.mat").write_bytes(header.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n")

    with pytest.raises(UserError, match=r"MATLAB 7\.3 .* '-struct', 'S', '-v7'\)"):
        open_dataset(tmp_path)


def test_amd_gives_retina_and_drusen_complex(amd: Path) -> None:
    assert recognise(amd) is Layout.AMD
    dataset = open_dataset(amd)

    assert [item.name[-9:] for item in dataset.items] == ["_1001_001", "_1001_002", "_1001_003"]
    maps = dataset.items[0].read_maps()["amd"]
    np.testing.assert_array_equal(maps[:, 10], np.repeat([0, 1, 2, 0], [5, 15, 8, 12]))
    assert (maps[:, :4] == 255).all()
    assert "3 of 5 B-scans are labelled" in dataset.warnings[0]
    assert not preflight(dataset).problems


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"layerMaps": np.zeros((SLICES, COLS, 2))}, "layerMaps 5 x 24 x 2"),
        ({"layerMaps": np.zeros((SLICES, COLS + 1, 3))}, "not of the shape of Farsiu's data"),
        ({"images": None}, "lacks the field images"),
    ],
)
def test_a_wrong_amd_file_is_one_problem(
    amd: Path, changes: dict[str, np.ndarray | None], complaint: str
) -> None:
    fields = {k: v for k, v in {**amd_fields(), **changes}.items() if v is not None}
    savemat(amd / "wrong.mat", fields)

    dataset = open_dataset(amd)

    assert len(dataset.items) == 3
    assert complaint in complaints(dataset)


def test_other_mat_files_are_no_data_set(tmp_path: Path) -> None:
    savemat(tmp_path / "results.mat", {"x": np.zeros(3)})

    with pytest.raises(UserError, match="neither manualLayers1 nor layerMaps"):
        recognise(tmp_path)


def test_arrays_that_fill_the_memory_are_refused_by_their_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.mat"
    savemat(path, {"images": np.zeros((1, 1))})
    monkeypatch.setattr("scipy.io.whosmat", lambda _: [("images", (10**5, 10**5), "double")])

    with pytest.raises(UserError, match="unpacks to 74 GB"):
        read_fields(path, ["images"])
