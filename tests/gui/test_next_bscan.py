"""B-scans one after the other in a real window: layers are deleted, and the next image opens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from qtpy.QtWidgets import QApplication

from tests.gui.prompting_parts import bscan, draw_box, wait_for_prediction


@pytest.mark.slow("ten B-scans in a real window, each drawn three times")
def test_ten_bscans_one_after_the_other_do_not_end_napari(open_in_window: Any, qtbot: Any) -> None:
    viewer, widget = open_in_window(bscan())
    viewer.__wrapped__.window._qt_window.show()
    for number in range(10):
        draw_box(widget)
        wait_for_prediction(qtbot, widget)
        _draw(viewer)
        if number % 2:
            widget.commit.click()  # empties the layer of boxes
            _draw(viewer)
        viewer.layers.clear()
        _draw(viewer)
        viewer.add_image(bscan() + np.uint8(number), name=f"next {number}")
        assert widget.prompter.shown.chosen().name == f"next {number}"
        _draw(viewer)


def _draw(viewer: Any) -> None:
    QApplication.processEvents()
    viewer.__wrapped__.screenshot(canvas_only=True, flash=False)
    QApplication.processEvents()
