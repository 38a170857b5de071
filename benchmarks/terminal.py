"""Results in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.report import Mark, Outcome, Table
from benchmarks.wording import VERDICT_COLUMNS, verdict

__all__ = ["show_machine", "show_table", "show_verdicts"]

_STYLES: dict[Mark, str] = {"met": "green", "missed": "bold red", "not measured": "bold red"}


def show_machine(console: Console, machine: Iterable[tuple[str, str]]) -> None:
    """Print the machine's description."""
    grid = Grid.grid(padding=(0, 2))
    for name, value in machine:
        grid.add_row(Text(name, style="dim"), value)
    console.print(grid)


def show_table(console: Console, table: Table) -> None:
    """Print one table with its notes."""
    grid = _grid(table.title, table.columns)
    for row in table.rows:
        grid.add_row(*row)
    console.print()
    console.print(grid)
    for note in table.notes:
        console.print(note, style="dim", highlight=False)


def show_verdicts(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print every target with what was measured."""
    if not outcomes:
        return
    grid = _grid("Targets", VERDICT_COLUMNS)
    for outcome in outcomes:
        *cells, mark = verdict(outcome)
        grid.add_row(*cells, Text(mark, style=_STYLES[outcome.mark]))
    console.print()
    console.print(grid)


def _grid(title: str, columns: Sequence[str]) -> Grid:
    grid = Grid(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    grid.add_column(columns[0])
    for column in columns[1:]:
        grid.add_column(column, justify="right")
    return grid
