"""How long a run is: told in epochs or steps, or as long as the time allows."""

from __future__ import annotations

from dataclasses import dataclass

from napari_octsam.core.config import TrainConfig

__all__ = ["Length", "length_in_time", "told_length"]

_MOST_EPOCHS = 4  # of a run that is told in steps or minutes: each ends with a validation
_VALIDATING = 0.15  # share of the time that validations may take
_STEPS_EACH, _FEWEST, _MOST = 40, 80, 800  # steps a B-scan, after which it has little left to say


@dataclass(frozen=True, slots=True)
class Length:
    """How many epochs there are, and steps in each.

    Parameters
    ----------
    epochs, steps
        An epoch ends with a validation; in a run that is told in steps or minutes, its B-scans
        need not have been seen as often as each other.
    """

    epochs: int
    steps: int

    @property
    def total(self) -> int:
        """All steps."""
        return self.epochs * self.steps


def told_length(config: TrainConfig, steps: int) -> Length | None:
    """Return the length that settings tell; None where they say how long it may take.

    Parameters
    ----------
    config
        From `TrainConfig.suited`.
    steps
        In which each B-scan is seen once.
    """
    if config.epochs is not None:
        return Length(config.epochs, steps)
    return None if config.steps is None else _in_epochs(config.steps, _MOST_EPOCHS)


def length_in_time(seconds: float, step: float, validation: float, bscans: int) -> Length:
    """Return as many steps as the time allows, and as the B-scans are worth; one at least.

    Parameters
    ----------
    seconds
        That are left.
    step, validation
        Seconds that one takes.
    bscans
        To learn from.
    """
    epochs = min(_MOST_EPOCHS, max(1, int(_VALIDATING * seconds / max(validation, 1e-6))))
    enough = min(max(_STEPS_EACH * bscans, _FEWEST), _MOST)
    steps = min(int((seconds - epochs * validation) / step), enough)
    return Length(epochs, max(1, steps // epochs)) if steps >= epochs else Length(1, max(1, steps))


def _in_epochs(steps: int, most: int) -> Length:
    """Cut steps into as many equal epochs as can be."""
    epochs = next(count for count in range(most, 0, -1) if steps % count == 0)
    return Length(epochs, steps // epochs)
