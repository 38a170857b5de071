"""The Measure widget: figures, map, fovea, scale, files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.classes import bundled_schema
from napari_octsam.gui.layers.layer_schema import show_schema
from napari_octsam.gui.measuring.map_layers import FOVEA_NAME, MAP_NAME, SUBFIELDS_NAME
from napari_octsam.gui.measuring.measure_widget import MeasureWidget
from tests.core.test_boundaries import flat_layers
from tests.gui.prompting_parts import PATIENCE
from tests.measurement.test_measure import macula

LAYERS7 = bundled_schema("layers7")
SHAPE, SCALE = (31, 120, 150), (240.0, 7.8, 48.0)
FOVEA = (14.0, 80.0)
Open = Callable[..., tuple[Any, MeasureWidget]]


@pytest.fixture(scope="module")
def eye() -> np.ndarray:
    """Labels of an eye of 7.2 x 7.2 mm."""
    from napari_octsam.measurement.spacing import Spacing

    return macula(SHAPE, Spacing(SCALE[1], SCALE[2], SCALE[0]), FOVEA)


@pytest.fixture
def open_measure(make_napari_viewer_proxy: Callable[[], Any], engine: Any, qtbot: Any) -> Open:
    """Open the widget in the window of a laptop, beside labels on an image."""

    def open_(labels: np.ndarray, **placed: Any) -> tuple[Any, MeasureWidget]:
        proxy = make_napari_viewer_proxy()
        viewer = proxy.__wrapped__
        viewer.window._qt_window.resize(1366, 768)
        viewer.window._qt_window.show()
        viewer.add_image(labels * 30, name="scan", **placed)
        layer = viewer.add_labels(labels.copy(), name="scan labels", **placed)
        show_schema(layer, LAYERS7)
        widget = MeasureWidget(proxy)
        proxy.window.add_dock_widget(widget, name="Measure (napari-octsam)")
        return viewer, widget

    return open_


@pytest.fixture
def open_model(engine: Any, qtbot: Any) -> Iterator[Open]:
    """Open the widget of a viewer that has no window, in something like a dock.

    Maps are tested here: where OpenGL is Mesa, a process that opens a second window after one with
    image, vectors, points and a colour bar can end (napari 0.9.2, vispy 0.17).
    """
    docks: list[QWidget] = []

    def open_(labels: np.ndarray, **placed: Any) -> tuple[Any, MeasureWidget]:
        viewer = ViewerModel()
        viewer.add_image(labels * 30, name="scan", **placed)
        show_schema(viewer.add_labels(labels.copy(), name="scan labels", **placed), LAYERS7)
        docks.append(QWidget())
        qtbot.addWidget(docks[-1])
        widget = MeasureWidget(viewer)
        widget.setParent(docks[-1])
        return viewer, widget

    yield open_
    for widget in [each for dock in docks for each in dock.findChildren(MeasureWidget)]:
        widget.setParent(None)


def micrometres(ndim: int = 3) -> dict[str, Any]:
    return {"scale": SCALE[-ndim:], "units": ("micrometer",) * ndim}


def measure(widget: MeasureWidget, qtbot: Any) -> None:
    widget.measure.click()
    wait(widget, qtbot)


def wait(widget: MeasureWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.measurer.is_measuring, timeout=PATIENCE)


def layer_named(viewer: Any, name: str) -> Any:
    return next(layer for layer in viewer.layers if layer.name.startswith(name))


@pytest.mark.slow("a window is opened")
def test_labels_become_figures_with_what_they_stand_on(
    open_measure: Open, eye: np.ndarray, qtbot: Any
) -> None:
    _, widget = open_measure(eye, **micrometres())
    assert not widget.eye.axial.isEnabled(), "the layer says its scale"
    assert widget.eye.between.value() == 240
    kept = widget.measurer.keeper.of(widget.measurer.labels)
    assert kept is not None
    for number in range(31):
        state = BScanState.AUTOMATIC if number else BScanState.DONE
        kept.set_state((number,), state)
    measure(widget, qtbot)

    rows = {row[0]: row for row in widget.thickness.rows}
    assert list(rows)[-1] == "RNFL to RPE"
    assert float(rows["INL"][1]) == pytest.approx(40, abs=7.8)
    assert rows["INL"][2] == "100 %"
    assert "97 % automatic" in rows["INL"][3]
    assert "column 80" in widget.fovea.text()
    assert not widget.lesions.isVisibleTo(widget), "layers7 has no lesions"
    widget.place.setCurrentIndex(widget.place.findData("central"))
    widget.place.activated.emit(widget.place.currentIndex())
    central = {row[0]: row for row in widget.thickness.rows}
    assert float(central["GCL+IPL"][1]) < float(rows["GCL+IPL"][1]) - 20

    widget.copy.click()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text().splitlines()[0].split("\t")[:2] == ["Layers", "Mean"]
    widget.thickness.setFocus()
    widget.thickness.selectRow(2)
    QTest.keyClick(widget.thickness, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard.text().splitlines()[1].startswith("INL\t")
    assert len(clipboard.text().splitlines()) == 2


@pytest.mark.slow("a window is opened")
def test_an_unknown_scale_is_asked_for_and_never_assumed(
    open_measure: Open, eye: np.ndarray, qtbot: Any
) -> None:
    _, widget = open_measure(eye)
    widget.measure.click()
    assert "B-scans and rows and columns" in widget.message.text()
    assert widget.measurer.found is None
    for field, value in zip(
        (widget.eye.between, widget.eye.axial, widget.eye.lateral), SCALE, strict=True
    ):
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, f"{value:g}".replace(".", field.locale().decimalPoint()))
        QTest.keyClick(field, Qt.Key.Key_Return)
    measure(widget, qtbot)

    assert widget.measurer.found is not None
    found = widget.measurer.found.measured
    assert (found.spacing.between, found.spacing.axial, found.spacing.lateral) == SCALE
    widget.eye.axial.setValue(3.9)  # what was wrong is said again
    wait(widget, qtbot)
    row = next(row for row in widget.thickness.rows if row[0] == "INL")
    assert float(row[1]) == pytest.approx(20, abs=3.9)


def test_the_map_is_seen_from_above_and_its_fovea_put_elsewhere(
    open_model: Open, eye: np.ndarray, qtbot: Any
) -> None:
    viewer, widget = open_model(eye, **micrometres())
    viewer.dims.set_current_step(0, 5)
    measure(widget, qtbot)
    widget.show_map.click()
    shown = layer_named(viewer, MAP_NAME)

    assert shown.colorbar.visible
    assert "µm" in shown.name
    low, high = shown.contrast_limits
    assert (250 <= low <= 290, high) == (True, 340), "the pit is not cut off"
    top = viewer.layers["scan labels"].extent.world[0][1]
    assert shown.extent.world[1][0] < top, "it lies above the B-scans"
    assert shown.data_to_world((0, 149))[1] == pytest.approx(149 * SCALE[2])
    point = layer_named(viewer, FOVEA_NAME)
    assert len(point._view_data) == 1, "it is shown at each B-scan"
    assert layer_named(viewer, SUBFIELDS_NAME).visible
    assert viewer.layers.selection.active is point

    point.data = [shown.data_to_world((18, 50))]
    point.data = [shown.data_to_world((20, 40))]
    qtbot.waitUntil(lambda: _is_near(widget.measurer.fovea, (20, 40)), timeout=PATIENCE)
    wait(widget, qtbot)
    found = widget.measurer.found
    assert found is not None
    fovea = found.measured.fovea
    assert fovea is not None
    assert (fovea.bscan, fovea.col) == pytest.approx((20, 40), abs=1.5)
    assert not fovea.found
    assert "where you put it" in widget.fovea.text()
    assert len(layer_named(viewer, FOVEA_NAME).data) == 1
    widget.find_again.click()
    wait(widget, qtbot)
    assert "found in the labels" in widget.fovea.text()

    widget.span.setCurrentIndex(widget.span.findData("INL"))
    widget.span.activated.emit(widget.span.currentIndex())
    assert layer_named(viewer, MAP_NAME).name.endswith("INL, µm")
    widget.show_map.click()
    seen = {layer.name for layer in viewer.layers if layer.visible}
    assert seen == {"scan", "scan labels"}
    assert viewer.dims.current_step[0] == 5


def _is_near(fovea: Any, place: tuple[float, float]) -> bool:
    at = None if fovea is None else (fovea.bscan, fovea.col)
    return at is not None and at == pytest.approx(place, abs=1.5)


def test_figures_that_are_stale_say_so_and_nothing_stays_where_labels_go(
    open_model: Open, eye: np.ndarray, qtbot: Any
) -> None:
    viewer, widget = open_model(eye, **micrometres())
    measure(widget, qtbot)
    widget.show_map.click()
    labels = widget.measurer.labels
    assert labels is not None
    labels.data_setitem((np.array([3]), np.array([50]), np.array([5])), 7)

    assert "changed since" in widget.message.text()
    assert widget.measure.text() == "Measure again"
    measure(widget, qtbot)
    assert widget.measure.text() == "Measure"
    viewer.layers.remove(labels)
    assert widget.measurer.found is None
    assert not widget.map.is_shown
    assert not widget.thickness.isVisibleTo(widget)
    assert [layer.name for layer in viewer.layers if layer.visible] == ["scan"]


def test_figures_are_saved_for_people_and_programs(
    open_model: Open, eye: np.ndarray, qtbot: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    _, widget = open_model(eye, **micrometres())
    measure(widget, qtbot)
    for button, name in (
        (widget.csv, "m.csv"), (widget.json, "m.json"), (widget.page, "m.html"),
    ):  # fmt: skip
        path = tmp_path / name
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, p=path: (str(p), ""))
        button.click()
        qtbot.waitUntil(lambda p=path: str(p) in widget.message.text(), timeout=PATIENCE)

    assert "INL" in set(pd.read_csv(tmp_path / "m.csv")["name"])
    (record,) = json.loads((tmp_path / "m.json").read_text("utf-8"))["measured"]
    assert record["file"] == "scan labels"
    page = (tmp_path / "m.html").read_text("utf-8")
    assert "Research use only" in page
    assert page.count("data:image/png") == 2


def test_a_circle_has_sectors_and_no_map(open_model: Open, qtbot: Any) -> None:
    _, widget = open_model(flat_layers(), **micrometres(2))
    assert not widget.eye.circle.isHidden()
    assert widget.eye.between.isHidden()
    measure(widget, qtbot)
    assert widget.place.count() == 1
    widget.eye.circle.setCurrentText("TSNIT")
    widget.eye.circle.activated.emit(widget.eye.circle.currentIndex())
    wait(widget, qtbot)

    assert widget.place.findData("nasal superior") > 0
    assert not widget.show_map.isVisibleTo(widget)


def test_the_map_lies_on_the_lines_of_the_fundus_where_there_is_one(
    open_model: Open, eye: np.ndarray, qtbot: Any
) -> None:
    viewer, widget = open_model(eye, **micrometres())
    lines = [np.array([[500.0 - 12 * n, 40.0], [500.0 - 12 * n, 340.0]]) for n in range(31)]
    viewer.add_image(np.zeros((600, 400), np.uint8), name="scan fundus", scale=(20, 20))
    viewer.add_shapes(lines, shape_type="path", name="scan B-scans", scale=(20, 20))
    measure(widget, qtbot)
    widget.show_map.click()
    shown = layer_named(viewer, MAP_NAME)

    assert shown.opacity < 1
    assert shown.data_to_world((0, 0)) == pytest.approx((500 * 20, 40 * 20))
    assert shown.data_to_world((30, 149)) == pytest.approx((140 * 20, 340 * 20))


def test_there_is_always_one_fovea(open_model: Open, eye: np.ndarray, qtbot: Any) -> None:
    viewer, widget = open_model(eye, **micrometres())
    measure(widget, qtbot)
    widget.show_map.click()
    point = layer_named(viewer, FOVEA_NAME)
    before = point.data.copy()
    point.add((0, 0))
    assert np.array_equal(point.data, before)
    point.selected_data = {0}
    point.remove_selected()
    assert np.array_equal(point.data, before)
    assert not widget.measurer.is_measuring
