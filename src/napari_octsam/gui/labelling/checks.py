"""What the topology of B-scans' labels says, found by a thread."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_octsam.core.boundaries import Boundaries, boundaries_of
from napari_octsam.core.wording import counted
from napari_octsam.topology.report import ClassTopology, describe_bscan

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_octsam.core.automatic import Index
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.widgets.main_thread import MainThread

__all__ = ["Checked", "Checks", "check_bscan"]


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What was found on a B-scan.

    Parameters
    ----------
    findings
        A few words each.
    boundaries
        Of its layers; (0, W) where the schema has none.
    """

    findings: tuple[str, ...]
    boundaries: Boundaries


class Checks:
    """Looks at B-scans one after the other.

    Parameters
    ----------
    main
        Brings what is found back.
    """

    found = Signal(object, object, object)
    """A labels layer, the index of a B-scan, and what is `Checked`."""

    def __init__(self, main: MainThread) -> None:
        self._main = main
        self._thread = ThreadPoolExecutor(1, "octsam-checks")
        self._asked: dict[tuple[int, Index], Future[Checked]] = {}

    def ask(self, labels: Labels, index: Index, schema: LabelSchema) -> None:
        """Have a B-scan looked at, as it is by then."""
        key = id(labels), index
        before = self._asked.get(key)
        if before is not None and before.cancel():
            del self._asked[key]
        future = self._thread.submit(_check, labels.data, index, schema)
        self._asked[key] = future
        self._main.when_done(future, partial(self._tell, labels, index))

    def forget(self) -> None:
        """Look at nothing more that was asked."""
        for future in self._asked.values():
            future.cancel()
        self._asked.clear()

    def close(self) -> None:
        """Stop for good."""
        self.forget()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _tell(self, labels: Labels, index: Index, future: Future[Checked]) -> None:
        if self._asked.get((id(labels), index)) is not future:
            return
        del self._asked[id(labels), index]
        if future.exception() is None:  # else the layer has changed under the thread
            self.found.emit(labels, index, future.result())


def check_bscan(labels: npt.NDArray[np.integer], schema: LabelSchema) -> Checked:
    """Look at the (H, W) labels of a B-scan."""
    findings = tuple(
        sentence for each in describe_bscan(labels, schema) for sentence in _odd(each, schema)
    )
    if schema.stack:
        return Checked(findings, boundaries_of(labels.astype(np.uint8), schema))
    return Checked(findings, np.empty((0, labels.shape[1]), np.float32))


def _check(data: npt.NDArray[np.integer], index: Index, schema: LabelSchema) -> Checked:
    return check_bscan(np.array(data[index]), schema)


def _odd(found: ClassTopology, schema: LabelSchema) -> Iterator[str]:
    """Yield what is not as the schema expects of a class."""
    name = schema[found.values[0]].short if len(found.values) == 1 else found.name
    pieces, holes = found.betti
    if found.components is not None and pieces > found.components:
        yield f"{name} in {pieces} pieces"
    if found.components is not None and pieces < found.components:
        yield f"no {name}"
    if found.holes is not None and holes > found.holes:
        yield f"{counted(holes, 'hole')} in {name}"
