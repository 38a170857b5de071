"""The metrics of a run's epochs, as `metrics.csv` and `metrics.json`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import replacing, write_json
from napari_octsam.core.reading import read_json
from napari_octsam.training.events import ClassMetrics, EpochDone

__all__ = ["METRICS_FILE", "read_metrics", "write_metrics"]

METRICS_FILE = "metrics.json"
"""Name of the metrics in a run's folder."""


def write_metrics(folder: Path, epochs: Sequence[EpochDone]) -> None:
    """Write the metrics of all epochs.

    Raises
    ------
    UserError
        A file cannot be written.
    """
    write_json(folder / METRICS_FILE, [asdict(epoch) for epoch in epochs])
    rows = [_flat(epoch) for epoch in epochs]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with (
        replacing(folder / "metrics.csv") as part,
        part.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def read_metrics(folder: Path) -> list[EpochDone]:
    """Return the epochs that are done, as `metrics.json` has them; none where there is no file.

    Raises
    ------
    UserError
        The file cannot be read.
    """
    path = folder / METRICS_FILE
    if not path.exists():
        return []
    try:
        return [_epoch(values) for values in read_json(path)]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path} does not hold the figures of a run: put it back, or delete it to go on "
            "without those of the epochs that are done."
        ) from error


def _epoch(values: dict[str, Any]) -> EpochDone:
    metrics = {
        name: {int(value): ClassMetrics(**each) for value, each in values.get(name, {}).items()}
        for name in ("classes", "automatic")
    }
    return EpochDone(**{**values, **metrics})


def _flat(epoch: EpochDone) -> dict[str, float]:
    """Return an epoch as one row."""
    losses = {f"loss {name}": loss for name, loss in epoch.losses.items()}
    dices = {f"dice {value}": metrics.dice for value, metrics in epoch.classes.items()}
    errors = {f"betti error {v}": metrics.betti_error for v, metrics in epoch.classes.items()}
    unasked = {f"automatic dice {v}": metrics.dice for v, metrics in epoch.automatic.items()}
    validation = {f"validation loss {name}": loss for name, loss in epoch.validation.items()}
    distances = {
        f"{way}boundary error {value}": metrics.boundary_error
        for way, classes in (("", epoch.classes), ("automatic ", epoch.automatic))
        for value, metrics in classes.items()
        if metrics.boundary_error is not None
    }
    row = {"epoch": epoch.epoch, "score": epoch.score, **losses, **validation}
    return row | dices | errors | unasked | distances
