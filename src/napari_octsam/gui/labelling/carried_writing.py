"""What was carried on is written, B-scan by B-scan, as one step that can be undone."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_octsam.core.annotation import BScanState, Progress, SetBy
from napari_octsam.core.automatic import Left, Present, why_left
from napari_octsam.core.errors import UserError
from napari_octsam.core.masks import Overlap, merge
from napari_octsam.core.wording import counted, listed
from napari_octsam.gui.labelling.label_step import LabelledBScan, LabelStep
from napari_octsam.gui.layers.bscan_writing import write_bscan

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_octsam.core.automatic import Index
    from napari_octsam.gui.labelling.carrying_on import Run
    from napari_octsam.gui.labelling.labels_target import LabelsTarget
    from napari_octsam.gui.session.session import Session

__all__ = ["CarriedWriting", "why_closed"]


def why_closed(target: LabelsTarget, index: Index) -> Left | None:
    """Return why nothing automatic may be written into a B-scan now; None where it may."""
    return why_left(
        target.state(index),
        Present.REPLACE,
        has_labels=target.has_labels(index),
        is_locked=target.is_locked(index),
    )


class CarriedWriting:
    """Writes one B-scan after the other, with the person's events in between.

    What may be written is asked when it is written.

    Parameters
    ----------
    session
        Of the viewer.
    target
        Where the labels go.
    run
        What was found.
    name
        Of the objects, for the undo button.
    ended
        Called with a sentence on what came of it, and whether all of it was done.

    Raises
    ------
    UserError
        The labels cannot be written to.
    """

    def __init__(
        self,
        session: Session,
        target: LabelsTarget,
        run: Run,
        name: str,
        ended: Callable[[str, bool], object],
    ) -> None:
        target.check()
        self._session = session
        self._target = target
        self._run = run
        self._ended = ended
        self._left: Counter[Left] = Counter()
        self._written = 0
        self._waiting = deque(run.order)
        self._by = SetBy(kind="model", model=run.model)
        self._step = LabelStep(target, f"carrying on of {name}")

    def start(self) -> None:
        """Begin, with the first B-scan."""
        self._target.labels.visible = True  # what is written out of sight looks lost
        self._go_on()

    def _go_on(self) -> None:
        try:
            self._target.check()
        except UserError as error:
            self._ended(f"{error} {self._told()}", False)
            return
        is_undone = self._written and self._step not in self._session.history.done
        if is_undone or not self._waiting:
            self._ended(self._told(), True)
            return
        self._write(self._waiting.popleft())
        self._session.main.call(self._go_on)

    def _write(self, index: Index) -> None:
        target, labels = self._target, self._target.labels
        left = why_closed(target, index)
        if left is not None:
            self._left[left] += 1
            return
        carried = self._run.found[index]
        overlap = Overlap.KEEP if labels.preserve_labels else Overlap.REPLACE
        painted = _painted(labels.data[index], carried.labels(), overlap, target.locks.classes)
        change = write_bscan(labels, index, painted)
        after = Progress(state=BScanState.AUTOMATIC, by=self._by)
        if not self._written:
            self._session.history.push(self._step)
        self._step.add(LabelledBScan(change, target.progress.get(index), after))
        self._written += 1
        target.note({index: after})

    def _told(self) -> str:
        """Return what has come of it."""
        name = self._target.labels.name
        done = f"Carried on into {counted(self._written, 'B-scan')} of {name}."
        if not self._left:
            return done
        parts = [f"{number} {why}" for why, number in self._left.most_common()]
        return f"{done} Left: {listed(parts, 'and')}."


def _painted(
    current: npt.NDArray[np.integer],
    predicted: npt.NDArray[np.uint8],
    overlap: Overlap,
    locked: Collection[int],
) -> npt.NDArray[np.integer]:
    """Return the labels with what was found painted over them; of locked classes none changes."""
    changes = merge(current, predicted, overlap)
    if locked:
        values = list(locked)
        changes &= ~(np.isin(current, values) | np.isin(predicted, values))
    anew: npt.NDArray[np.integer] = np.where(changes, predicted, current).astype(current.dtype)
    return anew
