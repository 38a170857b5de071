"""What is tried: a trial is a model that learns once and is judged, or is judged as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from napari_octsam.core.config import TrainConfig

__all__ = ["COUNTS", "LOSSES", "MINUTES", "SEEDS", "Eyes", "Loss", "Trial", "Way", "study_trials"]

Eyes = Literal["amd_volume", "octrima", "drusen", "cysts"]
"""One volume, a band; healthy eyes, seven layers anew; lesions of many patients."""

Way = Literal["as it is", "everything", "decoder", "fixed steps"]
"""Not at all; as users have it; the mask decoder alone, as before; so many steps of everything."""

Loss = Literal["default", "none", "octsam", "spatial", "prior"]
"""Topology loss: that of users; none; the original project's; ours; none but the prior."""

LOSSES: tuple[Loss, ...] = ("none", "octsam", "spatial", "prior")
COUNTS: dict[Eyes, tuple[int, ...]] = {"amd_volume": (2, 5, 10), "octrima": (1, 5, 20)}
MINUTES = (0.25, 0.5, 1.0, 2.0)
SEEDS = 5

_STEPS = 44  # as many as a minute has
_LESIONS, _FIVE = 10, 5
_PRIOR = 0.1


class Trial(BaseModel):
    """One trial.

    Parameters
    ----------
    eyes, bscans
        What is learnt from, and how many B-scans of it.
    way, loss
        See the types.
    minutes
        To learn, of two cores; None where it takes fixed steps.
    seed
        Of the B-scans, of views, prompts and fresh weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    eyes: Eyes
    bscans: int = 0
    way: Way = "as it is"
    loss: Loss = "default"
    minutes: float | None = None
    seed: int = 0

    def config(self) -> TrainConfig:
        """Return the settings; what is not said here is as users have it."""
        said: dict[str, object] = {"seed": self.seed, "minutes": self.minutes}
        if self.way == "decoder":
            said["adapts"] = "decoder"
        if self.way == "fixed steps":
            said["steps"] = _STEPS
        if self.loss == "prior":
            said |= {"topology": "none", "topology_prior": _PRIOR}
        elif self.loss != "default":
            said["topology"] = self.loss
        return TrainConfig.model_validate(said)


def study_trials() -> list[Trial]:
    """Return all trials, seed by seed."""
    return [trial for seed in range(SEEDS) for trial in _of_seed(seed)]


def _of_seed(seed: int) -> Iterator[Trial]:
    all_eyes: tuple[Eyes, ...] = ("amd_volume", "drusen", "cysts")
    if seed == 0:
        yield from (Trial(eyes=eyes) for eyes in all_eyes)
    for way in ("everything", "decoder"):
        for count in COUNTS["amd_volume"]:
            yield Trial(eyes="amd_volume", bscans=count, way=way, minutes=1, seed=seed)
        for eyes in all_eyes[1:]:
            yield Trial(eyes=eyes, bscans=_LESIONS, way=way, minutes=1, seed=seed)
    for minutes in MINUTES:
        if minutes != 1:
            yield Trial(
                eyes="amd_volume", bscans=_FIVE, way="everything", minutes=minutes, seed=seed
            )
    for known, counts in COUNTS.items():
        for count in counts:
            for loss in LOSSES:
                yield Trial(eyes=known, bscans=count, way="fixed steps", loss=loss, seed=seed)
