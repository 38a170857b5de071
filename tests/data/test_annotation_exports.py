"""Annotations go out, and come back as they were; what does not fit is said."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.classes import (
    NOT_LABELLED,
    LabelClass,
    LabelSchema,
    LabelUnion,
    bundled_schema,
    load_schema,
)
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.check import check_annotation
from napari_octsam.data.annotations.description import (
    description_in,
    schema_in,
    sidecar_of,
    write_sidecar,
)
from napari_octsam.data.annotations.exports import Kind, export, files_of
from napari_octsam.data.annotations.folder import LABELS, AnnotationFolder, read_annotation
from napari_octsam.data.annotations.imports import import_labels
from napari_octsam.data.annotations.listing import annotations_in, summarise
from napari_octsam.data.annotations.rle import mask_of, run_lengths
from napari_octsam.data.annotations.saved import open_saved
from napari_octsam.data.checking import check_folder
from napari_octsam.data.layouts import open_dataset
from napari_octsam.data.pairs import read_dataset
from tests.annotated import write_annotation, write_image

RNG = np.random.default_rng(0)
SCHEMA = bundled_schema("layers7")
SHAPE = (3, 40, 60)
LABELLED = RNG.integers(0, 8, SHAPE, np.uint8)
LABELLED[1] = 0
OWN = LabelSchema(
    name="a 'quoted' name = #1",
    classes=(
        LabelClass(value=0, name="background", short="BG", color="#000000"),
        LabelClass(value=7, name="Drüse\\n", short="Dr", color="#ff00ff80", hotkey="D", holes=0),
        LabelClass(value=254, name="rest", short="R", color="#123456", components=2),
    ),
    unions=(LabelUnion(name="both", values=(7, 254), components=1),),
)
ALL = tuple(BScanState)


def exported(path: Path, kind: Kind, name: str, **options: Any) -> Path:
    """Return what an annotation is exported as, beside it."""
    target = path.with_name(name)
    export(open_saved(path), kind, target, **options)
    return target


def labels_in(path: Path) -> np.ndarray:
    return open_saved(path).labels.read_all()


shapes = st.one_of(
    npst.array_shapes(min_dims=2, max_dims=2, min_side=8, max_side=14),
    st.tuples(st.integers(1, 3), st.integers(8, 12), st.integers(8, 12)),
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(8, 10), st.integers(8, 10)),
)
classes = st.sampled_from([0, 7, 254])


@given(
    data=st.data(),
    shape=shapes,
    dtype=st.sampled_from([np.uint8, np.uint16, np.int16, np.int32, np.int64, np.uint64]),
    kind=st.sampled_from([Kind.TIFF, Kind.PNG, Kind.COCO]),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_goes_out_comes_back(
    data: st.DataObject, shape: tuple[int, ...], dtype: type[np.integer], kind: Kind
) -> None:
    values = classes if kind is Kind.COCO else st.one_of(classes, st.just(NOT_LABELLED))
    labels = data.draw(npst.arrays(dtype, shape, elements=values))
    scale = data.draw(
        st.lists(st.floats(1e-6, 1e6), min_size=len(shape), max_size=len(shape)).map(tuple)
    )
    unit = data.draw(st.sampled_from(["micrometer", "pixel", "millimeter"]))
    with tempfile.TemporaryDirectory() as name, patch.object(os, "fsync"):
        folder = Path(name)
        units = (unit,) * len(shape)
        path = write_annotation(folder, labels, label_schema=OWN, scale=scale, units=units)
        suffix = {Kind.TIFF: ".tif", Kind.PNG: ".png" * (len(shape) == 2), Kind.COCO: ".json"}
        out = folder / f"out{suffix[kind]}"
        states = None
        if kind is Kind.COCO:
            states = ALL
            assume(labels.any())
        export(open_saved(path), kind, out, states)

        back = import_labels(out, folder / "P1.tif", folder / "back.octsam")

        before = read_annotation(path)
        np.testing.assert_array_equal(labels_in(folder / "back.octsam").reshape(shape), labels)
        assert back.label_schema == OWN
        assert back.image.pixels == before.image.pixels
        if len(back.image.shape) == len(shape):
            assert (back.scale, back.units, back.axis_labels) == (
                *(before.scale, before.units, before.axis_labels),
            )
        if kind is Kind.TIFF:
            assert labels_in(folder / "back.octsam").dtype == dtype


def test_a_tiff_says_what_it_is_in_itself_and_beside_it(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, LABELLED)

    file = exported(path, Kind.TIFF, "labels.tif")

    with tifffile.TiffFile(file) as opened:
        content = json.loads(opened.pages[0].tags["ImageDescription"].value)  # type: ignore[union-attr]
        rows, cols = (opened.pages[0].tags[f"{axis}Resolution"].value for axis in "YX")  # type: ignore[union-attr]
    assert content["octsam"]["label_schema"]["name"] == "layers7"
    assert content["octsam"]["units"] == ["micrometer"] * 3
    assert cols[0] / cols[1] == pytest.approx(1e4 / 3.87)
    assert rows[0] / rows[1] == pytest.approx(1e4 / 11.5)
    np.testing.assert_array_equal(tifffile.imread(file), LABELLED)
    assert load_schema(tmp_path / "labels.schema.toml") == SCHEMA == schema_in(file)
    assert files_of(Kind.TIFF, read_annotation(path), file) == (file, sidecar_of(file))


def test_a_tiff_has_no_resolution_where_no_size_is_known(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, LABELLED, units=("pixel",) * 3)

    with tifffile.TiffFile(exported(path, Kind.TIFF, "labels.tif")) as opened:
        assert opened.pages[0].tags["ResolutionUnit"].value == 1  # type: ignore[union-attr]


def test_a_volume_becomes_a_png_a_bscan(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, LABELLED)

    folder = exported(path, Kind.PNG, "labels")

    names = [f"P1_{number:03d}.png" for number in range(3)]
    assert sorted(p.name for p in folder.iterdir()) == [*names, "schema.toml"]
    for name, labels in zip(names, LABELLED, strict=True):
        np.testing.assert_array_equal(iio.imread(folder / name), labels)
        assert schema_in(folder / name) == SCHEMA
    assert schema_in(folder) == SCHEMA
    with pytest.raises(UserError, match="is there already: choose another name"):
        export(open_saved(path), Kind.PNG, folder)


def test_png_of_large_values_has_16_bit_and_of_larger_ones_is_refused(tmp_path: Path) -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[3, 4] = 300
    path = write_annotation(tmp_path, labels)

    assert iio.imread(exported(path, Kind.PNG, "labels.png")).dtype == np.uint16

    for value in (-1, 70_000):
        labels[3, 4] = value
        shutil.rmtree(path)
        path = write_annotation(tmp_path, labels)
        with pytest.raises(UserError, match=f"PNG cannot hold .*{value}.*: export as TIFF"):
            exported(path, Kind.PNG, "other.png")
    assert not (tmp_path / "other.png").exists()


@pytest.mark.parametrize("kind", [Kind.TIFF, Kind.PNG, Kind.COCO])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, kind: Kind) -> None:
    path = write_annotation(tmp_path, LABELLED[0])
    before = sorted(tmp_path.iterdir())

    with pytest.raises(UserError, match="name a file that ends in"):
        exported(path, kind, "labels.xyz")
    assert sorted(tmp_path.iterdir()) == before


def test_masks_are_a_data_set_that_knows_its_schema(tmp_path: Path) -> None:
    done = {(0,): BScanState.CORRECTED, (1,): BScanState.DONE, (2,): BScanState.AUTOMATIC}
    path = write_annotation(tmp_path, LABELLED, done)

    dataset = open_dataset(exported(path, Kind.MASKS, "set"))

    found = read_dataset(dataset)
    assert dataset.schemas == (SCHEMA,)
    assert [each.name for each in found] == ["P1_000", "P1_001"]
    assert {item.group for item in dataset.items} == {"P1"}
    image = tifffile.imread(tmp_path / "P1.tif")
    for number, each in enumerate(found):
        np.testing.assert_array_equal(each.labels, LABELLED[number])
        np.testing.assert_array_equal(each.image, image[number])
    assert check_folder(tmp_path / "set").split.train, "a training makes a split"


def test_of_which_bscans_is_said(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, LABELLED, {(2,): BScanState.AUTOMATIC})

    with pytest.raises(UserError, match="no labelled B-scan that is corrected or done: name"):
        exported(path, Kind.MASKS, "set")
    automatic = exported(path, Kind.MASKS, "set", states=(BScanState.AUTOMATIC,))
    assert [p.name for p in (automatic / "masks").iterdir()] == ["P1_002.png"]
    everything = exported(path, Kind.MASKS, "all", states=ALL)
    assert len(list((everything / "images").iterdir())) == 2, "one has no label"
    with pytest.raises(UserError, match="All B-scans are exported as tiff: leave --states out"):
        exported(path, Kind.TIFF, "labels.tif", states=ALL)


def test_masks_want_the_image_that_was_labelled(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, LABELLED)
    image = tmp_path / "P1.tif"

    tifffile.imwrite(image, np.zeros(SHAPE, np.uint8), photometric="minisblack")
    with pytest.raises(UserError, match=r"P1\.tif has other pixels than the image"):
        exported(path, Kind.MASKS, "set")
    write_image(image, (2, 40, 60))
    with pytest.raises(UserError, match=r"another image .* is 2 x 40 x 60, that was 3 x 40 x 60"):
        exported(path, Kind.MASKS, "set")
    image.unlink()
    with pytest.raises(UserError, match=r"The image .*P1\.tif is gone"):
        exported(path, Kind.MASKS, "set")
    assert not (tmp_path / "set").exists()


def test_masks_of_a_colour_picture(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (40, 60, 3), np.uint8)
    iio.imwrite(tmp_path / "P2_OD_7.png", pixels)
    tifffile.imwrite(tmp_path / "labels.tif", LABELLED[0])
    import_labels(
        *(tmp_path / name for name in ("labels.tif", "P2_OD_7.png", "a.octsam")), schema=SCHEMA
    )

    dataset = open_dataset(exported(tmp_path / "a.octsam", Kind.MASKS, "set"))

    (item,) = dataset.items
    assert (item.name, item.group) == ("P2_OD_7", "P2")
    assert item.read_image().shape == (40, 60)


def decoded(counts: list[int], size: list[int]) -> np.ndarray:
    """Return a mask as COCO's own reader does: pixel by pixel, down each column."""
    rows, cols = size
    mask, place, on = np.zeros(rows * cols, bool), 0, False
    for count in counts:
        mask[place : place + count] = on
        place, on = place + count, not on
    return np.array([[mask[col * rows + row] for col in range(cols)] for row in range(rows)])


def test_coco_has_each_object_to_the_pixel(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 5:30, 10:50] = 2
    labels[0, 10:20, 20:30] = 0  # a hole
    labels[0, 12:15, 22:25] = 2  # and an island in it
    labels[2, :, :5] = 7
    labels[2, 20:, 50:] = NOT_LABELLED
    path = write_annotation(tmp_path, labels, dict.fromkeys([(0,), (1,), (2,)], BScanState.DONE))

    content = json.loads(exported(path, Kind.COCO, "labels.json").read_text("utf-8"))

    assert [each["file_name"] for each in content["images"]] == [
        f"P1_{number:03d}.png" for number in range(3)
    ]
    assert {each["id"]: each["name"] for each in content["categories"]} == {
        each.value: each.name for each in SCHEMA.foreground
    }
    ring, island, border = content["annotations"]
    assert island["bbox"] == [22, 12, 3, 3]
    assert (island["area"], ring["area"]) == (9, 25 * 40 - 100)
    assert border["category_id"] == 7
    found = np.zeros(SHAPE, np.uint8)
    for each in content["annotations"]:
        mask = decoded(**each["segmentation"])
        assert mask.sum() == each["area"]
        found[each["image_id"] - 1][mask] = each["category_id"]
    np.testing.assert_array_equal(found, np.where(labels == NOT_LABELLED, 0, labels))


@given(mask=npst.arrays(bool, npst.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_run_lengths_are_the_mask(mask: np.ndarray) -> None:
    lengths = run_lengths(mask)

    np.testing.assert_array_equal(mask_of(lengths, mask.shape), mask)
    np.testing.assert_array_equal(decoded(lengths, list(mask.shape)), mask)
    assert all(lengths[1:]), "only the first may be 0"


@pytest.mark.parametrize("kind", [Kind.MASKS, Kind.COCO])
def test_values_that_the_schema_lacks_are_no_data_to_learn_from(tmp_path: Path, kind: Kind) -> None:
    labels = LABELLED.astype(np.int32)
    labels[0, 0, 0] = 300
    path = write_annotation(tmp_path, labels)

    with pytest.raises(UserError, match=r"P1_000 in .* layers7 does not know \(300\)"):
        exported(path, kind, "set.json")
    assert not (tmp_path / "set.json").exists()


def coco(image: dict[str, Any], *objects: dict[str, Any], name: str = "RNFL") -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "b.png", "width": 9, "height": 9}, image],
        "annotations": [{"image_id": 4, "category_id": 3, **each} for each in objects],
        "categories": [{"id": 3, "name": name}],
    }


IMAGE = {"id": 4, "file_name": "folder/P1.png", "width": 60, "height": 40}
SQUARE = {"segmentation": [[10, 5, 20, 5, 20, 15, 10, 15]]}


def imported(tmp_path: Path, content: Any, schema: LabelSchema | None = SCHEMA) -> np.ndarray:
    (tmp_path / "labels.json").write_text(json.dumps(content), "utf-8")
    image = write_image(tmp_path / "P1.tif", SHAPE[1:])
    import_labels(tmp_path / "labels.json", image, tmp_path / "new.octsam", schema)
    return labels_in(tmp_path / "new.octsam")


def test_coco_of_others_has_polygons_and_its_own_numbers(tmp_path: Path) -> None:
    runs = {"segmentation": {"size": [40, 60], "counts": [0, 40, 2360]}}

    found = imported(tmp_path, coco(IMAGE, SQUARE, runs))

    expected = np.zeros(SHAPE[1:], np.uint8)
    expected[5:15, 10:20] = 1
    expected[:, 0] = 1
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([], "is not COCO JSON"),
        ({"images": 3}, "is not COCO JSON: images"),
        (coco({**IMAGE, "file_name": "P3.png"}, SQUARE), "no labels of P1: it names other images"),
        (coco({**IMAGE, "width": 61}, SQUARE), r"folder/P1\.png is 40 x 61 in it, not 40 x 60"),
        (coco(IMAGE, SQUARE, name="car"), "category car, which is no class of the schema layers7"),
        (coco(IMAGE, {**SQUARE, "category_id": 9}), "does not say what its category 9 is"),
        (coco(IMAGE, {"segmentation": {"size": [40, 60], "counts": "a0"}}), "packed run lengths"),
        (coco(IMAGE, {"segmentation": {"size": [4, 6], "counts": [24]}}), "is damaged: the run"),
        (coco(IMAGE, {"segmentation": [[1, 2, 3]]}), "is damaged: a polygon of it has 3 numbers"),
        (coco(IMAGE, {"segmentation": [[1, 2, float("nan")]]}), "is not COCO JSON: annotations"),
    ],
)
def test_coco_that_does_not_fit_is_one_sentence(
    tmp_path: Path, content: Any, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        imported(tmp_path, content)
    assert not (tmp_path / "new.octsam").exists()


def test_labels_that_do_not_say_their_schema_want_one(tmp_path: Path) -> None:
    image = write_image(tmp_path / "P1.tif", SHAPE)
    for name in ("labels.npy", "labels.tif"):
        np.save(tmp_path / "labels.npy", LABELLED)
        tifffile.imwrite(tmp_path / "labels.tif", LABELLED, photometric="minisblack")
        with pytest.raises(UserError, match="does not say what its labels mean: name their --sch"):
            import_labels(tmp_path / name, image, tmp_path / "new.octsam")

    made = import_labels(tmp_path / "labels.npy", image, tmp_path / "new.octsam", SCHEMA)

    assert made == read_annotation(tmp_path / "new.octsam")
    assert made.units == ("pixel",) * 3
    assert {index: each.state for index, each in made.progress.items()} == {
        (0,): BScanState.CORRECTED,
        (2,): BScanState.CORRECTED,
    }
    assert check_annotation(tmp_path / "new.octsam") == []


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (LABELLED[0], "are 40 x 60, but the image .* is 3 x 40 x 60"),
        (LABELLED[:, :20], "are 3 x 20 x 60, but the image"),
        (LABELLED.transpose(2, 1, 0), "are 60 x 40 x 3|is a colour picture"),
        (LABELLED + 200, r"layers7 does not know \(200, 201, 202, 203, 204 and 3 more\)"),
        (LABELLED / 2, "holds fractions"),
    ],
)
def test_labels_that_do_not_fit_make_nothing(
    tmp_path: Path, labels: np.ndarray, sentence: str
) -> None:
    np.save(tmp_path / "labels.npy", labels)
    image = write_image(tmp_path / "P1.tif", SHAPE)

    with pytest.raises(UserError, match=sentence):
        import_labels(tmp_path / "labels.npy", image, tmp_path / "new.octsam", SCHEMA)
    assert not (tmp_path / "new.octsam").exists()


def test_a_folder_of_pictures_is_taken_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    with pytest.raises(UserError, match="has no pictures with labels"):
        import_labels(folder, write_image(tmp_path / "P1.tif", (11, 40, 60)), tmp_path / "n.octsam")
    for number in range(11):
        iio.imwrite(folder / f"b{number}.png", np.full((40, 60), number % 8, np.uint8))
    write_sidecar(folder / "schema.toml", SCHEMA)

    import_labels(folder, tmp_path / "P1.tif", tmp_path / "new.octsam")

    found = labels_in(tmp_path / "new.octsam")
    assert found[:, 0, 0].tolist() == [number % 8 for number in range(11)]
    iio.imwrite(folder / "b3.png", np.zeros((40, 61), np.uint8))
    with pytest.raises(UserError, match="B-scans of one size: 40 x 60, 40 x 61"):
        import_labels(folder, tmp_path / "P1.tif", tmp_path / "other.octsam")


def test_a_schema_that_is_given_is_taken(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, LABELLED)
    file = exported(path, Kind.TIFF, "labels.tif")

    made = import_labels(file, tmp_path / "P1.tif", tmp_path / "n.octsam", bundled_schema("oct14"))

    assert made.label_schema.name == "oct14"
    assert made.scale == read_annotation(path).scale


def test_garbage_has_no_schema(tmp_path: Path) -> None:
    for name in ("a.tif", "a.png", "a.npy", "a.json", "a", "none.tif", "none"):
        if not name.startswith("none"):
            (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n garbage")
        assert schema_in(tmp_path / name) is None
        assert description_in(tmp_path / name) is None
    tifffile.imwrite(tmp_path / "a.tif", LABELLED[0], metadata={"octsam": {"scale": "?"}})
    assert schema_in(tmp_path / "a.tif") is None
    tifffile.imwrite(tmp_path / "a.tif", LABELLED[0], metadata={"octsam": 3})
    assert schema_in(tmp_path / "a.tif") is None
    (tmp_path / "a.schema.toml").write_bytes(b"\xff")
    assert schema_in(tmp_path / "a.tif") is None
    assert schema_in(tmp_path) is None


def test_the_metadata_goes_before_what_lies_beside(tmp_path: Path) -> None:
    file = exported(write_annotation(tmp_path, LABELLED), Kind.TIFF, "labels.tif")

    write_sidecar(sidecar_of(file), OWN)
    assert schema_in(file) == SCHEMA
    tifffile.imwrite(file, LABELLED, photometric="minisblack")  # by another program
    assert schema_in(file) == OWN
    Image.fromarray(LABELLED[0]).save(tmp_path / "labels.png")
    assert schema_in(tmp_path / "labels.png") == OWN


def test_a_whole_annotation_has_no_faults(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, LABELLED)

    assert check_annotation(path) == []
    (tmp_path / "P1.tif").rename(tmp_path / "moved.tif")
    assert check_annotation(path, tmp_path / "moved.tif") == []
    (fault,) = check_annotation(path)
    assert fault.endswith("P1.tif is gone: put it back where it was.")


def test_an_image_that_came_from_no_file_is_not_looked_for(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, LABELLED)
    annotation = read_annotation(path)
    folder = AnnotationFolder(path)
    link = annotation.image.model_copy(update={"path": ""})
    folder.write(annotation.model_copy(update={"image": link}))
    folder.close()

    assert check_annotation(path) == []
    with pytest.raises(UserError, match="The image P1 came from no file"):
        exported(path, Kind.MASKS, "set")


def damaged(path: Path) -> None:
    for number in (0, 2):
        (path / LABELS / "0" / "c" / str(number) / "0" / "0").write_bytes(b"damaged")


def lost(path: Path) -> None:
    shutil.rmtree(path / LABELS / "0" / "c" / "2")


def unsaid(path: Path) -> None:
    folder = AnnotationFolder(path)
    folder.write(folder.annotation.model_copy(update={"progress": {}}))
    folder.close()


def strange(path: Path) -> None:
    folder = AnnotationFolder(path)
    folder.labels.write((2,), np.full(SHAPE[1:], 99, np.uint8))
    folder.close()


def newer(path: Path) -> None:
    (path / "annotation.json").write_text('{"version": 2}')


@pytest.mark.parametrize(
    ("spoil", "faults"),
    [
        (damaged, ["B-scan [0] in", "B-scan [2] in"]),
        (lost, ["have no label, but are said to be corrected: P1_002."]),
        (unsaid, ["have labels, but are said to be untouched: P1_000, P1_002."]),
        (strange, ["layers7 has no class 99, which is in"]),
        (newer, ["newer napari-octsam"]),
        (lambda path: shutil.rmtree(path / LABELS), ["labels.zarr is gone"]),
        (shutil.rmtree, ["is no annotation"]),
    ],
)
def test_each_fault_is_a_sentence(
    tmp_path: Path, spoil: Callable[[Path], None], faults: list[str]
) -> None:
    path = write_annotation(tmp_path, LABELLED)
    spoil(path)
    before = sorted(tmp_path.rglob("*"))

    found = check_annotation(path)

    assert len(found) == len(faults)
    for sentence, fault in zip(found, faults, strict=True):
        assert fault in sentence
        assert str(path) in sentence
        assert sentence.endswith(".")
    assert sorted(tmp_path.rglob("*")) == before, "a check writes nothing"


def test_what_is_open_can_be_read(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, LABELLED)
    folder = AnnotationFolder(path)

    assert check_annotation(path) == []
    np.testing.assert_array_equal(tifffile.imread(exported(path, Kind.TIFF, "a.tif")), LABELLED)
    assert summarise(path).pixels == np.count_nonzero(LABELLED)
    folder.close()


def test_a_summary_counts_bscans_and_pixels(tmp_path: Path) -> None:
    labels = LABELLED.copy()
    labels[0, :3] = NOT_LABELLED
    path = write_annotation(tmp_path, labels, {(0,): BScanState.DONE, (2,): BScanState.CORRECTED})

    found = summarise(path)

    assert found.states == {
        BScanState.DONE: 1,
        BScanState.CORRECTED: 1,
        BScanState.UNTOUCHED: 1,
    }
    assert found.pixels == np.count_nonzero(labels) - 3 * 60
    assert found.changed == max(each.at for each in found.annotation.progress.values())
    assert annotations_in(tmp_path) == [path]
    assert annotations_in(tmp_path / "none") == []
