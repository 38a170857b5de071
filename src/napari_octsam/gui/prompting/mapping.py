"""Label values of a layer changed into the classes of a schema, to be undone and redone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.label_writing import redo_write, undo_write, write_mapped
from napari_octsam.gui.layers.layer_schema import move_rows, show_schema
from napari_octsam.gui.session.undo import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.components import LayerList
    from napari.layers import Labels

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.prompting.committer import Committer

__all__ = ["MapStep"]


class MapStep(Step):
    """The values of a labels layer were changed, and it was given a schema.

    Parameters
    ----------
    labels
        The layer, which is changed now.
    mapping
        Value that the layer has -> value of the schema.
    layers
        Of the viewer.
    committer
        Lets the layer go, where it has its old values again.

    Raises
    ------
    UserError
        The layer cannot be written to. Nothing is changed.
    """

    def __init__(
        self,
        labels: Labels,
        mapping: Mapping[int, int],
        schema: LabelSchema,
        layers: LayerList,
        committer: Committer,
    ) -> None:
        super().__init__(f"mapping of {labels.name} to {schema.name}")
        self._labels = labels
        self._mapping = dict(mapping)
        self._schema = schema
        self._layers = layers
        self._committer = committer
        self._before = (labels.colormap, labels.features, dict(labels.metadata))
        self._written = write_mapped(labels, mapping)
        self._describe()

    def take_back(self) -> str:
        """Give the layer its old values and names."""
        self._check()
        if self._written is not None:
            undo_write(self._written)
        self._labels.colormap, self._labels.features, self._labels.metadata = self._before
        if self._committer.target is self._labels:
            self._committer.target = None
        return f"{self._labels.name} has its old values again, and is not used."

    def do_again(self) -> str:
        """Change the values again."""
        self._check()
        if self._written is not None:
            redo_write(self._written)
        self._describe()
        return f"The values of {self._labels.name} are of {self._schema.name} again."

    def _describe(self) -> None:
        move_rows(self._labels, self._mapping)
        show_schema(self._labels, self._schema)

    def _check(self) -> None:
        if self._labels not in self._layers:
            raise UserError(f"The labels layer {self._labels.name} is gone.")
        if self._written is not None and not self._written.fits:
            raise UserError(f"{self._labels.name} has another shape by now.")
