"""One click, one object: the model finds what was clicked on, and it is a label at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_octsam.core.errors import UserError
from napari_octsam.core.masks import EIGHT_CONNECTED
from napari_octsam.core.prompts import Point, Prompt
from napari_octsam.core.redoing import with_object
from napari_octsam.engine.predict.messages import Decode, Prediction
from napari_octsam.gui.correcting.canvas_tool import CanvasTool, Pixel, holds
from napari_octsam.gui.correcting.outline_tool import object_class
from napari_octsam.gui.layers.bscans import read_bscan

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_octsam.core.masks import Mask
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan, Values
    from napari_octsam.gui.session.session import Session
    from napari_octsam.gui.session.undo import Step

__all__ = ["ObjectTool", "piece_at"]


class ObjectTool(CanvasTool):
    """Each click is a prompt of its own, for one object of the painted class; Esc takes the last.

    Parameters
    ----------
    viewer, bscan, keys
        As of a `CanvasTool`.
    write
        Writes (H, W) labels of a B-scan, with what was done in words.
    value
        Gives the class that is painted.
    session
        Of the viewer: its model finds the object.
    """

    layer_name = "octsam clicks"

    def __init__(
        self,
        viewer: ViewerModel,
        bscan: Callable[[], EditedBScan],
        write: Callable[[EditedBScan, Values, str], object],
        value: Callable[[], int | None],
        session: Session,
        keys: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        super().__init__(viewer, bscan, keys)
        self._write = write
        self._value = value
        self._session = session
        self._added: list[Step] = []

    def checked(self, bscan: EditedBScan) -> EditedBScan:
        """Return the B-scan; UserError where the painted class is a layer."""
        object_class(self._value(), bscan)
        return bscan

    def clicked(self, bscan: EditedBScan, pixel: Pixel) -> None:
        """Ask for the object that a pixel is of."""
        if not holds(bscan, pixel):
            raise UserError("That is outside the B-scan: click inside it.")
        value = object_class(self._value(), bscan)
        read = read_bscan(bscan.image, bscan.plane)
        row = bscan.rows - 1 - pixel[0] if bscan.is_upside_down else pixel[0]
        prompt = Prompt(value, points=(Point(float(row), float(pixel[1])),))
        take = partial(self._take, bscan, pixel, value)
        self._session.submit(Decode(read, (prompt,), bscan.schema), take, self.told.emit)

    @property
    def does(self) -> str:
        """What a click does."""
        return "click on one object; Esc takes the last one back"

    def cancel(self) -> None:
        """Take the object that was added last back; where it is not the last step, end the tool."""
        done = self._session.history.done
        if self._added and done and done[0] is self._added[-1]:
            self._added.pop()
            self._session.history.undo()
        else:
            self.stop()

    def leave(self) -> None:
        """Esc takes nothing more of what was added before."""
        self._added.clear()

    def _take(self, bscan: EditedBScan, pixel: Pixel, value: int, prediction: Prediction) -> None:
        """Write the object where its B-scan's labels are now."""
        name = bscan.schema[value].short
        mask = bscan.turned(prediction.objects[0].window().mask(prediction.shape))
        try:
            labels = with_object(bscan.values, piece_at(mask, pixel), value, bscan.schema)
            if self._write(bscan, labels, f"adding of {name}"):
                self._added.append(self._session.history.done[0])
            else:
                self.told.emit(f"No {name} is found there: click on its middle, or outline it.")
        except UserError as error:
            self.told.emit(str(error))


def piece_at(mask: Mask, pixel: Pixel) -> Mask:
    """Return the piece of an (H, W) mask that a pixel is of; none of it where it is of none."""
    numbers, _ = ndimage.label(mask, EIGHT_CONNECTED)
    number = numbers[pixel]
    return np.asarray((numbers == number) & (number > 0))
