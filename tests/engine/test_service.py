"""What the engine does with a model, without its process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.engine.predict.messages import BScan, Label, Labelled, LoadModel
from napari_octsam.engine.predict.service import Service
from napari_octsam.phantoms.bscan import make_phantom
from tests.small_sam import call_it_vit_b, weights_of


def tell_nobody(*_: object, **__: object) -> None:
    """Ask for no end either."""


@pytest.mark.slow("octsam-tiny encodes a B-scan")
def test_a_model_without_names_is_asked_for_what_another_one_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_it_vit_b(monkeypatch)
    torch.save(weights_of(), tmp_path / "sam_vit_b.pth")
    service = Service(tmp_path, 1 << 30, tell_nobody)
    service.answer(LoadModel(str(tmp_path / "sam_vit_b.pth"), device="cpu"), tell_nobody)
    pixels = make_phantom(5, (160, 200), findings=()).image
    request = Label(BScan(pixels), bundled_schema("layers7"))
    with pytest.raises(UserError, match="does not name pixels by itself"):
        service.answer(request, tell_nobody)

    request = replace(request, namer="octsam-tiny")
    found, again = (service.answer(request, tell_nobody) for _ in range(2))
    assert isinstance(found, Labelled)
    assert isinstance(again, Labelled)
    assert found.model == "sam_vit_b"
    assert found.labels.shape == pixels.shape
    assert found.boundaries.shape == (0, 200)
    assert (again.labels == found.labels).all()
    assert 0 in np.unique(found.labels), "what is around the layers is the namer's"
    with pytest.raises(UserError, match="octsam-tiny does not name pixels by the schema organoid"):
        service.answer(replace(request, schema=bundled_schema("organoid")), tell_nobody)
