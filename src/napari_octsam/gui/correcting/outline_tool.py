"""An object is outlined by some clicks: the outline keeps to its edge between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError
from napari_octsam.core.redoing import with_object
from napari_octsam.gui.correcting.canvas_tool import CanvasTool, Pixel, holds
from napari_octsam.gui.correcting.livewire import (
    Costs,
    Path,
    Wire,
    filled,
    wire_costs,
    wire_costs_of_class,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_octsam.gui.correcting.edited_bscan import EditedBScan, Values
    from napari_octsam.gui.correcting.model_sight import ModelSight

__all__ = ["OutlineTool", "object_class"]

_CLOSE = 8.0  # pixels of the canvas around the first click, where another one closes the outline


class OutlineTool(CanvasTool):
    """Each click adds a place of the outline; Enter, or a click on the first, closes and fills it.

    Parameters
    ----------
    viewer, bscan, keys
        As of a `CanvasTool`.
    write
        Writes (H, W) labels of a B-scan, with what was done in words.
    value
        Gives the class that is painted.
    sight
        What the model sees: its class's edge is kept to, or else the image's.
    """

    layer_name = "octsam outline"

    def __init__(
        self,
        viewer: ViewerModel,
        bscan: Callable[[], EditedBScan],
        write: Callable[[EditedBScan, Values, str], object],
        value: Callable[[], int | None],
        sight: ModelSight,
        keys: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        super().__init__(viewer, bscan, keys)
        self._write = write
        self._value = value
        self._sight = sight
        self._done: list[Path] = []  # the pieces between clicks
        self._wire: Wire | None = None  # from the last click on
        self._first: Pixel | None = None
        self._costs: Costs | None = None

    @property
    def path(self) -> Path:
        """The outline so far."""
        return [pixel for piece in self._done for pixel in piece]

    def checked(self, bscan: EditedBScan) -> EditedBScan:
        """Return the B-scan; UserError where the painted class is a layer."""
        object_class(self._value(), bscan)
        self._sight.of(bscan)  # so that it is known when the first click comes
        return bscan

    def clicked(self, bscan: EditedBScan, pixel: Pixel) -> None:
        """Add a place, or close the outline at the first one."""
        if not holds(bscan, pixel):
            raise UserError("That is outside the B-scan: click inside it.")
        if self._first is None:
            value = object_class(self._value(), bscan)
            seen = self._sight.of(bscan)
            self._costs = (
                wire_costs(bscan.pixels)
                if seen is None
                else wire_costs_of_class(seen, value, bscan.schema)
            )
            self._first = pixel
        elif self._is_at_first(pixel) and len(self._done) > 1:
            self.finish()
            return
        elif self._wire is not None:
            self._done.append(self._wire.to(pixel))
        assert self._costs is not None  # for mypy
        self._wire = Wire(self._costs, pixel)
        self.draw(self.path)

    @property
    def does(self) -> str:
        """What a click does."""
        return "click along the edge of the object; Enter closes the outline"

    def moved(self, bscan: EditedBScan, pixel: Pixel) -> None:
        """Draw the outline up to the mouse."""
        if self._wire is not None and holds(bscan, pixel):
            self.draw([*self.path, *self._wire.to(pixel)])

    def finish(self) -> None:
        """Close the outline and fill it."""
        bscan, first, wire = self._bscan, self._first, self._wire
        if bscan is None or first is None or wire is None or not self._done:
            self.told.emit("Click on two places of an edge or more, then press Enter.")
            return
        outline = [*self.path, *wire.to(first)]
        self.leave()
        try:
            value = object_class(self._value(), bscan)
            mask = filled(outline, bscan.values.shape)
            labels = with_object(bscan.values, mask, value, bscan.schema)
            if not self._write(bscan, labels, f"outline of {bscan.schema[value].short}"):
                raise UserError("Nothing changes: it lies outside its layer, or is locked.")
        except UserError as error:
            self.told.emit(str(error))

    def cancel(self) -> None:
        """Leave the outline; without one, end the tool."""
        if self._first is None:
            self.stop()
        else:
            self.leave()

    def leave(self) -> None:
        """Forget the clicks."""
        self._done, self._wire, self._first, self._costs = [], None, None, None
        self.draw([])

    def _is_at_first(self, pixel: Pixel) -> bool:
        assert self._first is not None  # for mypy
        assert self._bscan is not None
        scale = abs(float(self._bscan.labels.scale[-1]))
        near = _CLOSE / max(float(self._viewer.scene.camera.zoom) * scale, 1e-6)
        return max(abs(a - b) for a, b in zip(pixel, self._first, strict=True)) <= near


def object_class(value: int | None, bscan: EditedBScan) -> int:
    """Return the class of an object that is to be drawn.

    Raises
    ------
    UserError
        None is chosen, or it is a layer, which has no outline but two boundaries.
    """
    schema = bscan.schema
    names = {c.value: c.short for c in schema.foreground}
    if value not in names:
        raise UserError("Choose the class of the object first.")
    if value in [step.value for step in schema.stack]:
        raise UserError(f"{names[value]} is a layer: move its boundaries, or choose another class.")
    return value
