"""The models that were trained on this computer, by the names that their trainings were given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from napari_octsam.core.config import TrainConfig, read_settings
from napari_octsam.core.errors import UserError
from napari_octsam.core.folders import BEST_MODEL, RUN_CONFIG, data_folder

__all__ = ["best_model", "trained_models"]


def best_model(run: Path) -> Path | None:
    """Return the best model of a run's folder, or None where no epoch is done."""
    return run / BEST_MODEL if (run / BEST_MODEL).is_file() else None


def trained_models(also: Iterable[Path] = ()) -> dict[Path, str]:
    """Return the best model of each run in the usual folder, with its name; the newest first.

    Parameters
    ----------
    also
        Best models of runs that lie elsewhere.
    """
    usual = (data_folder() / "models").glob(f"*/{BEST_MODEL}")
    found = {path.resolve() for path in (*usual, *also) if path.is_file()}
    names = {path: _name_of(path.parent) for path in sorted(found, key=_age)}
    times = Counter(names.values())
    return {
        path: path.parent.name if times[name] > 1 else name  # a folder's name is one run's only
        for path, name in names.items()
    }


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def _name_of(run: Path) -> str:
    try:
        return read_settings(run / RUN_CONFIG, TrainConfig).display_name or run.name
    except UserError:
        return run.name
