"""The settings of a training as a form, made from `TrainConfig` itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from magicgui.widgets import ComboBox, FloatSpinBox, LineEdit, SpinBox, create_widget
from magicgui.widgets.bases import ValueWidget
from pydantic.fields import FieldInfo
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_octsam.core.config import PSEUDOCOLORS, TrainConfig
from napari_octsam.core.config_groups import GROUPS, label_of
from napari_octsam.gui.widgets.fold import Fold
from napari_octsam.gui.widgets.form import captioned, form_on

__all__ = ["TrainSettings"]

_FIRST = ("display_name", "minutes", "adapts", "topology")
_ELSEWHERE = ("data", "label_schema", "out", "base_model", "profile", "device")
_OPEN: dict[str, tuple[type[FloatSpinBox] | type[SpinBox], float, float, str]] = {
    "minutes": (FloatSpinBox, 10_000, 0.5, "as suits the model"),
    "epochs": (SpinBox, 10**6, 1, "as suits the model"),
    "steps": (SpinBox, 10**6, 1, "as suits the model"),
    "batch_size": (SpinBox, 10**6, 1, "as suits the model"),
    "objects": (SpinBox, 10**6, 1, "as suits the model"),
    "lr": (FloatSpinBox, 1.0, 1e-5, "as suits the model"),
    "spacing": (FloatSpinBox, 1000, 0.001, "not known"),
}
"""Name of a number that may be left open -> input, most, step, and what it says while it is."""

_SIDES = (("as decoded", None), *((str(n), n) for n in (64, 128, 256, 512)))
_COLORS = (("as it has learnt them", None), *((name, name) for name in PSEUDOCOLORS))


class TrainSettings(QWidget):
    """What most people set, and the rest under a fold.

    Where the data lies, and which model is trained, are asked for elsewhere.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[str, ValueWidget[Any]] = {}
        self._lay_out()

    @property
    def values(self) -> dict[str, Any]:
        """Field -> value, as `TrainConfig` takes them."""
        values = {name: widget.value for name, widget in self.inputs.items()}
        return {name: None if name in _OPEN and not v else v for name, v in values.items()}

    def _lay_out(self) -> None:
        first = QWidget()
        form = form_on(first)
        self._add_rows(form, _FIRST)
        rest = QWidget()
        column = QVBoxLayout(rest)
        column.setContentsMargins(12, 0, 0, 0)
        column.setSpacing(2)
        for title, names in GROUPS.items():
            shown = [name for name in names if name not in (*_FIRST, *_ELSEWHERE)]
            if shown:
                group = QWidget()
                self._add_rows(form_on(group), shown)
                column.addWidget(Fold(title, group, ", ".join(map(label_of, shown))))
        self.fold = Fold("More settings", rest, ", ".join(GROUPS))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        outer.addWidget(first)
        outer.addWidget(self.fold)

    def _add_rows(self, form: Any, names: Iterable[str]) -> None:
        for name in names:
            widget = self.inputs[name] = _input_for(name)
            policy = QSizePolicy.Policy.Expanding
            widget.native.setSizePolicy(policy, QSizePolicy.Policy.Fixed)
            form.addRow(captioned(label_of(name), widget.tooltip or ""), widget.native)


def _input_for(name: str) -> ValueWidget[Any]:
    field = TrainConfig.model_fields[name]
    if name == "topology_size":
        widget: Any = ComboBox(choices=_SIDES, value=field.default)
    elif name == "pseudocolor":
        widget = ComboBox(choices=_COLORS, value=field.default)
    elif name in _OPEN:
        kind, most, step, unset = _OPEN[name]
        widget = kind(min=0, max=most, step=step, value=0)
        widget.native.setSpecialValueText(unset)
    elif field.annotation is str:
        widget = LineEdit(value=field.default)
        widget.native.setPlaceholderText("classes, day, B-scans" if name == "display_name" else "")
    else:
        widget = create_widget(
            annotation=field.annotation, value=field.default, options=_limits(field)
        )
    widget.tooltip = field.description or ""
    if field.annotation is bool:
        widget.native.setText("")
    return widget  # type: ignore[no-any-return]


def _limits(field: FieldInfo) -> dict[str, Any]:
    """Return the limits of a number, as magicgui names them."""
    if field.annotation not in (int, float):
        return {}
    least = next((m.ge for m in field.metadata if hasattr(m, "ge")), 0)
    most = next((m.le for m in field.metadata if hasattr(m, "le")), None)
    if field.annotation is int:
        return {"min": least, "max": 10**6 if most is None else most}
    return {"min": 0.0, "max": 1000.0 if most is None else most, "step": _step(field.default)}


def _step(value: float) -> float:
    """Return a step that suits the size of a number."""
    return 0.1 if value == 0 else float(f"{value / 10:.0e}")
