"""Prepared data sets: pictures, masks, and `dataset.json`, which says what they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import imageio.v3 as iio
import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import building, can_name_a_file, composed
from napari_octsam.core.images import as_grey
from napari_octsam.core.reading import read_json
from napari_octsam.data.dataset import Dataset, Item, Problem, fingerprint, listed
from napari_octsam.data.pictures import write_labels
from napari_octsam.data.sources import LabelFile, PictureFile
from napari_octsam.data.split.split import SPLIT_FILE, Split, write_split

__all__ = ["DATASET_FILE", "open_prepared", "schema_of_mask", "write_prepared"]

DATASET_FILE = "dataset.json"

_IMAGES = "images"
_THREADS = 4


def _checked_name(name: str) -> str:
    if not can_name_a_file(name):
        raise ValueError(f"the name {name!r} cannot name a file")
    return name


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, AfterValidator(_checked_name), AfterValidator(composed)]
    group: Annotated[str, AfterValidator(composed)]
    sha256: str
    classes: tuple[int, ...] | None = None


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    source: str
    layout: str
    created: datetime
    schemas: Annotated[list[LabelSchema], Field(min_length=1)]
    items: list[_Entry]


def write_prepared(
    folder: Path,
    dataset: Dataset,
    split: Split | None,
    progress: Callable[[int], None] = lambda _: None,
    *,
    private: bool = False,
) -> None:
    """Write a data set and its split to a new folder, which appears when it is whole.

    PNG pictures are copied as they are. Other B-scans become grey PNG, of 16 bit where they had
    16, masks PNG with the class values. The masks of the first schema lie in `masks`, those of
    another one in `masks_<schema>`.

    Parameters
    ----------
    split
        Of all items; None: none is stored, and a training makes its own.
    progress
        Is told how many items are written.
    private
        For its user alone, whoever may look into the folder around it.

    Raises
    ------
    UserError
        The folder is there already or cannot be written, or an item cannot be read, or its name
        cannot name a file.
    """
    for item in dataset.items:
        if not can_name_a_file(item.name):
            raise UserError(
                f"The B-scan {item.name!r} of {dataset.folder} cannot have a file of its name on "
                "every computer: give it another name."
            )
    manifest = _Manifest(
        source=str(dataset.folder.absolute()),
        layout=dataset.layout,
        created=datetime.now(UTC),
        schemas=list(dataset.schemas),
        items=[
            _Entry(
                name=item.name,
                group=item.group,
                sha256=_sha256(item, split),
                classes=item.classes,
            )
            for item in dataset.items
        ],
    )
    folders = _mask_folders(dataset.schemas)
    with building(folder, private=private) as unfinished, ThreadPoolExecutor(_THREADS) as pool:
        for name in (_IMAGES, *folders.values()):
            (unfinished / name).mkdir()
        written = pool.map(lambda item: _write_item(item, unfinished, folders), dataset.items)
        for done, _ in enumerate(written, start=1):
            progress(done)
        text = manifest.model_dump_json(indent=1, exclude_none=True)
        (unfinished / DATASET_FILE).write_text(text, "utf-8")
        if split is not None:
            write_split(unfinished / SPLIT_FILE, split)


def open_prepared(folder: Path) -> Dataset:
    """List a prepared data set.

    Raises
    ------
    UserError
        `dataset.json` cannot be read or is not of this version.
    """
    manifest = _manifest(folder)
    folders = _mask_folders(manifest.schemas)
    files = {name: _files_in(folder / name) for name in (_IMAGES, *folders.values())}
    items = [_item(entry, folder, folders, files) for entry in manifest.items]
    lost = [item.name for item in items if not _is_there(item)]
    problems = []
    if lost:
        text = f"{folder} has lost the picture or a mask of these B-scans: {listed(lost)}."
        problems.append(Problem(text, tuple(lost)))
    kept = tuple(item for item in items if item.name not in set(lost))
    known = {entry.name for entry in manifest.items}
    strange = sorted(path.name for name, path in files[_IMAGES].items() if name not in known)
    warnings = []
    if strange:
        warnings.append(f"{DATASET_FILE} does not name these pictures: {listed(strange)}.")
    schemas = tuple(manifest.schemas)
    return Dataset(folder, manifest.layout, schemas, kept, tuple(problems), tuple(warnings))


def schema_of_mask(path: Path) -> LabelSchema | None:
    """Return the schema of a mask of a prepared data set; None of any other file.

    Raises
    ------
    UserError
        As of `open_prepared`.
    """
    folder = path.absolute().parent
    if not (folder.parent / DATASET_FILE).is_file():
        return None
    schemas = _manifest(folder.parent).schemas
    folders = _mask_folders(schemas)
    return next((s for s in schemas if folders[s.name] == folder.name), None)


def _manifest(folder: Path) -> _Manifest:
    path = folder / DATASET_FILE
    try:
        return _Manifest.model_validate(read_json(path))
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(
            f"{path} does not describe a data set: prepare it again with 'octsam preprocess'."
        ) from error


def _sha256(item: Item, split: Split | None) -> str:
    return fingerprint(item.read_image()) if split is None else split.members[item.name].sha256


def _files_in(folder: Path) -> dict[str, Path]:
    """Return name -> picture; a computer that it was copied to may spell the names otherwise."""
    return {composed(path.stem): path for path in folder.glob("*.png")}


def _item(
    entry: _Entry,
    folder: Path,
    folders: Mapping[str, str],
    files: Mapping[str, Mapping[str, Path]],
) -> Item:
    def file_in(name: str) -> Path:
        return files[name].get(entry.name, folder / name / f"{entry.name}.png")

    labels = {schema: LabelFile(file_in(masks)) for schema, masks in folders.items()}
    return Item(entry.name, entry.group, PictureFile(file_in(_IMAGES)), labels, entry.classes)


def _is_there(item: Item) -> bool:
    sources = (item.image, *item.labels.values())
    return all(source.path.is_file() for source in sources)


def _mask_folders(schemas: Sequence[LabelSchema]) -> dict[str, str]:
    first, *others = (schema.name for schema in schemas)
    return {first: "masks", **{name: f"masks_{name}" for name in others}}


def _write_item(item: Item, folder: Path, folders: Mapping[str, str]) -> None:
    file = f"{item.name}.png"
    target = folder / _IMAGES / file
    if isinstance(item.image, PictureFile) and item.image.path.suffix.lower() == ".png":
        shutil.copyfile(item.image.path, target)
    else:
        _write_image(item, target)
    for schema, labels in item.read_maps().items():
        write_labels(folder / folders[schema] / file, labels)


def _write_image(item: Item, path: Path) -> None:
    pixels = item.image.read()
    if pixels.dtype == np.uint16:
        image = np.rint(as_grey(pixels)).astype(np.uint16)
    else:
        image = item.read_image()
    path.write_bytes(iio.imwrite("<bytes>", image, extension=".png"))
