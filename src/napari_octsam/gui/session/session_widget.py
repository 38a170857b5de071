"""The base of the plugin's widgets: they share the viewer's session and let go of it in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import SignalInstance
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_octsam.gui.session.closing import ask_before_closing
from napari_octsam.gui.session.docking import fits_canvas, share_dock
from napari_octsam.gui.session.session import session_of
from napari_octsam.gui.widgets.panel_inputs import PanelInputs

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer
    from qtpy.QtGui import QShowEvent

    from napari_octsam.gui.layers.shown import ShownBScan

__all__ = ["SessionWidget"]

_LAYOUT_TIME = 150  # milliseconds


class SessionWidget(QWidget):
    """A widget of a viewer's session.

    It uses no keys itself, so that with the keyboard here, too, they go by its dock to the canvas.
    Taken out of its dock, or destroyed with the window, it runs what `when_released` was given.
    The session itself ends with the window. Opened, it is a tab beside the widgets that are open
    already, and the view is fitted anew where it was before.

    Parameters
    ----------
    viewer
        A viewer, or the proxy of one that napari hands to plugins.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer: Viewer = getattr(viewer, "__wrapped__", viewer)
        self.session = session_of(viewer)
        self._releases: list[Callable[[], object]] = []
        self._was_docked = False
        self._has_window = False
        self._fitted = fits_canvas(self.viewer)  # a dock shrinks the canvas before it is shown
        self._inputs = PanelInputs(self)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.destroyed.connect(partial(_run_all, self._releases))

    def listen(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        """Connect a slot to a signal until the widget is released."""
        signal.connect(slot)
        self.when_released(partial(signal.disconnect, slot, missing_ok=True))

    def when_released(self, function: Callable[[], object]) -> None:
        """Have `function` called when the widget is closed."""
        self._releases.append(function)

    def share_image(self, shown: ShownBScan) -> None:
        """Have the image that is followed be that of all widgets of the session."""

        def tell() -> None:
            self.session.image = shown.image

        def hear(image: Image | None) -> None:
            shown.image = image

        def forget() -> None:
            if not len(self.session.image_changed):  # no other widget is open
                self.session.image = None

        if self.session.image in self.viewer.layers:
            shown.image = self.session.image
        self.when_released(forget)
        self.listen(shown.image_changed, tell)
        self.listen(self.session.image_changed, hear)

    def event(self, event: QEvent | None) -> bool:
        """Notice when napari takes the widget out of its dock: that is how it closes one."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            docked = self.parent() is not None
            if self._was_docked and not docked:
                _run_all(self._releases)
                self.leave_viewer()
            self._was_docked = docked
        return bool(super().event(event))

    def leave_viewer(self) -> None:
        """Take back what was added to a viewer that goes on without the widget."""

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Tie the session to the window once there is one."""
        super().showEvent(event)
        self._inputs.guard()
        window, session = self.window(), self.session
        if not self._has_window and isinstance(window, QMainWindow):
            self._has_window = True
            window.destroyed.connect(lambda: session.close())
            ask_before_closing(window, session.closing_questions)
            QTimer.singleShot(0, self._share_dock)
            if self._fitted:
                QTimer.singleShot(_LAYOUT_TIME, self._fit_view)

    def _share_dock(self) -> None:
        window = self.window()
        if window is not None:
            share_dock(self, window.findChildren(SessionWidget))

    def _fit_view(self) -> None:
        self.viewer.fit_to_view()


def _run_all(functions: list[Callable[[], object]]) -> None:
    while functions:
        functions.pop()()
