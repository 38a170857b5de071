"""Which layout a folder of labelled B-scans has, and what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import missing
from napari_octsam.data.dataset import Dataset, Item, Problem
from napari_octsam.data.importers.amd import AMD_SCHEMA, is_amd, list_amd
from napari_octsam.data.importers.duke import DUKE_SCHEMAS, Grader, is_duke, list_duke
from napari_octsam.data.importers.matfile import mat_files
from napari_octsam.data.pairing import pair_up
from napari_octsam.data.prepared import DATASET_FILE, open_prepared
from napari_octsam.data.split.grouping import natural_order, read_groups, regrouped

__all__ = ["GROUPS_FILE", "Layout", "open_dataset", "recognise"]

GROUPS_FILE = "groups.csv"
"""Optional file beside the data with the columns name and group."""


class Layout(StrEnum):
    """How a folder keeps its B-scans and labels."""

    PREPARED = "prepared data set"
    """`dataset.json`, as `octsam preprocess` writes it."""
    ORIGINAL = "original project"
    """`imagesgreyscale/` and `masks14/`, here or where the project keeps them below its root."""
    PAIRS = "pairs"
    """`images/` and `masks/`."""
    DUKE = "Duke DME (Chiu 2015)"
    """`Subject_NN.mat` with `manualLayers1`."""
    AMD = "AMD (Farsiu 2014)"
    """`.mat` files with `layerMaps`."""


_FOLDERS = {Layout.ORIGINAL: ("imagesgreyscale", "masks14"), Layout.PAIRS: ("images", "masks")}

_ORIGINAL_HOMES = ("datasets/raw/custom", "raw/custom", "custom")
"""Where the original project has its B-scans, from the root of its data."""


def recognise(folder: Path) -> Layout:
    """Return the layout of a folder.

    Raises
    ------
    UserError
        There is no such folder, or it has none of the layouts.
    """
    return _found(folder)[1]


def open_dataset(
    folder: str | Path,
    schema: LabelSchema | None = None,
    *,
    grader: Grader = 1,
    groups: Path | None = None,
) -> Dataset:
    """List what a folder holds; pixels are read when they are needed.

    Parameters
    ----------
    schema
        Of the masks of pairs, oct14 where it is not given. The other layouts know theirs: there
        it takes one of several label maps.
    grader
        Whose labels to take of Chiu's data.
    groups
        CSV file with the columns name and group; where not given, `groups.csv` in the folder.

    Raises
    ------
    UserError
        The folder has no known layout or not this schema, or a file that says what is in it
        cannot be read.
    """
    folder, layout = _found(Path(folder))
    match layout:
        case Layout.PREPARED:
            dataset = _with_schema(open_prepared(folder), schema)
        case Layout.DUKE:
            schemas = [bundled_schema(name) for name in DUKE_SCHEMAS]
            found = _open_volumes(folder, layout, schemas, lambda path: list_duke(path, grader))
            dataset = _with_schema(found, schema)
        case Layout.AMD:
            schemas = [bundled_schema(AMD_SCHEMA)]
            dataset = _with_schema(_open_volumes(folder, layout, schemas, list_amd), schema)
        case _:
            dataset = _open_pairs(folder, layout, schema or bundled_schema())
    file = groups or folder / GROUPS_FILE
    return _regrouped(dataset, file) if groups or file.is_file() else dataset


def _found(folder: Path) -> tuple[Path, Layout]:
    """Return where a folder has its B-scans, and their layout."""
    if not folder.is_dir():
        raise UserError(missing(folder, "folder"))
    if (folder / DATASET_FILE).is_file():
        return folder, Layout.PREPARED
    for layout, (images, _) in _FOLDERS.items():
        if (folder / images).is_dir():
            return folder, layout
    if files := mat_files(folder):
        return folder, _recognise_mat(folder, files)
    images, _ = _FOLDERS[Layout.ORIGINAL]
    for home in _ORIGINAL_HOMES:
        if (folder / home / images).is_dir():
            return folder / home, Layout.ORIGINAL
    raise UserError(
        f"{folder} is no data set: it needs images/ and masks/, imagesgreyscale/ and masks14/, "
        "or the .mat files of Chiu 2015 or Farsiu 2014."
    )


def _recognise_mat(folder: Path, files: Sequence[Path]) -> Layout:
    errors = []
    for path in files:
        try:
            if is_duke(path):
                return Layout.DUKE
            if is_amd(path):
                return Layout.AMD
        except UserError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    raise UserError(f"The .mat files in {folder} have neither manualLayers1 nor layerMaps.")


def _open_pairs(folder: Path, layout: Layout, schema: LabelSchema) -> Dataset:
    images, masks = _FOLDERS[layout]
    pairs = pair_up(folder / images, folder / masks, schema.name)
    found = tuple(pairs.items), tuple(pairs.problems), tuple(pairs.warnings)
    return Dataset(folder, layout, (schema,), *found)


def _open_volumes(
    folder: Path,
    layout: Layout,
    schemas: Iterable[LabelSchema],
    list_volume: Callable[[Path], tuple[list[Item], int]],
) -> Dataset:
    items: list[Item] = []
    problems, counts = [], []
    for path in sorted(mat_files(folder), key=lambda p: natural_order(p.stem)):
        try:
            labelled, total = list_volume(path)
        except UserError as error:
            problems.append(Problem(str(error), (path.stem,)))
            continue
        items += labelled
        counts.append((path.stem, len(labelled), total))
    warnings = [_labelled(counts)] if any(n < total for _, n, total in counts) else []
    return Dataset(folder, layout, tuple(schemas), tuple(items), tuple(problems), tuple(warnings))


def _labelled(counts: Sequence[tuple[str, int, int]]) -> str:
    labelled, total = sum(n for _, n, _ in counts), sum(n for _, _, n in counts)
    each = ", ".join(f"{name} {n} of {of}" for name, n, of in counts)
    return f"{labelled} of {total} B-scans are labelled ({each}). The others are left out."


def _with_schema(dataset: Dataset, schema: LabelSchema | None) -> Dataset:
    if schema is None:
        return dataset
    kept = tuple(known for known in dataset.schemas if known.name == schema.name)
    if not kept:
        names = ", ".join(known.name for known in dataset.schemas)
        raise UserError(f"{dataset.folder} has no labels of {schema.name}: it has {names}.")
    if not kept[0].means_as(schema):
        raise UserError(
            f"The labels of {dataset.folder} are of a schema that is called {schema.name} too, but "
            "has other values or names: leave --schema out, or rename yours."
        )
    items = (replace(i, labels={schema.name: i.labels[schema.name]}) for i in dataset.items)
    return replace(dataset, schemas=kept, items=tuple(items))


def _regrouped(dataset: Dataset, path: Path) -> Dataset:
    items, problems, warnings = regrouped(dataset.items, read_groups(path), path)
    return replace(
        dataset,
        items=tuple(items),
        problems=(*dataset.problems, *problems),
        warnings=(*dataset.warnings, *warnings),
    )
