"""Labels to be measured, with what their files know of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octsam.cli.labels import known_schema, read_labels_of
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.measurement.spacing import Spacing

__all__ = ["MeasurableLabels", "files_to_measure", "read_measurable"]


@dataclass(frozen=True, slots=True, eq=False)
class MeasurableLabels:
    """Labels and their scale.

    Parameters
    ----------
    states
        How far each B-scan is; None where the file does not say.
    """

    labels: npt.NDArray[np.uint8]
    schema: LabelSchema
    spacing: Spacing
    states: list[str] | None


def files_to_measure(path: Path) -> list[Path]:
    """Return an annotation, a file of labels, or the annotations of a folder; else its files.

    Pictures beside annotations are left out: they are the images that these are of.
    """
    from napari_octsam.data.annotations.folder import SUFFIX
    from napari_octsam.data.labels import LABEL_SUFFIXES

    if not path.is_dir() or path.suffix == SUFFIX:
        return [path]
    inside = sorted(each for each in path.iterdir() if not each.name.startswith("."))
    annotations = [each for each in inside if each.suffix == SUFFIX]
    files = [each for each in inside if each.suffix.lower() in LABEL_SUFFIXES]
    if not annotations and not files:
        raise UserError(f"{path} has no labels: they are annotations, PNG, TIFF or NPY files.")
    return annotations or files


def read_measurable(
    path: Path, schema: LabelSchema | None, spacing: Spacing | None
) -> MeasurableLabels:
    """Read labels; schema and spacing are what a person says.

    Raises
    ------
    UserError
        They cannot be read, schema or scale are not known, or the file says something else.
    """
    if path.is_dir():
        return _read_annotation(path, schema, spacing)
    import numpy as np

    from napari_octsam.data.annotations.description import description_in

    known = known_schema(path, schema)
    if known is None:
        raise UserError(f"{path} does not say what its labels mean: say it with --schema.")
    labels = read_labels_of(path, known).astype(np.uint8)
    said = description_in(path)
    axes = None if said is None else (said.scale, said.units)
    return MeasurableLabels(labels, known, _scale(path, axes, spacing), None)


def _read_annotation(
    path: Path, schema: LabelSchema | None, spacing: Spacing | None
) -> MeasurableLabels:
    import numpy as np

    from napari_octsam.core.annotation import BScanState
    from napari_octsam.core.classes import NOT_LABELLED
    from napari_octsam.data.annotations.saved import open_saved

    saved = open_saved(path)
    annotation = saved.annotation
    if schema is not None and not annotation.label_schema.means_as(schema):
        raise UserError(
            f"{path} is labelled with the schema {annotation.label_schema.name}, not with "
            f"{schema.name}: leave --schema out, or choose labels of that schema."
        )
    scale = _scale(path, (annotation.scale, annotation.units), spacing)
    labels, states = np.empty(annotation.image.shape, np.uint8), []
    for index in saved.indices:
        labels[index] = saved.read_known(index)
        states.append(annotation.state(index))
        if states[-1] is BScanState.UNTOUCHED and not labels[index].any():
            labels[index] = NOT_LABELLED
    return MeasurableLabels(labels, annotation.label_schema, scale, [str(s) for s in states])


def _scale(
    path: Path, axes: tuple[tuple[float, ...], tuple[str, ...]] | None, given: Spacing | None
) -> Spacing:
    """Return the spacing that a file or a person says."""
    from napari_octsam.measurement.spacing import spacing_of

    known = None if axes is None else spacing_of(*axes)
    if known is None:
        if given is None:
            raise UserError(
                f"{path} does not say how large its pixels are: say it with --spacing, the µm "
                "between B-scans, rows and columns, such as --spacing 120,3.87,11.2. The device's "
                "export or its manual has them."
            )
        return given
    if given is not None and not known.close_to(given):
        raise UserError(
            f"{path} says that its spacing is {known}, but --spacing says {given}: leave "
            "--spacing out, or correct the scale of the file."
        )
    return known
