"""octsam-tiny's rivals: they answer boxes honestly, learn by the same loop, and fill the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_octsam.core.prompts import bounding_box
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.prompting import class_prompt
from napari_octsam.models.tiny.network import TinyNetwork
from recipes.octsam_tiny.loop import Pretraining
from recipes.octsam_tiny.questions import Asked, Question
from recipes.octsam_tiny.recipe import PretrainConfig, Stage, read_recipe
from recipes.octsam_tiny.rivals.classical import otsu, walker, whole_box
from recipes.octsam_tiny.rivals.contest import Contest
from recipes.octsam_tiny.rivals.page import Contestant, as_page
from recipes.octsam_tiny.rivals.shrunk_sam import ShrunkSam
from recipes.octsam_tiny.rivals.unet import UNet
from recipes.octsam_tiny.samples import MixedSource, Sample

RECIPES = Path(__file__).parents[2] / "recipes" / "octsam_tiny" / "rivals"


def blob(inside: int, outside: int) -> tuple[np.ndarray, np.ndarray]:
    row, col = np.mgrid[:80, :100]
    mask = ((row - 40) / 12) ** 2 + ((col - 50) / 20) ** 2 < 1
    noise = np.random.default_rng(0).normal(0, 12, mask.shape)
    return np.clip(np.where(mask, inside, outside) + noise, 0, 255).astype(np.uint8), mask


@pytest.mark.parametrize(("inside", "outside"), [(190, 60), (50, 160)])
@pytest.mark.parametrize("segment", [otsu, walker])
def test_a_box_finds_a_clear_object_bright_or_dark(segment, inside: int, outside: int) -> None:
    image, mask = blob(inside, outside)
    found = segment(image, bounding_box(mask))
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.9


def test_the_whole_box_is_what_a_box_alone_tells() -> None:
    image, mask = blob(190, 60)
    found = whole_box(image, bounding_box(mask))
    assert found.sum() == 23 * 39
    assert not (mask & ~found).any()


def test_sam_shrunk_learns_by_the_same_loop() -> None:
    labels = np.zeros((96, 120), np.uint8)
    labels[40:60] = 2
    sample = Sample("band", np.where(labels > 0, 200, 20).astype(np.uint8), {"layers7": labels})
    config = PretrainConfig(stages=(Stage(steps=1, views=1, objects=2, corrected=1.0),))
    source = MixedSource([(1.0, [sample])], phantoms=0)
    (event,) = Pretraining(lambda _: source, config, ShrunkSam).run()
    assert "segmentation" in event.losses
    assert "pixels" not in event.losses


def test_the_rivals_recipes_are_those_of_the_page() -> None:
    unet, sam = (read_recipe(RECIPES / f"{name}.toml").stages for name in ("unet", "sam"))
    assert all(stage.objects == 0 for stage in unet)
    assert all(stage.columns == 512 for stage in sam)
    assert not any(stage.exports for stage in unet + sam)


def test_the_page_shows_each_of_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = PretrainConfig(stages=(Stage(steps=1),))
    run = Pretraining(lambda _: MixedSource([], phantoms=1), config, TinyNetwork)
    save_file(run.weights, tmp_path / "unet.safetensors")
    image, mask = blob(190, 60)
    layers = [LabelledBScan("a", image, mask * np.uint8(3))]
    question = Question("drusen, tight box", mask, class_prompt(mask, 7, "box"))
    asked = [Asked("5", image, "oct14", [question])]
    contest = Contest(layers, [LabelledBScan("b", image, mask.astype(np.uint8))], asked)
    unet = UNet(tmp_path / "unet.safetensors")
    contestants = {
        "U-Net": Contestant(contest.of_unet(unet), unet.parameters, 1),
        "Otsu": Contestant(contest.of_segment(otsu)),
    }
    page = as_page(contest, contestants, ["SAM, shrunk"])
    assert "Not measured this time: SAM, shrunk." in page
    (row,) = [line for line in page.splitlines() if line.startswith("| drusen, tight box | 1 |")]
    assert float(row.split("|")[-2]) > 0.9
    (row,) = [line for line in page.splitlines() if line.startswith("| Otsu")]
    cells = [cell.strip() for cell in row.split("|")][2:-1]
    assert float(cells[2]) > 0.9  # the one layer that is there
    assert float(cells[-1]) > 0.9
    assert "1 B-scans" in page
    (row,) = [line for line in page.splitlines() if line.startswith("| U-Net")]
    assert f"| {unet.parameters / 1e6:.1f} M | 1 |" in row
