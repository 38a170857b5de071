"""What is known of labels before there are any: the scale and the eye of their picture."""

from __future__ import annotations

from pathlib import Path

from napari_octsam.core.classes import LabelSchema
from napari_octsam.data.annotations.description import Description
from napari_octsam.data.devices.axes import axes_of
from napari_octsam.data.devices.opening import is_device_file, open_device_file

__all__ = ["description_of"]


def description_of(picture: Path, axes: int, schema: LabelSchema) -> Description:
    """Describe labels of so many axes: with scale and eye, where the file of a device knows them.

    Raises
    ------
    UserError
        The picture is a device's file that cannot be read.
    """
    if is_device_file(picture):
        scan = open_device_file(picture)
        known = axes_of(scan)
        return Description(
            label_schema=schema,
            scale=known.scale,
            units=known.units,
            axis_labels=known.labels,
            laterality=scan.laterality,
            first=scan.first,
        )
    return Description(
        label_schema=schema,
        scale=(1.0,) * axes,
        units=("pixel",) * axes,
        axis_labels=("plane", "row", "column")[-axes:] if axes <= 3 else ("",) * axes,
    )
