"""Undo and redo of a correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError
from napari_octsam.gui.labelling.label_step import LabelStep
from napari_octsam.gui.layers.label_writing import Written, redo_write, undo_write
from napari_octsam.gui.session.undo import Place, Step

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_octsam.core.automatic import Index
    from napari_octsam.gui.labelling.label_step import LabelledBScan
    from napari_octsam.gui.labelling.labels_target import LabelsTarget

__all__ = ["CorrectionStep", "InterpolationStep", "Sources", "Wish"]


@dataclass(frozen=True, slots=True)
class Sources:
    """The two B-scans that one between them is made from.

    Parameters
    ----------
    before, after
        Which they are.
    contents
        `content_sum` of their labels.
    """

    before: Index
    after: Index
    contents: tuple[int, int]

    def share(self, index: Index) -> float:
        """Return how far a B-scan is on the way from the first to the second, 0 to 1."""
        return (index[-1] - self.before[-1]) / (self.after[-1] - self.before[-1])


@dataclass(frozen=True, slots=True)
class Wish:
    """How a person wants B-scans to be interpolated.

    Parameters
    ----------
    asked
        Label values of the classes that are; None: all.
    is_snapped
        Whether boundaries are drawn to where the model sees them.
    """

    asked: frozenset[int] | None = None
    is_snapped: bool = False


class InterpolationStep(LabelStep):
    """B-scans were made from corrected ones around them.

    Parameters
    ----------
    target
        Where the labels are.
    text
        What was done.
    wish
        How.
    """

    def __init__(self, target: LabelsTarget, text: str, wish: Wish) -> None:
        super().__init__(target, text)
        self.wish = wish
        self._sources: dict[Index, Sources] = {}

    def add_between(self, sources: Sources, bscan: LabelledBScan) -> None:
        """Add a B-scan that has just been made."""
        self._sources[bscan.change.index] = sources
        self.add(bscan)

    def sources_of(self, index: Index) -> Sources | None:
        """Return what a B-scan was made from, where that is not taken back."""
        return self._sources[index] if self.has(index) else None

    @property
    def all_sources(self) -> dict[Index, Sources]:
        """What each B-scan was made from, taken back or not."""
        return dict(self._sources)


class CorrectionStep(Step):
    """A person has changed the labels of a B-scan, or of several.

    Parameters
    ----------
    text
        What was done: "moving of INL / OPL on B-scan 3".
    place
        Where; None where it was on several.
    viewer
        Of the layer.
    written
        The pixels.
    """

    def __init__(
        self, text: str, place: Place | None, viewer: ViewerModel, written: Written
    ) -> None:
        super().__init__(text, place)
        self._viewer = viewer
        self._written = self.written = written

    def take_back(self) -> str:
        """Bring the labels of before back."""
        self._check()
        undo_write(self._written)
        return f"The {self.text()} is undone."

    def do_again(self) -> str:
        """Write the labels again."""
        self._check()
        redo_write(self._written)
        return f"The {self.text()} is redone."

    def _check(self) -> None:
        labels = self._written.labels
        if labels not in self._viewer.layers:
            raise UserError(f"The labels layer of the {self.text()} is gone.")
        if not self._written.fits:
            raise UserError(f"{labels.name} has another shape since the {self.text()}.")
