"""The brush paints only over chosen classes, or only in the layer in which a stroke begins."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("napari")

from napari_octsam.core.classes import bundled_schema
from napari_octsam.gui.correcting.brush_limits import Limit, layer_around
from tests.core.test_boundaries import flat_layers
from tests.gui.correcting_parts import Mouse, Open

GCL, INL, OPL = 2, 3, 4  # in rows 24 to 27, 28 to 31 and 32 to 35
PAINTED = 6


def stroke(mouse: Mouse) -> None:
    """Paint downwards, from GCL over INL into OPL."""
    mouse.press(26, 40)
    mouse.drag(30, 40)
    mouse.drag(34, 40)
    mouse.release(34, 40)


def classes_painted_over(labels: np.ndarray) -> set[int]:
    return set(np.unique(flat_layers()[labels != flat_layers()]).tolist())


@pytest.mark.slow("a window")
def test_a_stroke_changes_only_what_it_is_kept_to(open_correct: Open) -> None:
    _, widget, mouse = open_correct()
    mouse.is_whole = True
    panel, layer = widget.brushes, widget.corrector.labels
    assert layer is not None
    widget.classes.chosen.emit(PAINTED)
    layer.brush_size = 5
    stroke(mouse)
    assert {GCL, INL, OPL} <= classes_painted_over(layer.data[1])
    layer.undo()

    panel.limit.setCurrentIndex(panel.limit.findData(Limit.BETWEEN))
    assert panel.over.isVisibleTo(panel)
    panel.over.tick({INL, 1})
    panel.over.ticked.emit(panel.over.values)
    stroke(mouse)
    assert classes_painted_over(layer.data[1]) == {INL}
    assert "Only what the brush is kept to" in widget.message.text()
    layer.undo()
    assert np.array_equal(layer.data[1], flat_layers())
    layer.redo()
    assert classes_painted_over(layer.data[1]) == {INL}
    layer.undo()

    panel.limit.setCurrentIndex(panel.limit.findData(Limit.INSIDE))
    stroke(mouse)
    assert classes_painted_over(layer.data[1]) == {GCL}, "where it began"
    layer.undo()
    layer.data[2] = np.roll(flat_layers(), 3, axis=0)
    widget.across.next.click()
    assert np.array_equal(layer.data[1], layer.data[2]), "corrections of the plugin go by"


def test_a_layer_is_its_class_and_what_lies_inside() -> None:
    oct14, fluid = bundled_schema("oct14"), bundled_schema("fluid")
    retina, cyst = oct14.find("NSR").value, oct14.find("IRF").value
    assert layer_around(cyst, oct14) == layer_around(retina, oct14) >= {retina, cyst}
    assert layer_around(1, fluid) == {1}
    assert layer_around(0, oct14) == {0, 255}
    assert layer_around(None, oct14) == frozenset()
