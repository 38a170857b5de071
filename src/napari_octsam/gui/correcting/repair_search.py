"""B-scans are looked through for what is odd, one after the other, on a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.bscan_writing import content_sum
from napari_octsam.topology.repairs import Finding, find

if TYPE_CHECKING:
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan
    from napari_octsam.gui.session.session import Session

__all__ = ["Found", "RepairSearch"]

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What is odd about one B-scan.

    Parameters
    ----------
    content
        `content_sum` of its labels then.
    """

    bscan: EditedBScan
    findings: tuple[Finding, ...]
    content: int

    @property
    def is_current(self) -> bool:
        """Whether the labels are still those that were looked at."""
        return content_sum(self.bscan.labels, self.bscan.index) == self.content


class RepairSearch:
    """Looks at the B-scans that it is asked for; the last question wins.

    Parameters
    ----------
    session
        Of the viewer.
    bscan_at
        Gives a B-scan by its index; UserError where there is none to look at.
    """

    found = Signal(object)
    """`Found` on a B-scan, which may be nothing odd."""
    failed = Signal(str)
    """Why nothing was found: a sentence."""

    def __init__(self, session: Session, bscan_at: Callable[[Index], EditedBScan]) -> None:
        self._session = session
        self._bscan_at = bscan_at
        self._waiting: deque[Index] = deque()
        self._question = 0

    @property
    def left(self) -> int:
        """How many B-scans are still to be looked at."""
        return len(self._waiting)

    def ask(self, indices: Iterable[Index]) -> None:
        """Look at B-scans, in place of what was asked before."""
        self._question += 1
        self._waiting = deque(indices)
        self._go_on(self._question)

    def stop(self) -> None:
        """Look at nothing more."""
        self._question += 1
        self._waiting.clear()

    def _go_on(self, question: int) -> None:
        if question != self._question or not self._waiting:
            return
        try:
            bscan = self._bscan_at(self._waiting.popleft())
        except UserError as error:
            self._waiting.clear()
            self.failed.emit(str(error))
            return
        content = content_sum(bscan.labels, bscan.index)
        take, fail = partial(self._take, question, bscan, content), partial(self._fail, question)
        self._session.read(partial(find, bscan.values, bscan.schema), take, fail)

    def _take(
        self, question: int, bscan: EditedBScan, content: int, findings: list[Finding]
    ) -> None:
        if question == self._question:
            self.found.emit(Found(bscan, tuple(findings), content))
            self._go_on(question)

    def _fail(self, question: int, sentence: str) -> None:
        if question == self._question:
            self._waiting.clear()
            self.failed.emit(sentence)
