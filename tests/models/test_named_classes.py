"""Which class of a network's is meant by a class of a label schema."""

from __future__ import annotations

import pytest

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.prompts import Box, Prompt
from napari_octsam.models.named_classes import UNKNOWN, class_index, named_classes
from napari_octsam.models.tiny.pixel_names import NAMED

KNOWN = tuple(map(bundled_schema, ("layers7", "oct14", "fluid")))
OCT14, FLUID = 8, 8 + 14  # indices of their backgrounds


def own_schema(*names: str, called: str = "mine") -> LabelSchema:
    """Return a schema of classes from 1 on."""
    classes = [
        {"value": value, "name": name, "short": name[:8], "color": "#ff0000"}
        for value, name in enumerate(["background", *names])
    ]
    return LabelSchema.model_validate({"name": called, "classes": classes})


@pytest.mark.parametrize(
    ("schema", "value", "index"),
    [
        ("layers7", 1, 1),
        ("layers7", 7, 7),
        ("oct14", 3, OCT14 + 3),
        ("oct14", 6, OCT14 + 6),
        ("oct14", 13, OCT14 + 13),
        ("fluid", 1, FLUID + 1),
        ("amd", 1, OCT14 + 2),
        ("amd", 2, UNKNOWN),
        ("organoid", 1, UNKNOWN),
        ("layers7", 0, UNKNOWN),
        ("amd", 0, UNKNOWN),
        ("layers7", 99, UNKNOWN),
    ],
)
def test_a_bundled_schemas_class_is_that_of_the_same_name(
    schema: str, value: int, index: int
) -> None:
    assert class_index(KNOWN, bundled_schema(schema), value) == index


def test_a_persons_own_class_is_known_by_its_full_name() -> None:
    mine = own_schema("Intraretinal Fluid", "retinal pigment epithelium", "IRF", "fluid")
    found = [class_index(KNOWN, mine, value) for value in (1, 2, 3, 4)]
    assert found == [OCT14 + 3, OCT14 + 6, UNKNOWN, FLUID + 1]


def test_a_persons_own_version_of_a_bundled_schema_goes_by_names_too() -> None:
    mine = own_schema("choroid", "retinal pigment epithelium", called="layers7")
    assert [class_index(KNOWN, mine, value) for value in (1, 2)] == [UNKNOWN, 7]


def test_a_prompt_is_asked_for_by_its_class_where_it_names_it() -> None:
    box = Box(1, 2, 3, 4)
    prompts = [Prompt(3, box), Prompt(3, box, names_class=False), Prompt(4, box)]
    oct14 = bundled_schema()
    assert named_classes(KNOWN, oct14, prompts) == [OCT14 + 3, UNKNOWN, OCT14 + 4]
    assert named_classes(KNOWN, None, prompts) == [UNKNOWN] * 3
    assert named_classes((), oct14, prompts) == [UNKNOWN] * 3


@pytest.mark.parametrize("name", NAMED)
def test_octsam_tiny_has_a_name_for_each_class_of_the_schemas_that_it_knows(name: str) -> None:
    assert [each.value for each in bundled_schema(name).classes] == list(range(NAMED[name]))
