"""B-scans between corrected ones are made from these, and again when these change."""

from __future__ import annotations

from bisect import bisect
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_octsam.core.annotation import BScanState, Progress, SetBy, is_protected
from napari_octsam.core.boundaries import lie_upside_down
from napari_octsam.core.errors import UserError
from napari_octsam.core.interpolation import between
from napari_octsam.core.labelling import step_probabilities
from napari_octsam.core.replacing import replaced
from napari_octsam.core.tracing import boundary_costs
from napari_octsam.core.wording import counted
from napari_octsam.gui.correcting.correction_step import InterpolationStep, Sources, Wish
from napari_octsam.gui.labelling.label_step import LabelledBScan
from napari_octsam.gui.layers.bscan_writing import content_sum, write_bscan
from napari_octsam.gui.layers.bscans import Plane, read_bscan

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_octsam.core.automatic import Index
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.labelling import Probabilities
    from napari_octsam.engine.predict.messages import BScan
    from napari_octsam.gui.correcting.edited_bscan import Values
    from napari_octsam.gui.correcting.model_sight import ModelSight
    from napari_octsam.gui.labelling.labels_target import LabelsTarget
    from napari_octsam.gui.session.session import Session
    from napari_octsam.gui.session.undo import Step

__all__ = ["Interpolating"]


@dataclass(slots=True, eq=False)
class _Run:
    target: LabelsTarget
    schema: LabelSchema
    step: InterpolationStep
    waiting: deque[tuple[Index, Sources]]
    made: list[Index] = field(default_factory=list)


class Interpolating:
    """Makes one B-scan after the other on a thread, and writes each as it comes.

    What a person has changed, and what is locked, stays as it is, whenever that came to be.

    Parameters
    ----------
    session
        Of the viewer.
    sight
        What the model sees, for boundaries that are snapped to it.
    """

    told = Signal(str)
    """A sentence for the person."""

    def __init__(self, session: Session, sight: ModelSight) -> None:
        self._session = session
        self._sight = sight
        self._run: _Run | None = None
        self._steps: list[InterpolationStep] = []
        self._left: set[tuple[int, Index, Sources]] = set()  # not to be made of these again
        session.history.stepped.connect(self._on_step)

    @property
    def is_on(self) -> bool:
        """Whether B-scans are still to be made."""
        return self._run is not None

    def start(self, target: LabelsTarget, schema: LabelSchema, index: Index, wish: Wish) -> None:
        """Make all B-scans between the corrected ones on both sides of one.

        Raises
        ------
        UserError
            There are no such B-scans, or boundaries cannot be snapped.
        """
        sources = _around(target, index)
        if wish.is_snapped and (why := self._sight.why_not(schema)):
            raise UserError(f"Nothing to snap to: {why} Load one under Model, or untick it.")
        first, last = sources.before[-1], sources.after[-1]
        inside = [(*index[:-1], number) for number in range(first + 1, last)]
        text = f"interpolation between B-scans {first} and {last}"
        self._begin(target, schema, InterpolationStep(target, text, wish), inside)

    def follow_up(self, target: LabelsTarget, schema: LabelSchema) -> None:
        """Make B-scans again whose neighbours are others than when they were made, as one step."""
        stale = {} if self._run is not None else dict(self._stale(target))
        if not stale:
            return
        wish = next(iter(stale.values()))
        same = [index for index, other in stale.items() if other == wish]
        text = f"new interpolation of {counted(len(same), 'B-scan')}"
        self._begin(target, schema, InterpolationStep(target, text, wish), same)

    def close(self) -> None:
        """Make no more; what is made stays."""
        self._run = None
        self._session.history.stepped.disconnect(self._on_step, missing_ok=True)

    def _begin(
        self,
        target: LabelsTarget,
        schema: LabelSchema,
        step: InterpolationStep,
        indices: Iterable[Index],
    ) -> None:
        target.labels.visible = True  # what is written out of sight looks lost
        self._run = _Run(target, schema, step, deque(_sources_of(target, indices).items()))
        self._go_on(self._run)

    def _go_on(self, run: _Run) -> None:
        if run is not self._run:
            return
        try:
            run.target.check()
        except UserError as error:
            self._end(run, str(error))
            return
        while run.waiting and not self._is_undone(run):
            index, sources = run.waiting.popleft()
            if _may_be_made(run.target, index):
                self._ask(run, index, sources)
                return
        self._end(run)

    def _ask(self, run: _Run, index: Index, sources: Sources) -> None:
        if not run.step.wish.is_snapped:
            self._make(run, index, sources, None)
            return
        failed = partial(self._end, run)

        def name(read: BScan) -> None:
            self._sight.ask(read, run.schema, partial(self._make, run, index, sources), failed)

        plane = Plane((len(index), len(index) + 1), index)
        self._session.read(partial(read_bscan, run.target.image, plane), name, failed)

    def _make(self, run: _Run, index: Index, sources: Sources, seen: Probabilities | None) -> None:
        if run is not self._run:
            return
        labels = run.target.labels
        first, second = (_values(labels, each) for each in (sources.before, sources.after))
        make = partial(_between, first, second, sources.share(index), run.schema, seen)
        take, failed = partial(self._take, run, index, sources), partial(self._end, run)
        self._session.read(make, take, failed)

    def _take(self, run: _Run, index: Index, sources: Sources, labels: Values) -> None:
        """Write a B-scan, where its neighbours are as they were when it was begun."""
        target = run.target
        if run is not self._run:
            return
        is_there = target.labels in target.viewer.layers and not self._is_undone(run)
        if is_there and _may_be_made(target, index) and _sources(target, index) == sources:
            self._write(run, index, sources, labels)
        self._go_on(run)

    def _is_undone(self, run: _Run) -> bool:
        return bool(run.made) and not run.step.is_done

    def _write(self, run: _Run, index: Index, sources: Sources, labels: Values) -> None:
        target, locked = run.target, self._session.locks.classes
        wanted = replaced(_values(target.labels, index), labels, run.step.wish.asked, locked)
        change = write_bscan(target.labels, index, wanted)
        if change.before == change.after:
            self._left.add((id(target.labels), index, sources))
            return
        if not run.made:
            self._session.history.push(run.step)
            self._remember(run.step)
        after = Progress(state=BScanState.INTERPOLATED, by=SetBy(kind="model"))
        run.step.add_between(sources, LabelledBScan(change, target.progress.get(index), after))
        run.made.append(index)
        target.note({index: after})

    def _end(self, run: _Run, why: str = "") -> None:
        if run is not self._run:
            return
        self._run = None
        made = f"{counted(len(run.made), 'B-scan')} interpolated." if run.made else ""
        nothing = "" if made or why else "Nothing changes: it is so already, or locked."
        self.told.emit(" ".join(filter(None, (why, made, nothing))))

    def _remember(self, step: InterpolationStep) -> None:
        """Keep a step, and of older ones those that can be undone or say how B-scans were made."""
        stack = self._session.history.stack
        undoable = {id(stack.command(number)) for number in range(stack.count())}
        last: dict[tuple[int, Index], int] = {}
        for each in self._steps:
            last.update({(id(each.labels), index): id(each) for index in each.indices})
        wanted = undoable | set(last.values())
        layers = step.target.viewer.layers
        kept = (each for each in self._steps if id(each) in wanted and each.labels in layers)
        self._steps = [*kept, step]

    def _last(self, labels: Labels, index: Index) -> InterpolationStep | None:
        """Return the step in which a B-scan was made last."""
        steps = (s for s in reversed(self._steps) if s.labels is labels and s.has(index))
        return next(steps, None)

    def _stale(self, target: LabelsTarget) -> Iterator[tuple[Index, Wish]]:
        """Yield interpolated B-scans that would be made of something else now, and how."""
        progress = target.progress
        open_ones = [i for i in sorted(progress) if progress[i].state is BScanState.INTERPOLATED]
        made = {i: step for i in open_ones if (step := self._last(target.labels, i)) is not None}
        for index, now in _sources_of(target, made).items():
            is_same = now == made[index].sources_of(index)
            if not is_same and (id(target.labels), index, now) not in self._left:
                yield index, made[index].wish

    def _on_step(self, step: Step) -> None:
        """Take it that a person who takes B-scans back does not want them made so again."""
        if isinstance(step, InterpolationStep):
            made = {(id(step.labels), *each) for each in step.all_sources.items()}
            self._left = self._left - made if step.is_done else self._left | made


def _around(target: LabelsTarget, index: Index) -> Sources:
    """Return the nearest B-scans on both sides that a person has corrected."""
    if not index:
        raise UserError("Between B-scans of a volume one is interpolated: this is one.")
    if is_protected(target.progress, index):
        raise UserError("This B-scan is corrected or done already: it stays as it is.")
    sources = _sources(target, index)
    if sources is None:
        raise UserError("Correct a B-scan before this one and one after it first.")
    return sources


def _sources(target: LabelsTarget, index: Index) -> Sources | None:
    """Return the nearest B-scans on both sides that a person has corrected, if there are any."""
    return _sources_of(target, [index]).get(index)


def _sources_of(target: LabelsTarget, indices: Iterable[Index]) -> dict[Index, Sources]:
    """Return them for each of some B-scans that has any."""
    right = sorted(index for index in target.progress if is_protected(target.progress, index))
    sums: dict[Index, int] = {}
    found: dict[Index, Sources] = {}
    for index in indices:
        place = bisect(right, index)
        if not 0 < place < len(right) or index in right[place - 1 : place]:
            continue
        ends = right[place - 1], right[place]
        if all(end[:-1] == index[:-1] for end in ends):
            for end in ends:
                if end not in sums:
                    sums[end] = content_sum(target.labels, end)
            found[index] = Sources(*ends, (sums[ends[0]], sums[ends[1]]))
    return found


def _may_be_made(target: LabelsTarget, index: Index) -> bool:
    """Whether a B-scan may be interpolated: nobody has labelled it but a model."""
    if target.is_locked(index) or is_protected(target.progress, index):
        return False
    return target.state(index) is not BScanState.UNTOUCHED or not target.has_labels(index)


def _values(labels: Labels, index: Index) -> Values:
    return np.array(labels.data[index], np.uint8)


def _between(
    first: Values, second: Values, share: float, schema: LabelSchema, seen: Probabilities | None
) -> Values:
    """Return the labels of a B-scan between two others, snapped to what the model sees of it."""
    turned = -1 if schema.stack and lie_upside_down(first, schema) else 1
    costs = None
    if seen is not None and schema.stack:
        costs = boundary_costs(step_probabilities(seen[:, :, ::turned], schema))
    return between(first[::turned], second[::turned], share, schema, costs=costs)[::turned]
