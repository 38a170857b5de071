"""Objects are carried on through a volume in the background, to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_octsam.core.carrying import (
    Asked,
    CarriedBScan,
    CarriedObject,
    Pixels,
    ask_on,
    judge,
)
from napari_octsam.core.carrying_limits import Limits
from napari_octsam.core.errors import UserError
from napari_octsam.engine.predict.messages import BScan, Decode, Encode, Prediction
from napari_octsam.gui.layers.bscans import data_shape, read_bscan

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_octsam.core.automatic import Index
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.layers.bscans import Plane
    from napari_octsam.gui.session.session import Session

__all__ = ["CarryingOn", "Reach", "Run", "Start"]


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Objects of one B-scan of a volume.

    Parameters
    ----------
    plane
        The B-scan, along the last two axes of the image.
    threshold
        Probability in (0, 1) above which a pixel belongs to an object.
    """

    image: Image
    plane: Plane
    objects: tuple[CarriedObject, ...]
    threshold: float = 0.5


@dataclass(frozen=True, slots=True)
class Reach:
    """How far objects are carried on.

    Parameters
    ----------
    steps
        1 to the next B-scans, -1 to those before; or both.
    most
        B-scans each way; None goes to the ends.
    limits
        Where an object stops.
    """

    steps: tuple[int, ...] = (1, -1)
    most: int | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True, eq=False)
class _Way:
    """How far objects have come in one direction.

    `plane`, `pixels` and `objects` are of the last B-scan, `ahead` is the next one where it has
    been read already, and `end` says why they go no further, "" while they do.
    """

    step: int
    plane: Plane
    pixels: Pixels
    objects: tuple[CarriedObject, ...]
    ahead: tuple[Plane, BScan] | None = None
    end: str = ""


@dataclass(slots=True, eq=False)
class Run:
    """One carrying on.

    Parameters
    ----------
    schema
        Of the objects' classes.
    found
        What was found on each B-scan to which at least one object was carried on.
    model
        Name of the model that found it.
    stopped
        Why all of it was stopped; "" where it was not.
    """

    start: Start
    reach: Reach
    schema: LabelSchema
    ways: list[_Way] = field(default_factory=list)
    found: dict[Index, CarriedBScan] = field(default_factory=dict)
    model: str = ""
    stopped: str = ""
    pending: set[Future[Any]] = field(default_factory=set)

    @property
    def is_running(self) -> bool:
        """Whether an object is still on its way."""
        if self.stopped:
            return False
        return not self.ways or any(not way.end for way in self.ways)

    @property
    def order(self) -> list[Index]:
        """The B-scans where something was found, in their order in the volume."""
        return sorted(self.found)


class CarryingOn:
    """Carries objects on, one B-scan after the other in each direction, and holds what it finds.

    Nothing is written: `CarriedWriting` does that. B-scans are read, and masks judged, on the
    reader's thread.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    session
        Its session.
    why_closed
        Says why nothing may be written into a B-scan, as sentences on it end; "" where it may.
    """

    changed = Signal()
    """A B-scan was added, the run has ended, or there is another, or none."""
    told = Signal(str)
    """A sentence for the person."""

    def __init__(
        self, viewer: ViewerModel, session: Session, why_closed: Callable[[Index], str]
    ) -> None:
        self.run: Run | None = None
        self._viewer = viewer
        self._session = session
        self._why_closed = why_closed
        session.model_changed.connect(self._on_model)
        session.schema_changed.connect(self._on_schema)
        session.cancelled.connect(self._on_cancelled)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def is_running(self) -> bool:
        """Whether an object is still on its way."""
        return self.run is not None and self.run.is_running

    def start(self, start: Start, reach: Reach) -> None:
        """Carry objects on, in place of what was found before.

        Raises
        ------
        UserError
            There is no object, or no other B-scan.
        """
        shape = data_shape(start.image)
        if not any(start.plane.beside(step, shape) for step in reach.steps):
            raise UserError("There is no B-scan in that direction.")
        if not start.objects:
            raise UserError("There is no object on this B-scan to carry on.")
        self.drop()
        self.run = run = Run(start, reach, self._session.schema)
        read = partial(read_bscan, start.image, start.plane)
        self._wait(run, self._session.read(read, partial(self._begin, run), self._failing(run)))
        self.changed.emit()

    def stop(self, why: str = "it was stopped") -> None:
        """Go no further; what was found stays."""
        run = self.run
        if run is not None and run.is_running:
            run.stopped = why
            self._end(run)

    def drop(self) -> None:
        """Forget what was found."""
        run, self.run = self.run, None
        if run is not None:
            _cancel(run)
            self.changed.emit()

    def close(self) -> None:
        """Stop for good."""
        self.drop()
        self._session.model_changed.disconnect(self._on_model)
        self._session.schema_changed.disconnect(self._on_schema)
        self._session.cancelled.disconnect(self._on_cancelled)
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _is_on(self, run: Run) -> bool:
        """Whether what is asked for a run is still of interest."""
        return run is self.run and not run.stopped

    def _begin(self, run: Run, bscan: BScan) -> None:
        if not self._is_on(run):
            return
        start = run.start
        steps = run.reach.steps
        run.ways = [_Way(step, start.plane, bscan.pixels, start.objects) for step in steps]
        for way in run.ways:
            self._go_on(run, way)

    def _go_on(self, run: Run, way: _Way) -> None:
        """Look at the next B-scan, or end the way."""
        start, most = run.start, run.reach.most
        plane = way.plane.beside(way.step, data_shape(start.image))
        if plane is None:
            self._end_way(run, way, "the volume ends there")
        elif most is not None and _distance(plane, start.plane) > most:
            self._end_way(run, way, "as far as was asked")
        elif why := self._why_closed(plane.index):
            self._end_way(run, way, f"{plane.title} is {why}")
        else:
            look = partial(_look, start.image, plane, way)
            ask, failed = partial(self._ask, run, way, plane), partial(self._leave, run, way)
            self._wait(run, self._session.read(look, ask, failed))

    def _ask(self, run: Run, way: _Way, plane: Plane, looked: tuple[BScan, Asked]) -> None:
        if not self._is_on(run):
            return
        bscan, asked = looked
        judged = partial(self._judge, run, way, plane, bscan, asked)
        request = Decode(bscan, asked.prompts, run.schema)
        self._wait(run, self._session.submit(request, judged, self._failing(run)))
        self._read_ahead(run, way, plane)

    def _read_ahead(self, run: Run, way: _Way, plane: Plane) -> None:
        """Have the B-scan after the next one encoded while nothing else is to be done."""
        image = run.start.image
        after = plane.beside(way.step, data_shape(image))
        if after is None or self._why_closed(after.index):
            return

        def encode(bscan: BScan) -> None:
            if self._is_on(run):
                way.ahead = after, bscan
                encoding = self._session.submit(Encode(bscan), _ignore, _ignore, background=True)
                self._wait(run, encoding)

        self._wait(run, self._session.read(partial(read_bscan, image, after), encode, _ignore))

    def _judge(
        self, run: Run, way: _Way, plane: Plane, bscan: BScan, asked: Asked, answer: Prediction
    ) -> None:
        if not self._is_on(run):
            return
        if self._session.model is not None:
            run.model = self._session.model.name
        work = partial(judge, asked, answer.objects, run.start.threshold, run.reach.limits)
        take = partial(self._take, run, way, plane, bscan)
        self._wait(run, self._session.read(work, take, self._failing(run)))

    def _take(self, run: Run, way: _Way, plane: Plane, bscan: BScan, found: CarriedBScan) -> None:
        if not self._is_on(run):
            return
        if not found.objects:
            self._end_way(run, way, f"on {plane.title} {found.found[-1].stop}")
            return
        run.found[plane.index] = found
        way.plane, way.pixels, way.objects = plane, bscan.pixels, found.objects
        self.changed.emit()
        self._go_on(run, way)

    def _leave(self, run: Run, way: _Way, sentence: str) -> None:
        """End a way whose next B-scan cannot be read."""
        if self._is_on(run):
            self._end_way(run, way, sentence.rstrip("."))

    def _end_way(self, run: Run, way: _Way, why: str) -> None:
        way.end = why
        if not run.is_running:
            self._end(run)

    def _end(self, run: Run) -> None:
        _cancel(run)
        self.told.emit(_summary(run))
        self.changed.emit()

    def _failing(self, run: Run) -> Callable[[str], object]:
        """Return what ends a run with the sentence on why the engine or the reader has failed."""

        def failed(sentence: str) -> None:
            if self._is_on(run):
                self.stop(sentence.rstrip("."))

        return failed

    def _wait(self, run: Run, future: Future[Any]) -> None:
        run.pending.add(future)
        future.add_done_callback(run.pending.discard)

    def _on_model(self, _model: object) -> None:
        if self.run is not None and self.run.model:  # else it is the one that answers
            self.stop("the model was changed")

    def _on_schema(self, schema: LabelSchema) -> None:
        if self.run is not None and not schema.means_as(self.run.schema):
            self.drop()
            self.told.emit("The classes were changed: what was carried on is dropped.")

    def _on_cancelled(self) -> None:
        self.stop()

    def _on_removed(self, event: Any) -> None:
        if self.run is not None and event.value is self.run.start.image:
            self.drop()
            self.told.emit(f"{event.value.name} is gone, and what was carried on through it.")


def _look(image: Image, plane: Plane, way: _Way) -> tuple[BScan, Asked]:
    """Read a B-scan, and find out where the objects of the one before are to be looked for."""
    ahead = way.ahead
    bscan = ahead[1] if ahead and ahead[0] == plane else read_bscan(image, plane)
    return bscan, ask_on(way.objects, way.pixels, bscan.pixels)


def _distance(one: Plane, other: Plane) -> int:
    return abs(one.index[-1] - other.index[-1])


def _cancel(run: Run) -> None:
    for future in list(run.pending):
        future.cancel()


def _ignore(_: object) -> None:
    """Do nothing: what fails ahead fails again, and is told, once it is needed."""


def _summary(run: Run) -> str:
    """Say how far objects were carried on, and why no further."""
    ends = "; ".join(_ends(run))
    if not run.found:
        return f"Nothing was carried on: {ends}."
    first, last = run.order[0][-1], run.order[-1][-1]
    where = f"B-scan {first}" if first == last else f"B-scans {first} to {last}"
    return f"Carried on to {where}: {ends}."


def _ends(run: Run) -> Iterator[str]:
    if run.stopped:
        yield run.stopped
    yield from dict.fromkeys(way.end for way in run.ways if way.end)
