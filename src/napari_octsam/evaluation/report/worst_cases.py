"""The worst masks of each class, kept for pictures while all pass by."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from napari_octsam.evaluation.judging import JudgedMask
from napari_octsam.evaluation.metrics import DICE, Metric

__all__ = ["WorstCases"]


class WorstCases:
    """Keeps the worst masks of each class, and nothing of the others.

    Parameters
    ----------
    per_class
        How many.
    metric
        That says which are worse.
    """

    def __init__(self, per_class: int = 3, metric: Metric = DICE) -> None:
        self._per_class = per_class
        self._metric = metric
        self._best_first: dict[int, list[JudgedMask]] = defaultdict(list)

    def watch(self, judged: Iterable[JudgedMask]) -> Iterator[JudgedMask]:
        """Yield the masks as they come, and keep the worst."""
        for each in judged:
            self._add(each)
            yield each

    def of(self, class_value: int) -> tuple[JudgedMask, ...]:
        """Return the worst masks of a class, the worst first."""
        return tuple(reversed(self._best_first.get(class_value, [])))

    def _add(self, judged: JudgedMask) -> None:
        if math.isnan(self._value(judged)):
            return
        value = judged.score.class_value
        kept = self._best_first[value]
        kept.append(judged)
        kept.sort(key=self._value, reverse=self._metric.higher_is_better)
        del kept[: -self._per_class]

    def _value(self, judged: JudgedMask) -> float:
        return judged.score.metrics[self._metric.key]
