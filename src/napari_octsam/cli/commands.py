"""Commands that tell a person's errors in a line, whatever they were given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from napari_octsam.cli.console import complain
from napari_octsam.cli.interrupt import interruptible
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import check_name

__all__ = ["Command", "Commands"]

_LARGEST = (1 << 63) - 1
_SHOWN = 100  # letters of a name that is too long


class Command(TyperCommand):
    """A command whose numbers and names are looked at before it runs."""

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        _check(ctx.params)
        return super().invoke(ctx)


class Commands(TyperGroup):
    """Commands whose errors for people are one line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            with interruptible():
                _check_names(ctx.args)
                return super().invoke(ctx)
        except UserError as error:
            complain(str(error))
            raise typer.Exit(1) from error
        except BrokenPipeError:  # whoever read has heard enough
            raise
        except OSError as error:
            complain(_sentence(error))
            raise typer.Exit(1) from error
        except MemoryError as error:
            complain("The memory ran out: close other programs, or choose less at once.")
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            complain("Stopped.")
            raise typer.Exit(130) from error


def _check_names(arguments: Iterable[str]) -> None:
    """Raise UserError where a file's name would be taken for an option."""
    before = ""
    for argument in arguments:
        if argument == "--":
            return
        if argument[:1] == "-" and before[:1] != "-" and Path(argument).exists():
            raise UserError(f"{argument} begins with -, as options do: write ./{argument} for it.")
        before = argument


def _check(options: Mapping[str, Any]) -> None:
    for name, given in options.items():
        for value in given if isinstance(given, list | tuple) else (given,):
            if fault := _fault(value):
                shown = str(value)[:_SHOWN]
                raise UserError(f"{name.replace('_', ' ')}: {shown} cannot be used: {fault}.")


def _fault(value: Any) -> str:
    match value:
        case float() if not math.isfinite(value):
            return "it is no number"
        case int() if abs(value) > _LARGEST:
            return "it has more than 64 bits"
        case Path():
            try:
                check_name(str(value))
            except ValueError as error:
                return str(error)
    return ""


def _sentence(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.filename is None:
        return f"What there is to say cannot be written: {reason}."
    return f"{str(error.filename)[:_SHOWN]} cannot be used: {reason}."
