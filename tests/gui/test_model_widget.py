"""The Model widget: choosing, downloading and loading, and the state that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QScrollArea

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import write_json
from napari_octsam.engine.predict.messages import (
    Download,
    LoadedModel,
    LoadModel,
    Progress,
    Request,
)
from napari_octsam.engine.train.messages import Ended, StartTraining
from napari_octsam.gui.models.model_widget import ModelWidget
from napari_octsam.gui.session import session as session_module
from napari_octsam.gui.session.session import Session
from napari_octsam.gui.session.settings import Settings
from napari_octsam.models.checkpoints.registry import REGISTRY
from napari_octsam.models.checkpoints.verified import remember
from tests.contrast import contrast_of
from tests.steered import Jobs

TINY = LoadedModel("octsam-tiny", "octsam-tiny", "octsam-tiny", "cpu", "float32")


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


def downloaded_vit_b(cache: Path) -> Path:
    """Leave what the engine does, as if the file were the right one."""
    file = cache / "models" / "sam_vit_b_01ec64.pth"
    file.parent.mkdir()
    file.touch()
    remember(file, str(REGISTRY["vit_b"].sha256))
    return file


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[IdleEngine]:
    """The engine of every session that the test makes; nothing is downloaded yet."""
    engine = IdleEngine()
    made: list[Session] = []

    def session(_settings: Settings | None = None) -> Session:
        made.append(Session(Settings(), engine))
        return made[-1]

    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path))
    monkeypatch.setenv("OCTSAM_DATA", str(tmp_path / "own"))
    monkeypatch.setattr(session_module, "Session", session)
    yield engine
    for one in made:
        one.close()


@pytest.fixture
def widget(engine: IdleEngine, jobs: Jobs, qtbot: Any) -> ModelWidget:
    """The widget of a viewer without a window: few tests look at that."""
    widget = ModelWidget(ViewerModel())
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def shown(
    make_napari_viewer_proxy: Callable[[], Any], engine: IdleEngine, jobs: Jobs, qtbot: Any
) -> ModelWidget:
    """The widget in a window on the screen."""
    viewer = make_napari_viewer_proxy()
    widget = ModelWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Model")
    widget.window().resize(1100, 700)
    widget.window().show()
    bar = widget.findChild(QScrollArea).verticalScrollBar()
    qtbot.waitUntil(lambda: widget.isVisible() and bar.maximum() == 0, timeout=30_000)
    return widget


def choose(widget: ModelWidget, name: str) -> None:
    widget.choice.models.setCurrentIndex(widget.choice.models.findData(name))


def test_opening_the_widget_asks_the_engine_for_nothing(
    widget: ModelWidget, engine: IdleEngine
) -> None:
    assert widget.choice.models.currentData() == "octsam-tiny"
    assert widget.load.text() == "Load"
    assert widget.badge.text == "Engine not started"
    assert not engine.requests


def test_loading_passes_profile_and_device_on_and_shows_what_is_in_use(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    widget.choice.profile.setCurrentText("medsam")
    widget.choice.device.setCurrentText("cpu")
    widget.open_file(Path("weights.pth"))
    assert engine.requests == [LoadModel("weights.pth", "medsam", "cpu")]
    note = "MedSAM's preprocessing is a guess from the file's name."
    engine.answer(LoadedModel("weights", "vit_b", "medsam", "cpu", "bfloat16", note))
    engine.state_changed.emit("idle")
    qtbot.waitUntil(lambda: widget.badge.text == "Ready: weights on cpu", timeout=30_000)
    assert "vit_b" in widget.details.text()
    assert "bfloat16" in widget.details.text()
    assert widget.message.text() == note


def test_nothing_is_downloaded_unasked(
    widget: ModelWidget, engine: IdleEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []

    def refuse(_parent: Any, _title: str, question: str) -> Any:
        questions.append(question)

    monkeypatch.setattr("napari_octsam.gui.models.model_widget.QMessageBox.question", refuse)
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
    file = downloaded_vit_b(tmp_path)
    engine.answer(str(file))
    qtbot.waitUntil(lambda: engine.requests[-1] == LoadModel("vit_b"), timeout=30_000)
    assert widget.choice.models.currentData() == "vit_b"
    assert "MB" not in widget.choice.models.currentText()


def test_a_model_that_fails_leaves_the_one_in_use(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    widget.open_file(Path("good.pth"))
    engine.answer(LoadedModel("good", "vit_b", "sam", "cpu", "float32"))
    qtbot.waitUntil(lambda: "good" in widget.details.text(), timeout=30_000)
    widget.open_file(Path("bad.pth"))
    engine.answer(UserError("bad.pth is an HTML page, not a checkpoint."))
    qtbot.waitUntil(lambda: "HTML page" in widget.message.text(), timeout=30_000)
    assert "good" in widget.details.text()


def test_the_badge_follows_the_engine_and_cancels_what_it_does(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    widget.open_file(Path("weights.pth"))
    _, future, on_progress = engine.asked[-1]
    engine.state_changed.emit("starting")
    qtbot.waitUntil(lambda: widget.badge.text == "Starting the engine", timeout=30_000)
    assert widget.badge.cancel_button.isHidden()
    engine.state_changed.emit("encoding")
    on_progress(Progress("encoding", 3, 12, "scan [4]"))
    qtbot.waitUntil(lambda: widget.badge.text == "Encoding scan [4]", timeout=30_000)
    assert widget.badge.bar.value() == 250
    assert not widget.badge.cancel_button.isHidden()
    widget.badge.cancel_button.click()
    assert future.cancelled()
    engine.state_changed.emit("idle")
    qtbot.waitUntil(lambda: "Ready" in widget.badge.text, timeout=30_000)
    assert widget.badge.bar.isHidden()
    assert not widget.message.text()


def test_a_changed_choice_says_that_load_applies_it(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    assert widget.hint.isHidden()
    widget.choice.device.setCurrentText("cpu")
    assert not widget.hint.isHidden()
    assert widget.hint.text() == "Press Load to apply."
    widget.load.click()
    assert engine.requests == [LoadModel("octsam-tiny", device="cpu")]
    assert widget.hint.isHidden()
    engine.answer(TINY)
    qtbot.waitUntil(lambda: widget.session.model is TINY, timeout=30_000)
    widget.choice.profile.setCurrentText("sam")
    assert not widget.hint.isHidden()
    widget.choice.profile.setCurrentIndex(0)
    assert widget.hint.isHidden()
    choose(widget, "vit_b")
    assert widget.hint.text() == "Press Download to apply."


@pytest.mark.parametrize("end", ["failure", "cancelling"])
def test_a_load_that_fails_puts_the_choices_back(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any, end: str
) -> None:
    widget.choice.profile.setCurrentText("sam")
    widget.choice.device.setCurrentText("cuda")
    widget.open_file(Path("bad.pth"))
    assert widget.choice.models.currentText() == "bad.pth"
    if end == "failure":
        engine.answer(UserError("There is no cuda."))
    else:
        widget.session.cancel()
    qtbot.waitUntil(lambda: widget.choice.request == LoadModel("octsam-tiny"), timeout=30_000)
    assert widget.hint.isHidden()
    assert widget.choice.models.findText("bad.pth") == -1


def test_a_choice_made_while_a_model_loads_is_kept(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    ended: list[bool] = []
    widget.session.load_ended.connect(lambda: ended.append(True))
    widget.load.click()
    widget.choice.device.setCurrentText("cpu")
    engine.answer(UserError("There is no memory."))
    qtbot.waitUntil(lambda: bool(ended), timeout=30_000)
    assert widget.choice.device.currentText() == "cpu"
    assert not widget.hint.isHidden()


def test_a_file_stays_the_choice_so_that_its_preprocessing_can_be_changed(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    widget.open_file(Path("folder") / "medsam.pth")
    engine.answer(LoadedModel("medsam", "vit_b", "medsam", "cpu", "float32"))
    qtbot.waitUntil(lambda: "medsam" in widget.details.text(), timeout=30_000)
    widget.choice.profile.setCurrentText("sam")
    assert widget.hint.text() == "Press Load to apply."
    widget.load.click()
    assert engine.requests[-1] == LoadModel(str(Path("folder") / "medsam.pth"), "sam")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (TINY, "octsam-tiny on cpu, float32"),
        (
            LoadedModel("fluid", "octsam-tiny", "octsam-tiny", "cuda", "bfloat16"),
            "fluid (octsam-tiny) on cuda, bfloat16",
        ),
        (
            LoadedModel("vit_b", "vit_b", "sam", "cpu", "float32"),
            "vit_b on cpu, float32, sam preprocessing",
        ),
        (
            LoadedModel("weights", "vit_b", "medsam", "cpu", "float32"),
            "weights (vit_b) on cpu, float32, medsam preprocessing",
        ),
    ],
)
def test_one_line_says_what_is_in_use(
    widget: ModelWidget, engine: IdleEngine, qtbot: Any, model: LoadedModel, sentence: str
) -> None:
    widget.load.click()
    engine.answer(model)
    qtbot.waitUntil(lambda: widget.details.text() == sentence, timeout=30_000)


@pytest.mark.parametrize(("downloaded", "first"), [(True, "vit_b"), (False, "octsam-tiny")])
def test_without_a_model_the_one_that_comes_first_is_named(
    engine: IdleEngine,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    downloaded: bool,
    first: str,
) -> None:
    if downloaded:
        downloaded_vit_b(tmp_path)
    session = Session(Settings(model="vit_b"), engine)
    monkeypatch.setattr(session_module, "Session", lambda _settings: session)
    widget = ModelWidget(ViewerModel())
    qtbot.addWidget(widget)
    sentence = f"No model is loaded yet. {first} loads with the first B-scan."
    assert widget.details.text() == sentence
    session.close()


LONG = "patient_000123_visit_02_OD_macula_cube_512x128_heidelberg_spectralis_export"


def test_a_long_name_never_widens_the_dock_and_is_in_view(
    shown: ModelWidget, engine: IdleEngine, qtbot: Any
) -> None:
    shown.open_file(Path("weights.pth"))
    width = shown.width()
    engine.answer(LoadedModel(LONG, "vit_b", "sam", "cpu", "float32"))
    engine.state_changed.emit("idle")
    qtbot.waitUntil(lambda: shown.badge.text == f"Ready: {LONG} on cpu", timeout=30_000)
    engine.warned.emit(f"{LONG}{LONG}.nii.gz cannot be read.")
    qtbot.waitUntil(lambda: shown.message.height() > 60, timeout=30_000)
    bar = shown.findChild(QScrollArea).verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() == 0, timeout=30_000)
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
    qtbot.waitUntil(lambda: widget.badge.text == f"Encoding {LONG} [12]", timeout=30_000)
    tips = [label.toolTip() for label in widget.badge.findChildren(QLabel)]
    assert f"Encoding {LONG} [12]" in tips


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_notice_can_be_read(shown: ModelWidget, theme: str) -> None:
    shown.viewer.theme = theme
    (notice,) = (x for x in shown.findChildren(QLabel) if "Not a medical device" in x.text())
    assert contrast_of(notice) >= 4.5


def trained(folder: Path, display_name: str) -> Path:
    """Leave the files of a run by which its model is known."""
    folder.mkdir(parents=True)
    write_json(folder / "config.json", TrainConfig(display_name=display_name).model_dump())
    (folder / "best.safetensors").touch()
    return folder / "best.safetensors"


def test_a_model_that_was_trained_is_listed_by_its_name(
    widget: ModelWidget, jobs: Jobs, engine: IdleEngine, tmp_path: Path, qtbot: Any
) -> None:
    training = widget.session.training
    elsewhere = trained(tmp_path / "elsewhere" / "retina-a1", "retina")
    training.start(StartTraining(TrainConfig()))
    jobs.tell(Ended(complete=True, best=str(elsewhere)))
    qtbot.waitUntil(lambda: widget.choice.models.findText("retina") > 0, timeout=30_000)
    widget.choice.models.setCurrentText("retina")
    widget.load.click()
    assert engine.requests == [LoadModel(str(elsewhere))]


def test_models_of_another_day_are_listed_each_by_a_name_of_its_own(
    widget: ModelWidget, tmp_path: Path
) -> None:
    for run, name in (("retina-a1", "retina"), ("retina-b2", "retina"), ("drusen-c3", "drusen")):
        trained(tmp_path / "own" / "models" / run, name)
    (tmp_path / "own" / "models" / "retina-b2" / "config.json").write_text("{")
    trained(tmp_path / "own" / "models" / "retina-d4", "retina")
    models = ModelWidget(widget.viewer).choice.models
    names = {models.itemText(row) for row in range(models.count())}
    assert {"retina-a1", "retina-b2", "retina-d4", "drusen"} <= names
