"""Carry on: what there is to carry, the preview of what was found, and taking or dropping it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.gui.labelling.carried_objects import classes_on, labelled_start, prompted_start
from napari_octsam.gui.labelling.carried_writing import CarriedWriting, why_closed
from napari_octsam.gui.labelling.carrying_on import CarryingOn, Reach, Run, Start
from napari_octsam.gui.labelling.volume_labels import plane_of
from napari_octsam.gui.layers.bscans import data_shape
from napari_octsam.gui.layers.labelled_images import CARRIED_NAME
from napari_octsam.gui.prompting.preview import Preview
from napari_octsam.gui.prompting.prompter import prompter_of
from napari_octsam.gui.prompting.sentences import names_of
from napari_octsam.gui.widgets.seldom import seldom

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_octsam.core.automatic import Index
    from napari_octsam.gui.labelling.volume_labels import VolumeLabels
    from napari_octsam.gui.session.session import Session

__all__ = ["PROMPTED", "CarryOn"]

PROMPTED = -1
"""The choice of what is prompted, among label values."""

_TAKE_KEY, _DROP_KEY = "Enter", "Escape"


class CarryOn:
    """Carries objects of the B-scan that is shown on, shows what it finds, and has it written.

    While something is found that is neither taken nor dropped, Enter takes it and Escape drops it,
    with the image selected: layers that are drawn on use these keys themselves.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    session
        Its session.
    volume
        The image that is shown, and its labels.
    """

    changed = Signal()
    """What can be carried on, or what was found, is another."""

    def __init__(self, viewer: Viewer, session: Session, volume: VolumeLabels) -> None:
        self._viewer = viewer
        self._session = session
        self._volume = volume
        self._carrying = CarryingOn(viewer, session, self._why_closed)
        self._preview = Preview(viewer, CARRIED_NAME)
        self._writing: CarriedWriting | None = None
        self._active: Layer | None = None
        self._has_keys = False
        self._followed: list[tuple[Any, Callable[..., Any]]] = [
            (self._carrying.changed, self._show),
            (self._carrying.told, volume.notices.happened),
            (volume.shown.moved, self._show),
            (volume.keeper.changed, seldom(self._look)),
            (session.schema_changed, self._look),
            (session.prediction_changed, self._look),
        ]
        for signal, slot in self._followed:
            signal.connect(slot)

    @property
    def run(self) -> Run | None:
        """What is, or was, carried on and is neither taken nor dropped."""
        return self._carrying.run

    @property
    def is_running(self) -> bool:
        """Whether objects are still on their way."""
        return self._carrying.is_running

    @property
    def is_writing(self) -> bool:
        """Whether what was found is being written."""
        return self._writing is not None

    @property
    def current(self) -> Index | None:
        """The B-scan that is shown."""
        return self._volume.current

    @property
    def choices(self) -> list[tuple[str, int]]:
        """What there is on the B-scan that is shown: words, and a label value or `PROMPTED`."""
        image, current = self._volume.shown.image, self._volume.current
        if image is None or not current:
            return []
        found = []
        plane = plane_of(current)
        start = prompted_start(prompter_of(self._viewer), image, plane)
        schema = self._session.schema
        if start is not None:
            names = names_of(schema, [each.class_value for each in start.objects])
            found.append((f"Predicted: {names}", PROMPTED))
        target = self._volume.target
        if target is not None:
            values = classes_on(target.labels.data[current])
            known = {each.value: each.short for each in schema.classes}
            found += [(f"{known[value]}, as labelled", value) for value in values if value in known]
        return found

    def start(self, choice: int | None, reach: Reach) -> None:
        """Carry what is chosen on; `PROMPTED` is what is predicted, others are label values."""
        self._tell_of(partial(self._start, choice, reach))

    def stop(self) -> None:
        """Go no further; what was found stays."""
        self._carrying.stop()

    def take(self) -> None:
        """Write what was found into the labels, as one step."""
        self._tell_of(self._take)

    def drop(self) -> None:
        """Forget what was found."""
        if self.run is not None and not self.is_writing:
            self._carrying.drop()

    def go_to(self, index: Index) -> None:
        """Show a B-scan."""
        self._volume.go_to(index)

    def leave_viewer(self) -> None:
        """Remove the preview."""
        self._preview.remove()

    def close(self) -> None:
        """Stop for good; what was not taken is dropped."""
        for signal, slot in self._followed:
            signal.disconnect(slot, missing_ok=True)
        self._carrying.close()
        self._release_keys()

    def _start(self, choice: int | None, reach: Reach) -> None:
        if self.is_writing:
            return
        start = self._objects(choice)
        locked = self._session.locks.classes.intersection(o.class_value for o in start.objects)
        if locked:
            name = names_of(self._session.schema, sorted(locked))
            raise UserError(f"{name} is locked: unlock the class to carry it on.")
        self._carrying.start(start, reach)
        selection = self._viewer.layers.selection
        self._active, selection.active = selection.active, start.image

    def _objects(self, choice: int | None) -> Start:
        image, current = self._volume.shown.chosen(), self._volume.current
        if current is None:
            raise UserError("The view shows no B-scan to carry objects on from.")
        if not current:
            raise UserError(f"{image.name} is one B-scan: there is no other to carry on to.")
        plane = plane_of(current)
        if choice is None:
            raise UserError("There is no object on this B-scan: draw a prompt, or label something.")
        if choice == PROMPTED:
            start = prompted_start(prompter_of(self._viewer), image, plane)
            if start is None:
                raise UserError("The masks of the prompts are not there yet: wait a moment.")
            return start
        target = self._volume.target
        if target is None:
            raise UserError("There are no labels any more to carry on.")
        return labelled_start(target.labels.data[current], choice, image, plane)

    def _take(self) -> None:
        run = self.run
        if run is None or run.is_running or not run.found or self.is_writing:
            return
        if run.start.image is not self._volume.shown.image:
            raise UserError(f"Choose {run.start.image.name} under Image to take this.")
        target, note = self._volume.target_for(run.start.image)
        self._volume.notices.happened(note)
        values = [each.class_value for each in run.start.objects]
        name = f"{names_of(run.schema, values)} from {run.start.plane.title}"
        self._writing = CarriedWriting(self._session, target, run, name, self._on_written)
        self._writing.start()
        self.changed.emit()

    def _on_written(self, sentence: str, is_whole: bool) -> None:
        self._writing = None
        if is_whole:
            self._carrying.drop()
        self._volume.notices.happened(sentence)
        self.changed.emit()

    def _why_closed(self, index: Index) -> str:
        target = self._volume.target
        if target is None or target.labels.data.shape != data_shape(target.image):
            return ""  # taking it says so
        return why_closed(target, index) or ""

    def _show(self) -> None:
        """Show what was found on the B-scan that is shown."""
        run, current = self.run, self._volume.current
        if run is None:
            self._preview.remove()
            self._release_keys()
        else:
            found = None if current is None else run.found.get(current)
            if found is None or self._volume.shown.image is not run.start.image:
                self._preview.clear()
            else:
                plane = self._volume.shown.plane()
                labels = plane.oriented(found.labels())
                self._preview.show(run.start.image, run.schema, plane, labels)
            self._take_keys()
        self.changed.emit()

    def _look(self, _of: object = None) -> None:
        self.changed.emit()

    def _take_keys(self) -> None:
        if not self._has_keys:
            self._has_keys = True
            for key, action in ((_TAKE_KEY, self.take), (_DROP_KEY, self.drop)):
                self._viewer.bind_key(key, _calling(action), overwrite=True)

    def _release_keys(self) -> None:
        if not self._has_keys:
            return
        self._has_keys = False
        for key in (_TAKE_KEY, _DROP_KEY):
            self._viewer.bind_key(key, None)
        before, self._active = self._active, None
        if before in self._viewer.layers:
            self._viewer.layers.selection.active = before

    def _tell_of(self, action: Callable[[], object]) -> None:
        try:
            action()
        except UserError as error:
            self._volume.notices.happened(str(error))


def _calling(action: Callable[[], object]) -> Callable[[Any], None]:
    def on_key(_pressed_on: Any) -> None:
        action()

    return on_key
