"""The Label widget with what a model can learn from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octsam.gui.labelling.label_widget import LabelWidget
from napari_octsam.gui.learning.learn_panel import LearnPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["LabelAndLearnWidget"]


class LabelAndLearnWidget(LabelWidget):
    """Labels first, then a look where the model is unsure, then the model learns from that.

    Parameters
    ----------
    napari_viewer
        The viewer, or its proxy.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.learn = LearnPanel(self, self.volume)
        self.add_panel(self.learn)
