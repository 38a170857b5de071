"""A group of commands that tells a person's errors in a line."""

from __future__ import annotations

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
            return super().invoke(ctx)
        except UserError as error:
            complain(str(error))
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            complain("Stopped.")
            raise typer.Exit(130) from error
