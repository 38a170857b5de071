"""The main job in a real window with the real engine: prompts in, labels out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
import pytest
import tifffile

pytest.importorskip("napari")
from qtpy.QtCore import QPoint, Qt

from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from napari_octsam.gui.session import session as session_module
from napari_octsam.gui.session.session import Session
from napari_octsam.gui.session.settings import Settings
from napari_octsam.phantoms.bscan import make_phantom
from tests.running import forked, run_named

NSR = 2
BOX = np.array([[40, 30], [40, 200], [140, 200], [140, 30]], float)
PATIENCE = 120_000  # milliseconds: the engine imports torch


@pytest.fixture
def widget(
    make_napari_viewer: Callable[..., Any],
    small_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> Iterator[PromptWidget]:
    """The Prompt widget in a shown window with a phantom and a real engine with a model."""
    settings = Settings(cache_folder=tmp_path)
    monkeypatch.setattr(session_module, "read_settings", lambda: settings)
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 800)
    viewer.add_image(make_phantom(3, shape=(200, 256)).image, name="phantom", scale=(4, 6))
    widget = PromptWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Prompt")
    widget.session.load_model(LoadModel(str(small_checkpoint), device="cpu"))
    widget.masks.threshold.setValue(5)  # random weights are sure of nothing
    yield widget
    widget.session.close()


def wait_for_objects(qtbot: Any, widget: PromptWidget, count: int) -> None:
    def predicted() -> bool:
        now = widget.prompter.predicted
        return widget.prompter.is_current and now is not None and len(now.placed) == count

    qtbot.waitUntil(predicted, timeout=PATIENCE)


def drag(qtbot: Any, canvas: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the mouse between two places, given as fractions of the canvas' width and height."""
    size = np.array([canvas.width(), canvas.height()])
    a, b = np.array(start) * size, np.array(end) * size
    path = [QPoint(*np.rint(a + share * (b - a)).astype(int)) for share in np.linspace(0, 1, 6)]
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=path[0])
    for place in path:
        qtbot.mouseMove(canvas, place)
        qtbot.wait(60)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=path[-1])


@pytest.mark.slow("the first window with an engine starts the server that forks it")
def test_a_box_drawn_with_the_mouse_becomes_labels_with_a_key(
    widget: PromptWidget, qtbot: Any
) -> None:
    viewer, prompter = widget.viewer, widget.prompter
    canvas = viewer.window._qt_viewer.canvas.native
    widget.draw.tools[Tool.BOX].click()
    qtbot.keyClick(canvas, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)

    drag(qtbot, canvas, (0.3, 0.4), (0.7, 0.6))

    assert prompter.drawing.shapes is not None
    assert len(prompter.drawing.shapes.data) == 1
    wait_for_objects(qtbot, widget, 1)
    assert prompter.preview.layer is not None
    predicted: npt.NDArray[Any] = np.array(prompter.preview.layer.data)
    assert (predicted == NSR).any()
    qtbot.waitUntil(lambda: "Ready: " in widget.badge.text, timeout=PATIENCE)

    qtbot.keyClick(canvas, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)

    labels = prompter.committer.target
    assert labels is not None
    assert np.array_equal(labels.data == NSR, predicted == NSR)
    assert tuple(labels.scale) == (4, 6)
    assert not len(prompter.drawing.shapes.data)
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ShiftModifier)
    assert not labels.data.any()
    assert len(prompter.drawing.shapes.data) == 1


def test_killing_the_engine_while_it_encodes_loses_nothing(
    widget: PromptWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", notices.append)
    qtbot.waitUntil(lambda: widget.session.model is not None, timeout=PATIENCE)
    engine = widget.session.engine
    killed: list[int] = []

    def kill_once(state: str) -> None:
        if state == "encoding" and not killed:
            killed.append(engine.pid)
            os.kill(engine.pid, signal.SIGKILL)

    qtbot.waitUntil(lambda: engine.state == "idle", timeout=PATIENCE)
    engine.state_changed.connect(kill_once)
    widget.viewer.layers["phantom"].data = make_phantom(4, shape=(200, 256)).image
    widget.prompter.start_drawing(Tool.BOX)
    drawing = widget.prompter.drawing
    drawing.shapes.add(BOX, shape_type="rectangle")
    qtbot.waitUntil(lambda: bool(notices), timeout=PATIENCE)

    assert len(notices) == 1
    assert "Nothing in napari is lost" in notices[0]
    assert len(drawing.shapes.data) == 1
    assert "phantom" in widget.viewer.layers

    drawing.shapes.add(BOX + 5, shape_type="rectangle")
    wait_for_objects(qtbot, widget, 2)
    assert engine.pid not in (None, *killed)
    assert len(notices) == 1


def test_closing_the_window_ends_the_engine(widget: PromptWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: widget.session.model is not None, timeout=PATIENCE)
    session: Session = widget.session
    pid = session.engine.pid
    widget.viewer.close()
    qtbot.waitUntil(lambda: not session.is_open, timeout=5000)
    qtbot.waitUntil(lambda: not _alive(pid), timeout=5000)


RUN_DEMO = """
import sys
from pathlib import Path
from napari_octsam.gui import demo
demo.BUNDLED_MODEL = sys.argv[1]
report = demo.run_demo(None, Path(sys.argv[2]), headless=True)
assert len(report.steps) == 6, report
assert report.dice["neurosensory retina"] >= 0, report
"""


@pytest.mark.slow("a real process opens napari, and its engine imports torch")
def test_the_demo_saves_a_screenshot_and_labels(tmp_path: Path) -> None:
    checkpoint = tmp_path / "random.safetensors"
    made = forked(run_named, "tests.small_runs:save_tiny", checkpoint, folder=tmp_path)
    assert made.end() == (0, "")
    command = [sys.executable, "-W", "ignore", "-c", RUN_DEMO, str(checkpoint), str(tmp_path)]
    subprocess.run(
        command, check=True, timeout=150, env=os.environ | {"OCTSAM_HOME": str(tmp_path)}
    )
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.shape == (496, 768)
    assert labels.any()
    screenshot = iio.imread(tmp_path / "screenshot.png")
    assert min(screenshot.shape[:2]) > 600


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
