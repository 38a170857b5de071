"""What a person says of a scan: its scale, which eye, where it begins, how a circle goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from napari_octsam.core.errors import UserError
from napari_octsam.gui.widgets.form import form_on
from napari_octsam.measurement.circles import CircleOrder
from napari_octsam.measurement.fovea import Fovea
from napari_octsam.measurement.measure import Eye
from napari_octsam.measurement.spacing import Spacing

__all__ = ["EyePanel"]

_UNKNOWN = "not known"
_AXES = ("B-scans", "rows", "columns")


class EyePanel(QWidget):
    """Three fields for the scale, which are filled where the layer knows it, and some choices."""

    changed = Signal()
    """The person has said something else."""

    def __init__(self) -> None:
        super().__init__()
        self.between, self.axial, self.lateral = (_micrometres(axis) for axis in _AXES)
        self.laterality = _choice({_UNKNOWN: None, "right (OD)": "OD", "left (OS)": "OS"})
        self.first = _choice({_UNKNOWN: None, "superior": "superior", "inferior": "inferior"})
        orders = {each: each for each in get_args(CircleOrder)}
        self.circle = _choice({"no circle": None, **orders})
        self._circle_name = QLabel("Circle")
        self.source = QLabel()
        self.source.setWordWrap(True)  # a dock is as wide as its widest line
        self._lay_out()
        for field in (self.between, self.axial, self.lateral):
            field.valueChanged.connect(self.changed)
        for choice in (self.laterality, self.first, self.circle):
            choice.activated.connect(self.changed)

    def _lay_out(self) -> None:
        self.laterality.setToolTip("Names the nasal and the temporal side")
        self.first.setToolTip("Where the first B-scan lies: names the superior and inferior side")
        self.circle.setToolTip(
            "A circle around the optic disc: what it meets from its first column on, T(emporal), "
            "S(uperior), N(asal), I(nferior)"
        )
        fields = QHBoxLayout()
        fields.setSpacing(2)
        for field in (self.between, self.axial, self.lateral):
            fields.addWidget(field, 1)
        form = form_on(self)
        form.addRow("Scale, µm", fields)
        form.addRow("", self.source)
        form.addRow("Eye", self.laterality)
        form.addRow("First B-scan", self.first)
        form.addRow(self._circle_name, self.circle)

    def show_scan(self, spacing: Spacing | None, bscans: int) -> None:
        """Show what is known of another scan of so many B-scans.

        Parameters
        ----------
        spacing
            That the layer says; None: the person is asked.
        """
        is_volume = bscans > 1
        known = (0.0,) * 3 if spacing is None else (
            spacing.between or 0.0, spacing.axial, spacing.lateral,
        )  # fmt: skip
        for field, value in zip((self.between, self.axial, self.lateral), known, strict=True):
            field.blockSignals(True)
            field.setValue(value)
            field.setEnabled(spacing is None)
            field.blockSignals(False)
        self.between.setVisible(is_volume)
        self.first.setEnabled(is_volume)
        for part in (self._circle_name, self.circle):
            part.setHidden(is_volume)
        if is_volume:
            self.circle.setCurrentIndex(0)
        self.source.setText(
            f"between {'B-scans, ' if is_volume else ''}rows and columns, "
            f"{'as the layer says' if spacing else 'from the export or the manual'}"
        )

    def show_eye(self, known: Mapping[str, str | None]) -> None:
        """Show the `laterality` and `first` that a layer knows; what it does not stays."""
        for name, choice in (("laterality", self.laterality), ("first", self.first)):
            if known.get(name) is not None:
                choice.setCurrentIndex(choice.findData(known[name]))

    def spacing(self) -> Spacing:
        """Return the scale.

        Raises
        ------
        UserError
            The person has not said it yet.
        """
        asked = [
            (axis, field)
            for axis, field in zip(_AXES, (self.between, self.axial, self.lateral), strict=True)
            if not field.isHidden()
        ]
        missing = [axis for axis, field in asked if field.value() == 0]
        if missing:
            raise UserError(
                f"How many µm are between {' and '.join(missing)}? The layer does not know: type "
                "it above. The device's export or its manual has it."
            )
        between = None if self.between.isHidden() else self.between.value()
        return Spacing(self.axial.value(), self.lateral.value(), between)

    def eye(self, fovea: Fovea | None) -> Eye:
        """Return what was said of the eye, with the fovea where the person has put it."""
        return Eye(
            self.laterality.currentData(),
            self.first.currentData(),
            fovea,
            self.circle.currentData(),
        )


def _micrometres(axis: str) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setRange(0, 10_000)
    field.setDecimals(2)
    field.setSpecialValueText("?")
    field.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    field.setKeyboardTracking(False)
    field.setToolTip(f"µm between {axis}")
    field.setAccessibleName(f"µm between {axis}")
    return field


def _choice(items: dict[str, str | None]) -> QComboBox:
    combo = QComboBox()
    for text, value in items.items():
        combo.addItem(text, value)
    return combo
