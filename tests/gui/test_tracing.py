"""A boundary is traced on what the model sees, once that is known."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")

from napari_octsam.core.decoded import LogitGrid
from napari_octsam.core.labelling import NamedPixels
from napari_octsam.engine.predict.messages import Name
from napari_octsam.gui.correcting.boundary_tool import Hand
from tests.core.test_boundaries import LAYERS7, flat_layers, one_hot
from tests.gui.correcting_parts import Open, rows
from tests.gui.labelling_parts import LabelEngine
from tests.gui.prompting_parts import PATIENCE

DENT = slice(15, 26)  # columns in which the model sees the boundary 3 rows lower


class SeeingEngine(LabelEngine):
    """Sees INL reach deeper in some columns; waits where it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Name, Future[Any]]] = []

    def submit(self, request: Any, *, on_progress: Any = None, background: bool = False) -> Any:
        if not isinstance(request, Name):
            return super().submit(request, on_progress=on_progress, background=background)
        self.asked.append((request, Future()))
        return self.asked[-1][1]

    def see(self) -> None:
        for request, future in self.asked:
            shape = request.bscan.pixels.shape
            grid = LogitGrid(shape, ((shape[0],) * 2,), ((shape[1],) * 2,))
            labels = flat_layers()
            labels[32:35, DENT] = 3
            seen = np.moveaxis(one_hot(labels), (1, 2, 0), (0, 1, 2))
            future.set_result(NamedPixels(LAYERS7, seen, grid).lightened)
        self.asked.clear()


ENGINE = SeeingEngine


@pytest.mark.slow("a window")
def test_clicks_find_what_the_model_sees_also_where_it_looks_late(
    open_correct: Open, qtbot: Any
) -> None:
    _, widget, mouse = open_correct()
    engine: Any = widget.session.engine
    widget.session.ensure_model()
    qtbot.waitUntil(lambda: widget.session.model is not None, timeout=PATIENCE)
    widget.boundaries.toggle()
    assert not engine.asked, "nobody traces yet"
    widget.boundaries.hands[Hand.TRACE].click()
    assert len(engine.asked) == 1
    mouse.click(31.5, 10)
    mouse.click(31.5, 30)
    assert len(engine.asked) == 1, "a B-scan is asked for once"
    tool = widget.tool
    assert tool.boundaries[3, 20] == 32, "the image shows nothing else"
    engine.see()
    qtbot.waitUntil(lambda: tool.boundaries[3, 20] == 35, timeout=PATIENCE)
    tool.take_trace()
    assert rows(widget)[3, [10, 20, 30]].tolist() == [32, 35, 32]

    widget.undo.click()
    qtbot.waitUntil(lambda: tool.boundaries[3, 20] == 32, timeout=PATIENCE)
    mouse.click(31.5, 10)
    mouse.move(31.5, 30)
    assert tool.boundaries[3, 20] == 35, "the preview is on what is known already"
    assert not engine.asked
    tool.cancel()
    widget.session.model_changed.emit(widget.session.model)
    mouse.click(31.5, 10)
    assert len(engine.asked) == 1, "another model is asked anew"
