"""`octsam repair`: what is odd about labels is mended, and told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octsam.cli.console import complain, say
from napari_octsam.cli.labels import known_schema, read_labels_of
from napari_octsam.cli.outputs import Overwrite, check_outputs
from napari_octsam.core.classes import BUNDLED_SCHEMAS, LabelSchema, load_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import counted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["repair"]


@dataclass(slots=True)
class _Told:
    """How much was mended, and how much was seen that cannot be."""

    mended: int = 0
    left: int = 0

    def __str__(self) -> str:
        left = f", {self.left} to be looked at" if self.left else ""
        return f"{counted(self.mended, 'thing')} mended{left}"


def repair(
    labels: Annotated[
        Path, typer.Argument(help="Labels: a B-scan, a volume, or a folder of them.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Mended labels: a .tif, or a folder for a folder."),
    ],
    schema: Annotated[
        str | None,
        typer.Option(
            help=f"Classes: a bundled schema ({', '.join(BUNDLED_SCHEMAS)}) or a TOML file; "
            "default: as the labels or their data set say."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Mend islands, holes, gaps, broken and swapped layers, and specks; say each of them.

    Layers are mended by their boundaries, so that a hole in two layers is filled by both. The
    labels themselves stay as they are: the mended ones are written elsewhere.
    """
    chosen = None if schema is None else load_schema(schema)
    files = _files(labels, output)
    if labels.is_dir():
        output.mkdir(parents=True, exist_ok=True)
    check_outputs(files.values(), overwrite, [*files, *([Path(schema)] if schema else [])])
    told, failed = _Told(), 0
    for source, target in files.items():
        try:
            _repair_file(source, target, chosen, told)
        except UserError as error:
            if not labels.is_dir():
                raise
            failed += 1
            complain(str(error))
    say(f"Wrote {output}: {told}.")
    if failed:
        raise UserError(f"{counted(failed, 'file')} could not be mended.")


def _files(labels: Path, output: Path) -> dict[Path, Path]:
    """Return where the labels of each file go."""
    from napari_octsam.data.annotations.tiff_export import SUFFIXES
    from napari_octsam.data.labels import LABEL_SUFFIXES

    if not labels.is_dir():
        if output.suffix.lower() not in SUFFIXES:
            raise UserError(f"{output} is no TIFF: name a file that ends in .tif.")
        return {labels: output}
    sources = [p for p in sorted(labels.iterdir()) if p.suffix.lower() in LABEL_SUFFIXES]
    if not sources:
        raise UserError(f"{labels} has no labels: they are PNG, TIFF or NPY files.")
    files: dict[Path, Path] = {}
    for source in sources:
        target = output / f"{source.stem}.tif"
        if target in files.values():
            raise UserError(f"Two files in {labels} would be written as {target}: rename one.")
        files[source] = target
    return files


def _repair_file(source: Path, target: Path, chosen: LabelSchema | None, told: _Told) -> None:
    import numpy as np

    from napari_octsam.data.annotations.description import Description, description_in
    from napari_octsam.data.annotations.tiff_export import write_described_tiff

    schema = known_schema(source, chosen)
    if schema is None:
        raise UserError(f"{source} does not say what its labels mean: say it with --schema.")
    labels = read_labels_of(source, schema).astype(np.uint8)
    _repair_all(labels, schema, source.name, told)
    axes = labels.ndim
    description = description_in(source) or Description(
        label_schema=schema, scale=(1.0,) * axes, units=("pixel",) * axes, axis_labels=("",) * axes
    )
    write_described_tiff(target, labels, description.model_copy(update={"made_of": ""}))


def _repair_all(labels: npt.NDArray[np.uint8], schema: LabelSchema, name: str, told: _Told) -> None:
    """Mend (..., H, W) labels in place, and say what was odd."""
    import numpy as np

    from napari_octsam.topology.repairs import find, repair

    for index in np.ndindex(labels.shape[:-2]):
        labels[index], done = repair(labels[index], schema)
        left = find(labels[index], schema)
        place = f", B-scan {', '.join(map(str, index))}" if index else ""
        for each in (*done, *left):
            say(f"{name}{place}, row {each.row}, column {each.col}: {each.text}")
        told.mended += len(done)
        told.left += len(left)
