"""Asking the engine what the prompts on a B-scan mean: the last question wins."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_octsam.engine.predict.messages import BScan, Decode, Prediction
from napari_octsam.gui.layers.bscans import Plane, read_bscan
from napari_octsam.gui.prompting.collect import PlacedPrompt
from napari_octsam.gui.prompting.predicted import Predicted

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_octsam.gui.session.session import Session

__all__ = ["Asking", "Question"]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Prompts on a B-scan."""

    image: Image
    plane: Plane
    placed: tuple[PlacedPrompt, ...]


class Asking:
    """Reads the B-scan and has its prompts decoded; the answer to an earlier question is dropped.

    Parameters
    ----------
    session
        Of the viewer.
    answered
        Called with the prediction.
    failed
        Called with a sentence where there is none; never after `cancel`.
    """

    def __init__(
        self,
        session: Session,
        answered: Callable[[Predicted], object],
        failed: Callable[[str], object],
    ) -> None:
        self._session = session
        self._answered = answered
        self._failed = failed
        self._question: Question | None = None
        self._pending: Future[Any] | None = None

    def ask(self, question: Question) -> None:
        """Ask in place of what was asked before."""
        self.cancel()
        self._question = question
        decode, failed = partial(self._decode, question), partial(self._fail, question)
        read = partial(read_bscan, question.image, question.plane)
        self._pending = self._session.read(read, decode, failed)

    def cancel(self) -> None:
        """Wait for no answer any more."""
        self._question = None
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _decode(self, question: Question, bscan: BScan) -> None:
        if question is self._question:
            prompts = tuple(p.prompt for p in question.placed)
            request = Decode(bscan, prompts, self._session.schema)
            take, failed = partial(self._take, question), partial(self._fail, question)
            self._pending = self._session.submit(request, take, failed)

    def _take(self, question: Question, prediction: Prediction) -> None:
        if question is self._question:
            self._pending = None
            self._answered(Predicted(question.image, question.plane, question.placed, prediction))

    def _fail(self, question: Question, sentence: str) -> None:
        if question is self._question:
            self._failed(sentence)
