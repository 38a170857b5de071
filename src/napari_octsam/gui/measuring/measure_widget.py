"""The Measure widget: labels become figures, a map and files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import file_name
from napari_octsam.gui.layers.labelled_images import OURS, labelled_images
from napari_octsam.gui.measuring.eye_panel import EyePanel
from napari_octsam.gui.measuring.map_layers import MapLayers
from napari_octsam.gui.measuring.measurer import Measurer
from napari_octsam.gui.measuring.saving import save_csv, save_json, save_page
from napari_octsam.gui.session.session_widget import SessionWidget
from napari_octsam.gui.widgets.figures_view import FiguresView
from napari_octsam.gui.widgets.form import form_on
from napari_octsam.gui.widgets.layer_combo import LayerCombo
from napari_octsam.gui.widgets.message_line import MessageLine
from napari_octsam.gui.widgets.vertical_scroll import VerticalScroll
from napari_octsam.gui.widgets.wrapped_label import WrappedLabel
from napari_octsam.measurement.fovea import Fovea
from napari_octsam.measurement.tables import lesion_table, subfields, thickness_table

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from napari_octsam.gui.measuring.measurable import MeasuredLayer
    from napari_octsam.measurement.tables import TextTable

__all__ = ["MeasureWidget"]

_WHOLE = "all"
_FIRST = ("Layers", "Class", "Mean", "Volume, mm³", "Count", "Coverage", "State")
"""Columns that a narrow dock shows first: no figure is without what it stands on."""


class MeasureWidget(SessionWidget):
    """Thickness, areas and volumes of a labels layer, each with what it stands on.

    Parameters
    ----------
    napari_viewer
        The viewer, or its proxy.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.measurer = Measurer(self.viewer, self.session)
        self.when_released(self.measurer.close)
        self.map = MapLayers(self.viewer)
        self.when_released(self.map.close)
        self.labels = _labels_combo(self.viewer)
        self.eye = EyePanel()
        self.measure = QPushButton("Measure")
        self.place = QComboBox()
        self.fovea = WrappedLabel()
        self.find_again = QPushButton("Find it again")
        self.thickness = FiguresView("Thickness of layers")
        self.lesion_title = QLabel("Lesions")
        self.lesions = FiguresView("Lesions")
        self.span = QComboBox()
        self.show_map = QPushButton("Show the map")
        self.copy = QPushButton("Copy")
        self.csv, self.json, self.page = (QPushButton(t) for t in ("CSV …", "JSON …", "Report …"))
        self.message = MessageLine(lines=2)
        self._results = QWidget()
        self._lay_out()
        self._connect()
        self._take_labels()
        self._show_figures()

    def leave_viewer(self) -> None:
        """Hide the map."""
        self.map.hide()

    def _lay_out(self) -> None:
        self.measure.setStyleSheet("font-weight: bold; padding: 6px;")
        self.measure.setToolTip("Measure all B-scans of these labels, beside your work")
        self.place.setToolTip("Where: the whole scan, a subfield, or a sector of a circle")
        self.find_again.setToolTip("Look for the fovea in the labels, in place of where you put it")
        self.span.setToolTip("Whose thickness the map shows")
        self.show_map.setCheckable(True)
        self.show_map.setToolTip(
            "Seen from above, over the fundus where there is one; drag the fovea to its place"
        )
        self.copy.setToolTip("Copy both tables, for a spreadsheet")
        self.csv.setToolTip("Save every figure as a table")
        self.json.setToolTip("Save every figure for programs")
        self.page.setToolTip("Save a page to print: map, B-scan, tables")
        top = QWidget()
        form_on(top).addRow("Labels", self.labels)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for part in (top, self.eye, self.measure, self._results):
            column.addWidget(part)
        column.addWidget(QLabel("For research only. Not a medical device."))
        column.addStretch(1)
        self._lay_out_results()
        outer = QVBoxLayout(self)  # the message stays in view
        outer.setContentsMargins(8, 6, 8, 6)
        outer.setSpacing(8)
        outer.addWidget(VerticalScroll(content), 1)
        outer.addWidget(self.message)

    def _lay_out_results(self) -> None:
        column = QVBoxLayout(self._results)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        maps = QHBoxLayout()
        maps.setSpacing(2)
        maps.addWidget(self.span, 1)
        maps.addWidget(self.show_map)
        fovea = QHBoxLayout()
        fovea.addWidget(self.fovea, 1)
        fovea.addWidget(self.find_again)
        column.addLayout(maps)
        column.addLayout(fovea)
        places = QWidget()
        form_on(places).addRow("Place", self.place)
        column.addWidget(places)
        for part in (self.thickness, self.lesion_title, self.lesions):
            column.addWidget(part)
        actions = QHBoxLayout()
        actions.setSpacing(2)
        for button in (self.copy, self.csv, self.json, self.page):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet("padding: 4px 2px;")
            actions.addWidget(button, 1)
        column.addLayout(actions)

    def _connect(self) -> None:
        measurer = self.measurer
        self.labels.chosen.connect(self._choose_labels)
        self.when_released(self.labels.release)
        self.eye.changed.connect(self._say_again)
        self.measure.clicked.connect(self._measure)
        self.place.activated.connect(self._show_tables)
        self.span.activated.connect(self._show_map)
        self.show_map.clicked.connect(self._show_map)
        self.find_again.clicked.connect(self._find_fovea)
        self.copy.clicked.connect(self._copy)
        self.csv.clicked.connect(partial(self._save, "Table of every figure", ".csv", save_csv))
        self.json.clicked.connect(partial(self._save, "File of every figure", ".json", save_json))
        self.page.clicked.connect(self._save_page)
        self.listen(measurer.labels_changed, self._show_labels)
        self.listen(measurer.measured, self._show_figures)
        self.listen(measurer.grew_stale, self._show_stale)
        self.listen(measurer.told, self.message.say)
        self.listen(self.map.fovea_moved, self._move_fovea)
        self.listen(self.map.shown_changed, self._show_button)
        self.listen(self.session.image_changed, self._on_image)
        inserted = self.viewer.layers.events.inserted
        inserted.connect(self._on_inserted)
        self.when_released(lambda: inserted.disconnect(self._on_inserted))

    # Labels

    def _take_labels(self) -> None:
        """Take the labels of the image that is worked on, else those that are selected or last."""
        if self.measurer.labels is not None:
            return
        layers = [layer for layer in self.viewer.layers if _is_labels(layer)]
        pairs = labelled_images(self.viewer.layers, self.session.companions)
        of_image = [pair.labels for pair in pairs if pair.image is self.session.image]
        active = self.viewer.layers.selection.active
        chosen = [*of_image[-1:], *([active] if active in layers else []), *layers[-1:]]
        self._choose_labels(chosen[0] if chosen else None)
        self._show_labels()

    def _choose_labels(self, labels: Labels | None) -> None:
        self.map.hide()
        self.measurer.labels = labels

    def _on_image(self, _image: Image | None) -> None:
        if self.measurer.labels is None:
            self._take_labels()

    def _on_inserted(self, _event: Any) -> None:
        self._take_labels()

    def _show_labels(self) -> None:
        labels = self.measurer.labels
        self.labels.choose(labels)
        self.eye.show_scan(self.measurer.spacing, self.measurer.bscans)
        self.eye.show_eye(self.measurer.eye)
        self.measure.setEnabled(labels is not None)
        self.message.say("" if labels is not None else "Label a B-scan or a volume, then measure.")

    # Measuring

    def _measure(self) -> None:
        try:
            spacing = self.eye.spacing()
            self.measurer.measure(spacing, self.eye.eye(self.measurer.fovea))
        except UserError as error:
            self.message.say(str(error))
            return
        self.measure.setEnabled(False)
        self.message.say("Measuring …")

    def _say_again(self) -> None:
        """Measure again, as something else is said, where it was measured before."""
        if self.measurer.found is not None or self.measurer.is_measuring:
            self._measure()

    def _move_fovea(self, bscan: float, col: float) -> None:
        found = self.measurer.found
        if found is None:
            return
        shape = next(iter(found.measured.heights.values())).shape
        inside = [min(max(at, 0.0), n - 1.0) for at, n in zip((bscan, col), shape, strict=True)]
        self.measurer.fovea = Fovea(inside[0], inside[1], found=False)
        self._measure()

    def _find_fovea(self) -> None:
        self.measurer.fovea = None
        self._measure()

    def _show_stale(self) -> None:
        self.measure.setText("Measure again")
        if self.measurer.found is not None:
            self.message.say("The labels have changed since they were measured.")

    # Figures

    def _show_figures(self) -> None:
        found = self.measurer.found
        self.measure.setEnabled(self.measurer.labels is not None)
        self.measure.setText("Measure again" if self.measurer.is_stale else "Measure")
        self._results.setVisible(found is not None)
        if found is None:
            self.map.hide()
            return
        measured = found.measured
        _fill(self.place, {"the whole scan": _WHOLE, **{s: s for s in subfields(measured)}})
        _fill(self.span, {name: name for name in reversed(list(measured.heights))})
        has_map = self.measurer.bscans > 1 and bool(measured.heights)
        self.span.setVisible(has_map)
        self.show_map.setVisible(has_map)
        self._show_fovea(found)
        self._show_tables()
        if self.map.is_shown:
            self._show_map(True)
        self.message.say("" if not self.measurer.is_stale else "The labels have changed meanwhile.")

    def _show_fovea(self, found: MeasuredLayer) -> None:
        fovea = found.measured.fovea
        self.find_again.setVisible(fovea is not None and not fovea.found)
        if self.measurer.bscans < 2:
            text = "A single B-scan: no volumes" + (
                "." if found.measured.eye.circle else ", no subfields."
            )
        elif fovea is None:
            text = "No fovea was found: there are no subfields."
        else:
            how = "found in the labels" if fovea.found else "where you put it"
            text = f"Fovea: B-scan {fovea.bscan:.0f}, column {fovea.col:.0f}, {how}."
        self.fovea.setText(text)

    def _show_tables(self, _index: int = 0) -> None:
        found = self.measurer.found
        if found is None:
            return
        region = self.place.currentData() or _WHOLE
        thickness = thickness_table(found.measured, region)
        lesions = lesion_table(found.measured, region)
        _show(self.thickness, thickness)
        _show(self.lesions, lesions)
        self.lesion_title.setVisible(bool(lesions.rows))

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        shown = [view for view in (self.thickness, self.lesions) if view.rows]
        if clipboard is not None:
            clipboard.setText("\n\n".join(view.text() for view in shown))
            self.message.say("Copied.")

    # The map

    def _show_map(self, _asked: object = None) -> None:
        found, labels = self.measurer.found, self.measurer.labels
        if found is None or labels is None or not self._wants_map():
            self.map.hide()
        elif not self.map.show(
            labels, self.measurer.image, found.measured, self.span.currentData()
        ):
            self.message.say("Nothing of these layers is known: there is no map of them.")
        self._show_button()

    def _wants_map(self) -> bool:
        return self.show_map.isChecked()

    def _show_button(self) -> None:
        self.show_map.setChecked(self.map.is_shown)
        self.show_map.setText("Hide the map" if self.map.is_shown else "Show the map")

    # Files

    def _save(
        self, title: str, suffix: str, write: Callable[[Path, MeasuredLayer], None],
        _checked: bool = False,
    ) -> None:  # fmt: skip
        found = self.measurer.found
        if found is None:
            return
        first = f"{file_name(found.name)} measured{suffix}"
        chosen, _ = QFileDialog.getSaveFileName(self, title, first, f"*{suffix}")
        if not chosen:
            return
        path = Path(chosen)
        path = path if path.suffix else path.with_suffix(suffix)

        def saved(_: object) -> None:
            self.message.say(f"Saved {path}.")

        self.session.read(partial(write, path, found), saved, self.message.say)

    def _save_page(self) -> None:
        image, models = self.measurer.image, self.measurer.models
        self._save("Page to print", ".html", partial(save_page, image=image, models=models))


def _show(view: FiguresView, table: TextTable) -> None:
    """Show a table with the columns first that say what a figure stands on."""
    order = sorted(
        range(len(table.headings)),
        key=lambda i: _FIRST.index(table.headings[i]) if table.headings[i] in _FIRST else 99,
    )
    rows = [[row[i] for i in order] for row in table.rows]
    view.show_rows([table.headings[i] for i in order], rows)
    view.setVisible(bool(rows))


def _fill(combo: QComboBox, items: dict[str, str]) -> None:
    """Offer other items; what was chosen stays, where it is still there."""
    chosen = combo.currentData()
    combo.clear()
    for text, value in items.items():
        combo.addItem(text, value)
    combo.setCurrentIndex(max(combo.findData(chosen), 0))


def _labels_combo(viewer: Viewer) -> LayerCombo:
    return LayerCombo(viewer, _is_labels, "choose labels", "What is measured")


def _is_labels(layer: Layer) -> bool:
    from napari.layers import Labels

    return isinstance(layer, Labels) and layer.name not in OURS
