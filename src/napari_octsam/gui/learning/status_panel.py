"""How a training stands: what it does, how far it is, how long it takes still, and its buttons."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_octsam.core.wording import duration
from napari_octsam.gui.session.training import Training
from napari_octsam.gui.widgets.wrapped_label import WrappedLabel

__all__ = ["StatusPanel"]


class StatusPanel(QWidget):
    """A line, a bar, and Pause, Resume and Stop; hidden while nothing is trained."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self._training = training
        self.text = WrappedLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.pause = QPushButton("Pause")
        self.stop = QPushButton("Stop")
        self.pause.setToolTip("Wait, with all saved")
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        for button in (self.pause, self.stop):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet("padding: 5px;")
            buttons.addWidget(button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.text)
        column.addWidget(self.bar)
        column.addLayout(buttons)
        self.pause.clicked.connect(self._pause_or_go_on)
        self.stop.clicked.connect(training.stop)
        self.refresh()

    def refresh(self) -> None:
        """Show how the training stands now."""
        training = self._training
        self.setVisible(training.is_on)
        done, total = training.progress
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        left = training.seconds_left
        told = (
            f" · {duration(left)} left" if left is not None and training.state == "running" else ""
        )
        self.text.setText(f"{training.doing}{told}")
        waits = training.state in ("pausing", "paused")
        self.pause.setText("Resume" if waits else "Pause")
        self.pause.setEnabled(training.can_pause)
        stopping = training.state == "stopping"
        self.stop.setText("Stop at once" if stopping else "Stop")
        self.stop.setToolTip(
            "End the process now; the run goes on from its last saved state"
            if stopping
            else "End; the best model and the state are kept"
        )

    def paint_like(self, accent: str) -> None:
        """Take on the accent of napari's theme."""
        self.bar.setStyleSheet(f"QProgressBar::chunk {{ background-color: {accent}; }}")

    def _pause_or_go_on(self) -> None:
        if self._training.state == "running":
            self._training.pause()
        else:
            self._training.go_on()
