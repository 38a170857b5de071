"""What was measured of one scan as an HTML page that needs nothing else and prints on one sheet."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from napari_octsam.core.files import replacing
from napari_octsam.core.version import __version__
from napari_octsam.measurement.measure import Measured
from napari_octsam.measurement.report.map_picture import map_picture
from napari_octsam.measurement.report.profile_picture import profile_picture
from napari_octsam.measurement.tables import TextTable, measured_tables

__all__ = ["BScanPicture", "write_page"]


@dataclass(frozen=True, slots=True, eq=False)
class BScanPicture:
    """A B-scan with its labels.

    Parameters
    ----------
    title
        Which one it is.
    pixels
        (H, W, 3) uint8.
    """

    title: str
    pixels: npt.NDArray[np.uint8]


def write_page(
    path: Path,
    name: str,
    measured: Measured,
    models: Sequence[str] = (),
    bscan: BScanPicture | None = None,
    changes: Iterable[TextTable] = (),
) -> None:
    """Write the page: a map with the subfields' figures, a B-scan, all tables, what it stands on.

    Parameters
    ----------
    name
        Of what was measured.
    models
        Names of those that have labelled it.
    bscan
        Shown where there is one.
    changes
        Tables of what has changed since an earlier visit.
    """
    environment = Environment(
        loader=PackageLoader("napari_octsam.measurement.report", "templates"),
        autoescape=True,  # names of files and classes are text, whatever they hold
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    spans = list(measured.heights)
    text = environment.get_template("measured.html").render(
        name=name,
        about=_about(measured, models),
        map=map_picture(measured, spans[-1] if len(spans) < 2 else _all_layers(measured))
        if spans
        else None,
        profile=profile_picture(measured),
        bscan=bscan and _shown(bscan, measured),
        tables=[*measured_tables(measured), *changes],
    )
    with replacing(path) as part:
        part.write_text(text, "utf-8")


def _all_layers(measured: Measured) -> str:
    """Return the name of the span of all layers, which follows those of single ones."""
    return list(measured.heights)[len(measured.schema.layers)]


def _about(measured: Measured, models: Sequence[str]) -> Mapping[str, str]:
    eye, fovea, spacing = measured.eye, measured.fovea, measured.spacing
    between = "" if spacing.between is None else f"{spacing.between:g} µm between B-scans, "
    if fovea is None:
        where = "not found"
    else:
        how = "found in the labels" if fovea.found else "given"
        where = f"B-scan {fovea.bscan:.1f}, column {fovea.col:.0f}, {how}"
    return {
        "Eye": {"OD": "right (OD)", "OS": "left (OS)", None: "not given"}[eye.laterality],
        "Scan": f"{len(measured.states)} B-scans"
        if eye.circle is None
        else f"a circle, {eye.circle}",
        "Scale": f"{between}{spacing.axial:g} µm between rows, {spacing.lateral:g} µm between "
        "columns",
        "Fovea": where,
        "Schema": measured.schema.name,
        "Models": ", ".join(models) or "not known",
        "octsam": __version__,
    }


def _shown(bscan: BScanPicture, measured: Measured) -> Mapping[str, object]:
    """Return a B-scan for the page, with the ratio of width to height that it has in the eye."""
    file = io.BytesIO()
    Image.fromarray(bscan.pixels).save(file, "PNG", optimize=True)
    rows, columns = bscan.pixels.shape[:2]
    spacing = measured.spacing
    return {
        "title": bscan.title,
        "png": base64.b64encode(file.getvalue()).decode(),
        "ratio": columns * spacing.lateral / (rows * spacing.axial),
    }
