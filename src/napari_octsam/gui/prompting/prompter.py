"""From prompts on the layers of a viewer to a prediction, shown as they are edited."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.errors import UserError
from napari_octsam.engine.predict.messages import LoadedModel
from napari_octsam.gui.layers.shown import ShownBScan
from napari_octsam.gui.layers.stacking import uncover
from napari_octsam.gui.prompting.asking import Asking, Question
from napari_octsam.gui.prompting.collect import PlacedPrompt, collect
from napari_octsam.gui.prompting.committer import Committer
from napari_octsam.gui.prompting.drawing import Drawing, Tool
from napari_octsam.gui.prompting.picking import Picking
from napari_octsam.gui.prompting.predicted import Predicted
from napari_octsam.gui.prompting.prefetch import Prefetch
from napari_octsam.gui.prompting.preview import Preview
from napari_octsam.gui.prompting.sentences import (
    goes_into,
    keeps_class,
    left_by,
    waiting_on_bscans,
    waiting_on_images,
)
from napari_octsam.gui.session.notices import Notices

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.session.session import Session

__all__ = ["EDIT_DELAY", "Prompter"]

EDIT_DELAY = 60
"""Milliseconds from the last edit to the prediction."""


class Prompter:
    """Predicts what the prompts on the shown B-scan mean, shows it, and has it committed.

    The last request wins: an answer to an earlier one is dropped.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    session
        Its session.
    """

    predicted_changed = Signal()
    """`predicted`, or the candidate of one of its objects, is another."""

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        self._viewer = viewer
        self._session = session
        self.notices = Notices()
        self.shown = ShownBScan(viewer)
        self.drawing = Drawing(viewer, session.schema, session.companions)
        self.committer = Committer(viewer, self.drawing, session.companions)
        self.picking = Picking(viewer, self.drawing)
        self.preview = Preview(viewer)
        self.prefetch = Prefetch(session, self.shown)
        self.predicted: Predicted | None = None
        self._live = True
        self._threshold = 0.5
        self._asking = Asking(session, self._take, self._fail)
        self._commit_next = False
        self._choosing = False
        self._acting = False
        self._is_open = True
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(EDIT_DELAY)
        self._timer.timeout.connect(self._predict_edited)
        self.shown.moved.connect(self._on_moved)
        self.shown.settled.connect(self._go_on)
        self.shown.image_changed.connect(self._change_image)
        self.drawing.edited.connect(self._on_edit)
        self.prefetch.failed.connect(self.notices.stands)
        session.schema_changed.connect(self._change_schema)
        session.model_changed.connect(self._on_model)
        session.cancelled.connect(self._drop)

    @property
    def is_current(self) -> bool:
        """Whether there is a prediction of the prompts as they are now."""
        waits = self._asking.waits or self._timer.isActive()
        return self.predicted is not None and not waits

    @property
    def live(self) -> bool:
        """Whether each edit is followed by a prediction."""
        return self._live

    @live.setter
    def live(self, live: bool) -> None:
        self._live = live
        self.notices.expire()
        self._drop()
        self._go_on()

    @property
    def threshold(self) -> float:
        """Probability above which a pixel belongs to an object, 0 to 1."""
        return self._threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        if threshold != self._threshold:
            self._threshold = threshold
            self.notices.expire()
            self._show()

    def start_drawing(self, tool: Tool) -> None:
        """Make the layer that a tool works on the active one, in the tool's mode."""
        if tool is Tool.SELECT and not any(len(layer.data) for layer in self.drawing.layers):
            self.notices.happened("There is nothing to select: draw a box or a point first.")
            return
        try:
            image, plane = self.shown.chosen(), self.shown.plane()
        except UserError as error:
            self.notices.happened(str(error))
            return
        self.preview.prepare(image, self._session.schema, plane)
        image.visible = True
        self._uncover(image)
        with self._own_steps():
            self.drawing.start(tool, image)
        if tool is Tool.SELECT:
            self.notices.happened("Click a prompt, then its class. Drag moves it.")

    def choose_class(self, value: int) -> None:
        """Set the class of the selected prompts and of the next; what was just drawn keeps its."""
        drawn = None if self.drawing.selected() else self.drawing.last_drawn()
        self.drawing.choose_class(value)
        self.notices.happened(keeps_class(*drawn, self._session.schema, value) if drawn else "")

    def predict(self) -> None:
        """Predict the objects of the shown B-scan."""
        self._timer.stop()
        self.notices.expire()
        if not self._ask() and not self.notices.state:
            self.notices.happened("There is nothing to predict: draw a box or a point first.")

    def commit(self) -> None:
        """Write the predicted objects into the target, and take their prompts away.

        Where the prediction is not there yet, it is waited for.
        """
        if self.is_current:
            self._write()
            return
        self._timer.stop()
        self._commit_next = self._ask()
        if self._commit_next:
            return
        if self.notices.state:  # it says why
            self.notices.happened("Nothing was committed.")
        else:
            self.notices.happened("There is nothing to commit: draw a box or a point first.")

    def clear(self) -> None:
        """Take all prompts of the shown B-scan away; `undo` brings them back."""
        self._tell_outcome(lambda: self.committer.clear(self.shown.chosen(), self.shown.plane()))

    def undo(self) -> None:
        """Undo the last commit or clearing, bring its prompts back, and show where it was."""
        plane = self.committer.last_place
        if self._tell_outcome(self.committer.undo) and plane is not None:
            with self._own_steps():
                self.shown.go_to(plane)

    def at_hand(self) -> tuple[PlacedPrompt, DecodedObject] | None:
        """Return the selected object of the prediction, or else the last."""
        objects = self.predicted.objects if self.predicted else []
        selected = self.drawing.selected()
        if selected:
            layer, rows = selected
            for placed, decoded in objects:
                if rows[0] in (placed.shapes if layer is self.drawing.shapes else placed.points):
                    return placed, decoded
        return objects[-1] if objects else None

    def choose_candidate(self, candidate: int) -> None:
        """Choose mask 1, 2 or 3, or `AUTOMATIC`, for the object at hand."""
        here, predicted = self.at_hand(), self.predicted
        if here is None or predicted is None or not self.is_current:
            return
        chosen = here[0]
        layer, rows = (
            (self.drawing.shapes, chosen.shapes)
            if chosen.shapes
            else (self.drawing.points, chosen.points)
        )
        if layer is not None:
            self._choosing = True  # the prompts stay as they are: nothing to predict again
            self.drawing.set_feature(layer, rows, "mask", candidate)
            self._choosing = False
        self.predicted = predicted.choosing(chosen, candidate)
        self._show()

    def next_candidate(self) -> None:
        """Choose the next candidate mask of the object at hand."""
        here = self.at_hand()
        if here is not None:
            placed, decoded = here
            self.choose_candidate((placed.candidate + 1) % len(decoded.candidates))

    def close(self) -> None:
        """Stop for good; prompts and labels stay."""
        self._asking.cancel()
        self._is_open = False  # the timer may run out yet, or be gone with its window
        self._session.schema_changed.disconnect(self._change_schema)
        self._session.model_changed.disconnect(self._on_model)
        self._session.cancelled.disconnect(self._drop)
        self.prefetch.close()
        self.committer.close()
        self.picking.close()
        self.drawing.close()
        self.shown.close()

    def _ask(self) -> bool:
        """Ask for a prediction; return False where there is nothing to ask."""
        question = self._look()
        if question is None:
            self._drop()
            return False
        self._asking.ask(question)
        return True

    def _look(self) -> Question | None:
        """Say how things stand on the shown B-scan; return what there is to ask about it."""
        try:
            image, plane = self.shown.chosen(), self.shown.plane()
        except UserError as error:
            self.notices.stands(str(error))
            return None
        collected = collect(self.drawing.shapes, self.drawing.points, image, plane)
        if collected.problems:
            self.notices.stands(collected.problems[0])
        elif collected.placed:
            self.notices.stands("")
        else:
            self.notices.stands(waiting_on_bscans(self.drawing.layers, image, plane))
        if not collected.placed:
            return None
        return Question(image, plane, collected.placed)

    def _take(self, predicted: Predicted) -> None:
        self.predicted = predicted
        self._show()
        if self._commit_next:
            self._commit_next = False
            self._write()

    def _fail(self, sentence: str) -> None:
        self._drop()
        self.notices.stands(sentence)

    def _write(self) -> None:
        predicted = self.predicted
        if predicted is None:
            return
        labels = predicted.labels(self._threshold)
        commit = partial(self.committer.commit, predicted.image, predicted.plane)
        if self._tell_outcome(lambda: commit(predicted.placed, labels)):
            self._uncover(predicted.image)
            self._forget_prediction()

    def _tell_outcome(self, action: Callable[[], str]) -> bool:
        with self._own_steps():
            try:
                self.notices.happened(action())
            except UserError as error:
                self.notices.happened(str(error))
                return False
        return True

    def _show(self) -> None:
        predicted = self.predicted
        if predicted is not None:
            labels = predicted.labels(self._threshold)
            self.preview.show(predicted.image, self._session.schema, predicted.plane, labels)
        self.predicted_changed.emit()

    def _drop(self) -> None:
        """Forget the prediction, and the one that is on its way."""
        self._asking.cancel()
        self._timer.stop()
        if self._commit_next:
            self._commit_next = False
            self.notices.happened("Nothing was committed: the prediction was not there yet.")
        self._forget_prediction()

    def _forget_prediction(self) -> None:
        if self.predicted is not None:
            self.predicted = None
            self.preview.clear()
            self.predicted_changed.emit()

    def _on_moved(self) -> None:
        if not self._acting:
            self.notices.expire()
        self.notices.stands("")
        self._drop()

    def _change_image(self) -> None:
        """Go on with the layers of another image, and the same tool."""
        image, last, tool = self.shown.image, self.drawing.image, self.drawing.tool
        target, layers = self.committer.target, self.drawing.layers
        with self._own_steps():
            self.drawing.follow(image)
            self.committer.follow(image)
        if last is not None and last not in self._viewer.layers:
            self.notices.also(left_by(last, layers))
        if image is None:
            return
        if self.committer.target is not target:
            self.notices.also(goes_into(self.committer.target))
        self.notices.also(waiting_on_images(self.drawing.layers_elsewhere))
        image.visible = True
        self._uncover(image)
        if tool not in (None, Tool.SELECT):
            self.start_drawing(tool)

    def _uncover(self, image: Image) -> None:
        shown = (self.committer.target, self.preview.layer, *self.drawing.layers)
        own = [layer for layer in shown if layer is not None]
        uncover(self._viewer.layers, image, own, self._session.companions)

    @contextmanager
    def _own_steps(self) -> Iterator[None]:
        """Let changes happen that are no step of the person's: the last event stays told."""
        was_acting, self._acting = self._acting, True
        try:
            yield
        finally:
            self._acting = was_acting

    def _on_edit(self) -> None:
        if self._choosing:
            return
        if not self._acting:
            self.notices.expire()
        if self._live:
            self._asking.cancel()
            self._timer.start()
        else:
            self._drop()
            self._offer()

    def _predict_edited(self) -> None:
        if self._is_open:
            self._ask()

    def _go_on(self) -> None:
        """Predict what there is, or say what there is to be done."""
        if self.shown.image is None:
            return
        if self._live:
            self._ask()
        else:
            self._offer()

    def _offer(self) -> None:
        if self._asking.waits or self.predicted is not None:
            return
        if self._look() is not None and not self.notices.state:
            self.notices.stands("Press Predict to see the masks.")

    def _on_model(self, _model: LoadedModel) -> None:
        if not self._asking.waits:  # what is pending comes from the new model already
            self._drop()
            self._go_on()

    def _change_schema(self, schema: LabelSchema) -> None:
        self._drop()
        self.committer.forget_targets()
        self.drawing.schema = schema
