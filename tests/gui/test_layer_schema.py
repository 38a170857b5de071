"""Labels layers that say of which schema their values are, and to which image they belong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("napari")
from napari.layers import Image, Labels

from napari_octsam.core.classes import LabelSchema, bundled_schema, load_schema
from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.companions import Companions
from napari_octsam.gui.layers.layer_schema import (
    check_meaning,
    described,
    fits,
    schema_of,
    show_schema,
    values_of,
)
from napari_octsam.gui.layers.new_layers import new_labels
from napari_octsam.gui.session.last_schema import last_schema, remember_schema

OCT14, LAYERS7, FLUID = map(bundled_schema, ("oct14", "layers7", "fluid"))
CHOROID = load_schema(Path(__file__).parents[2] / "docs" / "choroid.toml")


def blank(**kwargs: object) -> Labels:
    return Labels(np.zeros((20, 30), np.uint8), **kwargs)


@pytest.mark.parametrize("schema", [OCT14, CHOROID])
def test_a_layer_says_its_schema_also_after_its_metadata_went_through_json(
    schema: LabelSchema,
) -> None:
    labels = blank(metadata={"patient": "P1", "napari-octsam": {"reader": "Ann"}})
    assert schema_of(labels) is None
    show_schema(labels, schema)
    metadata = json.loads(json.dumps(labels.metadata))
    assert schema_of(blank(metadata=metadata)) == schema
    assert (metadata["patient"], metadata["napari-octsam"]["reader"]) == ("P1", "Ann")
    image = Image(np.zeros((20, 30), np.uint8))
    assert schema_of(new_labels(image, schema, "new")[0]) == schema
    assert schema_of(blank(**described(schema))) == schema


def test_a_layer_whose_table_names_a_bundled_schema_is_of_it() -> None:
    table = {
        "index": [c.value for c in LAYERS7.classes],
        "name": [c.name for c in LAYERS7.classes],
    }
    for metadata in ({}, {"napari-octsam": {"schema": {"name": "x"}}}, {"napari-octsam": "?"}):
        assert schema_of(blank(features=table, metadata=metadata)) == LAYERS7
    table["name"][3] = "something else"
    assert schema_of(blank(features=table)) is None


def test_a_persons_columns_and_rows_stay() -> None:
    own = pd.DataFrame({"index": [6, 2, 90], "grade": ["a", "b", "c"], "name": ["RPE", "", "mine"]})
    labels = blank(features=own)
    show_schema(labels, OCT14)
    table = labels.features.set_index("index")
    assert table["grade"].dropna().to_dict() == {2: "b", 6: "a", 90: "c"}
    assert table["name"][6] == "retinal pigment epithelium"
    assert len(table) == len(OCT14.classes) + 1
    by_row = blank(features={"grade": ["none", "thin"]})
    show_schema(by_row, OCT14)
    assert by_row.features.set_index("index")["grade"].dropna().to_dict() == {0: "none", 1: "thin"}
    show_schema(by_row, LAYERS7)
    assert by_row.features.set_index("index")["name"][1] == "retinal nerve fiber layer"
    assert list(by_row.features["grade"].dropna()) == ["none", "thin"]


def test_another_schema_or_another_name_is_refused_by_name() -> None:
    labels = blank(name="eye")
    check_meaning(labels, OCT14)
    show_schema(labels, LAYERS7)
    with pytest.raises(UserError, match="eye is labelled with layers7, not with oct14"):
        check_meaning(labels, OCT14)
    check_meaning(labels, LAYERS7.model_copy(update={"name": "the same"}))
    named = blank(name="eye", features={"index": [1], "name": ["drusen"]})
    with pytest.raises(UserError, match='eye calls the value 1 "drusen", oct14 does not'):
        check_meaning(named, OCT14)
    assert not fits(named, {0, 1}, OCT14)
    odd = blank(features={"index": [np.nan, 1.5], "name": ["a", "b"]})
    check_meaning(odd, OCT14)
    assert fits(blank(features={"index": [1], "name": ["ERM"]}), {0, 1}, OCT14)


def test_values_are_read_plane_by_plane_and_255_is_none() -> None:
    dask = pytest.importorskip("dask.array")
    volume = np.zeros((3, 20, 30), np.uint8)
    volume[1, 4, 4], volume[2, 4, 4] = 77, 255
    assert values_of(Labels(volume)) == {0, 77}
    assert values_of(Labels(dask.from_array(volume, chunks=(1, 20, 30)))) == {0, 77}


def test_a_layer_stays_that_of_an_image_when_another_takes_its_place() -> None:
    one, two = Image(np.zeros((20, 30))), Image(np.zeros((20, 30)))
    labels, companions = blank(), Companions()
    companions.labels.set(one, labels)
    companions.labels.set(one, blank())
    assert companions.labels.is_of(one, labels)
    companions.labels.set(two, labels)
    assert not companions.labels.is_of(one, labels)


def test_the_last_schema_is_remembered_by_name_by_file_or_as_a_whole(tmp_path: Path) -> None:
    assert last_schema() == OCT14
    remember_schema(LAYERS7)
    assert last_schema() == LAYERS7
    file = tmp_path / "mine.toml"
    text = (Path(__file__).parents[2] / "docs" / "choroid.toml").read_text("utf-8")
    file.write_text(text, "utf-8")
    remember_schema(load_schema(file), file)
    file.write_text(text.replace('name = "choroid"', 'name = "mine"', 1), "utf-8")
    assert last_schema().name == "mine"
    file.unlink()
    assert last_schema() == OCT14
    remember_schema(CHOROID)
    assert last_schema() == CHOROID


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": 7}', '{"schema": {"name": "x"}}'])
def test_a_broken_memory_of_the_schema_is_the_default(tmp_path: Path, text: str) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "last_schema.json").write_text(text, "utf-8")
    assert last_schema() == OCT14
