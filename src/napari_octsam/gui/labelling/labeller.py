"""B-scans are labelled one after the other, while the person works on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_octsam.core.annotation import BScanState, Progress, SetBy
from napari_octsam.core.automatic import Index, Left, Present, labelled_anew, outward
from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.config import BUNDLED_MODEL
from napari_octsam.core.errors import UserError
from napari_octsam.core.trust import Trust, trust_in
from napari_octsam.core.wording import listed
from napari_octsam.engine.errors import EngineDied
from napari_octsam.engine.predict.messages import BScan, Label, Labelled
from napari_octsam.gui.labelling.label_step import LabelledBScan
from napari_octsam.gui.labelling.run import LabellingRun
from napari_octsam.gui.layers.bscan_writing import content_sum, write_bscan
from napari_octsam.gui.layers.bscans import Plane, read_bscan
from napari_octsam.models.checkpoints.registry import REGISTRY

if TYPE_CHECKING:
    from concurrent.futures import Future

    from napari_octsam.engine.predict.messages import LoadedModel
    from napari_octsam.gui.labelling.labels_target import LabelsTarget
    from napari_octsam.gui.session.session import Session
    from napari_octsam.gui.session.undo import Step

__all__ = ["Labeller", "namer_for", "why_not_named"]

_AHEAD = 4  # B-scans that are read and asked for, so that the engine never waits for two


class Labeller:
    """Has the engine label B-scans, and writes each as it comes.

    What may be written is asked when it is written: a person works on meanwhile.

    Parameters
    ----------
    session
        Of the viewer.
    """

    changed = Signal()
    """How far it is; `run` is None once it is over."""
    labelled = Signal(object, object)
    """The index of a B-scan that was just written, and its `Labelled`."""
    told = Signal(str)
    """A sentence for the person."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.run: LabellingRun | None = None
        session.cancelled.connect(self.stop)
        session.schema_changed.connect(self._on_schema)
        session.history.stepped.connect(self._on_step)

    def start(
        self,
        target: LabelsTarget,
        indices: Sequence[Index],
        first: Index,
        present: Present = Present.KEEP,
        namer: str = "",
    ) -> None:
        """Label B-scans, beginning with the one that is shown.

        Parameters
        ----------
        indices
            In their order in the volume.
        present
            What happens to those that a model has labelled already.
        namer
            As of `Label`.

        Raises
        ------
        UserError
            The labels cannot be written to, or the model does not name the schema's classes.
        """
        self.stop()
        schema = self._session.schema
        target.check()
        model = self._session.model
        if model is not None and not namer and (why := why_not_named(model, schema)):
            raise UserError(why)
        run = LabellingRun(target, schema, present, deque(outward(indices, first)), namer)
        target.labels.visible = True  # what is written out of sight looks lost
        self.run = run
        self.changed.emit()
        automatic = [index for index in indices if target.state(index) is BScanState.AUTOMATIC]
        if automatic and present is not Present.KEEP:
            self._session.read(
                lambda: {index: content_sum(target.labels, index) for index in automatic},
                partial(self._on_sums, run),
                partial(self._end, run),
            )
        else:
            self._ask(run)

    def stop(self) -> None:
        """Ask for no more; what is labelled stays."""
        if self.run is not None:
            self._end(self.run, stopped=True)

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._session.cancelled.disconnect(self.stop)
        self._session.schema_changed.disconnect(self._on_schema)
        self._session.history.stepped.disconnect(self._on_step)

    def _on_sums(self, run: LabellingRun, sums: dict[Index, int]) -> None:
        run.sums = sums
        self._ask(run)

    def _ask(self, run: LabellingRun) -> None:
        """Have as many B-scans read as there is time for while the engine works."""
        if run is not self.run:
            return
        if (why := self._why_over(run)) is not None:
            self._end(run, why)
            return
        while run.waiting and len(run.asked) < _AHEAD:
            index = run.waiting.popleft()
            why_left = run.why_left(index)
            if why_left is not None:
                run.left[why_left] += 1
                continue
            plane = Plane((len(index), len(index) + 1), index)
            run.asked[index] = self._session.read(
                partial(read_bscan, run.target.image, plane),
                partial(self._on_read, run, index),
                partial(self._on_unread, run, index),
            )
        if run.asked:
            self.changed.emit()
        else:
            self._end(run)

    def _why_over(self, run: LabellingRun) -> str | None:
        """Return why nothing more can be written, if that is so."""
        target = run.target
        if target.image not in target.viewer.layers:
            return f"The image {target.image_name} is gone."
        try:
            target.check()
        except UserError as error:
            return str(error)
        return None

    def _on_read(self, run: LabellingRun, index: Index, bscan: BScan) -> None:
        if run is not self.run or index not in run.asked:
            return

        def done(found: Labelled) -> None:
            if self._takes(run, index, future):
                self._on_labelled(run, index, found)

        def failed(sentence: str) -> None:
            if self._takes(run, index, future):
                self._on_failed(run, index, sentence, future.exception())

        request, background = Label(bscan, run.schema, run.namer), index != run.first
        run.asked[index] = future = self._session.submit(
            request, done, failed, background=background
        )

    def _takes(self, run: LabellingRun, index: Index, future: Future[Any]) -> bool:
        """Return whether an answer is waited for still: it may have been asked for again."""
        return run is self.run and run.asked.get(index) is future

    def _on_unread(self, run: LabellingRun, index: Index, sentence: str) -> None:
        if run is self.run and run.asked.pop(index, None) is not None:
            run.failed[index] = sentence
            self._ask(run)

    def _on_failed(
        self, run: LabellingRun, index: Index, sentence: str, error: BaseException | None
    ) -> None:
        model = self._session.model
        if isinstance(error, EngineDied):
            if run.ask_again():
                self._ask(run)
            else:
                self._end(run, sentence)
        elif model is None or (not run.namer and why_not_named(model, run.schema)):
            self._end(run, sentence)
        else:
            self._on_unread(run, index, sentence)

    def _on_labelled(self, run: LabellingRun, index: Index, found: Labelled) -> None:
        del run.asked[index]
        if self._why_over(run) is None:
            self._write(run, index, found)
        self._ask(run)

    def _write(self, run: LabellingRun, index: Index, found: Labelled) -> None:
        target, labels = run.target, run.target.labels
        why_left = run.why_left(index)
        if why_left is None and run.sums.get(index, content_sum(labels, index)) != content_sum(
            labels, index
        ):
            why_left = Left.CHANGED
        if why_left is not None:
            run.left[why_left] += 1
            return
        is_filled = run.present is Present.FILL and target.has_labels(index)
        change = write_bscan(
            labels,
            index,
            labelled_anew(
                labels.data[index],
                found.labels,
                fill_only=is_filled or labels.preserve_labels,
                locked=target.locks.classes,
            ),
        )
        by_model = SetBy(kind="model", model=found.model)
        after = Progress(state=BScanState.AUTOMATIC, by=by_model)
        if not run.labelled:
            self._session.history.push(run.step)
        run.step.add(LabelledBScan(change, target.progress.get(index), after))
        run.note_labelled()
        if trust_in(found.mean_confidence) is Trust.DOUBTFUL:
            run.doubtful.append(index)
        target.note({index: after})
        self.labelled.emit(index, found)

    def _end(self, run: LabellingRun, why: str = "", *, stopped: bool = False) -> None:
        if run is not self.run:
            return
        self.run = None
        for future in run.asked.values():
            future.cancel()
        told = run.told(stopped=stopped or bool(why))
        kept = run.target.keeper.of(run.target.labels)
        problem = "" if kept is None or not kept.problem else f"Not on the disk: {kept.problem}"
        self.told.emit(" ".join(filter(None, (why, told, problem))))
        self.changed.emit()

    def _on_schema(self, schema: LabelSchema) -> None:
        if self.run is not None and not schema.means_as(self.run.schema):
            self._end(self.run, f"The label schema is {schema.name} now.")

    def _on_step(self, step: Step) -> None:
        """Stop what the person takes back."""
        if self.run is not None and step is self.run.step:
            self.stop()


def namer_for(model: LoadedModel, schema: LabelSchema) -> str:
    """Return the model whose labels can be the prompts of one that names no pixels; "" if none."""
    known = map(bundled_schema, REGISTRY[BUNDLED_MODEL].named_schemas)
    helps = not model.named_schemas and any(each.means_as(schema) for each in known)
    return BUNDLED_MODEL if helps else ""


def why_not_named(model: LoadedModel, schema: LabelSchema) -> str:
    """Return why a model cannot label by a schema, in a sentence; "" where it can."""
    named = model.named_schemas
    if any(known.means_as(schema) for known in named):
        return ""
    if not named:
        return (
            f"The model {model.name} does not name pixels by itself: it needs prompts. "
            "Choose octsam-tiny under Model to label a B-scan unasked."
        )
    return (
        f"The model {model.name} does not name pixels by the schema {schema.name}, only by "
        f"{listed((known.name for known in named), 'and')}: choose one of them."
    )
