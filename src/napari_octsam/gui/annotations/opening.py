"""An annotation is opened: its labels as a layer, then the image and the prompts on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.folder import LABELS, read_annotation
from napari_octsam.data.devices.opening import is_device_file
from napari_octsam.gui.layers import layer_schema
from napari_octsam.gui.layers.bscans import data_shape
from napari_octsam.gui.layers.made_by_device import METADATA, SCAN, is_bscans
from napari_octsam.gui.layers.prompt_layers import new_points_layer, new_shapes_layer, restyle

if TYPE_CHECKING:
    from napari.layers import Image, Points, Shapes
    from napari.viewer import Viewer

    from napari_octsam.core.annotation import Annotation, DrawnPrompt
    from napari_octsam.gui.layers.companions import Companions

__all__ = ["ANNOTATION", "bring_image", "bring_prompts", "labels_layer"]

ANNOTATION = "annotation"
"""Key, in that, of the folder that a labels layer was opened from."""


def labels_layer(path: Path) -> tuple[Any, dict[str, Any], str]:
    """Return the labels of an annotation as napari takes a layer: data, arguments, kind.

    Raises
    ------
    UserError
        The folder is no annotation, or damaged.
    """
    from napari_octsam.data.annotations.label_store import LabelStore  # late: zarr takes long

    annotation = read_annotation(path)
    labels = LabelStore(path / LABELS).read_all()
    arguments = layer_schema.described(annotation.label_schema)
    arguments["metadata"][METADATA][ANNOTATION] = str(path)
    if annotation.laterality or annotation.first:
        eye = {"laterality": annotation.laterality, "first": annotation.first}
        arguments["metadata"][METADATA][SCAN] = eye
    placement = {
        "scale": annotation.scale,
        "units": annotation.units,
        "axis_labels": annotation.axis_labels,
    }
    name = {"name": annotation.name, "opacity": 0.5}
    return labels, {**arguments, **placement, **name}, "labels"


def bring_image(viewer: Viewer, annotation: Annotation) -> Image:
    """Return the image of an annotation: a layer that is open already, or its file, opened now.

    Raises
    ------
    UserError
        The file is gone, cannot be opened, or holds another image.
    """
    link = annotation.image
    image = _open_already(viewer, annotation)
    if image is None:
        image = _opened(viewer, annotation)
    if data_shape(image) != link.shape:
        raise UserError(
            f"{image.name} is {_times(data_shape(image))}, but the image of {annotation.name} was "
            f"{_times(link.shape)}: open the image that was labelled."
        )
    viewer.layers.move(viewer.layers.index(image), 0)
    return image


def bring_prompts(
    viewer: Viewer, image: Image, annotation: Annotation, companions: Companions
) -> None:
    """Draw the prompts of an annotation on its image again, in layers of their own."""
    among = viewer.layers
    schema, value = annotation.label_schema, annotation.label_schema.foreground[0].value
    points = [each for each in annotation.prompts if each.kind == "point"]
    shapes = [each for each in annotation.prompts if each.kind != "point"]
    if shapes and companions.shapes.get(image, among) is None:
        boxes = new_shapes_layer(image, schema, value)
        boxes.add([np.array(each.at) for each in shapes], shape_type=[each.kind for each in shapes])
        _show(viewer, boxes, shapes)
        restyle(boxes, schema)
        companions.shapes.set(image, boxes)
    if points and companions.points.get(image, among) is None:
        clicks = new_points_layer(image, schema, value)
        clicks.add(np.array([each.at[0] for each in points]))
        _show(viewer, clicks, points)
        restyle(clicks, schema)
        companions.points.set(image, clicks)


def _show(viewer: Viewer, layer: Points | Shapes, prompts: Sequence[DrawnPrompt]) -> None:
    features = layer.features.copy()
    features["class"] = np.array([each.class_value for each in prompts], np.int64)
    features["mask"] = np.array([each.mask for each in prompts], np.int64)
    if "sign" in features:
        features["sign"] = [each.sign for each in prompts]
    layer.features = features
    viewer.add_layer(layer)


def _open_already(viewer: Viewer, annotation: Annotation) -> Image | None:
    from napari.layers import Image

    link = annotation.image
    fitting = [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image) and data_shape(layer) == link.shape
    ]
    for image in sorted(fitting, key=lambda image: image.name != link.name):
        path = image.source.path
        if link.path and path is not None and Path(path).absolute() == Path(link.path):
            return image
    return next((image for image in fitting if not link.path and image.name == link.name), None)


def _opened(viewer: Viewer, annotation: Annotation) -> Image:
    from napari.layers import Image, Labels

    link = annotation.image
    if not link.path:
        raise UserError(
            f"The image of {annotation.name}, {link.name}, came from no file: open it, and its "
            "labels are used with it."
        )
    if not Path(link.path).exists():
        raise UserError(
            f"The image of {annotation.name} is not at {link.path} any more: open it from where "
            "it is, and its labels are used with it."
        )
    is_device = is_device_file(Path(link.path))
    try:
        opened = viewer.open(link.path, plugin=METADATA if is_device else "napari")
    except Exception as error:  # readers of other plugins fail in many ways
        raise UserError(f"{link.path} cannot be opened: {error}.") from error
    for layer in opened:
        if isinstance(layer, Labels):  # what a device has drawn is not asked for here
            viewer.layers.remove(layer)
    images = [layer for layer in opened if isinstance(layer, Image) and is_bscans(layer)]
    if not images:
        raise UserError(f"{link.path} holds no image any more.")
    return min(images, key=lambda image: image.name != link.name)


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
