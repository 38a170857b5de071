from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from segment_anything import SamPredictor
from segment_anything.build_sam import _build_sam
from segment_anything.modeling import Sam

from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Point, Prompt
from napari_octsam.models.devices import choose_device, explaining_memory
from napari_octsam.models.frames import make_frame
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding
from napari_octsam.models.sam.network import SamNetwork

SHAPE = (120, 180)
HEADER = Header(name="test", architecture="vit_b", profile="sam")
MASK = np.zeros(SHAPE, bool)
MASK[40:70, 30:120] = True

BOX = Box(30, 20, 80, 150)
POINTS = (Point(50.5, 70), Point(10, 12, positive=False))
PROMPTS = {
    "box": Prompt(1, box=BOX),
    "point": Prompt(2, points=POINTS[:1]),
    "points": Prompt(3, points=POINTS),
    "box and points": Prompt(4, box=BOX, points=POINTS),
    "mask and box": Prompt(5, box=BOX, mask=MASK),
    "mask": Prompt(6, mask=MASK),
}


@pytest.fixture(scope="module")
def sam() -> Sam:
    """SAM with a windowed and a global block of vit_b's kind; weights random, none of them 0."""
    torch.manual_seed(0)
    sam = _build_sam(96, 2, 3, [1]).requires_grad_(False)
    for name, weights in sam.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            weights.normal_(std=0.3)
    for mlp in sam.mask_decoder.output_hypernetworks_mlps:
        mlp.layers[-1].weight.mul_(20)  # logits of -5 to 5, as trained ones
    return sam


@pytest.fixture(scope="module")
def bscan() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)


@pytest.fixture(scope="module")
def predictor(sam: Sam, bscan: npt.NDArray[np.uint8]) -> SamPredictor:
    predictor = SamPredictor(sam)
    predictor.set_image(np.stack([bscan] * 3, axis=-1))
    return predictor


@pytest.fixture(scope="module")
def model(sam: Sam, predictor: SamPredictor) -> Model:
    """Made after the predictor, since the network changes the attention of `sam` itself."""
    assert predictor.is_image_set
    return Model(SamNetwork(sam), HEADER, torch.device("cpu"))


@pytest.fixture(scope="module")
def embedding(model: Model, bscan: npt.NDArray[np.uint8]) -> Embedding:
    return model.encode(bscan)


def as_sam_predictor_takes_it(prompt: Prompt) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    if prompt.box is not None:
        taken["box"] = np.array(
            [prompt.box.col0, prompt.box.row0, prompt.box.col1, prompt.box.row1]
        )
    if prompt.points:
        taken["point_coords"] = np.array([(p.col, p.row) for p in prompt.points])
        taken["point_labels"] = np.array([int(p.positive) for p in prompt.points])
    if prompt.mask is not None:
        frame = make_frame("sam", SHAPE, (1024, 1024))
        taken["mask_input"] = frame.to_mask_prompt(prompt.mask, (256, 256))[None]
    return taken


def full_logits(decoded: DecodedObject, candidate: int) -> npt.NDArray[np.float32]:
    full = np.full(SHAPE, -np.inf, np.float32)
    window = decoded.candidates[candidate].window
    full[window.window] = window.logits
    return full


def test_the_embedding_is_segment_anythings(predictor: SamPredictor, embedding: Embedding) -> None:
    assert embedding.shape == SHAPE
    torch.testing.assert_close(
        embedding.features["image"], predictor.features, rtol=0, atol=1e-4, check_stride=False
    )


@pytest.mark.parametrize("kind", PROMPTS)
def test_masks_and_scores_are_sam_predictors(
    model: Model, embedding: Embedding, predictor: SamPredictor, kind: str
) -> None:
    prompt = PROMPTS[kind]
    given = as_sam_predictor_takes_it(prompt)
    single, single_score, _ = predictor.predict(**given, multimask_output=False, return_logits=True)
    three, three_scores, _ = predictor.predict(**given, multimask_output=True, return_logits=True)
    best_first = np.argsort(-three_scores)
    expected = np.concatenate([single, three[best_first]])
    scores = np.concatenate([single_score, three_scores[best_first]])

    (decoded,) = model.decode(embedding, [prompt])

    np.testing.assert_allclose(decoded.scores, scores.clip(0, 1), atol=1e-4)
    for i, logits in enumerate(expected):
        full = full_logits(decoded, i)
        inside = np.isfinite(full)
        assert inside.any()
        np.testing.assert_allclose(full[inside], logits[inside], rtol=1e-4, atol=1e-4)
        assert (logits[~inside] < -4.5).all()


def test_low_resolution_logits_are_segment_anythings_to_four_digits(
    model: Model, embedding: Embedding, predictor: SamPredictor
) -> None:
    box = torch.tensor([[100.0, 200.0, 800.0, 400.0]])
    _, _, expected = predictor.predict_torch(None, None, box, multimask_output=True)

    network = model.network
    with torch.inference_mode():
        encoded = network.encode_prompts(None, box, None)
        logits, _ = network.decode_masks(network.prepare(embedding.features), encoded)

    torch.testing.assert_close(logits[:, 1:], expected, rtol=0, atol=1e-4)


def test_prompts_decoded_together_are_as_decoded_alone(model: Model, embedding: Embedding) -> None:
    boxes = [Prompt(1, box=Box(5 + i, 10, 60 + i, 90 + i)) for i in range(5)]
    prompts = [*PROMPTS.values(), *boxes, *reversed(PROMPTS.values())]

    together = model.decode(embedding, prompts)

    assert len(together) == len(prompts)
    for prompt, decoded in zip(prompts, together, strict=True):
        (alone,) = model.decode(embedding, [prompt])
        np.testing.assert_allclose(decoded.scores, alone.scores, atol=1e-4)
        assert decoded.chosen == alone.chosen
        for i in range(4):
            a, b = full_logits(decoded, i), full_logits(alone, i)
            both = np.isfinite(a) & np.isfinite(b)
            np.testing.assert_allclose(a[both], b[both], rtol=1e-4, atol=1e-4)


def test_one_click_shows_the_best_candidate_and_all_else_the_single_mask(
    model: Model, embedding: Embedding
) -> None:
    decoded = dict(zip(PROMPTS, model.decode(embedding, list(PROMPTS.values())), strict=True))

    assert {kind: d.chosen for kind, d in decoded.items() if d.chosen} == {"point": 1}
    scores = decoded["point"].scores
    assert scores[1] == max(scores[1:])

    header = HEADER.model_copy(update={"single_mask": True})
    fine_tuned = Model(model.network, header, model.device)
    (click,) = fine_tuned.decode(embedding, [PROMPTS["point"]])
    assert click.chosen == 0


@pytest.mark.parametrize(
    ("empty", "box", "point"),
    [([0], 1, 1), ([1, 2, 3], 0, 0), ([0, 1, 2, 3], 0, 1)],
    ids=["the single mask", "the candidates", "all of them"],
)
def test_a_mask_without_foreground_is_not_shown_where_another_has_some(
    model: Model, embedding: Embedding, empty: Sequence[int], box: int, point: int
) -> None:
    emptied = Model(copy.deepcopy(model.network), HEADER, model.device)
    for i in empty:
        for weights in emptied.network.mask_decoder.output_hypernetworks_mlps[i].parameters():
            weights.zero_()  # logits of 0

    of_box, of_point = emptied.decode(embedding, [PROMPTS["box"], PROMPTS["point"]])

    assert (of_box.chosen, of_point.chosen) == (box, point)


def test_no_prompts_give_no_masks(model: Model, embedding: Embedding) -> None:
    assert model.decode(embedding, []) == []


def test_encoding_tells_each_block_and_can_be_cancelled(
    model: Model, bscan: npt.NDArray[np.uint8]
) -> None:
    told: list[tuple[int, int]] = []
    model.encode(bscan, lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]

    class CancelledError(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        told.append((done, total))
        raise CancelledError

    with pytest.raises(CancelledError):
        model.encode(bscan, cancel)
    assert told[2:] == [(1, 2)]

    model.encode(bscan)
    assert len(told) == 3, "the hooks stayed after the encoder was cancelled"


def test_inference_leaves_the_network_fit_for_training(model: Model, embedding: Embedding) -> None:
    model.decode(embedding, [PROMPTS["box"]])
    tokens = model.network.state_dict(keep_vars=True)["mask_decoder.mask_tokens.weight"]
    tokens.requires_grad_(True)
    features = {name: part.clone() for name, part in embedding.features.items()}

    encoded = model.network.encode_prompts(None, torch.tensor([[1.0, 2.0, 300.0, 400.0]]), None)
    logits, _ = model.network.decode_masks(model.network.prepare(features), encoded)
    logits.sum().backward()

    assert tokens.grad is not None
    assert tokens.grad.abs().sum() > 0
    tokens.requires_grad_(False)


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "xla", ""])
def test_a_device_that_is_not_there_is_said_to_be_missing(name: str) -> None:
    with pytest.raises(UserError, match="auto"):
        choose_device(name)


def test_a_device_is_chosen() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


def test_running_out_of_memory_is_explained() -> None:
    with pytest.raises(UserError, match="Memory ran out"), explaining_memory(torch.device("cpu")):
        torch.empty(2**60, dtype=torch.uint8)
    with (
        pytest.raises(UserError, match="compute on the CPU"),
        explaining_memory(torch.device("cuda")),
    ):
        raise torch.cuda.OutOfMemoryError
    with pytest.raises(RuntimeError, match="mat1"), explaining_memory(torch.device("cpu")):
        torch.ones(2, 3) @ torch.ones(2, 3)
