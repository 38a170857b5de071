"""Rows of names and inputs."""

from __future__ import annotations

from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

__all__ = ["captioned", "form_on"]

_CAPTION = 120  # pixels


def form_on(widget: QWidget) -> QFormLayout:
    """Give a widget an empty form in the panels' spacing."""
    form = QFormLayout(widget)
    form.setContentsMargins(0, 0, 0, 0)
    form.setVerticalSpacing(4)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form


def captioned(text: str, hint: str = "") -> QLabel:
    """Return the name of a row, as wide as those of other forms in the same panel.

    Parameters
    ----------
    hint
        Tool tip.
    """
    label = QLabel(text)
    label.setMinimumWidth(_CAPTION)
    label.setToolTip(hint)
    return label
