"""Labels to be measured, with what their files know of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_octsam.cli.labels import known_schema, read_labels_of
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.eyes import Laterality, Side
    from napari_octsam.measurement.measure import Eye, Measured
    from napari_octsam.measurement.spacing import Spacing

__all__ = ["Asked", "MeasuredFile", "files_to_measure", "measure_file"]

_Word = TypeVar("_Word", bound=str)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person says of every file; None where that is nothing."""

    schema: LabelSchema | None
    spacing: Spacing | None
    eye: Eye
    spans: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredFile:
    """The figures of a file.

    Parameters
    ----------
    models
        Names of the models that have labelled it, as far as it says.
    image
        File of the image, where it says that.
    """

    name: str
    measured: Measured
    labels: npt.NDArray[np.uint8]
    models: tuple[str, ...] = ()
    image: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """Labels and their scale.

    Parameters
    ----------
    states
        How far each B-scan is; None where the file does not say.
    """

    labels: npt.NDArray[np.uint8]
    schema: LabelSchema
    spacing: Spacing
    states: list[str] | None = None
    models: tuple[str, ...] = ()
    image: Path | None = None
    laterality: Laterality | None = None
    first: Side | None = None


def files_to_measure(path: Path) -> list[Path]:
    """Return an annotation, a file of labels, or the annotations of a folder; else its files.

    Pictures beside annotations are left out: they are the images that these are of. Files of
    devices count where there are no labels: what is drawn in them is measured.
    """
    from napari_octsam.data.annotations.folder import SUFFIX
    from napari_octsam.data.devices.opening import DEVICE_SUFFIXES
    from napari_octsam.data.labels import LABEL_SUFFIXES

    if not path.is_dir() or path.suffix == SUFFIX:
        return [path]
    inside = sorted(each for each in path.iterdir() if not each.name.startswith("."))
    annotations = [each for each in inside if each.suffix == SUFFIX]
    files = [each for each in inside if each.suffix.lower() in LABEL_SUFFIXES]
    scans = [each for each in inside if each.suffix.lower() in DEVICE_SUFFIXES]
    if not annotations and not files and not scans:
        raise UserError(f"{path} has no labels: they are annotations, PNG, TIFF or NPY files.")
    return annotations or files or scans


def measure_file(path: Path, asked: Asked) -> MeasuredFile:
    """Measure labels.

    Raises
    ------
    UserError
        They cannot be read or measured, schema or scale are not known, or the file says something
        else.
    """
    from napari_octsam.measurement.measure import measure
    from napari_octsam.measurement.thickness import span_of

    found = _read(path, asked.schema, asked.spacing)
    spans = [span_of(text, found.schema) for text in asked.spans]
    eye = replace(
        asked.eye,
        laterality=_said(path, "laterality", found.laterality, asked.eye.laterality),
        first=_said(path, "first", found.first, asked.eye.first),
    )
    try:
        measured = measure(found.labels, found.schema, found.spacing, eye, found.states, spans)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return MeasuredFile(path.name, measured, found.labels, found.models, found.image)


def _read(path: Path, schema: LabelSchema | None, spacing: Spacing | None) -> _Labels:
    """Read labels; schema and spacing are what a person says."""
    if path.is_dir():
        return _read_annotation(path, schema, spacing)
    import numpy as np

    from napari_octsam.data.annotations.description import description_in
    from napari_octsam.data.devices.opening import is_device_file

    if is_device_file(path):
        return _read_device_file(path, schema, spacing)

    known = known_schema(path, schema)
    if known is None:
        raise UserError(f"{path} does not say what its labels mean: say it with --schema.")
    labels = read_labels_of(path, known).astype(np.uint8)
    said = description_in(path)
    axes = None if said is None else (said.scale, said.units)
    scale = _scale(path, axes, spacing)
    if said is None:
        return _Labels(labels, known, scale)
    return _Labels(labels, known, scale, laterality=said.laterality, first=said.first)


def _read_annotation(path: Path, schema: LabelSchema | None, spacing: Spacing | None) -> _Labels:
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
    return _Labels(
        labels,
        annotation.label_schema,
        scale,
        [str(s) for s in states],
        annotation.models,
        Path(annotation.image.path) if annotation.image.path else None,
        annotation.laterality,
        annotation.first,
    )


def _read_device_file(path: Path, schema: LabelSchema | None, spacing: Spacing | None) -> _Labels:
    """Take what the device has drawn for labels that nobody has looked at."""
    from napari_octsam.core.annotation import BScanState
    from napari_octsam.data.devices.axes import axes_of
    from napari_octsam.data.devices.boundaries import labels_between
    from napari_octsam.data.devices.opening import open_device_file

    scan = open_device_file(path)
    count, rows = scan.bscans.shape[:2]
    drawn = labels_between(scan.boundaries, rows)
    if drawn is None:
        raise UserError(f"{path}: the device has drawn no layers in it: label it first.")
    labels, known = drawn
    if schema is not None and not known.means_as(schema):
        raise UserError(
            f"What the device has drawn in {path} is labelled with the schema {known.name}, not "
            f"with {schema.name}: leave --schema out, or label it first."
        )
    axes = axes_of(scan)
    return _Labels(
        labels[0] if count == 1 else labels,
        known,
        _scale(path, (axes.scale, axes.units), spacing),
        [str(BScanState.AUTOMATIC)] * count,
        image=path,
        laterality=scan.laterality,
        first=scan.first,
    )


def _said(path: Path, option: str, known: _Word | None, given: _Word | None) -> _Word | None:
    """Return what a file or a person says."""
    if known is not None and given is not None and known != given:
        raise UserError(
            f"{path} is said to be {known}, but --{option} says {given}: leave --{option} out."
        )
    return given or known


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
