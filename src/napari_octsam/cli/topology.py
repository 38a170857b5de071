"""`octsam topology`: pieces and holes of each class in a labels image, and which are odd."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from napari_octsam import __version__
from napari_octsam.cli.console import out, say, steps_bar
from napari_octsam.cli.labels import known_schema, read_labels_of
from napari_octsam.cli.outputs import Overwrite, check_output
from napari_octsam.core.classes import (
    BUNDLED_SCHEMAS,
    NOT_LABELLED,
    LabelSchema,
    bundled_schema,
    load_schema,
)
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_octsam.topology.persistence.pairs import Connectivity
    from napari_octsam.topology.report import ClassTopology, Part

    Found = tuple[tuple[int, ...], ClassTopology]

__all__ = ["topology"]

_SHOWN_PARTS = 3


def topology(
    labels: Annotated[Path, typer.Argument(help="Labels image: class values, 2D or a volume.")],
    truth: Annotated[
        Path | None, typer.Option(help="Labels image of the same shape to compare with.")
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(
            help=f"Classes: a bundled schema ({', '.join(BUNDLED_SCHEMAS)}) or a TOML file; "
            "default: as the labels or their data set say, or oct14."
        ),
    ] = None,
    connectivity: Annotated[
        int, typer.Option(help="Neighbours that foreground pixels hang together with: 8 or 4.")
    ] = 8,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write everything to this file too.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Count the components and holes of each class, and show where there are too many.

    What is expected comes from the schema; of what is too much, the largest is taken for right.
    Pixels that are not labelled (255) count as background.
    """
    from napari_octsam.core.files import write_json
    from napari_octsam.core.images import times
    from napari_octsam.data.labels import ONLY_255, marks_with_255

    if connectivity not in (4, 8):
        raise UserError(f"The connectivity is 8 or 4, not {connectivity}.")
    if json_file is not None:
        given = [path for path in (schema, truth) if path is not None]
        check_output(json_file, overwrite, [labels, *map(Path, given)])
    chosen = None if schema is None else load_schema(schema)
    classes = known_schema(labels, chosen) or bundled_schema()
    if truth is not None:
        known_schema(truth, classes)
    values = read_labels_of(labels, classes)
    true = None if truth is None else read_labels_of(truth, classes)
    if true is not None and true.shape != values.shape:
        raise UserError(
            f"{labels} is {times(values.shape)} pixels, but {truth} is {times(true.shape)}: "
            "compare labels of the same B-scans."
        )
    if not values[values != NOT_LABELLED].any():
        why = f" {ONLY_255}" if marks_with_255(values) else ""
        raise UserError(f"{labels} has no labels: no pixel has a class.{why}")
    found = _describe(values, true, classes, 8 if connectivity == 8 else 4)
    out.print(_table(found, classes, compared=true is not None, volume=values.ndim > 2))
    odd = sum(not each.as_expected for _, each in found)
    told = f"{len(found) - odd} of {len(found)} are as the schema {classes.name} expects"
    say(f"{told} (connectivity {connectivity}).")
    if json_file is not None:
        about = {
            "labels": str(labels),
            "truth": None if truth is None else str(truth),
            "schema": classes.name,
            "connectivity": connectivity,
            "octsam": __version__,
        }
        write_json(json_file, {"about": about, "classes": [_row(*each) for each in found]})


def _describe(
    labels: npt.NDArray[np.integer],
    truth: npt.NDArray[np.integer] | None,
    schema: LabelSchema,
    connectivity: Connectivity,
) -> list[Found]:
    from napari_octsam.topology.report import describe_bscan

    places = _bscans(labels)
    found: list[Found] = []
    with steps_bar("Counting", len(places)) as show:
        for done, place in enumerate(places):
            show(done, f"B-scan {_place(place)}" if place else "")
            true = None if truth is None else truth[place]
            found += (
                (place, each) for each in describe_bscan(labels[place], schema, true, connectivity)
            )
    return found


def _bscans(labels: npt.NDArray[np.integer]) -> list[tuple[int, ...]]:
    import numpy as np

    return list(np.ndindex(labels.shape[:-2]))


def _table(found: Sequence[Found], schema: LabelSchema, *, compared: bool, volume: bool) -> Table:
    headings = [*(["B-scan"] if volume else []), "Class", "Pieces", "Holes"]
    if compared:
        headings += ["True", "Unmatched", "clDice"]
    table = Table(*headings, "Surplus, at row, column")
    for index, each in found:
        cells = [
            *([_place(index)] if volume else []),
            _named(each, schema),
            _against(each.betti.components, each.components),
            _against(each.betti.holes, each.holes),
        ]
        if each.against is not None:
            truth, unmatched = each.against.truth, each.against.matching_error
            cells += [
                f"{truth.components}, {truth.holes}",
                f"{unmatched.components}, {unmatched.holes}",
                f"{each.against.cl_dice:.3f}",
            ]
        table.add_row(*cells, _parts(each.surplus), style=None if each.as_expected else "yellow")
    return table


def _named(each: ClassTopology, schema: LabelSchema) -> str:
    alone = len(each.values) == 1
    return f"{each.values[0]} {schema[each.values[0]].short}" if alone else each.name


def _against(number: int, expected: int | None) -> str:
    return str(number) if expected in (None, number) else f"{number} (not {expected})"


def _parts(parts: Sequence[Part]) -> str:
    shown = [f"{p.kind} of {p.size} at {p.row}, {p.col}" for p in parts[:_SHOWN_PARTS]]
    if len(parts) > _SHOWN_PARTS:
        shown.append(f"and {len(parts) - _SHOWN_PARTS} more")
    return "\n".join(shown)


def _row(index: tuple[int, ...], each: ClassTopology) -> dict[str, Any]:
    """Return everything about a class in a B-scan as JSON takes it: NaN is null there."""
    row = {"bscan": index, **asdict(each), "betti": each.betti._asdict()}
    if each.against is not None:
        names = ("truth", "betti_error", "matching_error")
        row["against"] = {name: getattr(each.against, name)._asdict() for name in names}
        known = not math.isnan(each.against.cl_dice)
        row["against"]["cl_dice"] = each.against.cl_dice if known else None
    return {**row, "as_expected": each.as_expected}


def _place(index: tuple[int, ...]) -> str:
    return ", ".join(str(i) for i in index)
