"""octsam-tiny's network: what its maps, prompts and scores promise."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional as F

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.decoded import DecodedObject, LogitWindow
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Point, Prompt
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.network import Network
from napari_octsam.models.tiny import decoder as tiny_decoder
from napari_octsam.models.tiny.encoder import FINE_CHANNELS
from napari_octsam.models.tiny.mask_scores import MASK_FACTS, MaskScores, mask_facts
from napari_octsam.models.tiny.network import TinyConfig, TinyNetwork
from napari_octsam.models.tiny.pixel_names import NAMED, PixelNames
from napari_octsam.models.tiny.prompt_windows import SURELY_NOT, Window

SIZES = TinyConfig(input_size=(256, 128), widths=(8, 8, 16, 16, 16), embed_dim=32)
SHAPE = (200, 160)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    network = TinyNetwork(SIZES).eval().requires_grad_(False)
    header = Header(name="small", architecture="octsam-tiny", profile="octsam-tiny")
    return Model(network, header, torch.device("cpu"))


def bscan(rows: int = SHAPE[0]) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (rows, SHAPE[1]), np.uint8)


def prompts() -> list[Prompt]:
    rough = np.zeros(SHAPE, bool)
    rough[90:120, 20:140] = True
    return [
        Prompt(1, box=Box(12, 3, 30, 150)),
        Prompt(1, box=Box(150, 40, 180, 90)),
        Prompt(1, box=Box(80, 0, 88, 159), points=(Point(84, 60),)),
        Prompt(1, box=Box(100, 0, 120, 159), points=(Point(40, 60, False),)),
        Prompt(1, points=(Point(100, 60),)),
        Prompt(1, points=(Point(20, 30),)),
        Prompt(1, box=Box(90, 20, 120, 140), mask=rough),
    ]


def assert_same(found: DecodedObject, other: DecodedObject) -> None:
    assert found.scores == pytest.approx(other.scores, abs=1e-4)
    for one, another in zip(found.candidates, other.candidates, strict=True):
        np.testing.assert_allclose(whole(one.window), whole(another.window), atol=1e-3)


def whole(window: LogitWindow) -> npt.NDArray[np.float32]:
    """Logits of the whole B-scan; those of a probability of about 0.01 or less are one."""
    logits = np.full(SHAPE, -4.5, np.float32)
    logits[window.window] = window.logits.clip(min=-4.5)
    return logits


def test_a_mask_does_not_depend_on_what_is_decoded_with_it(model: Model) -> None:
    embedding = model.encode(bscan())
    together = model.decode(embedding, prompts())
    for prompt, found in zip(prompts(), together, strict=True):
        (alone,) = model.decode(embedding, [prompt])
        assert_same(found, alone)


def prepared(network: Network, cols: int = 128) -> Any:
    return network.prepare(network.encode_image(torch.randn(1, 1, 256, cols)))


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_many_prompts_are_decoded_side_by_side_as_one_by_one(model: Model) -> None:
    threads = set()
    noting = model.network.mask_decoder.register_forward_hook(
        lambda *_: threads.add(threading.current_thread())
    )
    embedding = model.encode(bscan())
    boxes = [Prompt(1, box=Box(5 * i, 3 * i, 5 * i + 40, 3 * i + 90)) for i in range(9)]
    together = model.decode(embedding, boxes)
    noting.remove()
    assert threading.main_thread() not in threads
    assert torch.get_num_threads() == 2
    for box, found in zip(boxes, together, strict=True):
        (alone,) = model.decode(embedding, [box])
        assert_same(found, alone)


@pytest.mark.usefixtures("two_threads")
def test_memory_that_runs_out_side_by_side_is_said(model: Model) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    noting = model.network.mask_decoder.register_forward_hook(full)
    try:
        with pytest.raises(UserError, match="Memory ran out"):
            model.decode(model.encode(bscan()), prompts())
    finally:
        noting.remove()


def test_what_is_far_from_a_box_is_surely_not_its_object(model: Model) -> None:
    encoded = model.network.encode_prompts(boxes=torch.tensor([[5.0, 100.0, 12.0, 110.0]]))
    logits, _ = model.network.decode_masks(prepared(model.network), encoded)
    assert logits.shape == (1, 4, 256, 64)
    near = torch.zeros(256, 64, dtype=torch.bool)
    near[100 - 36 : 110 + 36 + 1, : (12 + 36) // 2 + 1] = True
    assert ((logits == SURELY_NOT).all(dim=(0, 1)) == ~near).all()


@pytest.mark.parametrize("learns", [False, True], ids=["at work", "in training"])
@pytest.mark.parametrize("cols", [128, 64])
@pytest.mark.parametrize("point", [None, (50.0, 170.0), (3.0, 2.0)])
@pytest.mark.parametrize(
    "box",
    [(5, 100, 12, 110), (40, 0, 60, 8), (30, 240, 63, 255), (60, 120, 60, 120), (90, 30, 99, 40)],
)
def test_a_window_shows_what_the_whole_image_would(
    model: Model,
    box: tuple[int, ...],
    point: tuple[float, float] | None,
    cols: int,
    learns: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = model.network
    image = prepared(network, cols)
    points = None if point is None else (torch.tensor([[point]]), torch.ones(1, 1))
    encoded = network.encode_prompts(points, torch.tensor([box]).float())
    everywhere = [Window(slice(0, 16), slice(0, cols // 32))]
    with torch.set_grad_enabled(learns):
        seen, scores = network.decode_masks(image, encoded)
        monkeypatch.setattr(tiny_decoder, "windows_of_interest", lambda *_: everywhere)
        whole, same_scores = network.decode_masks(image, encoded)
    torch.testing.assert_close(seen, whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scores, same_scores, atol=1e-4, rtol=1e-4)


def test_pixels_are_named_alike_before_and_after_a_prompt() -> None:
    torch.manual_seed(0)
    names, fine = PixelNames(), torch.randn(1, FINE_CHANNELS, 8, 12)
    evidence = torch.split(names.evidence(fine), list(NAMED.values()))
    for schema, found in zip(NAMED, evidence, strict=True):
        torch.testing.assert_close(found, names(fine, schema)[0].softmax(0))


def test_what_is_kept_of_an_image_goes_with_the_image_and_the_weights(model: Model) -> None:
    network = TinyNetwork(SIZES).eval()
    features = model.encode(bscan()).features
    with torch.no_grad():
        kept = network.prepare(features)
        assert network.prepare(features) is kept
        assert network.prepare(model.encode(bscan()).features) is not kept
        kept = network.prepare(features)
        next(network.mask_decoder.pixel_names.parameters()).mul_(2)
        assert not torch.equal(network.prepare(features).names, kept.names)
        kept = network.prepare(features)
        network.prompt_encoder.place.positional_encoding_gaussian_matrix.mul_(2)
        assert not torch.equal(network.prepare(features).encoding, kept.encoding)


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(1, box=Box(40, 10, 40, 10)),
        Prompt(1, box=Box(0, 0, 0, 159)),
        Prompt(1, box=Box(199, 150, 199, 159)),
        Prompt(1, box=Box(10, 10, 20, 20), points=(Point(199, 159, False),)),
        Prompt(1, points=(Point(0, 0), Point(199, 159))),
        Prompt(1, mask=np.eye(*SHAPE, dtype=bool)),
    ],
    ids=["point-like box", "first row", "corner", "far point", "corners", "mask alone"],
)
def test_prompts_at_the_edges_are_answered(model: Model, prompt: Prompt) -> None:
    (found,) = model.decode(model.encode(bscan()), [prompt])
    assert all(np.isfinite(candidate.logits).all() for candidate in found.candidates)
    assert all(0 <= score <= 1 for score in found.scores)


def test_every_part_of_the_decoder_learns_from_embeddings(model: Model) -> None:
    network = TinyNetwork(SIZES)
    torch.nn.init.normal_(network.mask_decoder.scores.network[-1].weight)  # zero at the beginning
    features = {name: f.clone() for name, f in model.encode(bscan()).features.items()}
    points = torch.tensor([[[20.0, 100.0], [60.0, 100.0]]]), torch.tensor([[1.0, 0.0]])
    box, rough = (
        torch.tensor([[10.0, 90.0, 50.0, 110.0]]),
        torch.ones(1, 1, *model.network.mask_input_size),
    )
    encoded = network.encode_prompts(points, box, rough)
    logits, iou = network.decode_masks(network.prepare(features), encoded)
    (logits.mean() + iou.mean()).backward()
    unmoved = {
        name
        for name, each in network.mask_decoder.named_parameters()
        if each.grad is None or not each.grad.any()
    }
    # softmax takes back what the bias of the keys adds
    reading = ("layers.0.cross_attn", "layers.1.cross_attn", "final_attn")
    assert unmoved == {f"transformer.{each}_token_to_image.k_proj.bias" for each in reading}


def asked_with(model: Model, std: float) -> Model:
    """Return the model with such vectors for the classes."""
    network = copy.deepcopy(model.network)
    torch.manual_seed(1)
    network.mask_decoder.asked.normal_(std=std)
    network.mask_decoder.asked_weights.normal_(std=std)
    return replace(model, network=network)


def test_a_class_without_a_vector_changes_nothing(model: Model) -> None:
    embedding, schema = model.encode(bscan()), bundled_schema()
    untold, told = model.decode(embedding, prompts()), model.decode(embedding, prompts(), schema)
    for found, other in zip(untold, told, strict=True):
        assert found.scores == other.scores
        for one, another in zip(found.candidates, other.candidates, strict=True):
            assert np.array_equal(one.window.logits, another.window.logits)


def test_the_class_asked_for_is_that_of_each_prompt_alone(model: Model) -> None:
    model = asked_with(model, std=2.0)
    embedding, schema = model.encode(bscan()), bundled_schema()
    box = Prompt(1, box=Box(12, 3, 60, 150))
    asked = [replace(box, class_value=value) for value in (3, 6, 3)]
    unnamed = replace(box, names_class=False)
    irf, rpe, again, by_place = model.decode(embedding, [*asked, unnamed], schema)
    assert irf.scores != rpe.scores != by_place.scores != irf.scores
    assert not np.array_equal(whole(irf.window()), whole(rpe.window()))
    assert_same(irf, again)
    (untold,) = model.decode(embedding, [box])
    assert_same(by_place, untold)


def test_the_class_asked_for_can_turn_how_names_weigh_in_a_mask(model: Model) -> None:
    """From one and the same box, masks of two classes: nothing but their vectors has learnt."""
    network = copy.deepcopy(model.network)
    learnt = [network.mask_decoder.asked, network.mask_decoder.asked_weights]
    for each in learnt:
        each.requires_grad_(True)
    classes = torch.tensor([3, 6])
    with torch.no_grad():
        image = prepared(network, 32)
    image.names.zero_()
    image.names[3, :128], image.names[6, 128:] = 1.0, 1.0
    truth = image.names[classes]
    boxes = torch.tensor([[0.0, 0.0, 31.0, 255.0]]).expand(2, -1)
    optimizer = torch.optim.Adam(learnt, lr=0.1)
    for _ in range(10):
        encoded = network.encode_prompts(boxes=boxes, classes=classes)
        logits, _ = network.decode_masks(image, encoded, (256, 16))
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(logits[:, 0], truth).backward()
        optimizer.step()
    assert ((logits[:, 0] > 0) == truth.bool()).float().mean() > 0.9


def test_masks_have_every_row_of_the_input(model: Model) -> None:
    assert model.network.mask_size == (256, 64)
    assert model.network.mask_input_size == (128, 32)


def test_the_part_of_an_image_gives_its_masks(model: Model) -> None:
    image = prepared(model.network, 64)
    encoded = model.network.encode_prompts(points=(torch.tensor([[[9.0, 9]]]), torch.ones(1, 1)))
    logits, iou = model.network.decode_masks(image, encoded, (256, 32))
    assert logits.shape == (1, 4, 256, 32)
    assert iou.shape == (1, 4)


@pytest.mark.parametrize("top", [4, 5])
def test_a_mask_tells_of_its_own_quality(top: int) -> None:
    sure = torch.full((1, 1, 24, 16), -30.0)
    sure[..., top : top + 5, 2:14] = 30
    unsure = sure.clone()
    unsure[..., top : top + 5, 2:14] = 0.01
    box = torch.tensor([[4.0, top, 27.0, top + 4.0]])
    facts = mask_facts(sure, box)[0, 0]
    assert facts[[0, 1, 3]].tolist() == pytest.approx([1, 0, 0], abs=0.02)
    assert mask_facts(unsure, box)[0, 0, 0] == pytest.approx(0.5, abs=0.01)
    below = box + torch.tensor([0.0, 6.0, 0.0, 6.0])
    assert mask_facts(sure, below)[0, 0, 3] == pytest.approx(1, abs=0.02)


def test_the_predicted_iou_begins_at_the_expected_one() -> None:
    logits, tokens = torch.randn(2, 4, 24, 16), torch.randn(2, 4, 8)
    scores = MaskScores(8 + MASK_FACTS)(tokens, logits, None)
    torch.testing.assert_close(scores, mask_facts(logits, None)[..., 0])
