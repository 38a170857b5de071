"""From prompts on the layers of a viewer to a prediction, shown as they are edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never
from weakref import WeakKeyDictionary, ref

from psygnal import Signal
from superqt.utils import QSignalDebouncer

from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.errors import UserError
from napari_octsam.engine.predict.messages import LoadedModel
from napari_octsam.gui.layers.shown import ShownBScan
from napari_octsam.gui.layers.stacking import uncover
from napari_octsam.gui.prompting.asking import Asking, Question
from napari_octsam.gui.prompting.collect import PlacedPrompt, collect, rows_on_plane
from napari_octsam.gui.prompting.committer import Committer
from napari_octsam.gui.prompting.copying import Copying
from napari_octsam.gui.prompting.drawing import Drawing, Tool
from napari_octsam.gui.prompting.machine import (
    Answered,
    AnyEvent,
    Ask,
    Chosen,
    Do,
    Effect,
    Event,
    Failed,
    LiveSwitched,
    NothingToAsk,
    Phase,
    Say,
    State,
    Tell,
    ThresholdSet,
    react,
)
from napari_octsam.gui.prompting.naming import Naming
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
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.session.session import Session
    from napari_octsam.gui.session.undo import Step

__all__ = ["EDIT_DELAY", "Prompter", "prompter_of"]

EDIT_DELAY = 60
"""Milliseconds from the last edit to the prediction."""


class Prompter:
    """Predicts what the prompts on the shown B-scan mean, shows it, and has it committed.

    `machine.react` decides; this class tells it what happens, and does what it says.

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
        self.state = State()
        self.notices = Notices()
        self.shown = ShownBScan(viewer)
        self.drawing = Drawing(viewer, session.schema, session.companions)
        self.committer = Committer(viewer, self.drawing, session.companions, session.history)
        self.copying = Copying(viewer, self.shown, self.drawing, session.history)
        self.picking = Picking(viewer, self.drawing)
        self._naming = Naming(viewer, self.drawing)
        self.preview = Preview(viewer)
        self.prefetch = Prefetch(session, self.shown)
        self._asking = Asking(session, self._on_answer, self._on_failure)
        self._timer = QSignalDebouncer()
        self._timer.setTimeout(EDIT_DELAY)
        self._timer.triggered.connect(self._on_rest)
        self.shown.moved.connect(self._on_moved)
        self.shown.settled.connect(self._go_on)
        self.shown.image_changed.connect(self._change_image)
        self.drawing.edited.connect(self._on_edit)
        self.drawing.refused.connect(self.notices.happened)
        self.prefetch.failed.connect(self.notices.stands)
        session.schema_changed.connect(self._on_schema)
        session.model_changed.connect(self._on_model)
        session.cancelled.connect(self._on_cancelled)
        session.history.stepped.connect(self._on_step)
        session.history.refused.connect(self.notices.happened)
        self.predicted_changed.connect(session.prediction_changed.emit)
        _PROMPTERS[viewer] = ref(self)
        session.prediction_changed.emit()

    @property
    def predicted(self) -> Predicted | None:
        """The prediction that is shown."""
        return self.state.predicted

    @property
    def is_current(self) -> bool:
        """Whether it is that of the prompts as they are now."""
        return self.state.phase is Phase.SHOWN

    @property
    def live(self) -> bool:
        """Whether each edit is followed by a prediction."""
        return self.state.live

    @live.setter
    def live(self, live: bool) -> None:
        self._handle(LiveSwitched(live))
        self._go_on()

    @property
    def threshold(self) -> float:
        """Probability above which a pixel belongs to an object, 0 to 1."""
        return self.state.threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        self._handle(ThresholdSet(threshold))

    def predict(self) -> None:
        """Predict the objects of the shown B-scan."""
        self._handle(Event.PREDICT)

    def commit(self) -> None:
        """Write the predicted objects into the target, and take their prompts away.

        Where the prediction is not there yet, it is waited for.
        """
        self._handle(Event.COMMIT)

    @property
    def has_prompts(self) -> bool:
        """Whether there is a prompt on the shown B-scan."""
        try:
            image, plane = self.shown.chosen(), self.shown.plane()
        except UserError:
            return False
        return any(rows_on_plane(layer, image, plane) for layer in self.drawing.layers)

    def clear(self) -> None:
        """Take all prompts of the shown B-scan away; `undo` brings them back."""
        self._tell_of(lambda: self.committer.clear(self.shown.chosen(), self.shown.plane()))

    def copy(self) -> None:
        """Remember the selected prompts."""
        self._tell_of(self.copying.copy)

    def paste(self) -> None:
        """Put the prompts that were copied on the shown B-scan."""
        self._tell_of(self.copying.paste)

    def copy_to_next(self, step: int) -> None:
        """Copy the prompts of the shown B-scan to the next, or with -1 the previous; go there."""
        self._tell_of(lambda: self.copying.to_next(step))

    def undo(self) -> None:
        """Undo the last commit or clearing, bring its prompts back, and show where it was."""
        self._session.history.undo()

    def redo(self) -> None:
        """Redo the commit or clearing that was undone last, and show where it was."""
        self._session.history.redo()

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
        self.drawing.start(tool, image)
        if tool is Tool.SELECT:
            self.notices.happened("Click a prompt, then its class. Drag moves it.")

    def choose_class(self, value: int) -> None:
        """Set the class of the selected prompts and of the next; what was just drawn keeps its."""
        drawn = None if self.drawing.selected() else self.drawing.last_drawn()
        self.drawing.choose_class(value)
        self.notices.happened(keeps_class(*drawn, self._session.schema, value) if drawn else "")

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
        self.drawing.note_candidate(here[0], candidate)
        self._handle(Chosen(predicted.choosing(here[0], candidate)))

    def next_candidate(self) -> None:
        """Choose the next candidate mask of the object at hand."""
        here = self.at_hand()
        if here is not None:
            placed, decoded = here
            self.choose_candidate((placed.candidate + 1) % len(decoded.candidates))

    def close(self) -> None:
        """Stop for good; prompts and labels stay, and can be undone by napari only."""
        self._handle(Event.CLOSED)
        session = self._session
        session.schema_changed.disconnect(self._on_schema)
        session.model_changed.disconnect(self._on_model)
        session.cancelled.disconnect(self._on_cancelled)
        session.history.stepped.disconnect(self._on_step)
        session.history.refused.disconnect(self.notices.happened)
        if session.is_open:  # else its history is gone with it
            session.history.clear()
        self.prefetch.close()
        self.committer.close()
        self.picking.close()
        self._naming.close()
        self.drawing.close()
        self.shown.close()
        if prompter_of(self._viewer) is self:
            del _PROMPTERS[self._viewer]
        session.prediction_changed.emit()

    def _tell_of(self, action: Callable[[], str]) -> None:
        try:
            outcome = action()
        except UserError as error:
            outcome = str(error)
        self.notices.happened(outcome)

    def _handle(self, event: AnyEvent) -> None:
        self.state, effects = react(self.state, event)
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Do.START_TIMER:
                self._timer.throttle()
            case Do.CANCEL:
                self._asking.cancel()
            case Ask(on):
                self._ask(on)
            case Do.SHOW:
                self._show()
            case Do.CLEAR:
                self.preview.clear()
                self.predicted_changed.emit()
            case Do.WRITE:
                self._write()
            case Do.OFFER:
                self._offer()
            case Do.EXPIRE:
                self.notices.expire()
            case Tell(sentence):
                self.notices.happened(sentence)
            case Say(sentence):
                self.notices.stands(sentence)
            case _:
                assert_never(effect)

    def _ask(self, on: Event) -> None:
        question = self._look()
        if question is None:
            self._handle(NothingToAsk(on, self.notices.state))
        else:
            self._asking.ask(question)

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

    def _offer(self) -> None:
        if self._look() is not None and not self.notices.state:
            self.notices.stands("Press Predict to see the masks.")

    def _show(self) -> None:
        predicted = self.predicted
        if predicted is not None:
            labels = predicted.labels(self.threshold)
            self.preview.show(predicted.image, self._session.schema, predicted.plane, labels)
        self.predicted_changed.emit()

    def _write(self) -> None:
        predicted = self.predicted
        if predicted is None:
            return
        try:
            self.notices.happened(self.committer.commit(predicted, self.threshold))
        except UserError as error:
            self.notices.happened(str(error))
            return
        self._uncover(predicted.image)
        self._handle(Event.WRITTEN)

    def _uncover(self, image: Image) -> None:
        shown = (self.committer.target, self.preview.layer, *self.drawing.layers)
        own = [layer for layer in shown if layer is not None]
        uncover(self._viewer.layers, image, own, self._session.companions)

    def _go_on(self) -> None:
        """See to the prompts that there are."""
        if self.shown.image is not None:
            self._handle(Event.SETTLED)

    def _change_image(self) -> None:
        """Go on with the layers of another image, and the same tool."""
        image, last, tool = self.shown.image, self.drawing.image, self.drawing.tool
        target, layers = self.committer.target, self.drawing.layers
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
        if tool is not None and tool is not Tool.SELECT:
            self.start_drawing(tool)

    def _on_edit(self) -> None:
        self._handle(Event.EDITED)

    def _on_rest(self) -> None:
        self._handle(Event.RESTED)

    def _on_moved(self) -> None:
        self._handle(Event.MOVED)

    def _on_answer(self, predicted: Predicted) -> None:
        self._handle(Answered(predicted))

    def _on_failure(self, why: str) -> None:
        self._handle(Failed(why))

    def _on_cancelled(self) -> None:
        self._handle(Event.CANCELLED)

    def _on_model(self, _model: LoadedModel) -> None:
        self._handle(Event.MODEL_CHANGED)
        self._go_on()

    def _on_schema(self, schema: LabelSchema) -> None:
        self._handle(Event.SCHEMA_CHANGED)
        self.drawing.schema = schema
        self.committer.follow_schema()

    def _on_step(self, step: Step) -> None:
        """Show where something was undone or redone, and tell of it."""
        image = step.place.image() if step.place else None
        if step.place is not None and image is not None and image is self.shown.image:
            self.shown.go_to(step.place.plane)
        self.notices.happened(step.outcome)


_PROMPTERS: WeakKeyDictionary[ViewerModel, ref[Prompter]] = WeakKeyDictionary()


def prompter_of(viewer: ViewerModel) -> Prompter | None:
    """Return what predicts in a viewer; None where its Prompt widget is not open."""
    known = _PROMPTERS.get(viewer)
    return None if known is None else known()
