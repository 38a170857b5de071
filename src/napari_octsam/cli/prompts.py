"""Prompts as they are written on a command line."""

from __future__ import annotations

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Point, Prompt

__all__ = ["parse_box", "parse_bscan", "parse_point"]


def parse_box(text: str, schema: LabelSchema, default_class: int) -> Prompt:
    """Return the prompt that "r0,c0,r1,c1" or "r0,c0,r1,c1:class" says; corners in any order.

    The first does not name its class, which is the default one.
    """
    numbers, value = _split_class(text, schema)
    try:
        row0, col0, row1, col1 = (float(number) for number in numbers)
    except ValueError:
        raise UserError(
            f"The box '{text}' is not r0,c0,r1,c1 or r0,c0,r1,c1:class, rows before columns."
        ) from None
    box = Box.between(row0, col0, row1, col1)
    if value is None:
        return Prompt(default_class, box, names_class=False)
    return Prompt(value, box)


def parse_point(text: str, schema: LabelSchema) -> tuple[Point, int | None]:
    """Return the point that "r,c,+" or "r,c,-:class" says, and its class value where it has one."""
    numbers, value = _split_class(text, schema)
    try:
        row, col, sign = numbers
        positive = {"+": True, "-": False}[sign.strip()]
        return Point(float(row), float(col), positive), value
    except (ValueError, KeyError):
        raise UserError(
            f"The point '{text}' is not r,c,+ (on the object) or r,c,- (off it), "
            "with :class after it where needed."
        ) from None


def parse_bscan(text: str) -> tuple[int, ...]:
    """Return the index that "12" or, where there are more axes before the B-scans, "0,12" says."""
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise UserError(f"The B-scan '{text}' is not a number, such as 12.") from None


def _split_class(text: str, schema: LabelSchema) -> tuple[list[str], int | None]:
    numbers, colon, name = text.partition(":")
    return numbers.split(","), schema.find(name).value if colon else None
