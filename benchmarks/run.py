"""How a run of the benchmarks is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Parameters
    ----------
    folder
        For what the run writes; deleted at its end.
    quick
        As few repeats as make sense.
    """

    folder: Path
    quick: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """Variables that keep settings and caches of napari and the plugin in the folder."""
        home, data = self.folder / "home", self.folder / "data"
        settings = self.folder / "napari.yaml"
        return {
            "OCTSAM_HOME": str(home),
            "OCTSAM_DATA": str(data),
            "NAPARI_CONFIG": str(settings),
        }

    def repeats(self, full: int, quick: int) -> int:
        """Return how often to repeat."""
        return quick if self.quick else full
