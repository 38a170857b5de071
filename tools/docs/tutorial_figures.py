"""The pictures of docs/tutorial.md: the real window and a real training, on phantoms."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import napari
import numpy as np
import numpy.typing as npt
from app_model.types import KeyBinding
from PIL import Image
from qtpy.QtWidgets import QApplication, QWidget

from napari_octsam.core.classes import load_schema
from napari_octsam.core.prompts import bounding_box
from napari_octsam.gui.demo import DemoReport, Scene, open_widgets, place_prompts, predict_scene
from napari_octsam.gui.layers.labelled_images import PREVIEW_NAME
from napari_octsam.gui.layers.layer_schema import described
from napari_octsam.gui.learning.train_widget import TrainWidget
from napari_octsam.gui.prompting.keys import SWITCH_MODEL
from napari_octsam.phantoms.bscan import Finding, Phantom, Tissue, make_phantom

SCHEMA = load_schema(Path(__file__).parents[2] / "docs" / "choroid.toml")
_SHAPE = (384, 512)
_WINDOW = (1280, 760)
_PANEL = 350  # pixels
_GAP = 8
_TIMEOUT = 600.0  # seconds
_COLORS = 256
_FINDINGS = (Finding.CHOROID_BORDER, Finding.INTRARETINAL_FLUID)
_RETINA = (
    Tissue.NEUROSENSORY_RETINA,
    Finding.INTRARETINAL_FLUID,
    Tissue.RETINAL_PIGMENT_EPITHELIUM,
)
_VALIDATED, _OTHERS = 2, (1, 3, 4)  # patients
_COMPARED = 2  # B-scan


class Scan(NamedTuple):
    """A B-scan, (H, W) uint8, and its classes in `SCHEMA`."""

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def scanned(patient: int) -> list[Scan]:
    """Return three B-scans of a patient, with the retina and the choroid labelled."""
    return [_labelled(make_phantom(10 * patient + n, _SHAPE, _FINDINGS)) for n in (2, 1, 3)]


def _labelled(phantom: Phantom) -> Scan:
    """The choroid is what lies below the RPE and above the choroid border."""
    retina = np.isin(phantom.labels, _RETINA)
    in_or_above_retina = np.logical_or.accumulate(retina[::-1])[::-1]
    in_or_below_border = np.logical_or.accumulate(phantom.labels == Finding.CHOROID_BORDER)
    labels = np.where(retina, 1, np.where(in_or_above_retina | in_or_below_border, 0, 2))
    return Scan(phantom.image, labels.astype(np.uint8))


def draw_tutorial(folder: Path) -> None:
    """Walk through the tutorial and save what is seen in it as tutorial-*.png."""
    with (
        tempfile.TemporaryDirectory() as home,
        patch.dict(os.environ, {"HOME": home, "OCTSAM_DATA": "~/oct/training"}),
    ):
        _Walk(folder).go()


class _Walk:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._viewer = napari.Viewer()
        self._viewer.window.resize(*_WINDOW)
        _, self._prompt = open_widgets(self._viewer)
        self._train = TrainWidget(self._viewer)
        self._viewer.window.add_dock_widget(self._train, name="Train (OCT SAM)", area="right")
        self._prompt.session.schema = SCHEMA

    def go(self) -> None:
        self._label()
        self._check()
        self._run()
        self._compare()
        self._train.session.close()
        self._viewer.close()

    def _label(self) -> None:
        """Prompt layers of one B-scan; then take the truth for what an annotator corrects."""
        self._raise(self._prompt)
        predict_scene(self._viewer, self._prompt, _scene(1), DemoReport())
        _settle()  # the neighbours are asked for, and then encoded
        _wait(lambda: self._prompt.session.state == "idle")
        self._save(self._window(), "prompt")
        for patient in (_VALIDATED, *_OTHERS):
            self._open_labelled(patient)
        layers = self._viewer.layers
        layers.move(layers.index(f"{_name(1)} labels"), 0)  # the split goes by their order

    def _open_labelled(self, patient: int) -> None:
        volume, name = scanned(patient), _name(patient)
        if name not in self._viewer.layers:
            picture = np.stack([p.image for p in volume])
            self._viewer.add_image(picture, name=name, colormap="gray")
        labels = np.stack([p.labels for p in volume])
        meaning = described(SCHEMA)
        self._viewer.add_labels(labels, name=f"{name} labels", opacity=0.5, **meaning)

    def _check(self) -> None:
        self._raise(self._train)
        for name, value in (("adapts", "decoder"), ("epochs", 6), ("lr", 1e-3)):
            self._train.inputs.settings.inputs[name].value = value
        self._train.inputs.check.click()
        _wait(lambda: "trains on" in self._train.inputs.message.text())
        self._save(self._window(), "check")

    def _run(self) -> None:
        train, results = self._train, self._train.results
        train.inputs.train.click()
        _wait(lambda: len(train.training.history.epochs) > 3)
        results.curves.setCurrentWidget(results.curves.dice)
        self._save(self._window(), "running")
        results.status.pause.click()
        _wait(lambda: train.training.state == "paused")
        panels = [self._panel()]
        results.status.pause.click()
        _wait(lambda: not train.training.is_on)
        panels.append(self._panel())
        results.use.click()
        _wait(lambda: self._model != "octsam-tiny")
        panels.append(self._panel())
        self._save(np.hstack(panels), "steps")

    def _compare(self) -> None:
        """Show one B-scan and its prompts with the new model and, a key later, with the old."""
        for layer in self._viewer.layers:
            layer.visible = layer.name in (_name(_VALIDATED), PREVIEW_NAME)
        self._raise(self._prompt)
        self._viewer.dims.set_point(0, _COMPARED)
        place_prompts(self._prompt, _scene(_COMPARED))
        new = self._canvas()
        self._viewer.keymap[KeyBinding.from_str(SWITCH_MODEL)](self._viewer)
        _wait(lambda: self._model == "octsam-tiny")
        old = self._canvas()
        gap = np.full((len(old), _GAP, 3), 128, np.uint8)
        self._save(np.hstack([old, gap, new]), "compare")

    @property
    def _model(self) -> str:
        session = self._train.session
        return "" if session.model is None or session.loaded is None else session.loaded.source

    def _raise(self, widget: QWidget) -> None:
        dock = widget.parentWidget()
        if dock is not None:
            dock.raise_()

    def _window(self) -> np.ndarray:
        _settle()
        return np.asarray(self._viewer.screenshot(canvas_only=False, flash=False))

    def _panel(self) -> np.ndarray:
        """Return the docks on the right alone."""
        return self._window()[:, -_PANEL:]

    def _canvas(self) -> np.ndarray:
        _wait(lambda: self._prompt.prompter.is_current)
        _settle()
        seen = np.asarray(self._viewer.screenshot(flash=False))[..., :3]
        rows, columns = (np.flatnonzero(seen.any(axis=(1 - axis, 2))) for axis in (0, 1))
        return seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]  # the B-scan alone

    def _save(self, picture: np.ndarray, name: str) -> None:
        image = Image.fromarray(picture[..., :3])
        small = image.quantize(_COLORS, dither=Image.Dither.NONE)
        small.save(self._folder / f"tutorial-{name}.png", optimize=True)


def _scene(number: int) -> Scene:
    """Return the volume that is validated on, with boxes for one of its B-scans."""
    volume = scanned(_VALIDATED)
    labels = volume[number].labels
    boxes = [(c.value, bounding_box(labels == c.value)) for c in SCHEMA.foreground]
    return Scene(_name(_VALIDATED), np.stack([p.image for p in volume]), False, boxes)


def _name(patient: int) -> str:
    return f"P0{patient}_OD"


def _wait(condition: Callable[[], bool]) -> None:
    """Let the window live until a condition holds."""
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("The window did not get there.")
        QApplication.processEvents()
        time.sleep(0.01)


def _settle(seconds: float = 0.5) -> None:
    """Let the window lay out and draw what it was told."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
