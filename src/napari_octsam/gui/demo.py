"""The main job in a real window, by itself: open, load, encode, prompt, predict, commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.config import BUNDLED_MODEL
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Point, bounding_box
from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.gui.prompting.drawing import Tool

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_octsam.gui.prompting.prompt_widget import PromptWidget

__all__ = [
    "DemoReport",
    "Scene",
    "open_widgets",
    "phantom_scene",
    "place_prompts",
    "predict_scene",
    "run_demo",
]

_TIMEOUT = 300.0
_LEAST_COMPONENT = 150  # pixels: smaller cysts would crowd the window
_WINDOW = (1500, 950)

_NSR, _IRF, _SRF, _RPE, _PED, _VITREOUS = 2, 3, 4, 6, 7, 12


@dataclass(slots=True)
class DemoReport:
    """What the demo did.

    Parameters
    ----------
    steps
        Name of each step, and the seconds that it took.
    dice
        Dice of each class that was prompted, against the synthetic truth; empty for a picture of
        the person's own, which has none.
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
    """A picture, what is prompted on it, and the truth where there is one."""

    name: str
    picture: npt.NDArray[Any]
    is_rgb: bool
    boxes: Sequence[tuple[int, Box]]
    points: Sequence[tuple[int, Point]] = ()
    truth: npt.NDArray[np.uint8] | None = None


def run_demo(image: Path | None, output: Path, headless: bool) -> DemoReport:
    """Open napari with a B-scan, load the bundled model, place prompts, predict and commit.

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
        widget = open_widgets(viewer)
        _wait(lambda: widget.isVisible(), widget, "the window opens")
    try:
        predict_scene(viewer, widget, scene, report)
        with report.step("commit"):
            labels = _commit(widget)
        if scene.truth is not None:
            report.dice = _dice_of(labels.data, scene)
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


def predict_scene(viewer: Viewer, widget: PromptWidget, scene: Scene, report: DemoReport) -> None:
    """Show a scene, place its prompts and wait for the masks, which stay a preview."""
    session, prompter = widget.session, widget.prompter
    with report.step(f"start the engine, load {BUNDLED_MODEL}"):
        session.load_model(LoadModel(BUNDLED_MODEL, device=session.settings.device))
        _wait(lambda: session.model is not None, widget, "the model loads")
    encoded: list[object] = []
    prompter.prefetch.encoded.connect(lambda answer: encoded.append(answer))
    with report.step("encode the B-scan"):
        viewer.add_image(scene.picture, name=scene.name, rgb=scene.is_rgb, colormap="gray")
        _wait(lambda: bool(encoded), widget, "the B-scan is encoded")
    prompts = len(scene.boxes) + len(scene.points)
    with report.step(f"place {prompts} prompts, predict"):
        place_prompts(widget, scene)
        _wait(lambda: prompter.is_current, widget, "the masks are predicted")
    viewer.reset_view()  # by now the panels have taken their room


def _commit(widget: PromptWidget) -> Labels:
    widget.prompter.commit()
    target = widget.prompter.committer.target
    if target is None:
        raise UserError(f"The demo could not commit: {widget.message.text()}")
    return target


def open_widgets(viewer: Viewer) -> PromptWidget:
    """Dock the two widgets on the right, as tabs, and return the Prompt widget."""
    from napari_octsam.gui.models.model_widget import ModelWidget
    from napari_octsam.gui.prompting.prompt_widget import PromptWidget

    widget = PromptWidget(viewer)
    widget.session.schema = bundled_schema()  # whatever the person used last
    viewer.window.add_dock_widget(ModelWidget(viewer), name="Model (OCT SAM)", area="right")
    viewer.window.add_dock_widget(widget, name="Prompt (OCT SAM)", area="right")
    return widget


def place_prompts(widget: PromptWidget, scene: Scene) -> None:
    """Draw a scene's prompts on the B-scan that is shown."""
    prompter = widget.prompter
    drawing, plane = prompter.drawing, prompter.shown.plane()
    prompter.start_drawing(Tool.POINT)
    prompter.start_drawing(Tool.BOX)
    for value, box in scene.boxes:
        drawing.choose_class(value)
        rows, cols = (box.row0, box.row0, box.row1, box.row1), (box.col0, box.col1) * 2
        corners = np.array([*plane.index, 0.0, 0.0]) + np.zeros((4, plane.ndim))
        corners[:, -2:] = np.stack([rows, (cols[0], cols[1], cols[1], cols[0])], axis=1)
        if drawing.shapes is not None:
            drawing.shapes.add(corners, shape_type="rectangle")
    for value, point in scene.points:
        drawing.choose_class(value)
        if drawing.points is not None:
            drawing.points.add([[*plane.index, point.row, point.col]])


def phantom_scene() -> Scene:
    """Return the demo phantom, prompted for its main classes."""
    from scipy import ndimage

    from napari_octsam.phantoms.bscan import demo_phantom

    phantom = demo_phantom()
    boxes = [(v, bounding_box(phantom.labels == v)) for v in (_NSR, _RPE)]
    for value in (_IRF, _SRF, _PED):
        components, count = ndimage.label(phantom.labels == value)
        masks = [components == i for i in range(1, count + 1)]
        boxes += [(value, bounding_box(m)) for m in masks if m.sum() >= _LEAST_COMPONENT]
    vitreous = np.pad(phantom.labels == _VITREOUS, 1)  # the border of the picture is an edge too
    depth = ndimage.distance_transform_edt(vitreous)[1:-1, 1:-1]
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    points = [(_VITREOUS, Point(float(row), float(col)))]
    return Scene("phantom", phantom.image, False, boxes, points, phantom.labels)


def _scene_of(path: Path) -> Scene:
    from napari_octsam.data.pictures import is_rgb, read_picture

    picture = read_picture(path)
    rgb = is_rgb(picture)
    rows, cols = picture.shape[-3:-1] if rgb else picture.shape[-2:]
    middle = Box(rows * 0.3, cols * 0.25, rows * 0.7, cols * 0.75)
    return Scene(path.stem, picture, rgb, [(_NSR, middle)])


def _dice_of(labels: npt.NDArray[Any], scene: Scene) -> dict[str, float]:
    from napari_octsam.evaluation.metrics import dice

    schema = bundled_schema("oct14")
    values = sorted({value for value, _ in (*scene.boxes, *scene.points)})
    truth = np.asarray(scene.truth)
    return {schema[v].name: float(dice(np.asarray(labels == v), truth == v)) for v in values}


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


def _wait(condition: Callable[[], bool], widget: PromptWidget, what: str) -> None:
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
