"""How long the steps and the validations of a training take."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

__all__ = ["StepClock"]


class StepClock:
    """Times each step, and what follows the last step of an epoch: its validation."""

    def __init__(self) -> None:
        self._last = monotonic()
        self._steps = _Laps()
        self._epochs = _Laps()

    @property
    def knows_epochs(self) -> bool:
        """Whether the end of an epoch was timed."""
        return self._epochs.count > 0

    def start(self) -> None:
        """Time from now on; what was before is left out."""
        self._last = monotonic()

    def end_step(self) -> None:
        """Count the time since the last event as a step's."""
        self._steps.add(self._lap())

    def end_epoch(self) -> None:
        """Count the time since the last step as a validation's."""
        self._epochs.add(self._lap())

    def seconds_for(self, steps: int, epochs: int) -> float | None:
        """Return how long so many steps and ends of epochs take; None before the first step."""
        if not self._steps.count:
            return None
        return steps * self._steps.mean + epochs * self._epochs.mean

    def _lap(self) -> float:
        before, self._last = self._last, monotonic()
        return self._last - before


@dataclass(slots=True)
class _Laps:
    seconds: float = 0.0
    count: int = 0

    @property
    def mean(self) -> float:
        return self.seconds / self.count if self.count else 0.0

    def add(self, seconds: float) -> None:
        self.seconds += seconds
        self.count += 1
