"""The window asks before it closes on a training, and never else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("napari")
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMainWindow, QMessageBox

from napari_octsam.engine.train.messages import Begun, TrainerMessage
from napari_octsam.gui.learning.train_widget import TrainWidget
from tests.small_runs import SCHEMA
from tests.steered import Jobs

BEGUN = Begun("runs/a", "The model trains on 2 B-scans.", (), SCHEMA, 2, 2)


@dataclass
class Person:
    """Answers every question with one button."""

    button: str
    heard: list[str] = field(default_factory=list)

    def close(self, window: QMainWindow) -> bool:
        """Close the window, and say whether that came to pass."""
        answering = QTimer(interval=10)
        answering.timeout.connect(self._answer)
        answering.start()
        closed = window.close()
        answering.stop()
        return closed

    def _answer(self) -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            self.heard.append(box.text())
            next(b for b in box.buttons() if b.text().strip("&") == self.button).click()


@pytest.fixture
def widget(
    make_napari_viewer_proxy: Callable[[], Any], jobs: Jobs, qtbot: Any, tmp_path: Any
) -> Iterator[TrainWidget]:
    """In a window that is shown, with a folder to train on."""
    viewer = make_napari_viewer_proxy()
    widget = TrainWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Train")
    window = widget.window()
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # the fixture closes it too
    window.show()
    qtbot.waitUntil(widget.isVisible, timeout=30_000)
    widget.inputs.source.choose_folder(tmp_path)
    yield widget
    widget.session.close()


def train(widget: TrainWidget, jobs: Jobs, qtbot: Any, *messages: TrainerMessage) -> None:
    widget.inputs.train.click()
    jobs.tell(*messages)
    qtbot.waitUntil(lambda: bool(widget.training.history.begun) == bool(messages), timeout=30_000)


def test_the_window_stays_where_the_person_does_not_want_to_leave_the_training(
    widget: TrainWidget, jobs: Jobs, qtbot: Any
) -> None:
    train(widget, jobs, qtbot, BEGUN)
    person = Person("Cancel")
    assert not person.close(widget.window())
    assert person.heard == [
        "Training is running. Close napari? The run is saved and can be continued."
    ]
    assert widget.isVisible()
    assert widget.training.is_on
    assert not jobs.last.left


def test_the_window_closes_where_the_person_agrees(
    widget: TrainWidget, jobs: Jobs, qtbot: Any
) -> None:
    train(widget, jobs, qtbot)
    person = Person("Close")
    assert person.close(widget.window())
    assert person.heard == ["A training is about to begin. Close napari? Nothing of it is kept."]


def test_nobody_is_asked_where_nothing_is_trained(widget: TrainWidget) -> None:
    person = Person("Cancel")
    assert person.close(widget.window())
    assert not person.heard


def test_a_script_closes_its_viewer_unasked(widget: TrainWidget, jobs: Jobs, qtbot: Any) -> None:
    train(widget, jobs, qtbot, BEGUN)
    window = widget.window()
    widget.viewer.close()  # a question would wait for ever
    assert not window.isVisible()


def test_a_second_widget_does_not_ask_again(widget: TrainWidget, jobs: Jobs, qtbot: Any) -> None:
    another = TrainWidget(widget.viewer)
    widget.viewer.window.add_dock_widget(another, name="Again")
    qtbot.waitUntil(another.isVisible, timeout=30_000)
    train(widget, jobs, qtbot, BEGUN)
    person = Person("Cancel")
    assert not person.close(widget.window())
    assert len(person.heard) == 1
