"""What came of the trials: a line of JSON each."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from benchmarks.learning_curve.trials import Trial

__all__ = ["FIGURES", "WAYS", "Outcome", "add_outcome", "read_outcomes"]

FIGURES = ("dice", "boundary_error_px", "betti_error")
WAYS = ("unasked", "box", "point")

_FILE = "trials.jsonl"


class Outcome(BaseModel):
    """A trial and how good its model is.

    Parameters
    ----------
    learnt_from
        Names of the B-scans; the one that was held back too.
    steps
        That it took.
    seconds
        To learn, each of two cores.
    figures
        Means by way of `WAYS` and key of `FIGURES`.
    healthy
        Mean Dice of the layers that were known before; None where it is not asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial: Trial
    learnt_from: tuple[str, ...] = ()
    steps: int = 0
    seconds: float = 0.0
    figures: dict[str, dict[str, float]]
    healthy: float | None = None


def read_outcomes(folder: Path) -> list[Outcome]:
    """Return the outcomes so far; a line that was cut off by a kill is done again."""
    path = folder / _FILE
    lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
    return [Outcome.model_validate_json(line) for line in lines if line.endswith("\n")]


def add_outcome(folder: Path, outcome: Outcome) -> None:
    """Write an outcome after those that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _FILE
    whole = path.read_bytes() if path.exists() else b""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.seek(whole.rfind(b"\n") + 1)
        file.write(f"{outcome.model_dump_json()}\n".encode())
        file.truncate()
