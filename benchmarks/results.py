"""All that a run found."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.report import Outcome, Table

__all__ = ["Results"]


@dataclass(slots=True)
class Results:
    """The machine, what its parts found, and how that compares with the targets."""

    machine: list[tuple[str, str]]
    warnings: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
