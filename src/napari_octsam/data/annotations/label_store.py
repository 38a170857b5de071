"""The labels of an annotation on disk: an OME-Zarr image in which each B-scan is a chunk.

A B-scan is written alone, in a few milliseconds whatever the size of the volume, and replaces
the last one as a whole. An OME-TIFF would have to be written anew for each.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import remove_file, replacing
from napari_octsam.core.folders import make_private
from napari_octsam.core.images import times
from napari_octsam.data.annotations.zstd import LONGEST_HEADER, unpacked_size

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer

    from napari_octsam.core.annotation import Annotation
    from napari_octsam.core.classes import LabelSchema

__all__ = ["LabelStore", "Labels"]

Labels = npt.NDArray[np.integer]
"""Class values, (..., H, W)."""

_LEVEL = "0"  # OME-Zarr's name of the full resolution
_AXES = ("t", "c", "z", "y", "x")  # that OME-Zarr knows


class LabelStore:
    """Labels of whole numbers on disk, (..., H, W).

    Parameters
    ----------
    folder
        That `create` made.

    Raises
    ------
    UserError
        There are no such labels.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():  # or zarr would make it
            raise UserError(f"There are no labels in {folder.parent}: {folder.name} is gone.")
        try:
            self._group = zarr.open_group(_FlushedStore(folder), mode="r+")
            labels = self._group[_LEVEL]
        except Exception as error:  # zarr fails in many ways on a damaged zarr.json
            raise UserError(f"{folder} holds no labels, or they are damaged: {error}.") from error
        if not isinstance(labels, zarr.Array) or labels.dtype.kind not in "ui":
            raise UserError(f"{folder} holds no labels.")
        if not _is_as_created(labels):
            raise UserError(
                f"{folder} keeps its labels in another way than annotations do: a chunk a B-scan, "
                "packed by zstd."
            )
        self._labels = labels
        self._described = self._group.attrs.asdict()

    @classmethod
    def create(cls, folder: Path, annotation: Annotation, dtype: npt.DTypeLike) -> LabelStore:
        """Make the labels of an annotation, all 0.

        Raises
        ------
        UserError
            They cannot be written there.
        """
        shape = annotation.image.shape
        try:
            make_private(folder)  # or zarr makes it for everybody
            group = zarr.create_group(_FlushedStore(folder), attributes=_attributes(annotation))
            group.create_array(
                _LEVEL,
                shape=shape,
                chunks=(*(1 for _ in shape[:-2]), *shape[-2:]),
                dtype=_plain(dtype),
                compressors=ZstdCodec(level=3, checksum=True),
                fill_value=0,
                dimension_names=_axes(annotation),
            )
        except OSError as error:
            raise UserError(f"Cannot write {folder}: {error.strerror or error}.") from error
        return cls(folder)

    @property
    def shape(self) -> tuple[int, ...]:
        """(..., H, W)."""
        return tuple(self._labels.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """A type of whole numbers."""
        return np.dtype(self._labels.dtype)

    def read(self, index: Sequence[int]) -> Labels:
        """Return the labels of a B-scan, (H, W).

        Raises
        ------
        UserError
            They are damaged, or cannot be read.
        """
        try:
            self._check_size(index)
            return np.asarray(self._labels[tuple(index)])
        except Exception as error:  # decoders fail in many ways on damaged bytes
            which = f" of B-scan {list(index)}" if index else ""
            raise UserError(f"The labels{which} in {self._folder} are damaged: {error}.") from error

    def _check_size(self, index: Sequence[int]) -> None:
        """Raise ValueError where a B-scan's few bytes would fill the memory."""
        key = self._labels.metadata.encode_chunk_key((*index, 0, 0))
        path = self._folder / _LEVEL / key
        if not path.is_file():
            return  # all are 0
        with path.open("rb") as file:
            size = unpacked_size(file.read(LONGEST_HEADER))
        if size != math.prod(self.shape[-2:]) * self.dtype.itemsize:
            raise ValueError("they do not unpack to a B-scan")

    def read_all(self) -> Labels:
        """Return the labels of all B-scans, (..., H, W); UserError as of `read`."""
        labels = np.zeros(self.shape, self.dtype)
        for index in np.ndindex(self.shape[:-2]):
            labels[index] = self.read(index)
        return labels

    def write(self, index: Sequence[int], labels: Labels) -> None:
        """Write the labels of a B-scan, (H, W): all of them, or none.

        Raises
        ------
        UserError
            They cannot be written, or hold values that `dtype` cannot; what was there stays.
        ValueError
            They have another shape.
        """
        rows_cols = self.shape[-2:]
        if labels.shape != rows_cols:  # or zarr would repeat a row
            raise ValueError(f"labels are {times(labels.shape)}, B-scans {times(rows_cols)}")
        fitting = labels.astype(self.dtype, copy=False)
        if not np.array_equal(fitting, labels):
            raise UserError(
                f"The labels in {self._folder} are {self.dtype}, which cannot hold all values from "
                f"{labels.min()} to {labels.max()}."
            )
        self._labels[tuple(index)] = fitting

    def describe(self, annotation: Annotation) -> None:
        """Write names, colours and pixel sizes for programs that read OME-Zarr."""
        attributes = _attributes(annotation)
        if attributes != self._described:
            self._group.attrs.put(attributes)  # which knows them even where that fails
            self._described = attributes


def _is_as_created(labels: zarr.Array[Any]) -> bool:
    """Whether each chunk is a B-scan, packed once by what `create` packs with."""
    bscan = (*(1 for _ in labels.shape[:-2]), *labels.shape[-2:])
    packed = [type(codec) for codec in labels.compressors]
    plain = not labels.filters and labels.shards is None
    return labels.chunks == bscan and packed == [ZstdCodec] and plain


class _FlushedStore(LocalStore):
    """A folder whose files are on the disk, and whole, once they are written."""

    async def set(self, key: str, value: Buffer) -> None:
        await asyncio.to_thread(self.set_sync, key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        _write_flushed(self.root / key, value.to_bytes())

    async def delete(self, key: str) -> None:  # of labels that are all 0
        await asyncio.to_thread(self.delete_sync, key)

    def delete_sync(self, key: str) -> None:
        remove_file(self.root / key)


def _write_flushed(path: Path, content: bytes) -> None:
    try:
        make_private(path.parent)
    except OSError as error:
        raise UserError(f"Cannot write {path.parent}: {error.strerror or error}.") from error
    with replacing(path) as part:
        part.write_bytes(content)


def _plain(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return a type as this machine has it: that of a file may have another order of bytes."""
    return np.dtype(np.dtype(dtype).newbyteorder("=").str)


def _axes(annotation: Annotation) -> tuple[str, ...]:
    count = len(annotation.image.shape)
    return _AXES[-count:] if count <= len(_AXES) else tuple(f"d{i}" for i in range(count))


def _attributes(annotation: Annotation) -> dict[str, Any]:
    """Return what OME-Zarr 0.5 wants to know of a labels image."""
    axes: list[dict[str, str]] = []
    for name, unit in zip(_axes(annotation), annotation.units, strict=True):
        kind = {"t": "time", "c": "channel"}.get(name, "space")
        known = kind == "space" and unit not in ("", "pixel")
        axes.append({"name": name, "type": kind} | ({"unit": unit} if known else {}))
    scale = {"type": "scale", "scale": list(annotation.scale)}
    level = {"path": _LEVEL, "coordinateTransformations": [scale]}
    return {
        "ome": {
            "version": "0.5",
            "multiscales": [{"name": annotation.name, "axes": axes, "datasets": [level]}],
            "image-label": _image_label(annotation.label_schema),
        }
    }


def _image_label(schema: LabelSchema) -> dict[str, Any]:
    return {
        "colors": [{"label-value": c.value, "rgba": _rgba(c.color)} for c in schema.classes],
        "properties": [
            {"label-value": c.value, "name": c.name, "short": c.short} for c in schema.classes
        ],
    }


def _rgba(color: str) -> list[int]:
    return list(bytes.fromhex(color.removeprefix("#").ljust(8, "f")))
