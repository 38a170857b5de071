"""The engine's state: a coloured dot, a word, a thin bar, and a way to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_octsam.engine.predict.messages import LoadedModel, Progress
from napari_octsam.gui.widgets.seldom import seldom

if TYPE_CHECKING:
    from napari_octsam.gui.session.session import Session
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["StateBadge"]

_GREY, _BLUE, _GREEN, _RED = "#8b949e", "#4c9be8", "#3fb950", "#e5534b"

_COLORS = {"stopped": _GREY, "idle": _GREEN, "died": _RED}
_WORDS = {
    "stopped": "Engine not started",
    "starting": "Starting the engine",
    "loading": "Loading",
    "checking": "Checking the precision of",
    "encoding": "Encoding",
    "decoding": "Predicting",
    "labelling": "Labelling",
    "downloading": "Downloading",
    "died": "Engine stopped; it restarts when needed",
}
_LONG = ("starting", "loading", "downloading")  # the bar moves meanwhile, which draws it on and on
_BUSY = ("starting", "loading", "checking", "encoding", "decoding", "labelling", "downloading")


class StateBadge(QWidget):
    """Shows what the engine of a session does, at all times.

    Parameters
    ----------
    owner
        The widget that it is part of, which knows the session.
    """

    def __init__(self, owner: SessionWidget) -> None:
        super().__init__(owner)
        self._session: Session = owner.session
        self._progress: Progress | None = None
        self._dot = QLabel("●")
        self._text = QElidingLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setElideMode(Qt.TextElideMode.ElideMiddle)  # keeps a B-scan's number
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.cancel_button.setToolTip("Stop what the engine does")
        self.cancel_button.clicked.connect(self._session.cancel)
        self._lay_out()
        self._color = ""
        self._show_soon = seldom(self._show, self)
        owner.listen(self._session.state_changed, self._on_state)
        owner.listen(self._session.progressed, self._on_progress)
        owner.listen(self._session.model_changed, self._on_model)
        self._show()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return a width that does not follow the text's."""
        return QSize(240, super().sizeHint().height())

    @property
    def text(self) -> str:
        """What is shown."""
        return str(self._text.text())

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self._dot)
        row.addWidget(self._text, 1)
        row.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(row)
        column.addWidget(self.bar)
        # nothing jumps when the button and the bar come and go
        self._text.setMinimumHeight(self.cancel_button.sizeHint().height())
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)

    def _on_state(self, state: str) -> None:
        if self._progress is not None and self._progress.stage != state:
            self._progress = None
        self._show_soon()

    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress
        self._show_soon()

    def _on_model(self, _model: LoadedModel) -> None:
        self._show()

    def _show(self) -> None:
        state, progress = self._session.state, self._progress
        busy = state in _BUSY
        color = _COLORS.get(state, _BLUE)
        if color != self._color:  # Qt does not look whether it is another
            self._color = color
            self._dot.setStyleSheet(f"color: {color};")
        text = self._ready_text() if state == "idle" else self._busy_text(state)
        self._text.setText(text)
        self._text.setToolTip(text)
        self.cancel_button.setVisible(busy and state != "starting")
        self.bar.setVisible(busy)
        total = progress.total if progress is not None and busy else 0
        self.bar.setRange(0, 0 if state in _LONG and not total else 1000)
        self.bar.setValue(round(1000 * progress.done / total) if progress and total else 0)

    def _busy_text(self, state: str) -> str:
        text = _WORDS.get(state, state)
        progress = self._progress
        if progress is None or progress.stage != state or not progress.subject:
            return text
        return f"{text} {progress.subject}"

    def _ready_text(self) -> str:
        model = self._session.model
        if model is None:
            return "Ready; no model is loaded"
        return f"Ready: {model.name} on {model.device}"
