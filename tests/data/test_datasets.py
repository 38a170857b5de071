"""Folders of labelled B-scans: layouts, groups, splits, preflight and `octsam preprocess`."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image
from typer.testing import CliRunner, Result

from napari_octsam.cli import app
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.data.arrays import ArraySource
from napari_octsam.data.dataset import Dataset, Item, fingerprint
from napari_octsam.data.facts import examine, members_of
from napari_octsam.data.labels import read_labels
from napari_octsam.data.layouts import Layout, open_dataset, recognise
from napari_octsam.data.pairs import read_pairs
from napari_octsam.data.pictures import read_picture
from napari_octsam.data.preflight import Preflight, judge
from napari_octsam.data.prepared import schema_of_mask, write_prepared
from napari_octsam.data.split.assignment import make_split
from napari_octsam.data.split.grouping import group_of, natural_order
from napari_octsam.data.split.split import Member, Split, read_split, write_split

SHAPE = (40, 60)
Octsam = Callable[..., Result]


def bscan(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def mask(shape: tuple[int, int] = SHAPE, value: int = 2) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    labels[10:20] = value
    labels[20:24] = 6
    return labels


def preflight(dataset: Dataset, split: Split | None = None) -> Preflight:
    return judge(dataset, examine(dataset), split)


def write_pair(folder: Path, name: str, seed: int, labels: np.ndarray | None = None) -> None:
    for kind, pixels in (("images", bscan(seed)), ("masks", mask() if labels is None else labels)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        iio.imwrite(folder / kind / f"{name}.png", pixels)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Five patients with three B-scans each."""
    for patient in range(5):
        for number in range(3):
            write_pair(tmp_path / "raw", f"s{patient}_{number:03d}", 10 * patient + number)
    return tmp_path / "raw"


@pytest.fixture
def octsam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Octsam:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def texts(found: Preflight) -> str:
    return "\n".join(problem.text for problem in found.problems)


def members(**groups: str) -> dict[str, Member]:
    return {
        name: Member(group, fingerprint(bscan(i))) for i, (name, group) in enumerate(groups.items())
    }


# Layouts and names


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("s06_012", "s06"),
        ("s06_b12", "s06"),
        ("P7-OD-3", "P7"),
        ("P7_OS_001", "P7"),
        ("img12", "img"),
        ("0001", "all"),
        ("Jane", "Jane"),
    ],
)
def test_the_group_is_what_stands_before_the_number(name: str, group: str) -> None:
    assert group_of(name) == group


def test_names_come_in_natural_order() -> None:
    wanted = ["9", "10", "a1", "b2", "b10"]

    assert sorted(["b10", "b2", "a1", "10", "9"], key=natural_order) == wanted


def test_pairs_of_any_kind_and_size_are_found_by_stem(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    shapes = {"a": (40, 60), "b": (100, 30), "c": (8, 300), "d": (33, 77)}
    for name, shape in shapes.items():
        tifffile.imwrite(tmp_path / "masks" / f"{name}.tif", mask(shape))
    iio.imwrite(tmp_path / "images" / "a.PNG", bscan(1), extension=".png")
    iio.imwrite(tmp_path / "images" / "b.jpg", bscan(2, shapes["b"]))
    np.save(tmp_path / "images" / "c.npy", bscan(3, shapes["c"]))
    tifffile.imwrite(tmp_path / "images" / "d.tiff", bscan(4, shapes["d"]))

    dataset = open_dataset(tmp_path)

    assert dataset.layout == Layout.PAIRS
    assert {item.name: item.read_image().shape for item in dataset.items} == shapes
    assert {item.name: item.read_maps()["oct14"].shape for item in dataset.items} == shapes
    assert dict(preflight(dataset).sizes) == dict.fromkeys(shapes.values(), 1)


def test_the_original_layout_has_three_equal_channels(tmp_path: Path) -> None:
    for kind, pixels in (("imagesgreyscale", bscan(1)), ("masks14", mask())):
        (tmp_path / kind).mkdir()
        iio.imwrite(tmp_path / kind / "eye_1.png", np.stack([pixels] * 3, -1))

    assert recognise(tmp_path) is Layout.ORIGINAL
    (item,) = open_dataset(tmp_path).items
    np.testing.assert_array_equal(item.read_image(), bscan(1))
    np.testing.assert_array_equal(item.read_maps()["oct14"], mask())


def test_a_folder_without_data_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs images/ and masks/, imagesgreyscale/"):
        recognise(tmp_path)
    with pytest.raises(UserError, match="There is no folder"):
        recognise(tmp_path / "gone")


def test_a_volume_gives_its_labelled_bscans_as_one_group(tmp_path: Path) -> None:
    images, masks = np.stack([bscan(i) for i in range(4)]), np.zeros((4, *SHAPE), np.uint8)
    masks[1], masks[2], masks[3] = mask(), mask(), 255
    for kind, pixels in (("images", images), ("masks", masks)):
        (tmp_path / kind).mkdir()
        tifffile.imwrite(
            tmp_path / kind / "eye_OD.tif", pixels, compression="zlib", photometric="minisblack"
        )

    dataset = open_dataset(tmp_path)

    assert [(item.name, item.group) for item in dataset.items] == [
        *[("eye_OD_001", "eye"), ("eye_OD_002", "eye")]
    ]
    np.testing.assert_array_equal(dataset.items[1].read_image(), images[2])
    assert "eye_OD.tif: 2 of 4 B-scans are labelled." in dataset.warnings[0]


def test_a_volume_and_a_mask_of_other_length_are_a_problem(tmp_path: Path) -> None:
    for kind, count in (("images", 4), ("masks", 3)):
        (tmp_path / kind).mkdir()
        np.save(tmp_path / kind / "eye.npy", np.ones((count, *SHAPE), np.uint8))

    assert "eye.npy do not hold the same B-scans: 4 x 40 x 60 and 3 x 40 x 60" in texts(
        preflight(open_dataset(tmp_path))
    )


def test_read_pairs_takes_the_bscans_of_a_pattern(raw: Path) -> None:
    (raw / "masks" / "s4_000.png").unlink()

    assert [pair.name for pair in read_pairs(raw, "s0_*")] == ["s0_000", "s0_001", "s0_002"]
    with pytest.raises(UserError, match=r"without a partner in .*masks: s4_000\.png"):
        read_pairs(raw)
    with pytest.raises(UserError, match="has no images/x"):
        read_pairs(raw, "x*")
    iio.imwrite(raw / "masks" / "s1_000.png", mask((40, 61)))
    with pytest.raises(UserError, match=r"s1_000\.png is 40 x 60, but its mask 40 x 61"):
        read_pairs(raw, "s1_*")


# Label pictures


def test_a_mask_with_a_palette_gives_its_indices(tmp_path: Path) -> None:
    picture = Image.fromarray(mask(), "P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128, 9, 9, 9, 0, 99, 0])
    picture.save(tmp_path / "mask.png")

    np.testing.assert_array_equal(read_labels(tmp_path / "mask.png"), mask())


def test_a_grey_palette_gives_its_grey_values(tmp_path: Path) -> None:
    picture = Image.fromarray((mask() == 2).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 2, 2, 2])
    picture.save(tmp_path / "mask.png")

    assert set(np.unique(read_labels(tmp_path / "mask.png"))) == {0, 2}


@pytest.mark.parametrize(
    ("file", "picture"),
    [
        ("two.png", Image.fromarray(mask() == 2)),
        ("two.png", Image.merge("LA", [Image.fromarray(mask() // 2)] * 2)),
        ("two.png", Image.merge("RGBA", [Image.fromarray(mask() // 2)] * 4)),
        ("two.png", Image.fromarray((mask() // 2).astype(np.uint16))),
        ("two.tif", Image.fromarray((mask() // 2).astype(np.float32))),
    ],
)
def test_whatever_a_mask_is_written_as_it_has_the_same_values(
    tmp_path: Path, file: str, picture: Image.Image
) -> None:
    picture.save(tmp_path / file)
    expected = np.asarray(picture) if picture.mode == "1" else mask() // 2

    values = read_labels(tmp_path / file)

    assert values.dtype.kind in "ui"
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
    ("file", "pixels", "complaint"),
    [
        ("mask.png", np.random.default_rng(0).integers(0, 9, (*SHAPE, 3), np.uint8), "colour"),
        ("mask.jpg", mask(), "JPEG, which changes label values"),
        ("mask.npy", mask() / 3, "fractions"),
        ("mask.npy", np.full(SHAPE, np.nan), "fractions or NaN"),
        ("mask.npy", mask().astype(complex), "complex128"),
    ],
)
def test_a_picture_that_is_no_mask_is_refused(
    tmp_path: Path, file: str, pixels: np.ndarray, complaint: str
) -> None:
    path = tmp_path / file
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        iio.imwrite(path, pixels)

    with pytest.raises(UserError, match=complaint):
        read_labels(path)


def test_whole_numbers_of_any_type_are_labels(tmp_path: Path) -> None:
    for number, dtype in enumerate((np.int64, np.float32, np.uint16)):
        np.save(tmp_path / f"{number}.npy", mask().astype(dtype))
        np.testing.assert_array_equal(read_labels(tmp_path / f"{number}.npy"), mask())


# Groups


def test_a_file_of_groups_goes_before_the_names(raw: Path) -> None:
    lines = ["name,group", *(f"s{p}_{n:03d},{'AB'[p > 2]}" for p in range(5) for n in range(3))]
    (raw / "groups.csv").write_text("\n".join(lines), "utf-8")

    assert {(i.name[:2], i.group) for i in open_dataset(raw).items} == {
        *[("s0", "A"), ("s1", "A"), ("s2", "A"), ("s3", "B"), ("s4", "B")]
    }


def test_whole_volumes_can_be_grouped_and_what_is_missing_is_a_problem(raw: Path) -> None:
    path = raw.parent / "own.csv"
    path.write_text("name,group\ns0,A\ns1,A\ns2_000,B\nsx,C\n", "utf-8")

    dataset = open_dataset(raw, groups=path)

    assert dataset.items[5].group == "A"
    assert dataset.items[6].group == "B"
    (problem,) = dataset.problems
    assert "gives no group to these B-scans: s2_001, s2_002, s3_000" in problem.text
    assert "names B-scans that are not here: sx" in dataset.warnings[0]


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "name,group\nx,\n", "name,group\nx,A\nx,B\n"])
def test_a_wrong_file_of_groups_is_refused(raw: Path, text: str) -> None:
    (raw / "groups.csv").write_text(text, "utf-8")

    with pytest.raises(UserError, match=r"groups\.csv"):
        open_dataset(raw)


# Splits


@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=12),
    seed=st.integers(0, 2**32),
    twins=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=3),
)
@settings(deadline=None)
def test_a_split_has_every_bscan_once_and_no_leak(
    sizes: list[int], seed: int, twins: list[tuple[int, int]]
) -> None:
    names = [f"g{group}_{n:02d}" for group, size in enumerate(sizes) for n in range(size)]
    hashes = [f"{i:064x}" for i in range(len(names))]
    for one, other in twins:
        hashes[one % len(names)] = hashes[other % len(names)]
    known = {n: Member(n.split("_")[0], h) for n, h in zip(names, hashes, strict=True)}

    split = make_split(known, seed)

    assert sorted(split.train + split.validation + split.test) == sorted(names)
    assert split == make_split(known, seed)
    assert split.train
    assert split.validation or len(names) < 3
    if split.by == "group":
        assert not split.leaks()
    else:
        assert "one patient" in split.warning or len(names) < 3


def test_many_groups_come_near_to_the_shares() -> None:
    known = members(**{f"g{i}_{n}": f"g{i}" for i in range(20) for n in range(5)})

    split = make_split(known, 3)

    assert [len(names) for _, names in split.parts()] == [70, 15, 15]
    assert make_split(known, 4) != split


def test_few_groups_have_no_test_and_one_is_cut_into_blocks() -> None:
    for known in (members(a1="a", a2="a", b1="b"), members(a="a", b="b", c="c")):
        few = make_split(known)
        assert (len(few.train), len(few.validation), len(few.test)) == (2, 1, 0)
        assert "none is left to test on" in few.warning

    for two in (members(a1="a", a2="a"), members(a="a", b="b")):
        all_learnt = make_split(two)
        assert len(all_learnt.train) == 2
        assert "nobody can say how good the model is" in all_learnt.warning
    five = make_split(members(**{f"a{i}": "a" for i in range(5)}))
    assert (len(five.train), len(five.validation), len(five.test)) == (4, 1, 0)

    one = make_split(members(**{f"a{i}": "a" for i in range(10)}))
    assert one.train == tuple(f"a{i}" for i in range(6))
    assert (one.validation, one.test) == (("a6", "a7"), ("a8", "a9"))
    assert "All B-scans are of one patient (a)" in one.warning
    assert not one.leaks()


def test_a_stored_split_is_read_again_and_frozen(tmp_path: Path) -> None:
    split = make_split(members(a1="a", b1="b", c1="c"))
    write_split(tmp_path / "split.json", split)

    assert read_split(tmp_path / "split.json") == split
    with pytest.raises(UserError, match="a split is frozen"):
        write_split(tmp_path / "split.json", split)


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[1]"])
def test_a_file_that_is_no_split_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "split.json").write_text(text)

    with pytest.raises(UserError, match=r"split\.json is not a split"):
        read_split(tmp_path / "split.json")


def test_leaks_are_named() -> None:
    known = members(a1="a", a2="a", b1="b", c1="c")
    known["c1"] = Member("c", known["b1"].sha256)
    leaking = Split(("a1",), ("a2", "b1"), ("c1", "a1"), known)

    found = "\n".join(problem.text for problem in leaking.leaks())

    assert "The part test has B-scans of another: a1." in found
    assert "The patient a is in the parts train and validation: a1 (train), a2" in found
    assert "The same image is in the parts validation and test: b1 (validation), c1 (test)" in found


def test_what_changed_since_the_split_is_named() -> None:
    old = members(a="a", b="b", c="c", d="d")
    new = {**old, "b": Member("b", "0" * 64), "c": Member("a", old["c"].sha256), "e": old["a"]}
    del new["d"]

    found = "\n".join(problem.text for problem in make_split(old).changes(new))

    assert "B-scans are gone: d;" in found
    assert "B-scans are new: e;" in found
    assert "have other pixels now: b;" in found
    assert "are of another patient now: c;" in found


# Preflight


def test_a_good_folder_has_no_problem_and_says_what_is_trained(raw: Path) -> None:
    dataset = open_dataset(raw)
    split = make_split(members_of(examine(dataset)))

    found = preflight(dataset, split)

    assert not found.problems
    assert (found.bscans, found.groups, dict(found.sizes)) == (15, 5, {SHAPE: 15})
    assert found.plan == (
        "The model learns oct14, trains on 9 B-scans of 3 patients, validates on 3 B-scans of 1 "
        "patient, tests on 3 B-scans of 1 patient."
    )
    counts = {c.value: (c.pixels, c.bscans, c.by_part["test"]) for c in found.classes if c.pixels}
    assert counts[2] == (15 * 600, 15, 3)
    assert "Classes of oct14 that no B-scan shows: 1 epiretinal membrane" in found.warnings[0]


def test_everything_that_is_wrong_with_a_folder_is_named(raw: Path) -> None:
    (raw / "masks" / "s0_000.png").unlink()
    (raw / "images" / "s0_001.png").unlink()
    iio.imwrite(raw / "masks" / "s0_002.png", mask((40, 61)))
    iio.imwrite(raw / "masks" / "s1_000.png", mask(value=99))
    np.save(raw / "masks" / "s1_001.npy", mask())
    (raw / "images" / "s1_002.png").write_bytes(b"no picture")
    (raw / "images" / "notes.txt").write_text("x")
    (raw / "images" / ".DS_Store").write_text("x")
    iio.imwrite(raw / "masks" / "s2_000.png", np.zeros(SHAPE, np.uint8))
    iio.imwrite(raw / "images" / "s2_002.png", bscan(21))
    (raw / "masks" / "s3_000.png").unlink()
    np.save(raw / "masks" / "s3_000.npy", mask().astype(np.int32) * 500)

    found = preflight(open_dataset(raw))

    for text in (
        r"B-scans without a partner in .*masks: s0_000\.png\.",
        r"Masks without a partner in .*images: s0_001\.png\.",
        r"not as large as their B-scan: s0_002 \(40 x 60, its mask 40 x 61\)",
        r"schema oct14 does not know \(99, 1000, 3000\): s1_000, s3_000\. Choose",
        r"several files for s1_001, keep one: s1_001\.npy, s1_001\.png",
        r"s1_002\.png cannot be read as PNG",
    ):
        assert re.search(text, texts(found)), text
    assert len(found.problems) == 6
    assert found.bad_names == {
        *("s0_000", "s0_001", "s0_002", "s1_000", "s1_001", "s1_002", "s3_000")
    }
    warnings = "\n".join(found.warnings)
    assert ".npy, .vol, .e2e, .fda, .dcm, .dicom, .img: notes.txt." in warnings
    assert "B-scans with background only, or not labelled: s2_000." in warnings
    assert "The same image is there more than once: s2_001 = s2_002." in warnings


def test_an_image_in_two_parts_and_a_class_in_one_are_told(raw: Path) -> None:
    iio.imwrite(raw / "images" / "s4_000.png", bscan(0))
    iio.imwrite(raw / "masks" / "s4_001.png", mask(value=3))
    dataset = open_dataset(raw)
    known = members_of(examine(dataset))
    parts = {"train": ("s0", "s1", "s2"), "validation": ("s3",), "test": ("s4",)}
    chosen = {p: tuple(n for n in known if n[:2] in groups) for p, groups in parts.items()}

    found = preflight(dataset, Split(**chosen, members=known))

    assert "The same image is in the parts train and test: s0_000 (train), s4_000" in texts(found)
    assert any(
        "cannot be learnt, since no B-scan of train shows them: 3 intraretinal fluid" in warning
        for warning in found.warnings
    )


def test_no_bscan_and_no_label_are_problems(tmp_path: Path) -> None:
    write_pair(tmp_path, "a_1", 1, np.zeros(SHAPE, np.uint8))
    found = texts(preflight(open_dataset(tmp_path)))
    assert "No B-scan has a label" in found

    for kind in ("images", "masks"):
        (tmp_path / kind / "a_1.png").unlink()
    assert "no labelled B-scan" in texts(preflight(open_dataset(tmp_path)))


@pytest.mark.parametrize("ending", ["_mask", "_label", "_seg", "-Labels"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_masks_may_be_called_masks(tmp_path: Path, ending: str, suffix: str) -> None:
    for name, of_mask in (("a_1", ending), ("a_2", ""), ("b_seg", ""), ("b_seg_1", ending)):
        for kind, pixels in (("images", bscan(len(name))), ("masks", mask())):
            (tmp_path / kind).mkdir(exist_ok=True)
            file = f"{name}{of_mask if kind == 'masks' else ''}{suffix}"
            iio.imwrite(tmp_path / kind / file, pixels)

    dataset = open_dataset(tmp_path)

    assert [item.name for item in dataset.items] == ["a_1", "a_2", "b_seg", "b_seg_1"]
    assert not dataset.problems
    for item in dataset.items:
        np.testing.assert_array_equal(item.read_maps()["oct14"], mask())


def test_two_masks_of_one_bscan_are_a_problem(tmp_path: Path) -> None:
    write_pair(tmp_path, "a_1", 1)
    iio.imwrite(tmp_path / "masks" / "a_1_mask.png", mask())

    assert "several files for a_1, keep one: a_1.png, a_1_mask.png" in texts(
        preflight(open_dataset(tmp_path))
    )


def test_names_pair_up_however_an_umlaut_is_written(octsam: Octsam, tmp_path: Path) -> None:
    one, two = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))
    for number, (of_image, of_mask) in enumerate([(one, two), (two, one)]):
        for kind, name in (("images", of_image), ("masks", of_mask)):
            (tmp_path / "raw" / kind).mkdir(parents=True, exist_ok=True)
            pixels = bscan(number) if kind == "images" else mask()
            iio.imwrite(tmp_path / "raw" / kind / f"{name}_{number}.png", pixels)
    (tmp_path / "raw" / "groups.csv").write_text(
        f"name,group\n{two}_0,{one}\n{one}_1,{two}\n", "utf-8"
    )

    dataset = open_dataset(tmp_path / "raw")
    assert [(i.name, i.group) for i in dataset.items] == [(f"{one}_{n}", one) for n in (0, 1)]
    assert not dataset.problems
    assert [b.name for b in read_pairs(tmp_path / "raw", f"{two}_1")] == [f"{one}_1"]

    assert octsam("preprocess", "raw", "--out", "out", "--name", "one").exit_code == 0
    for path in Path("out/one").glob("*/*.png"):
        path.rename(path.with_name(unicodedata.normalize("NFD", path.name)))
    prepared = open_dataset("out/one")
    assert len(prepared.items) == 2
    assert not prepared.problems
    assert not prepared.warnings
    assert not preflight(prepared, read_split(Path("out/one/split.json"))).problems


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_that_lead_nowhere_are_called_that(raw: Path) -> None:
    for kind, name in (("images", "s0_000"), ("masks", "s1_000")):
        path = raw / kind / f"{name}.png"
        path.unlink()
        path.symlink_to("gone.png")
    (raw / "images" / "s9.tif").symlink_to("gone.tif")
    (raw / "masks" / "s9.tif").symlink_to("gone.tif")

    told = texts(preflight(open_dataset(raw)))

    for name in ("s0_000.png", "s1_000.png", "s9.tif"):
        assert f"{name} is a link that leads nowhere: there is no gone" in told
    (raw / "link").symlink_to("nowhere")
    with pytest.raises(UserError, match="leads nowhere: there is no nowhere"):
        open_dataset(raw / "link")


def test_black_and_white_masks_are_explained(tmp_path: Path) -> None:
    write_pair(tmp_path, "a_1", 1, mask())
    write_pair(tmp_path, "b_1", 2, (mask() > 0) * np.uint8(255))
    explained = "Masks whose only value beside 0 is 255: b_1. 255 means not labelled: where it"
    assert explained in " ".join(preflight(open_dataset(tmp_path)).warnings)

    write_pair(tmp_path, "a_1", 1, (mask() > 0) * np.uint8(255))
    assert "write the value of its class" in texts(preflight(open_dataset(tmp_path)))


def test_a_black_and_white_volume_is_explained(tmp_path: Path) -> None:
    for kind, pixels in (("images", bscan(0)), ("masks", (mask() > 0) * np.uint8(255))):
        (tmp_path / kind).mkdir()
        np.save(tmp_path / kind / "v.npy", np.stack([pixels] * 3))

    assert "v.npy beside 0 is 255. 255 means not labelled" in texts(
        preflight(open_dataset(tmp_path))
    )


@pytest.mark.parametrize("home", ["datasets/raw/custom", "raw/custom", "custom", "."])
def test_the_original_project_is_found_from_its_root(
    octsam: Octsam, tmp_path: Path, home: str
) -> None:
    folder = tmp_path / "root" / home
    for number in range(3):
        write_pair(folder, f"s{number}_1", number)
    (folder / "images").rename(folder / "imagesgreyscale")
    (folder / "masks").rename(folder / "masks14")

    assert recognise(tmp_path / "root") is Layout.ORIGINAL
    assert len(open_dataset(tmp_path / "root").items) == 3
    assert octsam("preprocess", "root", "--out", "out", "--name", "one").exit_code == 0


def test_preprocess_of_a_folder_in_which_nothing_pairs_says_so(
    octsam: Octsam, tmp_path: Path
) -> None:
    write_pair(tmp_path / "raw", "a_1", 1)
    (tmp_path / "raw" / "masks" / "a_1.png").rename(tmp_path / "raw" / "masks" / "z_1.png")

    done = octsam("preprocess", "raw", "--out", "out")

    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert "There is no labelled B-scan to train on." in done.stderr
    assert not Path("out").exists()


# octsam preprocess


def pixels_of(dataset: Dataset) -> dict[str, tuple[bytes, bytes]]:
    return {
        item.name: (item.read_image().tobytes(), *(m.tobytes() for m in item.read_maps().values()))
        for item in dataset.items
    }


def test_preprocess_writes_a_data_set_that_reads_the_same(octsam: Octsam, raw: Path) -> None:
    result = octsam("preprocess", raw)

    assert result.exit_code == 0, result.output
    (folder,) = Path("datasets/processed/custom").iterdir()
    assert re.fullmatch(r"\d\d-\d\d-\d\d_\d\d\.\d\d\.\d\d", folder.name)
    assert {p.name for p in folder.iterdir()} == {"images", "masks", "dataset.json", "split.json"}
    dataset = open_dataset(folder)
    assert recognise(folder) is Layout.PREPARED
    assert pixels_of(dataset) == pixels_of(open_dataset(raw))
    assert dataset.schemas == (bundled_schema("oct14"),)
    found = preflight(dataset, read_split(folder / "split.json"))
    assert not found.problems
    assert "trains on 9 B-scans of 3 patients" in result.stdout
    written = json.loads((folder / "dataset.json").read_text())
    assert written["source"] == str(raw)
    assert written["items"][0] == {
        **{"name": "s0_000", "group": "s0", "sha256": fingerprint(bscan(0))}
    }


@given(
    image=npst.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        npst.array_shapes(min_dims=2, max_dims=2, min_side=8, max_side=40),
    ),
    suffix=st.sampled_from([".png", ".tif", ".npy"]),
    data=st.data(),
)
@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_pixels_and_labels_survive(
    tmp_path_factory: pytest.TempPathFactory, image: np.ndarray, suffix: str, data: st.DataObject
) -> None:
    values = npst.arrays(np.uint8, image.shape, elements=st.sampled_from([*range(14), 255]))
    folder = tmp_path_factory.mktemp("raw")
    write_pair(folder, "b_1", 1)
    labels = data.draw(values)
    path = folder / "images" / f"a_1{suffix}"
    if suffix == ".npy":
        np.save(path, image)
    else:
        iio.imwrite(path, image)
    iio.imwrite(folder / "masks" / "a_1.png", labels)

    result = CliRunner().invoke(
        app, ["preprocess", str(folder), "--out", str(folder), "--name", "new"]
    )

    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(iio.imread(folder / "new" / "images" / "a_1.png"), image)
    np.testing.assert_array_equal(iio.imread(folder / "new" / "masks" / "a_1.png"), labels)
    if suffix == ".png":
        assert (folder / "new" / "images" / "a_1.png").read_bytes() == path.read_bytes()


def test_problems_stop_it_unless_bad_bscans_are_skipped(octsam: Octsam, raw: Path) -> None:
    (raw / "masks" / "s0_000.png").unlink()
    iio.imwrite(raw / "masks" / "s0_002.png", mask((40, 61)))

    result = octsam("preprocess", raw, "--name", "new")
    assert result.exit_code == 1
    assert "There are 2 problems" in result.stderr.replace("there", "There")
    assert "--skip-bad" in result.stderr
    assert not Path("datasets").exists()

    result = octsam("preprocess", raw, "--name", "new", "--skip-bad")
    assert result.exit_code == 0, result.output
    assert "Left out: B-scans without a partner" in result.stderr
    assert "Left out: Masks that are not as large" in result.stderr
    dataset = open_dataset(Path("datasets/processed/custom/new"))
    assert len(dataset.items) == 13
    assert not dataset.problems


def test_the_wrong_schema_is_one_sentence(octsam: Octsam, raw: Path) -> None:
    result = octsam("preprocess", raw, "--schema", "organoid")

    assert result.exit_code == 1
    assert "schema organoid does not know (2, 6): s0_000, s0_001" in result.stderr
    assert "and 10 more. Choose their schema" in result.stderr


def test_nothing_is_written_over_and_nothing_half(
    octsam: Octsam, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    assert octsam("preprocess", raw, "--name", "new").exit_code == 0
    before = {p: p.read_bytes() for p in Path("datasets").rglob("*.*") if p.is_file()}
    again = octsam("preprocess", raw, "--name", "new")
    assert again.exit_code == 1
    assert "is there already: choose another --name" in again.stderr
    monkeypatch.setattr("napari_octsam.data.prepared.shutil.copyfile", fail)
    full = octsam("preprocess", raw, "--name", "other")
    assert full.exit_code == 1
    assert "No space left on device" in full.stderr
    assert {p: p.read_bytes() for p in Path("datasets").rglob("*.*") if p.is_file()} == before
    assert [p.name for p in Path("datasets/processed/custom").iterdir()] == ["new"]


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden"])
def test_a_name_that_is_a_path_is_refused(octsam: Octsam, raw: Path, name: str) -> None:
    assert "is not a name for a folder" in octsam("preprocess", raw, "--name", name).stderr


def test_a_stored_split_is_kept_and_guards_the_data(octsam: Octsam, raw: Path) -> None:
    assert octsam("preprocess", raw, "--name", "one", "--seed", 1).exit_code == 0
    one = Path("datasets/processed/custom/one")
    assert octsam("preprocess", one, "--name", "two", "--seed", 2).exit_code == 0
    two = Path("datasets/processed/custom/two")
    assert read_split(one / "split.json") == read_split(two / "split.json")

    iio.imwrite(two / "images" / "s0_001.png", bscan(77))
    (two / "images" / "s0_002.png").unlink()
    result = octsam("preprocess", two, "--name", "three")
    assert "have other pixels now: s0_001" in result.stderr
    assert "has lost the picture or a mask of these B-scans: s0_002" in result.stderr
    assert "are gone: s0_002" in result.stderr


def test_duke_becomes_a_data_set_with_two_kinds_of_masks(octsam: Octsam, tmp_path: Path) -> None:
    from scipy.io import savemat

    from tests.data.test_importers import duke_fields

    for subject in (1, 2, 3):
        savemat(tmp_path / f"Subject_{subject:02d}.mat", duke_fields(subject))

    result = octsam("preprocess", tmp_path, "--name", "dme")

    assert result.exit_code == 0, result.output
    assert "6 of 15 B-scans are labelled" in result.stderr
    folder = Path("datasets/processed/custom/dme")
    assert pixels_of(open_dataset(folder)) == pixels_of(open_dataset(tmp_path))
    assert len(list((folder / "masks_fluid").iterdir())) == 6
    assert [s.name for s in open_dataset(folder).schemas] == ["layers7", "fluid"]
    fluid = open_dataset(folder, bundled_schema("fluid"))
    assert list(fluid.items[0].read_maps()) == ["fluid"]
    with pytest.raises(UserError, match="has no labels of oct14: it has layers7, fluid"):
        open_dataset(folder, bundled_schema("oct14"))
    namesake = bundled_schema("oct14").model_copy(update={"name": "layers7"})
    with pytest.raises(UserError, match="schema that is called layers7 too"):
        open_dataset(folder, namesake)
    assert schema_of_mask(folder / "masks_fluid" / "Subject_01_001.png") == bundled_schema("fluid")
    assert schema_of_mask(tmp_path / "mask.png") is None


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("schemas", "layers7/../../../ESC"),
        ("schemas", "..\\ESC"),
        ("items", "../ESC"),
        ("items", ".."),
        ("items", "C:ESC"),
        ("items", "a\0"),
    ],
)
def test_no_name_in_a_description_leads_out_of_the_folder(
    octsam: Octsam, raw: Path, where: str, name: str
) -> None:
    assert octsam("preprocess", raw, "--name", "one").exit_code == 0
    folder = Path("datasets/processed/custom/one")
    content = json.loads((folder / "dataset.json").read_text("utf-8"))
    other = bundled_schema("fluid").model_dump(mode="json")
    content["schemas"].append(other)
    content[where][-1]["name"] = name
    (folder / "dataset.json").write_text(json.dumps(content), "utf-8")

    with pytest.raises(UserError, match="prepare it again with 'octsam preprocess'"):
        open_dataset(folder)


def test_a_schema_of_ones_own_cannot_lead_out_of_the_folder(octsam: Octsam, raw: Path) -> None:
    text = tomli_w.dumps(bundled_schema("oct14").model_dump(mode="json", exclude_none=True))
    Path("own.toml").write_text(text.replace('name = "oct14"', 'name = "../oct14"'), "utf-8")

    result = octsam("preprocess", raw, "--schema", "own.toml")

    assert result.exit_code == 1
    assert "cannot name a folder of masks" in " ".join(result.stderr.split())


def test_a_bscan_whose_name_can_be_no_file_is_said(tmp_path: Path) -> None:
    pixels = ArraySource("a", np.zeros(SHAPE, np.uint8))
    schema = bundled_schema("oct14")
    item = Item("../a", "a", pixels, {schema.name: pixels})

    with pytest.raises(UserError, match="give it another name"):
        write_prepared(tmp_path / "new", Dataset(tmp_path, "test", (schema,), (item,)), None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{}", '{"version": 9}'])
def test_a_broken_description_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)

    with pytest.raises(UserError, match="prepare it again with 'octsam preprocess'"):
        open_dataset(tmp_path)


def test_16_bit_stay_in_a_prepared_data_set(octsam: Octsam, tmp_path: Path) -> None:
    raw = tmp_path / "deep"
    for folder in ("images", "masks"):
        (raw / folder).mkdir(parents=True)
    random = np.random.default_rng(0)
    pixels = [random.integers(0, 65536, (40, 60), np.uint16) for _ in range(2)]
    tifffile.imwrite(raw / "images" / "a_1.tif", pixels[0], byteorder=">")
    colours = np.stack([pixels[1]] * 3, -1)
    tifffile.imwrite(raw / "images" / "b_1.tif", colours, photometric="rgb")
    for name in ("a_1", "b_1"):
        iio.imwrite(raw / "masks" / f"{name}.png", np.full((40, 60), 2, np.uint8))

    assert octsam("preprocess", raw, "--out", "out", "--name", "one").exit_code == 0
    for name, written in zip(("a_1", "b_1"), pixels, strict=True):
        np.testing.assert_array_equal(read_picture(Path("out/one/images") / f"{name}.png"), written)
