"""Results as a page of the docs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.report import Table
from benchmarks.results import Results
from benchmarks.wording import VERDICT_COLUMNS, verdict

__all__ = ["as_markdown", "grid"]

_INTRO = """\
# Benchmarks

Made by `make bench ARGS="--markdown docs/benchmarks.md"`: one run on one machine, everything side
by side. The ratios travel better than the times. Computed on the CPU. The targets are our own:
*missed* is slower than we want it, not broken.
"""


def as_markdown(results: Results) -> str:
    """Return the whole page."""
    blocks = [_INTRO]
    if results.warnings:
        blocks.append("\n".join(f"**{warning}**" for warning in results.warnings) + "\n")
    blocks.append(_section("Targets", grid(VERDICT_COLUMNS, map(verdict, results.outcomes))))
    blocks += [_table(table) for table in results.tables]
    blocks.append(_section("Machine", grid(("", ""), results.machine, align="---")))
    return "\n".join(blocks)


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---:") -> str:
    """Return a table of Markdown."""
    rule = ["---", *[align] * (len(columns) - 1)]
    lines = [columns, rule, *rows]
    return "".join(f"| {' | '.join(_escaped(cell) for cell in line)} |\n" for line in lines)


def _table(table: Table) -> str:
    notes = "".join(f"\n{note}\n" for note in table.notes)
    return _section(table.title, grid(table.columns, table.rows) + notes)


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
