"""An engine that labels at once, for the tests of the Label widget."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np

from napari_octsam.core.classes import bundled_schema
from napari_octsam.engine.predict.messages import Label, Labelled, LoadedModel, LoadModel, Request
from tests.gui.prompting_parts import PromptEngine

TOP, MIDDLE = 1, 2
"""Values of the upper two of the layers that it draws."""
MODEL = "layerer"


class LabelEngine(PromptEngine):
    """Draws seven layers whose height the B-scan's mean brightness says; held, it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.hold_labels = False
        self.waiting: list[tuple[Label, Future[Any]]] = []
        self.named = ("layers7", "oct14", "fluid")

    def submit(
        self, request: Request, *, on_progress: Any = None, background: bool = False
    ) -> Future[Any]:
        if isinstance(request, LoadModel):
            self.requests.append(request)
            future: Future[Any] = Future()
            name = MODEL if request.source == "octsam-tiny" else request.source
            loaded = LoadedModel(
                name,
                "octsam-tiny",
                "sam",
                "cpu",
                "float32",
                named_schemas=tuple(map(bundled_schema, self.named)),
            )
            future.set_result(loaded)
            return future
        if not isinstance(request, Label):
            return super().submit(request, on_progress=on_progress, background=background)
        self.requests.append(request)
        future = Future()
        self.waiting.append((request, future))
        if not self.hold_labels:
            self.answer()
        return future

    def answer(self, count: int | None = None) -> None:
        """Answer what waits, or the first few of it."""
        for request, future in self.waiting[:count]:
            if future.set_running_or_notify_cancel():
                future.set_result(labelled(request.bscan.pixels))
        del self.waiting[:count]

    def die(self, error: Exception) -> None:
        """Fail all that waits."""
        for _, future in self.waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        self.waiting.clear()


def labelled(pixels: np.ndarray) -> Labelled:
    """Seven layers, 3 rows high each, from a row that the brightness says."""
    begin = int(pixels.mean()) % 30
    labels = np.zeros(pixels.shape, np.uint8)
    for value in range(1, 8):
        labels[begin + 3 * value : begin + 3 * value + 3] = value
    sure = 0.2 if not pixels.any() else 0.95
    rows = begin + 3 * np.arange(1, 9)
    boundaries = np.repeat(rows[:, None], pixels.shape[1], axis=1)
    return Labelled(
        MODEL,
        labels,
        np.full(pixels.shape, 95, np.uint8),
        boundaries.astype(np.float32),
        np.full(boundaries.shape, sure, np.float32),
        sure,
    )


def volume(count: int = 5) -> np.ndarray:
    """B-scans of 60 x 80 pixels, each of one grey."""
    greys = np.arange(1, count + 1, dtype=np.uint8) * 3
    return np.repeat(np.repeat(greys[:, None, None], 60, axis=1), 80, axis=2)
