"""How a training goes, as curves: each part of the loss, and Dice and Betti error by class."""

from __future__ import annotations

from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTabWidget

from napari_octsam.training.events import EpochDone, StepDone

if TYPE_CHECKING:
    from napari_octsam.gui.learning.growing_plot import GrowingPlot
    from napari_octsam.gui.session.training_history import TrainingHistory

__all__ = ["Curves"]

_LOSSES = {"candidates": "candidate masks", "iou": "IoU estimate"}
_PARTS = ("#4c9be8", "#e8a33d", "#3fb950", "#d773d0", "#e5534b", "#39c5cf", "#8b949e", "#b08800")
_HINTS = {
    "Loss": "What each step brings down; the training B-scans differ. Epochs whose steps are not "
    "at hand any more are one point: their mean. Dashed: on the validation B-scans, where prompts "
    "and B-scans stay the same",
    "Dice": "Overlap with the labels, on the validation B-scans: 1 is all",
    "Betti error": "Pieces and holes too many or too few, on the validation B-scans: 0 is best",
}


class Curves(QTabWidget):
    """Three plots, made when a training begins: pyqtgraph takes its time to import."""

    loss: GrowingPlot
    dice: GrowingPlot
    betti: GrowingPlot

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._names: dict[int, tuple[str, str]] = {}
        self._colors: dict[str, str] = {}
        self._at = 0
        self._theme = ("", "")

    def prepare(self) -> None:
        """Import what plots need beside the event loop, which it would hold up."""
        Thread(target=import_module, args=("pyqtgraph",), daemon=True).start()

    @property
    def _plots(self) -> list[GrowingPlot]:
        return [self.loss, self.dice, self.betti] if self.count() else []

    def _make_plots(self) -> None:
        from napari_octsam.gui.learning.growing_plot import GrowingPlot

        self.loss, self.dice, self.betti = (GrowingPlot(u) for u in ("step", "epoch", "epoch"))
        plots = (self.loss, self.dice, self.betti)
        for plot, (title, hint) in zip(plots, _HINTS.items(), strict=True):
            self.setTabToolTip(self.addTab(plot, title), hint)
            plot.paint_like(*self._theme)

    def begin(self, history: TrainingHistory) -> None:
        """Forget what was shown, and show what a run that has begun has told so far."""
        assert history.begun is not None
        self._names = {c.value: (c.short, c.color[:7]) for c in history.begun.schema.classes}
        self._at = 0
        if not self.count():
            self._make_plots()
        for plot in self._plots:
            plot.clear()
        at_hand = {step.epoch for step in history.steps}
        for epoch in history.epochs:
            if epoch.epoch not in at_hand:
                self._add_losses((epoch.epoch - 0.5) * history.begun.steps, epoch.losses)
            self._add_metrics(epoch)
            self._add_validation(epoch.epoch * history.begun.steps, epoch)
        for step in history.steps:
            self.add_step(step)

    def add_step(self, step: StepDone) -> None:
        """Go on with the parts of the loss."""
        self._at = (step.epoch - 1) * step.steps + step.step
        self._add_losses(self._at, step.losses)

    def _add_losses(self, at: float, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self.loss.add(_LOSSES.get(name, name), self._color_of(name), at, value)

    def _color_of(self, part: str) -> str:
        """Return the colour of a part of the loss, in training and validation alike."""
        return self._colors.setdefault(part, _PARTS[len(self._colors) % len(_PARTS)])

    def add_epoch(self, epoch: EpochDone) -> None:
        """Go on with the metrics of the classes and the loss on the validation B-scans."""
        self._add_metrics(epoch)
        self._add_validation(self._at, epoch)

    def _add_validation(self, at: float, epoch: EpochDone) -> None:
        for name, value in epoch.validation.items():
            label = f"{_LOSSES.get(name, name)}, validation"
            self.loss.add(label, self._color_of(name), at, value, dashed=True)

    def _add_metrics(self, epoch: EpochDone) -> None:
        for value, metrics in epoch.classes.items():
            name, color = self._names.get(value, (str(value), "#8b949e"))
            self.dice.add(name, color, epoch.epoch, metrics.dice)
            self.betti.add(name, color, epoch.epoch, metrics.betti_error)

    def paint_like(self, background: str, foreground: str) -> None:
        """Take on the colours of napari's theme."""
        self._theme = (background, foreground)
        for plot in self._plots:
            plot.paint_like(background, foreground)
