"""`octsam preprocess`: labelled B-scans of any layout become a data set to train on."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from napari_octsam.cli.console import complain, note, out, say, steps_bar
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    from napari_octsam.data.dataset import Dataset
    from napari_octsam.data.preflight import Preflight

__all__ = ["preprocess"]


def preprocess(
    raw: Annotated[
        Path,
        typer.Argument(
            help="Folder with images/ and masks/, imagesgreyscale/ and masks14/, or the .mat "
            "files of Chiu 2015 (DME) or Farsiu 2014 (AMD)."
        ),
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", help="Folder for prepared data sets.")
    ] = Path("datasets/processed/custom"),
    name: Annotated[
        str | None, typer.Option(help="Name of the new one; default: date and time.")
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(help="Classes of the masks: oct14 (default), another one or a TOML file."),
    ] = None,
    grader: Annotated[
        int, typer.Option(min=1, max=2, help="Whose labels to take of Chiu 2015.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the split.")] = 0,
    groups: Annotated[
        Path | None, typer.Option(help="CSV file with name and group (patient or volume).")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out and list the B-scans with problems.")
    ] = False,
) -> None:
    """Check labelled B-scans, split them by patient, and write them for training.

    What is wrong is listed first, and nothing is written then. A split.json that lies beside the
    data is kept.
    """
    from napari_octsam.core.classes import load_schema
    from napari_octsam.data.checking import judge_split
    from napari_octsam.data.facts import examine, without
    from napari_octsam.data.layouts import open_dataset
    from napari_octsam.data.prepared import write_prepared
    from napari_octsam.data.split.split import SPLIT_FILE, read_split

    target = out_folder / _checked(name or datetime.now().strftime("%y-%m-%d_%H.%M.%S"))
    if target.exists():
        raise UserError(f"{target} is there already: choose another --name.")
    classes = None if schema is None else load_schema(schema)
    dataset = open_dataset(raw, classes, grader=1 if grader == 1 else 2, groups=groups)
    with steps_bar("Checking", len(dataset.items)) as show:
        facts = examine(dataset, lambda done: show(done, ""))
    beside = dataset.folder / SPLIT_FILE
    stored = read_split(beside) if beside.is_file() else None
    checked = judge_split(dataset, facts, seed, stored)
    left_out = checked.found.problems if skip_bad else ()
    if left_out:
        bad = checked.found.bad_names
        dataset, facts = without(dataset, facts, bad)
        checked = judge_split(dataset, facts, seed, stored and stored.without(bad))
    found = checked.found
    _show(dataset, found)
    for problem in left_out:
        if problem not in found.problems:
            note(f"Left out: {problem.text}")
    if found.problems:
        raise UserError(_refusal(found, skip_bad))
    with steps_bar("Writing", len(dataset.items)) as show:
        write_prepared(target, dataset, checked.split, lambda done: show(done, ""))
    say(f"Wrote {target}. {found.plan}")


def _checked(name: str) -> str:
    if Path(name).name != name or name.startswith("."):
        raise UserError(f"'{name}' is not a name for a folder: the place is chosen with --out.")
    return name


def _show(dataset: Dataset, found: Preflight) -> None:
    from napari_octsam.core.images import times
    from napari_octsam.data.dataset import listed

    title = f"{dataset.layout}: {found.bscans} B-scans, patients or volumes: {found.groups}"
    parts = [size.part for size in found.parts]
    several = len(dataset.schemas) > 1
    headings = [*(["Schema"] if several else []), "Class", "Pixels", "B-scans", *parts]
    table = Table(*headings, title=title)
    for each in found.classes:
        cells = [f"{each.pixels:,}", str(each.bscans), *(str(each.by_part[p]) for p in parts)]
        names = [*([each.schema] if several else []), f"{each.value} {each.name}"]
        table.add_row(*names, *cells, style=None if each.pixels else "dim")
    out.print(table)
    sizes = listed([f"{times(shape)} ({n})" for shape, n in found.sizes.items()])
    say(f"Sizes: {sizes or 'none'}")
    for warning in found.warnings:
        note(f"Note: {warning}")
    for problem in found.problems:
        complain(problem.text)


def _refusal(found: Preflight, skip_bad: bool) -> str:
    count = len(found.problems)
    text = (
        "Nothing was written: there is a problem"
        if count == 1
        else (f"Nothing was written: there are {count} problems")
    )
    if not skip_bad and all(problem.names for problem in found.problems):
        return f"{text}. Mend what is listed, or leave these B-scans out with --skip-bad."
    return f"{text}. Mend what is listed."
