"""Which mask of the object at hand, from which probability, over which labels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_octsam.core.decoded import CANDIDATES
from napari_octsam.core.masks import Overlap
from napari_octsam.core.trust import Trust, trust_in
from napari_octsam.gui.prompting.predicted import AUTOMATIC
from napari_octsam.gui.widgets.class_menu import ClassMenu
from napari_octsam.gui.widgets.vertical_scroll import reveal

if TYPE_CHECKING:
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.decoded import DecodedObject
    from napari_octsam.gui.prompting.collect import PlacedPrompt
    from napari_octsam.gui.prompting.prompter import Prompter
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["MaskPanel"]

_OVERLAPS = {
    Overlap.KEEP: "Keep what is labelled",
    Overlap.REPLACE: "Replace",
    Overlap.REPLACE_CLASSES: "Replace only these classes",
}


class _TrustLabel(QLabel):
    """The word for a mask's score, as wide as the widest: nothing beside it jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.show_score(None)

    def show_score(self, score: float | None) -> None:
        """Say how far a mask of this predicted IoU can be trusted; nothing where there is none."""
        self.setText("" if score is None else trust_in(score))
        expected = "none yet" if score is None else f"{min(score, 1):.2f}"
        self.setToolTip(
            f"How far the model trusts this mask: {', '.join(Trust)}\n"
            f"Overlap (IoU) with the true mask that it expects, 0 to 1: {expected}"
        )

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return room for the widest word."""
        words = [self.text(), *Trust]
        shown, *others = (self.fontMetrics().size(0, word).width() for word in words)
        hint = super().sizeHint()
        return QSize(hint.width() - shown + max(others), hint.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the same: no word is ever cut."""
        return self.sizeHint()


class MaskPanel(QWidget):
    """Candidate, threshold and overlap policy."""

    def __init__(self, owner: SessionWidget, prompter: Prompter) -> None:
        super().__init__(owner)
        self._prompter = prompter
        self.candidates = [QPushButton(_name_of(i)) for i in range(CANDIDATES)]
        self.trust = _TrustLabel()
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self._threshold_text = QLabel()
        self.overlap = QComboBox()
        self.classes = ClassMenu(owner.session.schema)
        self._lay_out()
        self._connect(owner)
        self._on_threshold(self.threshold.value())
        self.refresh()

    def refresh(self) -> None:
        """Show the candidate of the object at hand, and its predicted quality."""
        here = self._prompter.at_hand()
        for i, button in enumerate(self.candidates):
            button.setEnabled(here is not None and i < len(here[1].candidates))
            button.setChecked(here is not None and here[0].candidate == i)
        self.trust.show_score(None if here is None else _score_of(*here))

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(2)
        for button in self.candidates:
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet("padding: 3px 2px;")
            row.addWidget(button, 1)
            button.setToolTip(f"Candidate mask {button.text()} of the object (W shows the next)")
        self.candidates[AUTOMATIC].setToolTip("The model's own choice (W shows the next)")
        row.addWidget(self.trust)
        self.threshold.setRange(5, 95)
        self.threshold.setValue(50)
        self.threshold.setToolTip("Probability above which a pixel belongs to the object")
        slider = QHBoxLayout()
        slider.addWidget(self.threshold, 1)
        slider.addWidget(self._threshold_text)
        for overlap, text in _OVERLAPS.items():
            self.overlap.addItem(text, overlap)
        self.overlap.setMinimumContentsLength(10)
        self.overlap.setToolTip("What a commit does to pixels that have a class already")
        self.classes.hide()
        policy = QVBoxLayout()
        policy.setSpacing(2)
        policy.addWidget(self.overlap)
        policy.addWidget(self.classes)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.addRow("Mask", row)
        form.addRow("Threshold", slider)
        form.addRow("Overlap", policy)

    def _connect(self, owner: SessionWidget) -> None:
        for i, button in enumerate(self.candidates):
            button.clicked.connect(partial(self._choose_candidate, i))
        self.threshold.valueChanged.connect(self._on_threshold)
        self.overlap.currentIndexChanged.connect(self._on_overlap)
        self.classes.ticked.connect(self._on_classes)
        owner.listen(self._prompter.predicted_changed, self.refresh)
        owner.listen(self._prompter.drawing.tool_changed, self.refresh)
        owner.listen(owner.session.schema_changed, self._change_schema)

    def _choose_candidate(self, candidate: int) -> None:
        self._prompter.choose_candidate(candidate)
        self.refresh()

    def _on_threshold(self, percent: int) -> None:
        self._threshold_text.setText(f"{percent / 100:.2f}")
        self._prompter.threshold = percent / 100

    def _on_overlap(self, _index: int) -> None:
        overlap = Overlap(self.overlap.currentData())  # PySide6 gives a plain str back
        self._prompter.committer.overlap = overlap
        self.classes.setVisible(overlap is Overlap.REPLACE_CLASSES)
        if overlap is Overlap.REPLACE_CLASSES:
            reveal(self.classes)

    def _on_classes(self, values: Any) -> None:
        self._prompter.committer.replaceable = values

    def _change_schema(self, schema: LabelSchema) -> None:
        self.classes.set_schema(schema)
        self._prompter.committer.replaceable = frozenset()


def _score_of(placed: PlacedPrompt, decoded: DecodedObject) -> float:
    return decoded.scores[decoded.index(placed.candidate)]


def _name_of(candidate: int) -> str:
    return "Auto" if candidate == AUTOMATIC else str(candidate)
