"""What a model is called that nobody has named. Nothing here needs torch."""

from __future__ import annotations

from datetime import datetime

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.wording import counted

__all__ = ["model_name"]

_MOST_CLASSES = 3  # that it is called after; a schema of more gives its own name


def model_name(schema: LabelSchema, bscans: int, when: datetime) -> str:
    """Return "RPE, 01 Dec, 5 B-scans": classes or schema, the day, and what it has learnt from."""
    shorts = [each.short for each in schema.foreground]
    classes = " ".join(shorts) if len(shorts) <= _MOST_CLASSES else schema.name
    return f"{classes}, {when:%d %b}, {counted(bscans, 'B-scan')}"
