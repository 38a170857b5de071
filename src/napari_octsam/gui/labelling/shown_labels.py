"""The labels of the image that is shown, as a part of the plugin works on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_octsam.core.errors import UserError
from napari_octsam.gui.annotations.keeper import keeper_of
from napari_octsam.gui.layers.shown import ShownBScan
from napari_octsam.gui.session.notices import Notices

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_octsam.gui.session.session import Session
    from napari_octsam.gui.session.undo import Step

__all__ = ["ShownLabels"]


class ShownLabels:
    """Follows the image, and whatever may give it other labels; tells the person in `notices`.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    session
        Its session.
    steps
        Kinds of steps whose undo and redo it tells of.
    """

    def __init__(self, viewer: Viewer, session: Session, steps: tuple[type[Step], ...]) -> None:
        self._viewer = viewer
        self._session = session
        self._steps = steps
        self.notices = Notices()
        self.keeper = keeper_of(viewer)
        self.shown = ShownBScan(viewer)
        self._followed: list[tuple[Any, Callable[..., Any]]] = []
        for signal in (
            self.shown.image_changed,
            self.keeper.changed,
            session.companions.labels.changed,
        ):
            self._follow(signal, self.look)
        self._follow(session.schema_changed, self._on_schema)
        self._follow(session.history.stepped, self._on_step)
        self._follow(session.history.refused, self.notices.happened)

    def look(self, _of: object = None) -> None:
        """Look which labels there are now."""
        raise NotImplementedError

    def close(self) -> None:
        """Follow nothing any more."""
        for signal, slot in self._followed:
            signal.disconnect(slot, missing_ok=True)
        self.shown.close()

    def _follow(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a slot to a signal until `close`."""
        signal.connect(slot)
        self._followed.append((signal, slot))

    def _tell_of(self, action: Callable[[], object]) -> None:
        """Do something; where it cannot be done, tell why."""
        try:
            action()
        except UserError as error:
            self.notices.happened(str(error))

    def _on_schema(self, _schema: object) -> None:
        self.look()

    def _on_step(self, step: Step) -> None:
        if isinstance(step, self._steps):
            self.notices.happened(step.outcome)
