"""Pixels that a model names unasked, and what it says where it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_octsam import load_model
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import named_schema
from napari_octsam.phantoms.bscan import make_phantom


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("octsam-tiny", device="cpu", precision="float32")


def test_an_image_becomes_labels_and_its_embedding_the_same(model: Model) -> None:
    phantom = make_phantom(5, (200, 260), findings=())
    named = model.label(phantom.image, schema="layers7")
    again = model.label(model.encode(phantom.image), bundled_schema("layers7"))

    assert named.probabilities.shape == (8, 512, 256)
    np.testing.assert_allclose(named.probabilities.sum(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(named.by_column.sum(axis=1), 1, atol=1e-5)
    assert named.labels.shape == (200, 260)
    assert np.array_equal(named.labels, again.labels)
    retina = phantom.layers > 0
    assert (named.labels == phantom.layers)[retina].mean() > 0.8
    assert (named.plain.labels == phantom.layers)[retina].mean() > 0.8


def test_probabilities_lie_on_the_bscan_as_torch_interpolates_them(model: Model) -> None:
    named = model.label(make_phantom(5, (200, 260)).image, "oct14")
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(named.probabilities)[None], (200, 260), mode="bilinear"
    )[0]
    np.testing.assert_allclose(named.by_column.transpose(1, 2, 0), expected, atol=1e-4)


def test_classes_are_told_by_their_names_whatever_their_order(model: Model) -> None:
    schema = bundled_schema("layers7")
    mine = schema.model_copy(
        update={"name": "mine", "classes": schema.classes[::-1], "stack": (), "unions": ()}
    )
    bscan = model.encode(make_phantom(5, (200, 260)).image)

    assert np.array_equal(model.label(bscan, mine).labels, model.label(bscan, schema).labels)
    fluid = model.label(bscan, "fluid")
    assert fluid.best is fluid.plain, "it has no layers"


def test_a_model_says_which_schemas_it_names_or_none() -> None:
    tiny = Header(name="t", architecture="octsam-tiny", profile="octsam-tiny")
    sam = Header(name="vit_b", architecture="vit_b", profile="sam")

    assert tiny.named_schemas == ("layers7", "oct14", "fluid")
    assert [each.name for each in tiny.naming] == ["layers7", "oct14", "fluid"]
    assert Header.model_validate_json(tiny.model_dump_json()) == tiny
    with pytest.raises(UserError, match="vit_b does not name pixels by itself: it needs prompts"):
        named_schema(sam, "layers7")
    with pytest.raises(UserError, match="schema organoid, only by layers7, oct14 and fluid"):
        named_schema(tiny, "organoid")
    with pytest.raises(ValueError, match="there is no 'layers7'"):
        Header(name="x", architecture="vit_b", profile="sam", named_schemas=("layers7",))
