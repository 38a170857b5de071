"""What a file of labels says of itself: what its values mean, and how large a pixel is.

TIFF and PNG have it in their metadata, beside them lies the schema as `NAME.schema.toml`.
"""

from __future__ import annotations

from pathlib import Path

import tomli_w
from PIL import Image
from pydantic import BaseModel, ConfigDict, model_validator

from napari_octsam.core.annotation import Annotation
from napari_octsam.core.classes import LabelSchema, load_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.eyes import Laterality, Side
from napari_octsam.core.files import replacing
from napari_octsam.core.reading import parse_json

__all__ = [
    "KEY",
    "Description",
    "description_in",
    "schema_in",
    "sidecar_of",
    "write_sidecar",
]

KEY = "octsam"
"""Under which metadata has a description."""

_SIDECAR = "schema.toml"


class Description(BaseModel):
    """What labels are: their schema, the axes of their image, and of which eye it is."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    label_schema: LabelSchema
    scale: tuple[float, ...]
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]
    laterality: Laterality | None = None
    first: Side | None = None
    made_of: str = ""
    """Hash of the picture, the model and the schema, of labels that a command has made."""

    @model_validator(mode="after")
    def _axes_agree(self) -> Description:
        if not len(self.scale) == len(self.units) == len(self.axis_labels):
            raise ValueError("scale, units and axis labels are of different axes")
        return self

    @classmethod
    def of(cls, annotation: Annotation) -> Description:
        """Return that of an annotation."""
        return cls(
            label_schema=annotation.label_schema,
            scale=annotation.scale,
            units=annotation.units,
            axis_labels=annotation.axis_labels,
            laterality=annotation.laterality,
            first=annotation.first,
        )


def description_in(path: Path) -> Description | None:
    """Return what a TIFF or PNG says of its labels; None where it says nothing, or is no file."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None or not path.is_file():
        return None
    try:
        return reader(path)
    except Exception:  # readers fail in many ways on files without one, or that are no pictures
        return None


def schema_in(path: Path) -> LabelSchema | None:
    """Return the schema of a file of labels, or of a folder of them; None where none is known.

    It is looked for in the file's metadata, then beside it: in `NAME.schema.toml`, and in the
    `schema.toml` of a folder of labels.
    """
    found = description_in(path)
    if found is not None:
        return found.label_schema
    folder = path if path.is_dir() else path.parent
    for sidecar in (sidecar_of(path), folder / _SIDECAR):
        try:
            if sidecar.is_file():
                return load_schema(sidecar)
        except UserError:
            continue
    return None


def sidecar_of(path: Path) -> Path:
    """Return where the schema of a file of labels lies, or that of a folder of them."""
    return path / _SIDECAR if path.is_dir() else path.with_name(f"{path.stem}.{_SIDECAR}")


def write_sidecar(path: Path, schema: LabelSchema) -> None:
    """Write a schema as TOML, as `load_schema` reads it; UserError where it cannot be written."""
    with replacing(path) as part:
        part.write_text(tomli_w.dumps(schema.model_dump(mode="json", exclude_none=True)), "utf-8")


def _read_tiff(path: Path) -> Description:
    import tifffile  # late: the widgets open sooner

    with tifffile.TiffFile(path) as file:
        first, *_ = file.shaped_metadata or ()
    return Description.model_validate(first[KEY])


def _read_png(path: Path) -> Description:
    with Image.open(path) as file:
        return Description.model_validate(parse_json(file.info[KEY]))


_READERS = {".tif": _read_tiff, ".tiff": _read_tiff, ".png": _read_png}
