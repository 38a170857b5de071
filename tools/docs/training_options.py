"""The table of docs/training.md from `TrainConfig`: `python -m tools.docs.training_options`."""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from napari_octsam.cli.config_options import option_of, type_of
from napari_octsam.core.config import TrainConfig

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
BEGIN, END = "<!-- options -->\n", "<!-- end of options -->\n"


def options_table() -> str:
    rows = ["| in a file | option | default | what |", "|---|---|---|---|"]
    for name, field in TrainConfig.model_fields.items():
        default = "" if field.default in (None, "") else f"`{_written(field.default)}`"
        rows.append(f"| `{name}` | `{option_of(name)}` | {default} | {_what(name)} |")
    return "\n".join(rows) + "\n"


def with_table(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + options_table() + END + rest.partition(END)[2]


def _what(name: str) -> str:
    description, choices = TrainConfig.model_fields[name].description, _choices(type_of(name))
    return f"{description}{f' One of: {choices}.' if choices else ''}"


def _choices(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return ", ".join(filter(None, map(_choices, set(get_args(kind)) - {NoneType})))
    return ""


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
