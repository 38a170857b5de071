"""A B-scan of a labels layer as it is corrected: which it is, its boundaries, its places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import Boundaries, boundaries_of, lie_upside_down
from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.bscans import Plane, line_up, read_bscan, shown_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import Dims
    from napari.layers import Image, Labels

    from napari_octsam.core.classes import LabelSchema

__all__ = ["EditedBScan", "edited_bscan"]

Index = tuple[int, ...]
Values = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class EditedBScan:
    """One B-scan, with the vitreous body above, however its pixels lie.

    Parameters
    ----------
    image, labels
        Layers that lie pixel for pixel on each other.
    index
        Of the B-scan; the last two axes of the layers are its rows and columns.
    is_upside_down
        Whether the vitreous body is at its last row.
    """

    image: Image
    labels: Labels
    schema: LabelSchema
    index: Index
    is_upside_down: bool

    @property
    def values(self) -> Values:
        """The (H, W) label values as they are now."""
        return self.turned(np.asarray(self.labels.data[self.index])).astype(np.uint8)

    @property
    def pixels(self) -> Values:
        """The (H, W) grey values of the image."""
        return self.turned(read_bscan(self.image, self.plane).pixels)

    @property
    def plane(self) -> Plane:
        """Where it is in its layers."""
        return Plane((len(self.index), len(self.index) + 1), self.index)

    @property
    def rows(self) -> int:
        """Its height."""
        return int(self.labels.data.shape[-2])

    @property
    def boundaries(self) -> Boundaries:
        """Those of its labels."""
        return boundaries_of(self.values, self.schema)

    def at(self, index: Index) -> EditedBScan:
        """Return another B-scan of the same layers."""
        values = np.asarray(self.labels.data[index]).astype(np.uint8)
        turned = bool(self.schema.stack) and lie_upside_down(values, self.schema)
        return replace(self, index=index, is_upside_down=turned)

    def turned(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return (H, W) pixels of the layer with the vitreous body above, or such as in it."""
        return values[::-1] if self.is_upside_down else values

    def place(self, position: Sequence[float]) -> tuple[float, float]:
        """Return the (row, col) of a boundary at a position in the world."""
        *_, row, col = self.labels.world_to_data(position)
        row = self.rows - 1 - float(row) if self.is_upside_down else float(row)
        return row + 0.5, float(col)

    def positions(
        self, heights: npt.NDArray[np.floating], cols: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.float32]:
        """Return boundary heights (N,) at columns (N,) as (N, axes) data coordinates."""
        rows = self.rows - heights if self.is_upside_down else heights
        index = np.broadcast_to(np.array(self.index, np.float32), (len(rows), len(self.index)))
        return np.column_stack([index, rows - 0.5, cols]).astype(np.float32)


def edited_bscan(image: Image, labels: Labels, schema: LabelSchema, dims: Dims) -> EditedBScan:
    """Return the B-scan that a viewer shows of an image, as its labels are corrected.

    Raises
    ------
    UserError
        The labels do not lie on the image or have values that no class has, or the view shows no
        B-scan.
    """
    if not line_up(labels, image):
        raise UserError(
            f"{labels.name} does not lie pixel for pixel on {image.name}: choose other labels."
        )
    plane = shown_plane(image, dims)
    if set(plane.axes) != {image.ndim - 2, image.ndim - 1}:
        raise UserError("The view does not show a B-scan: change the order of its axes back.")
    values = np.asarray(labels.data[plane.index])
    if unknown := schema.lacking(np.unique(values).tolist()):
        raise UserError(
            f"{labels.name} has the value {unknown[0]} here, which {schema.name} does not know: "
            "choose the schema of these labels."
        )
    turned = bool(schema.stack) and lie_upside_down(values.astype(np.uint8), schema)
    return EditedBScan(image, labels, schema, plane.index, turned)
