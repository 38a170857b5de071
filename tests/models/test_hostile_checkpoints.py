"""Checkpoints that would hang or fill the machine, or that are damaged in one byte."""

from __future__ import annotations

import os
import pickle
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_octsam.core.errors import UserError
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.files import check_pickle
from napari_octsam.models.checkpoints.load import read_checkpoint
from napari_octsam.models.checkpoints.recognise import expected_shapes
from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.models.header import Header
from tests.small_sam import call_it_vit_b

State = dict[str, torch.Tensor]
OLD = {"_use_new_zipfile_serialization": False}
MANY = 13 << 30


@pytest.fixture
def vit_b(monkeypatch: pytest.MonkeyPatch) -> State:
    """Weights of a small SAM, which vit_b means in this test."""
    call_it_vit_b(monkeypatch)
    shapes = expected_shapes(ARCHITECTURES["vit_b"]).items()
    return {key: torch.full((1,), i / 100).expand(shape) for i, (key, shape) in enumerate(shapes)}


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_checkpoint(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def saved(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


@pytest.mark.timeout(30)
@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "old"])
def test_a_checkpoint_that_contains_itself_is_refused(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    content: dict[str, Any] = {}
    content["model"] = content

    assert "holds no weights" in refusal(saved(tmp_path / "loop.pth", content, **options))


def deflated(path: Path, files: dict[str, int]) -> Path:
    """Write a zip whose files are zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, size in files.items():
            with archive.open(name, "w", force_zip64=True) as file:
                for _ in range(size >> 20):
                    file.write(bytes(1 << 20))
    return path


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["bomb/data.pkl", "bomb/data/0"])
def test_a_zip_that_swells_is_refused_before_it_does(tmp_path: Path, name: str) -> None:
    path = deflated(tmp_path / "bomb.pth", {name: 200 << 20})
    tracemalloc.start()
    sentence = refusal(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "far more memory than it is large" in sentence
    assert most < 10 << 20
    with pytest.raises(UserError, match="far more memory"):
        check_pickle(path)


def test_a_zip_whose_files_lie_over_one_another_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "quine.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps({}, 2))
        archive.writestr("a/data/0", bytes(1 << 20))
        first = archive.infolist()[1]
        for i in range(1, 200):
            twin = zipfile.ZipInfo(f"a/data/{i}")
            for field in ("header_offset", "CRC", "compress_size", "file_size"):
                setattr(twin, field, getattr(first, field))
            archive.filelist.append(twin)

    assert "far more memory" in refusal(path)


class _Greedy:
    def __reduce__(self) -> Any:
        return bytearray, (MANY,)


@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "old"])
def test_a_pickle_that_asks_for_memory_gets_none(tmp_path: Path, options: dict[str, Any]) -> None:
    path = saved(tmp_path / "greedy.pth", {"model": _Greedy()}, **options)

    assert "far more memory" in refusal(path)


def test_a_weight_that_claims_to_be_huge_is_told_by_its_shape(tmp_path: Path, vit_b: State) -> None:
    huge = torch.zeros(1).expand(1_000_000, 1_000_000)
    path = saved(tmp_path / "huge.pth", {**vit_b, "mask_decoder.iou_token.weight": huge})

    assert "1 weight is of another shape" in refusal(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", ["float8_e4m3fn", "float8_e5m2", "complex64", "int8"])
def test_weights_that_cannot_be_computed_with_are_refused(
    tmp_path: Path, vit_b: State, kind: str, suffix: str
) -> None:
    state = {key: weights.contiguous().to(getattr(torch, kind)) for key, weights in vit_b.items()}
    path = tmp_path / f"odd{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)

    assert "16, 32 or 64 bit" in refusal(path)


def test_a_header_that_is_nested_without_end_is_refused(tmp_path: Path, vit_b: State) -> None:
    path = tmp_path / "deep.safetensors"
    state = {key: weights.contiguous() for key, weights in vit_b.items()}
    safetensors.torch.save_file(state, path, {"napari_octsam": "[" * 100_000})

    assert "header" in refusal(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes in folders")
@pytest.mark.timeout(30)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")

    assert "pipe or a device" in refusal(tmp_path / "pipe.pth")


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    for name in ("a" * 300, "a\0b"):
        assert "Cannot read the checkpoint" in refusal(tmp_path / name)


WRITERS: dict[str, Callable[[State, Path], object]] = {
    "zip": lambda state, path: torch.save(state, path),
    "old": lambda state, path: torch.save(state, path, **OLD),
    "safetensors": lambda state, path: safetensors.torch.save_file(
        {key: weights.contiguous() for key, weights in state.items()}, path
    ),
}


@pytest.mark.slow("reads a checkpoint twenty times")
@pytest.mark.parametrize("kind", WRITERS)
def test_a_changed_byte_is_told_in_a_sentence_or_does_no_harm(
    tmp_path: Path, vit_b: State, kind: str
) -> None:
    path = tmp_path / "model.pth"
    WRITERS[kind](vit_b, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    ends = [*range(0, 1500), *range(len(whole) - 3000, len(whole))]
    for _ in range(20):
        at = int(rng.choice(ends) if rng.random() < 0.8 else rng.integers(len(whole)))
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            read_checkpoint(path)
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_no_changed_byte_of_our_own_files_is_used(tmp_path: Path, vit_b: State) -> None:
    path = tmp_path / "ours.safetensors"
    header = Header(name="ours", architecture="vit_b", profile="sam")
    save_checkpoint(path, vit_b, header)
    whole = path.read_bytes()
    begin_of_weights = 8 + int.from_bytes(whole[:8], "little")
    for at in (whole.index(b"ours"), begin_of_weights, len(whole) // 2, len(whole) - 1):
        content = bytearray(whole)
        content[at] ^= 1
        path.write_bytes(content)
        assert "is damaged or cut short" in refusal(path)
    path.write_bytes(whole)
    assert read_checkpoint(path).header == header
