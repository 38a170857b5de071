"""One boundary is found again between places that are clicked on, while the mouse moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.core.retracing import costs_from_image, retraced

if TYPE_CHECKING:
    from napari_octsam.core.boundaries import Boundaries
    from napari_octsam.core.tracing import Costs
    from napari_octsam.gui.correcting.boundaries_in_view import BoundariesInView
    from napari_octsam.gui.correcting.model_sight import ModelSight

__all__ = ["BoundaryTrace", "Place"]

Place = tuple[float, float]
"""(row, col) of the mouse, as `EditedBScan.place` has it."""


@dataclass(slots=True, eq=False)
class _Begun:
    number: int
    costs: Costs
    clicks: list[Place] = field(default_factory=list)


class BoundaryTrace:
    """Takes clicks, and draws the boundary through them and the mouse.

    Parameters
    ----------
    view
        Where the boundary is.
    sight
        What the model sees, on which it is traced; without it, and until it is known, on the
        image's edges.
    """

    failed = Signal(str)
    """Why no boundary goes through a place."""

    def __init__(self, view: BoundariesInView, sight: ModelSight | None) -> None:
        self._view = view
        self._sight = sight
        self._begun: _Begun | None = None
        self.giving_way = True
        """Whether the neighbours do; else they stop the boundary."""

    @property
    def number(self) -> int | None:
        """The boundary that is traced; None before the first click."""
        return None if self._begun is None else self._begun.number

    def look_ahead(self) -> None:
        """Have the model look while the person chooses a boundary."""
        if self._sight is not None and self._view.bscan is not None:
            self._sight.of(self._view.bscan)

    def model_has_looked(self) -> None:
        """Go on with what the model sees, which has just become known."""
        if self._begun is not None:
            self._begun.costs = self._costs(self._begun.number)
            if len(self._begun.clicks) > 1:
                self._draw(None)

    def click(self, number: int, place: Place) -> None:
        """Have the boundary go through a place; the first one says which boundary, by number."""
        if self._begun is None:
            self._begun = _Begun(number, self._costs(number))
        self._begun.clicks.append(place)
        self._draw(place)

    def follow(self, place: Place) -> None:
        """Draw it through the mouse too."""
        self._draw(place)

    def take(self) -> Boundaries | None:
        """Return the boundaries through the clicks, and end; None where there are not two yet."""
        if self._begun is None or len(self._begun.clicks) < 2:
            return None
        found = self._found(None)
        self.leave()
        return found

    def leave(self) -> None:
        """Forget the clicks."""
        if self._begun is not None:
            self._begun = None
            self._view.draw(None)

    def forget(self) -> None:
        """Forget them where what they were on is drawn no more."""
        self._begun = None

    def _costs(self, number: int) -> Costs:
        bscan, boundaries = self._view.bscan, self._view.boundaries
        assert bscan is not None  # for mypy
        assert boundaries is not None
        seen = None if self._sight is None else self._sight.costs(bscan, number)
        return costs_from_image(bscan.pixels, boundaries, number) if seen is None else seen

    def _draw(self, pointer: Place | None) -> None:
        found = self._found(pointer)
        if found is not None:
            self._view.draw(found)

    def _found(self, pointer: Place | None) -> Boundaries | None:
        begun, boundaries = self._begun, self._view.boundaries
        if begun is None or boundaries is None:
            return None
        places = begun.clicks if pointer is None else [*begun.clicks, pointer]
        giving_way = self.giving_way
        try:
            return retraced(boundaries, begun.number, places, begun.costs, giving_way=giving_way)
        except UserError as error:
            self.failed.emit(str(error))
            return None
