"""Make the pictures of the README and the docs: `make docs-figures`.

Those of octsam-tiny's failures need real B-scans: `python -m recipes.octsam_tiny.failures DATA`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_octsam.core.classes import bundled_schema
from napari_octsam.gui.demo import (
    DemoReport,
    label_scene,
    open_widgets,
    phantom_scene,
    place_prompts,
    with_missed_lesion,
)
from napari_octsam.phantoms.bscan import Phantom, make_phantom
from tools.docs.correcting_figures import draw_correcting
from tools.docs.measuring_figure import draw_measuring
from tools.docs.topology_figures import draw_topology
from tools.docs.tutorial_figures import draw_tutorial

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def prompt_window(target: Path) -> None:
    """Save napari with the labelled synthetic B-scan, and a prompt for a lesion with its mask."""
    viewer = napari.Viewer()
    viewer.window.resize(1500, 950)
    label, prompt = open_widgets(viewer)
    scene = phantom_scene()
    labels = label_scene(viewer, label, scene, DemoReport())
    place_prompts(prompt, with_missed_lesion(scene, labels.data))
    while not prompt.prompter.is_current:
        QApplication.processEvents()
    QApplication.processEvents()  # the score has its width then
    viewer.screenshot(str(target), canvas_only=False, flash=False)
    prompt.session.close()
    viewer.close()


def phantom_sheet(target: Path) -> None:
    """Save four phantoms, each beside its labels."""
    rows = [labelled(make_phantom(seed, (496, 640))) for seed in (3, 7, 11, 1679)]
    left, right = np.concatenate(rows[:2]), np.concatenate(rows[2:])
    Image.fromarray(np.concatenate([left, right], axis=1)).resize((1280, 496)).save(target)


def labelled(phantom: Phantom) -> np.ndarray:
    """Return a phantom in grey beside its classes in colour: (H, 2 W, 3) uint8."""
    colors = np.zeros((256, 3), np.uint8)
    for c in bundled_schema("oct14").foreground:
        colors[c.value] = [int(c.color[i : i + 2], 16) for i in (1, 3, 5)]
    grey = np.repeat(phantom.image[..., None], 3, axis=2)
    mixed = (grey * 0.5 + colors[phantom.labels] * 0.5).astype(np.uint8)
    return np.concatenate([grey, mixed], axis=1)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    phantom_sheet(IMAGES / "phantoms.png")
    draw_topology(IMAGES)
    prompt_window(IMAGES / "prompt.png")
    draw_tutorial(IMAGES)
    draw_correcting(IMAGES)
    draw_measuring(IMAGES)
    print(f"Saved the pictures in {IMAGES}", file=sys.stderr)
