"""Rows of names and inputs."""

from __future__ import annotations

from qtpy.QtWidgets import QFormLayout, QWidget

__all__ = ["form_on"]


def form_on(widget: QWidget) -> QFormLayout:
    """Give a widget an empty form in the panels' spacing."""
    form = QFormLayout(widget)
    form.setContentsMargins(0, 0, 0, 0)
    form.setVerticalSpacing(4)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    return form
