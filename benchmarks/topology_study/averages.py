"""Outcomes taken together: over the layers, and over the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.topology_study.outcomes import Outcome
from benchmarks.topology_study.trials import Loss, Start
from napari_octsam.evaluation.metrics import mean_known

__all__ = ["Cell", "differences", "over_layers", "select"]


@dataclass(frozen=True, slots=True)
class Cell:
    """Mean, lowest and highest of some figures."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Cell:
        """Return the cell of at least one figure."""
        return cls(mean_known(values), min(values), max(values))

    def text(self, digits: int, sign: str = "") -> str:
        """Return the mean, and in brackets the lowest and the highest where they differ."""
        mean, low, high = (f"{v:{sign}.{digits}f}" for v in (self.mean, self.low, self.high))
        return mean if low == high else f"{mean} ({low} to {high})"


def select(outcomes: Iterable[Outcome], start: Start, bscans: int, loss: Loss) -> list[Outcome]:
    """Return the outcomes of one kind of trial, by rising seed."""
    kind = (start, bscans, loss)
    found = [o for o in outcomes if (o.trial.start, o.trial.bscans, o.trial.loss) == kind]
    return sorted(found, key=lambda outcome: outcome.trial.seed)


def over_layers(outcome: Outcome, prompt: str, key: str) -> float:
    """Return the mean of a figure over the layers."""
    return mean_known([layer[key] for layer in outcome.figures[prompt].values()])


def differences(
    ours: Iterable[Outcome], theirs: Iterable[Outcome], prompt: str, key: str
) -> list[float]:
    """Return ours less theirs, of each seed that both have."""
    base = {o.trial.seed: over_layers(o, prompt, key) for o in theirs}
    return [over_layers(o, prompt, key) - base[o.trial.seed] for o in ours if o.trial.seed in base]
