"""Schemas that octsam-tiny learns beside its own: begun, named, asked for, saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Prompt
from napari_octsam.models.checkpoints.load import load_model, read_checkpoint
from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.models.header import HEADER_KEY, MOST_OWN_SCHEMAS, Header
from napari_octsam.models.model import Model
from napari_octsam.models.named_classes import UNKNOWN, class_index
from napari_octsam.phantoms.bscan import make_phantom
from napari_octsam.training.naming import knowing
from tests.models.test_named_classes import own_schema
from tests.small_runs import call_it_tiny, small_model

MINE = own_schema("retinal pigment epithelium", "sub-RPE deposit", called="my drusen")
BSCAN = make_phantom(5, (128, 160)).image
PROMPTS = [
    Prompt(value, box=Box(60, 10, 90, 140), names_class=names)
    for value in (1, 2)
    for names in (True, False)
]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    call_it_tiny(monkeypatch)


def told_model() -> Model:
    """Return a model to which it makes a difference which class is asked for."""
    model = small_model()
    torch.manual_seed(1)
    for name in ("asked", "asked_weights"):
        torch.nn.init.normal_(model.network.get_parameter(f"mask_decoder.{name}"))  # type: ignore[attr-defined]
    return model


def logits(model: Model, schema: LabelSchema, prompts: Sequence[Prompt] = PROMPTS) -> list[bytes]:
    decoded = model.decode(model.encode(BSCAN), prompts, schema)
    return [each.candidates[0].logits.tobytes() for each in decoded]


def test_a_schema_that_is_begun_changes_no_mask_by_a_bit() -> None:
    model = told_model()
    layers = bundled_schema("layers7")
    before = logits(model, MINE), logits(model, layers)

    model, _ = knowing(model, MINE)

    assert (logits(model, MINE), logits(model, layers)) == before
    assert before[0][0] != before[0][1], "the class that is told makes a difference"


def test_classes_of_a_known_name_are_named_as_that_at_first() -> None:
    model, _ = knowing(told_model(), MINE)
    features = model.encode(BSCAN).features
    oct14 = bundled_schema("oct14")
    with torch.inference_mode():
        mine = model.network.name_pixels(features, MINE)
        known = model.network.name_pixels(features, oct14)
    torch.testing.assert_close(mine[1], known[6])
    assert not mine[0].any()
    assert not mine[2].any()
    labels = model.label(BSCAN, MINE).labels
    assert set(np.unique(labels)) <= {0, 1, 2}
    assert np.array_equal(model.label(BSCAN, "my drusen").labels, labels)


def test_a_schema_of_ones_own_is_asked_for_by_its_own_classes_and_changes_no_other() -> None:
    known = (*map(bundled_schema, ("layers7", "oct14", "fluid")), MINE)
    assert [class_index(known, MINE, value) for value in (0, 1, 2)] == [UNKNOWN, 25, 26]
    oct14, other = bundled_schema("oct14"), own_schema("retinal pigment epithelium")
    assert class_index(known, oct14, 6) == class_index(known, other, 1) == 8 + 6
    assert class_index(known, own_schema("sub-rpe deposit"), 1) == 26, "nobody else knows it"


def test_a_schema_that_means_the_same_is_not_begun_twice() -> None:
    model, fresh = knowing(small_model(), MINE)
    assert fresh
    for known in (MINE.model_copy(update={"name": "other"}), bundled_schema("layers7")):
        model, fresh = knowing(model, known)
        assert model.header.own_schemas == (MINE,)
        assert not fresh
    full = model.header.model_copy(update={"own_schemas": (MINE,) * MOST_OWN_SCHEMAS})
    with pytest.raises(UserError, match="no room for another one"):
        knowing(Model(model.network, full, model.device), own_schema("something else"))


def test_own_schemas_are_saved_and_loaded(tmp_path: Path) -> None:
    model, _ = knowing(told_model(), MINE)
    torch.nn.init.normal_(model.network.get_parameter("mask_decoder.own.0.head.weight"))  # type: ignore[attr-defined]
    save_checkpoint(tmp_path / "mine.safetensors", model.network, model.header)

    again = load_model(tmp_path / "mine.safetensors", device="cpu", precision="float32")

    assert again.header.own_schemas == (MINE,)
    assert again.network.known_schemas[-1] == MINE
    assert np.array_equal(again.label(BSCAN, MINE).labels, model.label(BSCAN, MINE).labels)
    assert logits(again, MINE) == logits(model, MINE)


def test_a_file_of_before_has_none(tmp_path: Path) -> None:
    model = small_model()
    header = json.loads(model.header.model_dump_json())
    del header["own_schemas"]
    assert Header.model_validate(header) == model.header
    save_checkpoint(tmp_path / "old.safetensors", model.network, model.header)
    assert not any(".own." in name for name in load_file(tmp_path / "old.safetensors"))


def test_a_header_whose_schemas_are_not_those_of_the_weights_is_refused(tmp_path: Path) -> None:
    model, _ = knowing(small_model(), MINE)
    path, other = tmp_path / "mine.safetensors", tmp_path / "other.safetensors"
    save_checkpoint(path, model.network, model.header)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()[HEADER_KEY])
    for own, fault in (
        ([], "too many: .*own.0"),
        (header["own_schemas"] * 2, "missing: .*own.1"),
        ([own_schema("one").model_dump()], "of another shape: .*own.0"),
    ):
        metadata = {HEADER_KEY: json.dumps({**header, "own_schemas": own})}
        save_file(load_file(path), other, metadata)
        with pytest.raises(UserError, match=fault):
            read_checkpoint(other)
    many = [own_schema(f"class {i}").model_dump() for i in range(MOST_OWN_SCHEMAS + 1)]
    save_file(load_file(path), other, {HEADER_KEY: json.dumps({**header, "own_schemas": many})})
    with pytest.raises(UserError, match="own_schemas: Tuple should have at most 16 items"):
        read_checkpoint(other)


def test_a_network_that_names_no_pixels_has_none() -> None:
    with pytest.raises(ValueError, match="vit_b names no pixels"):
        Header(name="x", architecture="vit_b", profile="sam", own_schemas=(MINE,))
