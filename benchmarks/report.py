"""What a benchmark finds: tables to read, and figures to hold against targets."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["Findings", "Mark", "Outcome", "Table", "Target", "Unit", "outcomes"]

Unit = Literal["x", "s"]
"""A ratio, or seconds."""

Mark = Literal["met", "missed", "not measured"]
"""How a target fares."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(_Value):
    """The most that a figure may be."""

    name: str
    limit: float
    unit: Unit = "x"


class Table(_Value):
    """A table; the first column names the row, the others hold figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


class Findings(_Value):
    """What one part found; `measured` is by name of the target, in its unit."""

    tables: tuple[Table, ...]
    measured: dict[str, float] = {}


class Outcome(_Value):
    """A target and what was measured, or None where the part that measures it failed."""

    target: Target
    measured: float | None

    @property
    def mark(self) -> Mark:
        """Whether the target is met."""
        if self.measured is None:
            return "not measured"
        return "met" if self.measured <= self.target.limit else "missed"


def outcomes(targets: tuple[Target, ...], findings: Findings | None) -> list[Outcome]:
    """Hold what a part found, or None where it failed, against all of its targets."""
    measured = {} if findings is None else findings.measured
    unknown = measured.keys() - {target.name for target in targets}
    if unknown:
        raise ValueError(f"measured, but not among the targets: {', '.join(sorted(unknown))}")
    return [Outcome(target=target, measured=measured.get(target.name)) for target in targets]
