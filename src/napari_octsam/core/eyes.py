"""Which eye, and which side of it."""

from __future__ import annotations

from typing import Literal

__all__ = ["Laterality", "Side"]

Laterality = Literal["OD", "OS"]
"""The right and the left eye."""

Side = Literal["superior", "inferior"]
