"""`octsam doctor`: whether everything is there that the plugin needs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from napari_octsam.cli.console import note, out, working

__all__ = ["doctor"]

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Close cache and kept data to others first.")
    ] = False,
) -> None:
    """Check versions, Qt, OpenGL, device, cache, disk and privacy.

    The exit code is 1 where one is a problem.
    """
    from napari_octsam.cli.checks import CHECKS, Verdict, examine, mend_privacy

    if fix:
        note(f"Closed to others: {mend_privacy()} folders and files.")
    table = Table("Check", "Verdict", Column("Found, and what to do", overflow="fold"))
    worst = False
    with working("Checking") as now:
        for name, check in CHECKS.items():
            now(f"Checking {name}")
            finding = examine(check)
            verdict = Text(finding.verdict, _STYLES[finding.verdict])
            advice = f"\n{finding.advice}" if finding.advice else ""
            table.add_row(name, verdict, Text.assemble(finding.found, (advice, "bold")))
            worst |= finding.verdict is Verdict.PROBLEM
    out.print(table)
    if worst:
        raise typer.Exit(1)
