"""The Model widget: choosing, downloading and loading, and the state that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("napari")
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QScrollArea

from napari_octsam.core.errors import UserError
from napari_octsam.engine.messages import Download, LoadedModel, LoadModel, Progress, Request
from napari_octsam.gui import session as session_module
from napari_octsam.gui.model_widget import ModelWidget
from napari_octsam.gui.session import Session
from napari_octsam.gui.settings import Settings


class IdleEngine:
    """Remembers requests; the test answers them."""

    state_changed = Signal(str)
    warned = Signal(str)
    died = Signal(str)

    def __init__(self) -> None:
        self.asked: list[tuple[Request, Future[Any], Callable[[Progress], object]]] = []

    def submit(self, request: Request, *, on_progress: Any, background: bool) -> Future[Any]:
        assert not background
        self.asked.append((request, Future(), on_progress))
        return self.asked[-1][1]

    def shutdown(self) -> None:
        self.state_changed.emit("stopped")

    @property
    def requests(self) -> list[Request]:
        return [request for request, *_ in self.asked]

    def answer(self, answer: Any) -> None:
        future = self.asked[-1][1]
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[IdleEngine]:
    """The engine of every session that the test makes; nothing is downloaded yet."""
    engine = IdleEngine()
    made: list[Session] = []

    def session(_settings: Settings | None = None) -> Session:
        made.append(Session(Settings(), engine))
        return made[-1]

    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path))
    monkeypatch.setattr(session_module, "Session", session)
    yield engine
    for one in made:
        one.close()


@pytest.fixture
def widget(
    make_napari_viewer_proxy: Callable[[], Any],
    engine: IdleEngine,
) -> ModelWidget:
    viewer = make_napari_viewer_proxy()
    widget = ModelWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Model")
    return widget


@pytest.fixture
def shown(widget: ModelWidget, qtbot: Any) -> ModelWidget:
    """The widget in a window on the screen."""
    widget.window().resize(1100, 700)
    widget.window().show()
    qtbot.waitUntil(widget.isVisible, timeout=3000)
    return widget


def choose(widget: ModelWidget, name: str) -> None:
    widget.models.setCurrentIndex(widget.models.findData(name))


def test_opening_the_widget_asks_the_engine_for_nothing(
    widget: ModelWidget, engine: IdleEngine
) -> None:
    assert widget.models.currentData() == "octsam-tiny"
    assert widget.load.text() == "Load"
    assert widget.badge.text == "Engine not started"
    assert not engine.requests


def test_loading_passes_profile_and_device_on_and_shows_what_is_in_use(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    widget.profile.setCurrentText("medsam")
    widget.device.setCurrentText("cpu")
    widget.open_file(Path("weights.pth"))
    assert engine.requests == [LoadModel("weights.pth", "medsam", "cpu")]
    note = "MedSAM's preprocessing is a guess from the file's name."
    engine.answer(LoadedModel("weights", "vit_b", "medsam", "cpu", "bfloat16", note))
    engine.state_changed.emit("idle")
    qtbot.waitUntil(lambda: widget.badge.text == "Ready: weights on cpu", timeout=1000)
    assert "vit_b" in widget.details.text()
    assert "bfloat16" in widget.details.text()
    assert widget.message.text() == note


def test_nothing_is_downloaded_unasked(
    widget: ModelWidget, engine: IdleEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []

    def refuse(_parent: Any, _title: str, question: str) -> Any:
        questions.append(question)

    monkeypatch.setattr("napari_octsam.gui.model_widget.QMessageBox.question", refuse)
    choose(widget, "vit_b")
    assert widget.load.text() == "Download …"
    widget.load.click()
    assert not engine.requests
    assert "375 MB" in questions[0]
    assert "dl.fbaipublicfiles.com" in questions[0]


def test_a_download_that_was_agreed_to_is_loaded_when_it_is_there(
    widget: ModelWidget,
    engine: IdleEngine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    qtbot: Any,
) -> None:
    monkeypatch.setattr(widget, "_confirm_download", lambda _: True)
    choose(widget, "vit_b")
    widget.load.click()
    assert engine.requests == [Download("vit_b")]
    file = tmp_path / "models" / "sam_vit_b_01ec64.pth"
    file.parent.mkdir()
    file.touch()
    engine.answer(str(file))
    qtbot.waitUntil(lambda: engine.requests[-1] == LoadModel("vit_b"), timeout=1000)
    assert widget.models.currentData() == "vit_b"
    assert "MB" not in widget.models.currentText()


def test_a_model_that_fails_leaves_the_one_in_use(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    widget.open_file(Path("good.pth"))
    engine.answer(LoadedModel("good", "vit_b", "sam", "cpu", "float32"))
    qtbot.waitUntil(lambda: "good" in widget.details.text(), timeout=1000)
    widget.open_file(Path("bad.pth"))
    engine.answer(UserError("bad.pth is an HTML page, not a checkpoint."))
    qtbot.waitUntil(lambda: "HTML page" in widget.message.text(), timeout=1000)
    assert "good" in widget.details.text()


def test_the_badge_follows_the_engine_and_cancels_what_it_does(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    widget.open_file(Path("weights.pth"))
    _, future, on_progress = engine.asked[-1]
    engine.state_changed.emit("starting")
    qtbot.waitUntil(lambda: widget.badge.text == "Starting the engine", timeout=1000)
    assert widget.badge.cancel_button.isHidden()
    engine.state_changed.emit("encoding")
    on_progress(Progress("encoding", 3, 12, "scan [4]"))
    qtbot.waitUntil(lambda: widget.badge.text == "Encoding scan [4]", timeout=1000)
    assert widget.badge.bar.value() == 250
    assert not widget.badge.cancel_button.isHidden()
    widget.badge.cancel_button.click()
    assert future.cancelled()
    engine.state_changed.emit("idle")
    qtbot.waitUntil(lambda: "Ready" in widget.badge.text, timeout=1000)
    assert widget.badge.bar.isHidden()
    assert not widget.message.text()


LONG = "patient_000123_visit_02_OD_macula_cube_512x128_heidelberg_spectralis_export"


def test_a_long_name_never_widens_the_dock_and_is_in_view(
    shown: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    shown.open_file(Path("weights.pth"))
    width = shown.width()
    engine.answer(LoadedModel(LONG, "vit_b", "sam", "cpu", "float32"))
    engine.state_changed.emit("idle")
    qtbot.waitUntil(lambda: shown.badge.text == f"Ready: {LONG} on cpu", timeout=1000)
    engine.warned.emit(f"{LONG}{LONG}.nii.gz cannot be read.")
    qtbot.waitUntil(lambda: shown.message.height() > 60, timeout=1000)
    bar = shown.findChild(QScrollArea).verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() == 0, timeout=1000)
    assert LONG in shown.details.text()
    assert shown.width() == width


def test_a_long_name_is_shown_whole_and_copied_as_it_is(widget: ModelWidget, qtbot: Any) -> None:
    widget.message.say(f"{LONG}.tif is no B-scan.")
    narrow, wide = (widget.message.heightForWidth(w) for w in (150, 900))
    assert narrow > 2 * wide
    widget.message.setSelection(0, len(QLabel.text(widget.message)))
    QTest.keyClick(widget.message, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == f"{LONG}.tif is no B-scan."


def test_the_badge_shows_a_long_name_whole_under_the_mouse(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    widget.open_file(Path("weights.pth"))
    engine.state_changed.emit("encoding")
    engine.asked[-1][2](Progress("encoding", 3, 12, f"{LONG} [12]"))
    qtbot.waitUntil(lambda: widget.badge.text == f"Encoding {LONG} [12]", timeout=1000)
    tips = [label.toolTip() for label in widget.badge.findChildren(QLabel)]
    assert f"Encoding {LONG} [12]" in tips
