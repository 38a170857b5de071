"""Losses compared within each seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks.learning_curve.outcomes import Outcome
from benchmarks.learning_curve.trials import Trial

__all__ = ["Difference", "difference", "figure", "select"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure less that of the same seed without a topology loss.

    Parameters
    ----------
    mean
        Over the seeds.
    seeds
        How many.
    probability
        Of the paired t-test that nothing differs; None of fewer than three seeds, or where each
        seed differs by the same.
    """

    mean: float
    seeds: int
    probability: float | None

    def text(self, digits: int) -> str:
        """Return it as a cell of a table."""
        tested = "" if self.probability is None else f", p = {self.probability:.2f}"
        return f"{self.mean:+.{digits}f} ({self.seeds}{tested})"


def select(outcomes: Iterable[Outcome], like: Trial) -> list[Outcome]:
    """Return the outcomes of trials that differ from one in nothing but the seed."""
    found = [o for o in outcomes if o.trial.model_copy(update={"seed": like.seed}) == like]
    return sorted(found, key=lambda outcome: outcome.trial.seed)


def figure(outcome: Outcome, way: str, key: str) -> float | None:
    """Return a figure, or None where there is none."""
    return outcome.figures.get(way, {}).get(key)


def difference(
    ours: Sequence[Outcome], theirs: Sequence[Outcome], way: str, key: str
) -> Difference | None:
    """Return how a figure differs, over the seeds that both have; None where there are none."""
    base = {o.trial.seed: figure(o, way, key) for o in theirs}
    pairs = [(figure(o, way, key), base.get(o.trial.seed)) for o in ours]
    each = np.array([one - other for one, other in pairs if one is not None and other is not None])
    if not each.size:
        return None
    differ = len(each) > 2 and np.ptp(each) > 0
    probability = float(stats.ttest_1samp(each, 0).pvalue) if differ else None
    return Difference(float(each.mean()), len(each), probability)
