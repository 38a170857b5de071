"""Label schemas: the bundled ones, and a person's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_octsam.core.classes import (
    BUNDLED_SCHEMAS,
    LabelSchema,
    LabelUnion,
    bundled_schema,
    load_schema,
)
from napari_octsam.core.errors import UserError

OCT14 = [
    "background",
    "epiretinal membrane",
    "neurosensory retina",
    "intraretinal fluid",
    "subretinal fluid",
    "subretinal hyperreflective material",
    "retinal pigment epithelium",
    "pigment epithelial detachment",
    "posterior hyaloid membrane",
    "choroid border",
    "imaging artifacts",
    "fibrosis",
    "vitreous body",
    "image padding",
]

OWN = """
name = "mine"
[[classes]]
value = 0
name = "background"
short = "BG"
color = "#00000000"
[[classes]]
value = 4
name = "drusen"
short = "DRU"
color = "#ff0000"
hotkey = "Shift-U"
"""


def test_the_fourteen_classes_stand_in_the_original_order() -> None:
    classes = bundled_schema("oct14").classes
    assert [c.name for c in classes] == OCT14
    assert [c.value for c in classes] == list(range(14))


@pytest.mark.parametrize("name", BUNDLED_SCHEMAS)
def test_every_class_can_be_told_by_colour_and_key(name: str) -> None:
    foreground = bundled_schema(name).foreground
    assert len({c.color for c in foreground}) == len(foreground)
    assert len({c.hotkey for c in foreground}) == len(foreground)


def test_a_class_is_found_by_value_name_or_short_name() -> None:
    schema = bundled_schema("oct14")
    assert schema.find("6") == schema.find(" rpe ") == schema.find("Retinal Pigment Epithelium")
    with pytest.raises(UserError, match=r"no class 'drusen'.*13 PAD"):
        schema.find("drusen")


def test_a_schema_of_ones_own_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN, "utf-8")
    assert load_schema(path)[4].name == "drusen"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "not a label schema: it is not TOML"),
        ('name = "x"\nclasses = []', "not a label schema: classes"),
        (OWN.replace("value = 4", "value = 0"), "same value"),
        (OWN.replace("value = 4", "value = 255"), "less than 255"),
        (OWN.replace("#ff0000", "red"), r"classes.1.color"),
        (OWN.replace('name = "background"', 'name = "drusen"', 1), "same name"),
    ],
)
def test_a_wrong_schema_is_one_sentence_that_names_the_file(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=complaint) as told:
        load_schema(path)
    assert str(path) in str(told.value)


def test_a_missing_schema_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Cannot read the label schema"):
        load_schema(tmp_path / "none.toml")


def test_the_layers_are_expected_in_one_piece_and_a_union_names_classes_that_are_there() -> None:
    schema = bundled_schema("layers7")
    assert {(c.components, c.holes) for c in schema.foreground} == {(1, 0)}
    (retina,) = schema.unions
    assert retina.values == tuple(range(1, 8))
    with pytest.raises(ValueError, match=r"values \[9\], which no class has"):
        LabelSchema(
            name="x",
            classes=schema.classes,
            unions=(LabelUnion(name="wrong", values=(1, 9)),),
        )


UNION = '[[unions]]\nname = "both"\nvalues = [{}]\n'


def test_a_name_and_its_short_name_may_differ_by_case_only(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace('"DRU"', '"Drusen"').replace('"drusen"', '"DRUSEN"'))
    assert load_schema(path)[4].name == "DRUSEN"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (UNION.format("0, 4, 4"), "the union 'both' names a value twice"),
        (UNION.format("0, 4") + UNION.format("4, 0"), "two unions have the same name"),
    ],
)
def test_a_union_that_repeats_is_refused(tmp_path: Path, more: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN + more)
    with pytest.raises(UserError, match=sentence):
        load_schema(path)


def test_two_classes_whose_names_differ_by_case_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace('"drusen"', '"Background"'))
    with pytest.raises(UserError, match="two classes have the same name"):
        load_schema(path)
