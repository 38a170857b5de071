from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from segment_anything.build_sam import _build_sam

from napari_octsam.models import precision
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.precision import choose_precision, faster_precision, mask_agreement
from napari_octsam.models.sam.network import SamNetwork

CPU = torch.device("cpu")
HEADER = Header(name="test", architecture="vit_b", profile="sam")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(precision, "faster_precision", lambda _: "bfloat16")
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def network() -> SamNetwork:
    torch.manual_seed(0)
    return SamNetwork(_build_sam(64, 1, 2, [])).requires_grad_(False)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Results that the check gives out, one each time that it is made."""
    results = [0.995, 0.5]
    monkeypatch.setattr(precision, "mask_agreement", lambda *_: results.pop(0))
    return results


def test_16_bit_is_taken_where_masks_agree_and_measured_once(
    network: SamNetwork, measured: list[float], folder: Path
) -> None:
    assert choose_precision(network, HEADER, CPU) == "bfloat16"
    assert choose_precision(network, HEADER, CPU) == "bfloat16"
    assert measured == [0.5]
    assert [path.name for path in folder.iterdir()] == ["precision.json"]


def test_other_weights_are_measured_anew_and_stay_exact_where_masks_differ(
    network: SamNetwork, measured: list[float]
) -> None:
    assert choose_precision(network, HEADER, CPU) == "bfloat16"
    other = SamNetwork(_build_sam(64, 1, 2, []))
    assert choose_precision(other, HEADER, CPU) == "float32"
    assert not measured


def test_a_record_that_is_garbage_is_measured_again(
    network: SamNetwork, measured: list[float], folder: Path
) -> None:
    folder.mkdir()
    file = folder / "precision.json"
    measured[:] = [0.5]
    assert choose_precision(network, HEADER, CPU) == "float32"
    right = file.read_text("utf-8")
    untrue = right.replace("0.5", "0.995")
    (key,) = json.loads(right)["measured"]
    old = json.dumps({key: 0.5})
    for garbage in ("not json", "[1, 2]", '{"a": null}', "[" * 9999, "", untrue, old):
        file.write_text(garbage, "utf-8")
        measured[:] = [0.5]
        assert choose_precision(network, HEADER, CPU) == "float32"
        assert not measured
        assert file.read_text("utf-8") == right


@pytest.mark.parametrize("value", [math.nan, 1.5, -1.0, "1", None, [1.0]])
def test_an_agreement_that_is_none_is_measured_again(
    network: SamNetwork, measured: list[float], folder: Path, value: object
) -> None:
    folder.mkdir()
    measured[:] = [0.5]
    assert choose_precision(network, HEADER, CPU) == "float32"
    (key,) = json.loads((folder / "precision.json").read_text("utf-8"))["measured"]
    wrong: Any = {key: value}
    content = {"measured": wrong, "sha256": precision._hash(wrong)}
    (folder / "precision.json").write_text(json.dumps(content), "utf-8")
    measured[:] = [0.5]
    assert choose_precision(network, HEADER, CPU) == "float32"
    assert not measured


def test_a_cache_folder_that_cannot_be_written_is_no_error(
    network: SamNetwork, measured: list[float], folder: Path
) -> None:
    folder.write_text("a file where the folder should be")

    assert choose_precision(network, HEADER, CPU) == "bfloat16"
    assert measured == [0.5]


def test_agreement_is_full_with_oneself_and_falls_with_other_weights(network: SamNetwork) -> None:
    exact = Model(network, HEADER, CPU)
    torch.manual_seed(1)
    other = Model(SamNetwork(_build_sam(64, 1, 2, [])).requires_grad_(False), HEADER, CPU)

    assert mask_agreement(exact, exact) == 1.0
    assert mask_agreement(exact, other) < 0.9


def test_the_check_tells_how_far_it_is_and_can_be_cancelled(
    network: SamNetwork, folder: Path
) -> None:
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        choose_precision(network, HEADER, CPU, stop)
    assert told == [(1, 2)]
    assert not folder.exists()

    choose_precision(network, HEADER, CPU, lambda done, total: told.append((done, total)))
    assert told[1:] == [(1, 2), (2, 2)]


def test_16_bit_really_is_computed_in_16_bit(network: SamNetwork) -> None:
    seen: list[torch.dtype] = []
    linear = network.image_encoder.blocks[0].attn.qkv
    hook = linear.register_forward_hook(lambda _, __, output: seen.append(output.dtype))
    picture = precision._layered_picture()
    embeddings = [Model(network, HEADER, CPU, p).encode(picture) for p in ("float32", "bfloat16")]
    hook.remove()

    assert seen == [torch.float32, torch.bfloat16]
    exact, rounded = (embedding.features["image"] for embedding in embeddings)
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(rounded, exact, rtol=0, atol=0.1)


def test_a_device_without_fast_16_bit_stays_exact() -> None:
    assert faster_precision(torch.device("mps")) == "float32"
