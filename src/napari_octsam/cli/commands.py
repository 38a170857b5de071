"""A group of commands that tells a person's errors in a line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from napari_octsam.cli.console import complain
from napari_octsam.core.errors import UserError

__all__ = ["Commands"]


class Commands(TyperGroup):
    """Commands whose errors for people are one line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            _check_names(ctx.args)
            return super().invoke(ctx)
        except UserError as error:
            complain(str(error))
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
