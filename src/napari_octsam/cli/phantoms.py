"""`octsam phantoms`: synthetic B-scans with exact labels, as a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_octsam.cli.console import say, steps_bar
from napari_octsam.core.errors import UserError

__all__ = ["phantoms"]


def phantoms(
    folder: Annotated[Path, typer.Argument(help="New folder for the data set.")],
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the first; the next have the next.")] = 0,
    rows: Annotated[int, typer.Option(min=1, help="Pixels along the A-scan.")] = 496,
    columns: Annotated[int, typer.Option(min=1, help="A-scans.")] = 768,
) -> None:
    """Write synthetic B-scans with exact labels (oct14 and layers7), prepared as data sets are.

    They are meant for software, not for clinical conclusions.
    """
    if folder.exists():
        raise UserError(f"{folder} is there already: choose another name.")
    from napari_octsam.data.facts import examine, members_of
    from napari_octsam.data.prepared import write_prepared
    from napari_octsam.data.split.assignment import make_split
    from napari_octsam.phantoms.dataset import phantom_dataset

    dataset = phantom_dataset(count, seed, (rows, columns))
    dataset.items[0].read_image()  # says what is wrong with seed or size
    with steps_bar("Drawing", count) as show:
        facts = examine(dataset, lambda done: show(done, ""))
    split = make_split(members_of(facts), seed)
    with steps_bar("Writing", count) as show:
        write_prepared(folder, dataset, split, lambda done: show(done, ""))
    say(f"Wrote {folder}.")
