"""What came out of the trials, kept in one file trial by trial."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from benchmarks.topology_study.trials import Trial
from napari_octsam.core.files import replacing

__all__ = ["FIGURES", "STUDY_FILE", "TUNING_FILE", "Outcome", "append_outcome", "read_outcomes"]

STUDY_FILE = "study.json"
TUNING_FILE = "tuning.json"

FIGURES = ("dice", "boundary_error_px", "betti_error", "betti_matching_error")
"""Keys of `evaluation.judging` that are kept."""


class Outcome(BaseModel):
    """A trial and how good its model is on the held-out subject.

    Parameters
    ----------
    learnt_from
        Names of the B-scans.
    figures
        By prompt ("box", "point"), layer and key of `FIGURES`: means over the B-scans.
    seconds
        Of the training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial: Trial
    learnt_from: tuple[str, ...]
    figures: dict[str, dict[str, dict[str, float]]]
    seconds: float


_FILE = TypeAdapter(list[Outcome])


def read_outcomes(path: Path) -> list[Outcome]:
    """Return the outcomes so far."""
    return _FILE.validate_json(path.read_bytes()) if path.exists() else []


def append_outcome(path: Path, outcome: Outcome) -> None:
    """Write an outcome after those that are there."""
    with replacing(path) as part:
        part.write_bytes(_FILE.dump_json([*read_outcomes(path), outcome], indent=1))
