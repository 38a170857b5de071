"""The labels layer that labels of an image go into: one that is there, or a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.labelled_images import above_labels, labels_of
from napari_octsam.gui.layers.layer_schema import schema_of
from napari_octsam.gui.layers.new_layers import new_labels, same_selection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.layers.companions import Companions

__all__ = ["add_labels", "labels_in_use", "labels_to_take"]


def labels_in_use(
    image: Image, schema: LabelSchema, viewer: ViewerModel, companions: Companions
) -> Labels | None:
    """Return the labels layer that was last used with an image, else the only one of a schema."""
    last = companions.labels.get(image, viewer.layers)
    if last is not None and _suits(last, schema):
        return last
    fitting, _ = _shown_labels(image, schema, viewer, companions)
    return fitting[0] if len(fitting) == 1 else None


def labels_to_take(
    image: Image, schema: LabelSchema, viewer: ViewerModel, companions: Companions
) -> Labels | None:
    """Return the labels of a schema that an image has already, where none was used with it yet.

    Raises
    ------
    UserError
        There are several, or some that do not say their schema: the person is to choose.
    """
    fitting, unsaid = _shown_labels(image, schema, viewer, companions)
    if len(fitting) == 1:
        return fitting[0]
    names = " and ".join(labels.name for labels in fitting or unsaid)
    if not names:
        return None
    raise UserError(
        f'{image.name} has labels already, {names}: choose under Labels where this goes, or "a '
        'new layer".'
    )


def add_labels(
    image: Image, schema: LabelSchema, viewer: ViewerModel, companions: Companions
) -> tuple[Labels, str]:
    """Add an empty labels layer of an image; return it, and a note where it is large, else ""."""
    labels, note = new_labels(image, schema, f"{image.name} labels")
    with same_selection(viewer):
        viewer.layers.insert(above_labels(image, viewer.layers, companions), labels)
    return labels, note


def _suits(labels: Labels, schema: LabelSchema) -> bool:
    known = schema_of(labels)
    return known is None or known.means_as(schema)


def _shown_labels(
    image: Image, schema: LabelSchema, viewer: ViewerModel, companions: Companions
) -> tuple[list[Labels], list[Labels]]:
    """Return the labels of an image that are of a schema, and those that do not say.

    What the person has hidden, as the truth beside a phantom, is not written to unasked.
    """
    present = labels_of(image, viewer.layers, companions)
    known = [(labels, schema_of(labels)) for labels in present if labels.visible]
    return (
        [labels for labels, carried in known if carried and carried.means_as(schema)],
        [labels for labels, carried in known if carried is None],
    )
