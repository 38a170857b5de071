"""What a repair would change, over the B-scan: its pixels in their new colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_octsam.gui.layers.new_layers import placed_as

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Vectors

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan
    from napari_octsam.topology.repairs import Finding

__all__ = ["CHANGES_NAME", "ChangedPixels"]

CHANGES_NAME = "octsam repair"
"""Name of the layer that shows them."""

_CLEAR = "#ffffff"  # of a class without a colour of its own, as the background


class ChangedPixels:
    """A layer with a bar over each run of pixels of a row that get one label.

    Parameters
    ----------
    viewer
        Where the layer is added.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._layer: Vectors | None = None

    def show(self, bscan: EditedBScan, finding: Finding) -> None:
        """Show what a repair of a B-scan would change, in place of what was shown before."""
        from napari.layers import Vectors

        self.remove()
        if not finding.can_be_repaired:
            return
        rows, begins, ends, values = _bars(finding)
        starts = bscan.positions(rows + 0.5, begins - 0.5)
        directions = np.zeros_like(starts)
        directions[:, -1] = ends - begins + 1
        selected = set(self._viewer.layers.selection)
        self._layer = Vectors(
            np.stack([starts, directions], axis=1),
            ndim=starts.shape[1],
            name=CHANGES_NAME,
            vector_style="line",
            edge_width=1,
            edge_color=_colors(values, bscan.schema),
            opacity=0.9,
            **placed_as(bscan.labels),
        )
        self._viewer.layers.append(self._layer)
        self._viewer.layers.selection = selected

    def remove(self) -> None:
        """Show nothing."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)


def _bars(
    finding: Finding,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """Return row, first and last column and value of each run of a finding's pixels."""
    order = np.lexsort((finding.cols, finding.rows))
    rows, cols, values = finding.rows[order], finding.cols[order], finding.values[order]
    goes_on = (np.diff(rows) == 0) & (np.diff(cols) == 1) & (values[1:] == values[:-1])
    first = np.flatnonzero(np.append(True, ~goes_on))
    last = np.append(first[1:], len(rows)) - 1
    return rows[first], cols[first], cols[last], values[first]


def _colors(values: npt.NDArray[np.uint8], schema: LabelSchema) -> list[str]:
    colors = {c.value: c.color[:7] if len(c.color) == 7 else _CLEAR for c in schema.classes}
    return [colors.get(int(value), _CLEAR) for value in values]
