"""Prompts in JSON files, as `octsam predict --prompts` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import write_json
from napari_octsam.core.prompts import Box, Point, Prompt
from napari_octsam.core.reading import explaining, read_json

__all__ = ["load_prompts", "save_prompts"]


class _PromptRecord(BaseModel):
    """A prompt in a JSON file; mask prompts do not travel this way."""

    model_config = ConfigDict(extra="forbid")

    class_value: int = Field(ge=0, lt=255, alias="class")
    box: tuple[float, float, float, float] | None = None
    points: list[tuple[float, float, Literal["+", "-"]]] = []
    bscan: list[int] = []


class _PromptFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    prompts: list[_PromptRecord]


def load_prompts(path: Path) -> list[Prompt]:
    """Read prompts from JSON.

    The file is `{"prompts": [{"class": 6, "box": [r0, c0, r1, c1], "points": [[r, c, "+"]],
    "bscan": [3]}, ...]}`; `box`, `points` and `bscan` may be left out,
    and a box may begin at any of its corners.

    Raises
    ------
    UserError
        The file cannot be read or does not have this form.
    """
    with explaining(path, "does not hold prompts", "the prompts "):
        records = _PromptFile.model_validate(read_json(path)).prompts
    return [
        Prompt(
            class_value=r.class_value,
            box=None if r.box is None else Box.between(*r.box),
            points=tuple(Point(row, col, sign == "+") for row, col, sign in r.points),
            bscan=tuple(r.bscan),
        )
        for r in records
    ]


def save_prompts(path: Path, prompts: Sequence[Prompt]) -> None:
    """Write prompts as JSON, in the form that `load_prompts` reads.

    Raises
    ------
    UserError
        A prompt has a mask, which the form cannot hold, or the file cannot be written.
    """
    if any(p.mask is not None for p in prompts):
        raise UserError("Mask prompts cannot be saved as JSON: save their boxes and points only.")
    records = [
        {
            "class": p.class_value,
            "box": None if p.box is None else [p.box.row0, p.box.col0, p.box.row1, p.box.col1],
            "points": [[q.row, q.col, "+" if q.positive else "-"] for q in p.points],
            "bscan": list(p.bscan),
        }
        for p in prompts
    ]
    write_json(path, {"prompts": records})
