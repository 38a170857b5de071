"""The main job in a real window, by itself: label a B-scan, then add a lesion by a prompt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.config import BUNDLED_MODEL
from napari_octsam.core.errors import UserError
from napari_octsam.core.masks import Overlap
from napari_octsam.core.prompts import Box, bounding_box
from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.gui.prompting.drawing import Tool

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_octsam.gui.labelling.label_widget import LabelWidget
    from napari_octsam.gui.prompting.prompt_widget import PromptWidget

__all__ = [
    "DemoReport",
    "Scene",
    "label_scene",
    "open_widgets",
    "phantom_scene",
    "place_prompts",
    "predict_scene",
    "run_demo",
    "with_missed_lesion",
]

_TIMEOUT = 300.0
_LEAST_COMPONENT = 150  # pixels: smaller cysts would crowd the window
_WINDOW = (1500, 950)

_LESIONS = (3, 4, 7)  # intraretinal and subretinal fluid, detachment of the pigment epithelium


@dataclass(slots=True)
class DemoReport:
    """What the demo did.

    Parameters
    ----------
    steps
        Name of each step, and the seconds that it took.
    dice
        Dice of each class that the synthetic B-scan has; empty for a picture of the person's own,
        whose truth nobody knows.
    files
        What was saved.
    """

    steps: list[tuple[str, float]] = field(default_factory=list)
    dice: dict[str, float] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is done meanwhile."""
        started = time.perf_counter()
        yield
        self.steps.append((name, time.perf_counter() - started))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture, boxes on it with their classes, and the truth where there is one."""

    name: str
    picture: npt.NDArray[Any]
    is_rgb: bool = False
    boxes: Sequence[tuple[int, Box]] = ()
    truth: npt.NDArray[np.uint8] | None = None


def run_demo(image: Path | None, output: Path, headless: bool) -> DemoReport:
    """Open napari with a B-scan and the bundled model, and have it labelled.

    On the synthetic one a lesion is added by a prompt too: that which the labels miss most.

    Parameters
    ----------
    image
        A picture to take instead of the synthetic B-scan.
    output
        Folder for the screenshot and the labels, made where there is none.
    headless
        Save a screenshot and the labels and close the window; else it stays until the person
        closes it, and nothing is saved.

    Raises
    ------
    UserError
        The picture cannot be read, or the engine does not do its part.
    """
    import napari

    scene = phantom_scene() if image is None else _scene_of(image)
    report = DemoReport()
    with report.step("open napari"):
        viewer = napari.Viewer(title="napari-octsam demo")
        viewer.window.resize(*_WINDOW)
        label, widget = open_widgets(viewer)
        _wait(lambda: widget.isVisible(), widget, "the window opens")
    try:
        labels = label_scene(viewer, label, scene, report)
        if scene.truth is not None:
            _add_by_prompt(widget, with_missed_lesion(scene, labels.data), report)
            report.dice = _dice_of(labels.data, scene.truth)
        if not headless:
            napari.run()
            return report
        with report.step("save"):
            report.files = _save(viewer, labels, output)
        for kept in widget.keeper.kept:
            kept.discard()
    finally:
        if headless:
            widget.session.close()
            viewer.close()
    return report


def label_scene(viewer: Viewer, widget: LabelWidget, scene: Scene, report: DemoReport) -> Labels:
    """Show a scene and have the model label it; return the labels."""
    _load(widget, report)
    labelled: list[object] = []

    def note(*_: object) -> None:
        labelled.append(None)

    volume = widget.volume
    volume.labeller.labelled.connect(note)
    with report.step("label the B-scan"):
        viewer.add_image(scene.picture, name=scene.name, rgb=scene.is_rgb, colormap="gray")
        volume.label_this()
        _wait(lambda: bool(labelled), widget, "the B-scan is labelled")
    volume.labeller.labelled.disconnect(note)
    viewer.reset_view()  # by now the panels have taken their room
    target = volume.target
    assert target is not None  # what was labelled is in a layer
    return target.labels


def _add_by_prompt(widget: PromptWidget, scene: Scene, report: DemoReport) -> None:
    """Draw a scene's box, and commit the mask over the labels that are there."""
    prompter, overlap = widget.prompter, widget.masks.overlap
    overlap.setCurrentIndex(overlap.findData(Overlap.REPLACE))
    with report.step("place a prompt, predict"):
        place_prompts(widget, scene)
        _wait(lambda: prompter.is_current, widget, "the mask is predicted")
    with report.step("commit"):
        prompter.commit()


def with_missed_lesion(scene: Scene, labels: npt.NDArray[np.integer]) -> Scene:
    """Return a scene, whose truth is known, with a box around the lesion that labels miss most."""
    from scipy import ndimage

    truth = np.asarray(scene.truth)
    found = []
    for value in _LESIONS:
        components, count = ndimage.label(truth == value)
        for number in range(1, count + 1):
            mask = components == number
            if mask.sum() >= _LEAST_COMPONENT:
                found.append((int((mask & (labels != value)).sum()), value, mask))
    _, value, mask = max(found, key=lambda each: each[0])
    return replace(scene, boxes=[(value, bounding_box(mask))])


def predict_scene(viewer: Viewer, widget: PromptWidget, scene: Scene, report: DemoReport) -> None:
    """Show a scene, place its prompts and wait for the masks, which stay a preview."""
    prompter = widget.prompter
    _load(widget, report)
    encoded: list[object] = []
    prompter.prefetch.encoded.connect(lambda answer: encoded.append(answer))
    with report.step("encode the B-scan"):
        viewer.add_image(scene.picture, name=scene.name, rgb=scene.is_rgb, colormap="gray")
        _wait(lambda: bool(encoded), widget, "the B-scan is encoded")
    with report.step(f"place {len(scene.boxes)} prompts, predict"):
        place_prompts(widget, scene)
        _wait(lambda: prompter.is_current, widget, "the masks are predicted")
    viewer.reset_view()  # by now the panels have taken their room


def _load(widget: LabelWidget | PromptWidget, report: DemoReport) -> None:
    session = widget.session
    with report.step(f"start the engine, load {BUNDLED_MODEL}"):
        session.load_model(LoadModel(BUNDLED_MODEL, device=session.settings.device))
        _wait(lambda: session.model is not None, widget, "the model loads")


def open_widgets(viewer: Viewer) -> tuple[LabelWidget, PromptWidget]:
    """Dock the widgets on the right, as tabs, and return those that label and prompt."""
    from napari_octsam.gui.labelling.label_widget import LabelWidget
    from napari_octsam.gui.models.model_widget import ModelWidget
    from napari_octsam.gui.prompting.prompt_widget import PromptWidget

    label, prompt = LabelWidget(viewer), PromptWidget(viewer)
    prompt.session.schema = bundled_schema()  # whatever the person used last
    docked = {"Model": ModelWidget(viewer), "Label": label, "Prompt": prompt}
    for name, widget in docked.items():
        viewer.window.add_dock_widget(widget, name=f"{name} (OCT SAM)", area="right")
    return label, prompt


def place_prompts(widget: PromptWidget, scene: Scene) -> None:
    """Draw a scene's prompts on the B-scan that is shown."""
    prompter = widget.prompter
    drawing, plane = prompter.drawing, prompter.shown.plane()
    prompter.start_drawing(Tool.BOX)
    for value, box in scene.boxes:
        drawing.choose_class(value)
        rows, cols = (box.row0, box.row0, box.row1, box.row1), (box.col0, box.col1) * 2
        corners = np.array([*plane.index, 0.0, 0.0]) + np.zeros((4, plane.ndim))
        corners[:, -2:] = np.stack([rows, (cols[0], cols[1], cols[1], cols[0])], axis=1)
        if drawing.shapes is not None:
            drawing.shapes.add(corners, shape_type="rectangle")


def phantom_scene() -> Scene:
    """Return the demo phantom."""
    from napari_octsam.phantoms.bscan import demo_phantom

    phantom = demo_phantom()
    return Scene("phantom", phantom.image, truth=phantom.labels)


def _scene_of(path: Path) -> Scene:
    from napari_octsam.data.pictures import is_rgb, read_picture

    picture = read_picture(path)
    return Scene(path.stem, picture, is_rgb(picture))


def _dice_of(labels: npt.NDArray[Any], truth: npt.NDArray[np.uint8]) -> dict[str, float]:
    from napari_octsam.evaluation.metrics import dice

    there = [c for c in bundled_schema().classes if (truth == c.value).any()]
    return {c.name: float(dice(np.asarray(labels == c.value), truth == c.value)) for c in there}


def _save(viewer: Viewer, labels: Labels, output: Path) -> list[Path]:
    from qtpy.QtCore import QCoreApplication

    from napari_octsam.data.pictures import write_labels

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot make the folder {output}: {error.strerror}.") from error
    screenshot, tiff = output / "screenshot.png", output / "labels.tif"
    QCoreApplication.processEvents()  # the last message gets the room that it needs
    viewer.screenshot(str(screenshot), canvas_only=False, flash=False)
    write_labels(tiff, np.asarray(labels.data))
    return [screenshot, tiff]


def _wait(condition: Callable[[], bool], widget: LabelWidget | PromptWidget, what: str) -> None:
    """Let the window live until a condition holds."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop, timer = QEventLoop(), QTimer()
    deadline = time.monotonic() + _TIMEOUT
    problems: list[str] = []

    def fail(problem: str) -> None:
        problems.append(problem)

    widget.session.failed.connect(fail)
    timer.setInterval(10)

    def look() -> None:
        if condition() or problems or time.monotonic() > deadline:
            loop.quit()

    timer.timeout.connect(look)
    timer.start()
    if not condition():
        loop.exec()
    timer.stop()
    widget.session.failed.disconnect(fail)
    if problems or not condition():
        why = problems[0] if problems else widget.message.text()
        raise UserError(f"The demo waited in vain until {what}: {why}")
