"""A labelled object becomes a prompt: its outline and box, ready for corrective points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.errors import UserError
from napari_octsam.gui.correcting.canvas_tool import CanvasTool, Pixel, holds
from napari_octsam.gui.correcting.object_tool import piece_at
from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.prompting.prompter import prompter_of

if TYPE_CHECKING:
    from napari_octsam.core.masks import Mask
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan

__all__ = ["PromptTool", "outline_of"]

_CLOSE_ENOUGH = 0.4  # pixels: an outline of thousands of corners is slow to draw


class PromptTool(CanvasTool):
    """A click on a label makes a prompt of that object in the Prompt widget, and is the last."""

    layer_name = "octsam object"

    def checked(self, bscan: EditedBScan) -> EditedBScan:
        """Return the B-scan; UserError where the Prompt widget is not open."""
        if prompter_of(self._viewer) is None:
            raise UserError("Open the Prompt widget first: Plugins > OCT SAM > Prompt.")
        return bscan

    def clicked(self, bscan: EditedBScan, pixel: Pixel) -> None:
        """Make a prompt of the object that a pixel is of."""
        value = int(bscan.values[pixel]) if holds(bscan, pixel) else NOT_LABELLED
        if value in (0, NOT_LABELLED):
            raise UserError("There is no object here: click on a label.")
        prompter = prompter_of(self._viewer)
        self.stop()
        if prompter is None:
            raise UserError("The Prompt widget was closed: open it first.")
        prompter.shown.image = bscan.image
        outline = outline_of(piece_at(bscan.values == value, pixel))
        corners = bscan.positions(outline[:, 0] + 0.5, outline[:, 1])
        drawing = prompter.drawing
        drawing.choose_class(value)
        drawing.layer_on(bscan.image, for_points=False).add(corners, shape_type="polygon")
        prompter.start_drawing(Tool.POINT)
        name = bscan.schema[value].short
        self.told.emit(f"{name} is a prompt now: add points on it and beside it (Q switches).")

    @property
    def does(self) -> str:
        """What a click does."""
        return "click on the label that is to be a prompt"


def outline_of(mask: Mask) -> npt.NDArray[np.float64]:
    """Return the outer outline of an (H, W) mask in one piece, (N, 2) rows and columns."""
    from skimage.measure import approximate_polygon, find_contours

    padded = np.pad(mask, 1).astype(float)
    longest = max(find_contours(padded, 0.5), key=len) - 1
    found: npt.NDArray[np.float64] = approximate_polygon(longest, _CLOSE_ENOUGH)[:-1]
    return found
