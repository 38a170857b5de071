"""The labels layer that is measured, and what was found when it was."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.gui.annotations.keeper import keeper_of
from napari_octsam.gui.layers.bscans import data_shape
from napari_octsam.gui.layers.labelled_images import labelled_images
from napari_octsam.gui.layers.made_by_device import eye_in
from napari_octsam.gui.measuring.measurable import (
    MeasuredLayer,
    layer_spacing,
    measure_layer,
    schema_to_measure,
)
from napari_octsam.measurement.fovea import Fovea

if TYPE_CHECKING:
    from concurrent.futures import Future

    from napari.layers import Image, Labels
    from napari.viewer import Viewer

    from napari_octsam.gui.session.session import Session
    from napari_octsam.measurement.measure import Eye
    from napari_octsam.measurement.spacing import Spacing

__all__ = ["Measurer"]


class Measurer:
    """Measures on the reader's thread, and says when labels have changed since.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    session
        Its session.
    """

    labels_changed = Signal()
    """Other labels are chosen, or none any more."""
    measured = Signal()
    """There are other figures, or none any more."""
    grew_stale = Signal()
    """The labels were changed after they were measured."""
    told = Signal(str)
    """A sentence for the person."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer = viewer
        self._session = session
        self.keeper = keeper_of(viewer)
        self.found: MeasuredLayer | None = None
        self.fovea: Fovea | None = None
        """Where the person has put it; None: it is looked for."""
        self.is_stale = False
        self._labels: Labels | None = None
        self._running: Future[Any] | None = None
        self._asked = 0
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def labels(self) -> Labels | None:
        """The labels layer."""
        return self._labels

    @labels.setter
    def labels(self, labels: Labels | None) -> None:
        if labels is self._labels:
            return
        self._follow(labels)
        self.fovea = None
        self._take(None)
        self.labels_changed.emit()

    @property
    def spacing(self) -> Spacing | None:
        """What the layer says of its scale."""
        return None if self._labels is None else layer_spacing(self._labels)

    @property
    def eye(self) -> Mapping[str, str | None]:
        """What the layer, or its image, says of the eye: `laterality` and `first`."""
        return {} if self._labels is None else eye_in(self._labels, self.image)

    @property
    def bscans(self) -> int:
        """How many the labels have."""
        shape = () if self._labels is None else data_shape(self._labels)
        return int(shape[-3]) if len(shape) > 2 else 1

    @property
    def image(self) -> Image | None:
        """The image that the labels belong to."""
        pairs = labelled_images(self._viewer.layers, self._session.companions)
        return next((pair.image for pair in pairs if pair.labels is self._labels), None)

    @property
    def models(self) -> list[str]:
        """Names of the models that have labelled them, as far as that is known."""
        kept = self.keeper.of(self._labels)
        progress = {} if kept is None else kept.progress
        by = (each.by for each in progress.values())
        return list(dict.fromkeys(each.model for each in by if each.kind == "model" and each.model))

    @property
    def is_measuring(self) -> bool:
        """Whether figures are on their way."""
        return self._running is not None

    def measure(self, spacing: Spacing, eye: Eye) -> None:
        """Measure; what was asked before is dropped."""
        labels = self._labels
        if labels is None:
            raise UserError("There are no labels: label a B-scan or a volume first.")
        self.cancel()
        kept = self.keeper.of(labels)
        progress = None if kept is None else dict(kept.progress)
        schema = schema_to_measure(labels, self._session.schema)
        self.is_stale = False
        work = partial(measure_layer, labels, schema, spacing, eye, progress)
        self._asked += 1
        self._running = self._session.read(
            work, partial(self._on_measured, self._asked), partial(self._on_failed, self._asked)
        )

    def cancel(self) -> None:
        """Drop what is being measured."""
        self._asked += 1
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def close(self) -> None:
        """Follow nothing any more."""
        self.cancel()
        self._follow(None)
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _follow(self, labels: Labels | None) -> None:
        if self._labels is not None:
            for event in self._edits(self._labels):
                event.disconnect(self._on_edit)
            for event in (self._labels.events.scale, self._labels.events.units):
                event.disconnect(self._on_scale)
        self.cancel()
        self._labels = labels
        if labels is not None:
            for event in self._edits(labels):
                event.connect(self._on_edit)
            for event in (labels.events.scale, labels.events.units):
                event.connect(self._on_scale)

    def _edits(self, labels: Labels) -> tuple[Any, ...]:
        events = labels.events
        return events.paint, events.labels_update, events.data

    def _on_measured(self, asked: int, found: MeasuredLayer) -> None:
        if asked == self._asked:
            self._running = None
            self._take(found)

    def _on_failed(self, asked: int, sentence: str) -> None:
        if asked == self._asked:
            self._running = None
            self._take(None)
            self.told.emit(sentence)

    def _take(self, found: MeasuredLayer | None) -> None:
        self.found = found
        self.measured.emit()

    def _on_edit(self, _event: Any) -> None:
        if not self.is_stale and (self.found is not None or self.is_measuring):
            self.is_stale = True
            self.grew_stale.emit()

    def _on_scale(self, _event: Any) -> None:
        self._on_edit(_event)
        self.labels_changed.emit()

    def _on_removed(self, event: Any) -> None:
        if event.value is self._labels:
            self.labels = None
