"""The fields of `TrainConfig` as options of a command, so that both always say the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal, Optional

import typer

from napari_octsam.cli.pseudocolor_option import COLORS, colors_of
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.config_groups import GROUPS, group_of
from napari_octsam.models.architectures import profiles

__all__ = ["option_of", "type_of", "with_config_options"]

_AS_ELSEWHERE = {  # what other commands call it
    "label_schema": "--schema",
    "blue_first": "--pseudocolor",
}


def option_of(name: str) -> str:
    """Return the option of a field."""
    return _AS_ELSEWHERE.get(name, f"--{name.replace('_', '-')}")


def type_of(name: str) -> Any:
    """Return what values a field takes, as a type."""
    if name == "profile":  # the settings themselves do not know what networks there are
        return Literal[("", *profiles())]
    return TrainConfig.model_fields[name].annotation


def with_config_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each field; it gets those that were set as `chosen`, a dict.

    The command's own parameters come first; its parameter `chosen` stands for the options.
    """
    own = [
        p
        for p in inspect.signature(command, eval_str=True).parameters.values()
        if p.name != "chosen"
    ]
    fields = [_option(name) for names in GROUPS.values() for name in names if name != "blue_first"]

    @wraps(command)
    def called(**arguments: Any) -> None:
        chosen = {
            name: value
            for name in TrainConfig.model_fields
            if (value := arguments.pop(name, None)) is not None
        }
        if (colors := colors_of(chosen.get("pseudocolor"))) is not None:
            chosen |= {"pseudocolor": colors.name, "blue_first": colors.blue_first}
        command(**arguments, chosen=chosen)

    called.__signature__ = inspect.Signature([*own, *fields])  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in (*own, *fields)}
    return called


def _option(name: str) -> inspect.Parameter:
    field = TrainConfig.model_fields[name]
    default = "" if field.default in (None, "") else f" \\[default: {field.default}]"
    help_ = f"{field.description}{default}"
    flag = option_of(name)
    names = (f"{flag}/--no-{flag[2:]}",) if field.annotation is bool else (flag,)
    metavar = None
    if name == "pseudocolor":
        metavar, help_ = (
            COLORS,
            f"{help_} With :bgr, blue is first, as the original project fed it.",
        )
    option = typer.Option(
        *names, metavar=metavar, help=help_, show_default=False, rich_help_panel=group_of(name)
    )
    kind: Any = Optional[str if metavar else type_of(name)]  # noqa: UP045 (made while it runs)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )
