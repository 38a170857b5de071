"""What belongs to one viewer: its engine and model, the label schema, the layers used, undo."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from psygnal import Signal

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.config import BUNDLED_MODEL
from napari_octsam.core.errors import UserError
from napari_octsam.engine.errors import EngineDied
from napari_octsam.engine.predict.client import EngineClient
from napari_octsam.engine.predict.messages import (
    Decode,
    Encode,
    Label,
    LoadedModel,
    LoadModel,
    Name,
    Progress,
    Request,
)
from napari_octsam.gui.layers.as_meant import show_as_meant
from napari_octsam.gui.layers.companions import Companions
from napari_octsam.gui.session.closing import ClosingQuestion, TrainingQuestion
from napari_octsam.gui.session.last_schema import last_schema
from napari_octsam.gui.session.lock_guard import LockGuard
from napari_octsam.gui.session.locks import Locks
from napari_octsam.gui.session.settings import Settings, read_settings
from napari_octsam.gui.session.training import Training
from napari_octsam.gui.session.undo import History
from napari_octsam.gui.widgets.main_thread import MainThread

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

__all__ = ["Engine", "Session", "session_of"]

T = TypeVar("T")
Told = Callable[[str], object]


class Engine(Protocol):
    """What the session needs of `engine.predict.client.EngineClient`."""

    @property
    def state_changed(self) -> Any:
        """Signal of a state's name."""

    @property
    def warned(self) -> Any:
        """Signal of a sentence."""

    @property
    def died(self) -> Any:
        """Signal of a sentence: why the engine ended without being asked."""

    def submit(
        self,
        request: Request,
        *,
        on_progress: Callable[[Progress], object] | None = None,
        background: bool = False,
    ) -> Future[Any]:
        """Return the future of a request's answer."""
        ...

    def shutdown(self) -> None:
        """End for good."""


class Session:
    """The state of one viewer that its widgets share.

    All signals are emitted, and all functions that are passed in are called, in the thread that
    made the session. The engine's process starts with the first request.

    Parameters
    ----------
    settings
        The person's preferences.
    engine
        Another engine than the one that the settings describe.
    """

    state_changed = Signal(str)
    """An `EngineState`, or "died" where the engine stopped without being asked."""
    progressed = Signal(object)
    """The `Progress` of what the engine does."""
    model_changed = Signal(object)
    """The `LoadedModel` in use."""
    load_ended = Signal()
    """A model was loaded, or could not be, or that was cancelled."""
    schema_changed = Signal(object)
    """The `LabelSchema` in use."""
    image_changed = Signal(object)
    """The image that is worked on, or None."""
    told = Signal(str)
    """A sentence for the person."""
    failed = Signal(str)
    """Why a request failed."""
    cancelled = Signal()
    """`cancel` was called."""
    prediction_changed = Signal()
    """The prediction of the Prompt widget is another, or the widget was opened or closed."""

    def __init__(self, settings: Settings | None = None, engine: Engine | None = None) -> None:
        self.settings = settings or Settings()
        self.engine: Engine = engine or EngineClient(
            self.settings.cache_folder, self.settings.cache_bytes
        )
        self.companions = Companions()
        self.locks = Locks()
        self.history = History(self.locks)
        self.state = "stopped"
        self.model: LoadedModel | None = None
        self.loaded: LoadModel | None = None
        """The request that `model` answers."""
        self.previous: LoadModel | None = None
        """The request of the model that was in use before `model`."""
        self._schema = bundled_schema()
        self._image: Image | None = None
        self.main = MainThread()
        self.training = Training(self.main)
        self.closing_questions: list[ClosingQuestion] = [TrainingQuestion(self.training)]
        """What the person is asked before the window is closed."""
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="octsam-reader")
        self._running: set[Future[Any]] = set()
        self._loading: Future[Any] | None = None
        self._load_problem = ""
        self._is_open = True
        self._closings: list[Callable[[], object]] = []
        self.engine.state_changed.connect(self._hear_state)
        self.engine.warned.connect(self._hear_warning)
        self.engine.died.connect(self._hear_death)

    @property
    def schema(self) -> LabelSchema:
        """The label schema in use."""
        return self._schema

    @schema.setter
    def schema(self, schema: LabelSchema) -> None:
        if schema != self._schema:
            if not schema.means_as(self._schema):
                self.locks.classes = ()
            self._schema = schema
            self.schema_changed.emit(schema)

    @property
    def image(self) -> Image | None:
        """The image that is worked on, in all widgets."""
        return self._image

    @image.setter
    def image(self, image: Image | None) -> None:
        if image is not self._image:
            self._image = image
            self.image_changed.emit(image)

    @property
    def is_open(self) -> bool:
        """Whether `close` has not been called."""
        return self._is_open

    @property
    def first_load(self) -> LoadModel:
        """What is loaded once a model is needed and none is in use."""
        source = self.settings.model
        if not _is_here(source):
            source = BUNDLED_MODEL
        return LoadModel(source, device=self.settings.device)

    def submit(
        self,
        request: Request,
        done: Callable[[Any], object],
        failed: Told,
        *,
        background: bool = False,
    ) -> Future[Any]:
        """Ask the engine for something.

        A request that needs a model loads the default one first, where none is in use.

        Parameters
        ----------
        request
            One of the requests of `engine.predict.messages`.
        done
            Called with the answer.
        failed
            Called with a sentence where there is none; never where the future was cancelled.
        background
            The request gives way to others.
        """
        if isinstance(request, Encode | Decode | Label | Name):
            self.ensure_model()
        future = self.engine.submit(request, on_progress=self._hear_progress, background=background)
        self._running.add(future)
        self.main.when_done(future, partial(self._finish, done, failed))
        return future

    def read(
        self, function: Callable[[], T], done: Callable[[T], object], failed: Told
    ) -> Future[T]:
        """Run `function` in the reader's thread; `done` and `failed` as in `submit`."""
        future = self._reader.submit(function)
        self.main.when_done(future, partial(self._finish, done, failed))
        return future

    def load_model(self, request: LoadModel) -> Future[Any]:
        """Load a model; where that fails the one in use stays, and the person is told."""
        if self._loading is not None:
            self._loading.cancel()
        future = self.submit(request, partial(self._take_model, request), self._fail_to_load)
        self._loading = future
        future.add_done_callback(lambda done: self.main.call(partial(self._forget_load, done)))
        return future

    def ensure_model(self) -> None:
        """Have the default model loaded, where none is in use; `load_ended` tells when."""
        if self.model is None and self._loading is None:
            wanted, first = self.settings.model, self.first_load
            if first.source != wanted:
                self.told.emit(f"The model {wanted} is not downloaded: {first.source} is used.")
            self.load_model(first)

    def switch_model(self) -> bool:
        """Load the model that was in use before; return whether there is one."""
        if self.previous is None:
            return False
        self.load_model(self.previous)
        return True

    def cancel(self) -> None:
        """Stop everything that the engine does or is still to do for this viewer."""
        for future in list(self._running):
            future.cancel()
        self.cancelled.emit()

    def when_closed(self, function: Callable[[], object]) -> None:
        """Have `function` called when the session is closed, before anything of it ends."""
        self._closings.append(function)

    def close(self) -> None:
        """End the engine; what was pending is dropped. Harmless when done twice."""
        if not self._is_open:
            return
        self._is_open = False
        while self._closings:
            self._closings.pop()()
        self.main.close()
        self.history.clear()
        self.training.close()
        self._reader.shutdown(wait=False, cancel_futures=True)
        self.engine.shutdown()

    def _take_model(self, request: LoadModel, model: LoadedModel) -> None:
        if self.loaded is not None and self.loaded != request:
            self.previous = self.loaded
        self.model, self.loaded = model, request
        self._load_problem = ""
        self.model_changed.emit(model)
        if model.note:
            self.told.emit(model.note)

    def _fail_to_load(self, sentence: str) -> None:
        self._load_problem = sentence
        self.told.emit(sentence)

    def _forget_load(self, future: Future[Any]) -> None:
        if self._loading is future:
            self._loading = None
            self.load_ended.emit()

    def _finish(self, done: Callable[[Any], object], failed: Told, future: Future[Any]) -> None:
        self._running.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            done(future.result())
        else:
            sentence = self._explain(error)
            failed(sentence)
            self.failed.emit(sentence)

    def _explain(self, error: BaseException) -> str:
        """Return the sentence for an error of the engine or of the person's; raise any other."""
        if not isinstance(error, UserError | RuntimeError):
            raise error
        if self.model is None and self._load_problem and not isinstance(error, EngineDied):
            return self._load_problem
        return str(error)

    def _announce_death(self, sentence: str) -> None:
        from napari.utils.notifications import show_warning

        self._set_state("died")
        show_warning(sentence)

    def _set_state(self, state: str) -> None:
        if state == "stopped" and self.state == "died":
            return  # until it starts again
        self.state = state
        self.state_changed.emit(state)

    # The engine's threads call these.

    def _hear_state(self, state: str) -> None:
        self.main.call(lambda: self._set_state(state))

    def _hear_progress(self, progress: Progress) -> None:
        self.main.call(lambda: self.progressed.emit(progress))

    def _hear_death(self, sentence: str) -> None:
        self.main.call(lambda: self._announce_death(sentence))

    def _hear_warning(self, sentence: str) -> None:
        self.main.call(lambda: self.told.emit(sentence))


_SESSIONS: weakref.WeakKeyDictionary[Any, Session] = weakref.WeakKeyDictionary()


def session_of(viewer: Viewer) -> Session:
    """Return the viewer's session, made on first use; it is closed with the viewer.

    Parameters
    ----------
    viewer
        A viewer, or the proxy of one that napari hands to plugins.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    session = _SESSIONS.get(viewer)
    if session is None or not session.is_open:
        session = Session(read_settings())
        session.schema = last_schema()
        guard = LockGuard(viewer, session.locks)
        guard.kept.connect(session.told.emit)
        session.when_closed(guard.close)
        show_as_meant(viewer)
        _SESSIONS[viewer] = session
        weakref.finalize(viewer, session.close)
    return session


def _is_here(source: str) -> bool:
    from napari_octsam.models.checkpoints.registry import REGISTRY, is_here

    return source not in REGISTRY or is_here(source)
