"""B-scans between corrected ones are made from these, and made again when these change."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.decoded import LogitGrid
from napari_octsam.core.labelling import NamedPixels
from napari_octsam.engine.predict.messages import Name
from napari_octsam.gui.correcting.corrector import Corrector
from napari_octsam.gui.layers.layer_schema import show_schema
from napari_octsam.gui.session.session import Session, session_of
from tests.core.test_boundaries import LAYERS7, flat_layers, one_hot
from tests.gui.labelling_parts import LabelEngine
from tests.gui.prompting_parts import PATIENCE


class SeeingEngine(LabelEngine):
    """Sees layers from row 21 on, whatever the B-scan."""

    def submit(self, request: Any, *, on_progress: Any = None, background: bool = False) -> Any:
        if not isinstance(request, Name):
            return super().submit(request, on_progress=on_progress, background=background)
        shape = request.bscan.pixels.shape
        grid = LogitGrid(shape, ((shape[0],) * 2,), ((shape[1],) * 2,))
        seen = np.moveaxis(one_hot(np.roll(flat_layers(), 1, axis=0)), (1, 2, 0), (0, 1, 2))
        future: Future[Any] = Future()
        future.set_result(NamedPixels(LAYERS7, seen, grid).lightened)
        return future


ENGINE = SeeingEngine


def moved(rows: int) -> np.ndarray:
    return np.roll(flat_layers(), rows, axis=0)


@pytest.fixture
def opened(engine: LabelEngine, qtbot: Any) -> tuple[Any, Session, Corrector]:
    """Five B-scans in a viewer without a window; the first and the last one are corrected."""
    viewer: Any = ViewerModel()
    session = session_of(viewer)
    session.schema = LAYERS7
    viewer.add_image(np.zeros((5, 60, 80), np.uint8), name="scan")
    volume = np.zeros((5, 60, 80), np.uint8)
    volume[0], volume[4] = moved(0), moved(8)
    labels = viewer.add_labels(volume, name="scan labels")
    show_schema(labels, LAYERS7)
    viewer.dims.set_current_step(0, 2)
    corrector = Corrector(viewer, session)
    corrector.shown.image = viewer.layers["scan"]
    kept = corrector.keeper.of(labels)
    assert kept is not None
    qtbot.waitUntil(lambda: len(kept.progress) == 2, timeout=PATIENCE)
    return viewer, session, corrector


def wait_for(qtbot: Any, corrector: Corrector, rows: dict[int, int]) -> None:
    """Wait until B-scans have their layers moved by so many rows."""
    data = corrector.labels.data

    def are_so() -> bool:
        return all(np.array_equal(data[i], moved(down)) for i, down in rows.items())

    qtbot.waitUntil(are_so, timeout=PATIENCE)


def correct(corrector: Corrector, wanted: np.ndarray) -> None:
    corrector.write(corrector.bscan(), wanted, "moving")


def test_what_was_made_of_a_bscan_follows_it_as_one_step(opened: Any, qtbot: Any) -> None:
    viewer, session, corrector = opened
    corrector.interpolate()
    wait_for(qtbot, corrector, {1: 2, 2: 4, 3: 6})
    qtbot.waitUntil(lambda: "3 B-scans interpolated" in corrector.notices.text, timeout=PATIENCE)

    viewer.dims.set_current_step(0, 0)
    correct(corrector, moved(4))
    viewer.dims.set_current_step(0, 1)
    wait_for(qtbot, corrector, {0: 4, 1: 5, 2: 6, 3: 7, 4: 8})
    assert "new interpolation of 3 B-scans" in session.history.stack.undoText()
    session.history.undo()
    wait_for(qtbot, corrector, {0: 4, 1: 2, 2: 4, 3: 6})
    viewer.dims.set_current_step(0, 3)
    assert not corrector.is_interpolating, "whoever takes them back wants them so"
    wait_for(qtbot, corrector, {1: 2, 2: 4, 3: 6})
    session.history.undo()
    wait_for(qtbot, corrector, {0: 0, 1: 2, 2: 4, 3: 6})
    session.history.redo()
    session.history.redo()
    wait_for(qtbot, corrector, {0: 4, 1: 5, 2: 6, 3: 7})


def test_a_bscan_that_is_corrected_between_is_a_nearer_neighbour(opened: Any, qtbot: Any) -> None:
    viewer, session, corrector = opened
    corrector.interpolate()
    wait_for(qtbot, corrector, {1: 2, 2: 4, 3: 6})
    qtbot.waitUntil(lambda: "interpolated." in corrector.notices.text, timeout=PATIENCE)
    correct(corrector, moved(6))
    labels = corrector.labels
    session.locks.lock_bscan(labels, (3,))
    viewer.dims.set_current_step(0, 1)
    wait_for(qtbot, corrector, {0: 0, 1: 3, 2: 6, 3: 6, 4: 8})
    kept = corrector.keeper.of(labels)
    assert kept is not None
    states = [kept.progress[(i,)].state for i in (1, 2, 3)]
    assert states == [BScanState.INTERPOLATED, BScanState.CORRECTED, BScanState.INTERPOLATED]


def test_boundaries_are_drawn_to_where_the_model_sees_them(opened: Any, qtbot: Any) -> None:
    _, session, corrector = opened
    corrector.interpolate(is_snapped=True)
    assert "Nothing to snap to: No model is loaded." in corrector.notices.text
    session.ensure_model()
    qtbot.waitUntil(lambda: session.model is not None, timeout=PATIENCE)
    corrector.interpolate(is_snapped=True)
    wait_for(qtbot, corrector, {1: 1, 2: 1})
    qtbot.waitUntil(lambda: "interpolated." in corrector.notices.text, timeout=PATIENCE)
    found = corrector.labels.data[3]
    assert not np.array_equal(found, moved(1)), "it is five rows away: too far"


def test_bscans_that_lie_upside_down_are_interpolated_too(opened: Any, qtbot: Any) -> None:
    _, _, corrector = opened
    labels = corrector.labels
    labels.data[:] = labels.data[:, ::-1].copy()
    corrector.interpolate()
    expected = moved(4)[::-1]
    qtbot.waitUntil(lambda: np.array_equal(labels.data[2], expected), timeout=PATIENCE)
