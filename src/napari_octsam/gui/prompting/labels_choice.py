"""A labels layer is chosen: its schema comes with it, or the person says what its values mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_octsam.core.classes import BUNDLED_SCHEMAS, LabelSchema, bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.data.dataset import listed
from napari_octsam.gui.layers.layer_schema import (
    check_meaning,
    fits,
    names_in,
    schema_of,
    show_schema,
    values_of,
)
from napari_octsam.gui.prompting.mapping import MapStep
from napari_octsam.gui.session.last_schema import last_schema

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_octsam.gui.prompting.prompter import Prompter
    from napari_octsam.gui.session.session import Session

__all__ = ["LabelsChoice", "Question"]

_AT_ONCE = 16 * 1024**2  # bytes that are read in no time


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What the values of a labels layer mean is for the person to say.

    Parameters
    ----------
    labels
        The layer.
    values
        Its values.
    names
        That it has for values.
    schemas
        Those that have all of its values, and its names.
    text
        The sentence.
    """

    labels: Labels
    values: frozenset[int]
    names: Mapping[int, str]
    schemas: tuple[LabelSchema, ...]
    text: str


class LabelsChoice:
    """Has commits go into a labels layer, once it is known what its values mean.

    Parameters
    ----------
    viewer
        Where the layers are.
    session
        Its session.
    prompter
        Commits, and tells the person.
    use_schema
        Changes the session's schema, and asks first where there are prompts; returns whether.
    """

    asked = Signal(object)
    """The `Question` that is open now, or None."""
    settled = Signal()
    """Something was chosen or refused: `Committer.target` is what holds."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        prompter: Prompter,
        use_schema: Callable[[LabelSchema], bool],
    ) -> None:
        self._viewer = viewer
        self._session = session
        self._committer = prompter.committer
        self._notices = prompter.notices
        self._shown = prompter.shown
        self._use_schema = use_schema
        self._reading: Future[Any] | None = None
        self.question: Question | None = None
        viewer.layers.events.removed.connect(self._forget)
        session.schema_changed.connect(self._drop)
        self._shown.image_changed.connect(self._drop)

    def choose(self, labels: Labels | None) -> None:
        """Have commits go into a layer, or with None into a new one."""
        self._drop()
        if labels is None:
            self._committer.start_new()
            return
        known = schema_of(labels)
        if known is None:
            self._read(labels, self._judge)
        elif self._uses(known):
            self._committer.target = labels
        self.settled.emit()

    def assume(self, labels: Labels) -> bool:
        """Have a layer that says nothing carry the session's schema, where it fits at a glance."""
        schema = self._session.schema
        if schema_of(labels) is not None or not _is_read_at_once(labels):
            return False
        if is_fitting := fits(labels, values_of(labels), schema):
            self._give(labels, schema)
        return is_fitting

    def ask_about(self, labels: Labels) -> None:
        """Ask the person what the values of a layer mean, whatever it says."""
        self._drop()
        self._read(labels, self._ask)

    def answer(self, schema: LabelSchema) -> None:
        """Have the layer in question carry a schema, and use both."""
        question = self.question
        if question is None or not self._uses(schema):
            return
        self._give(question.labels, schema)
        self._take(question.labels)

    def answer_by(self, mapping: Mapping[int, int]) -> None:
        """Change the values of the layer in question into those of the session's schema."""
        question, schema, history = self.question, self._session.schema, self._session.history
        if question is None:
            return
        try:
            with history.own_writes():
                step = MapStep(
                    question.labels, mapping, schema, self._viewer.layers, self._committer
                )
        except UserError as error:
            self._notices.happened(str(error))
            return
        history.push(step)
        self._take(question.labels)
        self._notices.happened(f"The values of {question.labels.name} are of {schema.name} now.")

    def leave(self) -> None:
        """Leave the layer in question as it is, and do not use it."""
        self._drop()
        self.settled.emit()

    def close(self) -> None:
        """Follow the viewer no more."""
        self._drop()
        self._viewer.layers.events.removed.disconnect(self._forget)
        self._session.schema_changed.disconnect(self._drop)
        self._shown.image_changed.disconnect(self._drop)

    def _uses(self, schema: LabelSchema) -> bool:
        return schema.means_as(self._session.schema) or self._use_schema(schema)

    def _take(self, labels: Labels) -> None:
        self._drop()
        self._committer.target = labels
        self.settled.emit()

    def _give(self, labels: Labels, schema: LabelSchema) -> None:
        """Have a layer carry a schema; colours that a person gave it stay."""
        from napari.utils.colormaps import DirectLabelColormap

        colors = labels.colormap
        is_own = isinstance(colors, DirectLabelColormap) and schema_of(labels) is None
        show_schema(labels, schema)
        if is_own:
            labels.colormap = colors

    def _judge(self, labels: Labels, values: frozenset[int]) -> None:
        """Take a layer that does not say its schema, where it fits the session's; else ask."""
        schema = self._session.schema
        if not fits(labels, values, schema):
            self._ask(labels, values)
            return
        self._give(labels, schema)
        self._take(labels)
        if values - {0}:
            self._notices.also(
                f"{labels.name} does not say what its values mean: they are taken as "
                f"{schema.name}. If they are of another schema, say so by … beside Labels."
            )

    def _ask(self, labels: Labels, values: frozenset[int]) -> None:
        carried, schema = schema_of(labels), self._session.schema
        known = [*map(bundled_schema, BUNDLED_SCHEMAS), schema, last_schema()]
        if carried is not None:
            text = f"The values of {labels.name} are those of {carried.name}. What do they mean?"
            fitting = [each for each in known if not each.lacking(values)]
        else:
            text = f"{_why_not(labels, values, schema)} What do its values mean?"
            fitting = [each for each in known if fits(labels, values, each)]
        schemas = tuple(dict.fromkeys(fitting))
        self._open(Question(labels, values, names_in(labels), schemas, text))

    def _open(self, question: Question | None) -> None:
        self.question = question
        self.asked.emit(question)

    def _read(self, labels: Labels, then: Callable[[Labels, frozenset[int]], object]) -> None:
        read = partial(values_of, labels)
        if _is_read_at_once(labels):
            then(labels, read())
            return
        self._committer.held = f"{labels.name} is still being read: try again in a moment."
        self._notices.also(f"Reading {labels.name} …")
        reading: Future[Any]

        def done(values: frozenset[int]) -> None:
            if self._reading is reading:
                self._drop()
                self._notices.expire()
                if labels in self._viewer.layers:
                    then(labels, values)
                self.settled.emit()

        def failed(sentence: str) -> None:
            if self._reading is reading:
                self._drop()
                self._notices.happened(sentence)
                self.settled.emit()

        self._reading = reading = self._session.read(read, done, failed)

    def _drop(self, _schema: object = None) -> None:
        """Read and ask nothing any more."""
        self._committer.held = ""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if self.question is not None:
            self._open(None)

    def _forget(self, event: Any) -> None:
        if self.question is not None and event.value is self.question.labels:
            self._drop()


def _is_read_at_once(labels: Labels) -> bool:
    data = labels.data
    in_memory = isinstance(data, np.ndarray) and not isinstance(data, np.memmap)
    return in_memory and data.nbytes <= _AT_ONCE


def _why_not(labels: Labels, values: frozenset[int], schema: LabelSchema) -> str:
    """Say why a layer is not of a schema."""
    strange = listed([str(value) for value in schema.lacking(sorted(values))])
    if strange:
        return f"{labels.name} has values that {schema.name} does not know: {strange}."
    try:
        check_meaning(labels, schema)
    except UserError as error:
        return str(error)
    return f"{labels.name} does not say."
