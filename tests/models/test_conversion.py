from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from segment_anything import sam_model_registry
from segment_anything.build_sam import _build_sam
from segment_anything.modeling import Sam
from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

from napari_octsam.core.errors import UserError
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.load import read_checkpoint
from napari_octsam.models.checkpoints.recognise import expected_shapes
from napari_octsam.models.checkpoints.renaming import to_library, to_own
from napari_octsam.models.checkpoints.save import save_checkpoint, write_transformers
from napari_octsam.models.profiles import preprocess
from napari_octsam.models.sam.network import SamNetwork
from napari_octsam.models.sam.transformers import TRANSFORMERS

ENCODINGS = (
    "shared_image_embedding.positional_embedding",
    "prompt_encoder.shared_embedding.positional_embedding",
)


@pytest.fixture(scope="module")
def state_dict() -> dict[str, torch.Tensor]:
    """Weights of a vit_b."""
    return random_weights(sam_model_registry["vit_b"])


def random_weights(build: Callable[[], Sam]) -> dict[str, torch.Tensor]:
    """Return weights of a SAM, none of them 0."""
    torch.manual_seed(0)
    with torch.device("meta"):
        sam = build()
    sam = sam.to_empty(device="cpu").requires_grad_(False)
    for name, weights in sam.state_dict().items():
        norm = re.search(r"(norm\w*|neck\.[13])\.weight", name)
        std = weights[0].numel() ** -0.5 if weights.ndim > 1 else 0.03
        weights.normal_(mean=1.0 if norm else 0.0, std=std)
    return sam.state_dict()


def own_names(state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return to_own(state_dict, TRANSFORMERS, expected_shapes(ARCHITECTURES["vit_b"]))


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_logits_are_those_of_transformers(state_dict: dict[str, torch.Tensor]) -> None:
    """With vit_b's decoder behind a windowed and a global block, and a sixth of its heads."""
    width, heads = 128, 2
    build = partial(_build_sam, width, 2, heads, [1])
    vision = {
        "hidden_size": width,
        "num_hidden_layers": 2,
        "num_attention_heads": heads,
        "global_attn_indexes": [1],
    }
    theirs = SamModel(SamConfig(vision_config=vision)).eval().requires_grad_(False)
    others = {name: w for name, w in state_dict.items() if not name.startswith("image_encoder.")}
    narrow = random_weights(build) | others
    theirs.load_state_dict(to_library(narrow, TRANSFORMERS), strict=True)
    ours = SamNetwork(build()).requires_grad_(False)
    ours.load_state_dict(own_names(theirs.state_dict()))

    bscan = np.random.default_rng(0).integers(0, 256, (496, 768), np.uint8)
    inputs: Any = SamProcessor(SamImageProcessor())(
        images=np.stack([bscan] * 3, axis=-1),
        input_points=[[[[400.0, 120.0]]]],
        input_boxes=[[[100.0, 90.0, 700.0, 140.0]]],
        return_tensors="pt",
    )
    points, boxes = inputs["input_points"].float(), inputs["input_boxes"].float()
    label = torch.ones(1, 1, dtype=torch.int)
    with torch.inference_mode():
        embedding = theirs.get_image_embeddings(inputs["pixel_values"])
        features = ours.encode_image(inputs["pixel_values"])
        torch.testing.assert_close(features["image"], embedding, rtol=0, atol=1e-4)
        for their_prompt, our_prompt in (
            ({"input_boxes": boxes}, (None, boxes[0], None)),
            (
                {"input_points": points, "input_labels": label[None]},
                ((points[0], label), None, None),
            ),
        ):
            expected = theirs(image_embeddings=embedding, **their_prompt)
            logits, scores = ours.decode_masks(
                ours.prepare(features), ours.encode_prompts(*our_prompt)
            )
            assert logits.abs().max() > 0.1
            torch.testing.assert_close(logits[:, 1:], expected.pred_masks[0], rtol=0, atol=1e-4)
            torch.testing.assert_close(scores[:, 1:], expected.iou_scores[0], rtol=0, atol=1e-4)


def test_preprocessing_is_that_of_sam_processor() -> None:
    bscan = np.random.default_rng(0).integers(0, 256, (496, 768), np.uint8)
    inputs = SamImageProcessor()(np.stack([bscan] * 3, axis=-1), return_tensors="pt")

    one_grey_level = 1 / 57  # SamProcessor rounds otherwise than PIL, which SAM uses
    difference = (preprocess(bscan, "sam", (1024, 1024)) - inputs["pixel_values"]).abs()
    assert difference.max() < 1.01 * one_grey_level
    assert (difference > 1e-5).float().mean() < 0.02


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_there_and_back_again_loses_no_bit(
    tmp_path: Path,
    state_dict: dict[str, torch.Tensor],
    suffix: str,
) -> None:
    theirs = tmp_path / f"fine-tuned{suffix}"
    write_transformers(theirs, state_dict, "vit_b")
    checkpoint = read_checkpoint(theirs)
    assert_same(checkpoint.state_dict, state_dict)
    assert checkpoint.header.architecture == "vit_b"
    assert checkpoint.header.profile == "sam"
    assert checkpoint.header.single_mask
    assert "transformers" in checkpoint.note

    ours = tmp_path / "ours.safetensors"
    save_checkpoint(ours, checkpoint.state_dict, checkpoint.header)
    again = read_checkpoint(ours)
    assert_same(again.state_dict, state_dict)
    assert again.header == checkpoint.header
    assert again.note == ""
    with torch.device("meta"):
        model = SamModel(SamConfig())
    model.load_state_dict(to_library(again.state_dict, TRANSFORMERS), strict=True, assign=True)


@pytest.mark.parametrize("missing", ENCODINGS)
def test_the_shared_encoding_may_stand_under_either_name(
    state_dict: dict[str, torch.Tensor], missing: str
) -> None:
    theirs = to_library(state_dict, TRANSFORMERS)
    del theirs[missing]

    assert_same(own_names(theirs), state_dict)


def test_transformers_has_no_octsam_tiny(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="octsam-tiny"):
        write_transformers(tmp_path / "tiny.pt", {}, "octsam-tiny")
    assert not list(tmp_path.iterdir())
