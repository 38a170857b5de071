"""Keys of the plugin in a viewer, which never take one from napari or another plugin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app_model.types import KeyBinding

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["Key", "Keys", "calling", "taken_keys"]


@dataclass(frozen=True, slots=True)
class Key:
    """A key and what it does.

    Parameters
    ----------
    binding
        As napari spells it: "Q", "Shift-Enter".
    does
        A few words for the sheet.
    action
        Called when the key is pressed on the canvas.
    """

    binding: str
    does: str
    action: Callable[[], object]


class Keys:
    """Binds keys in a viewer, but never one that is napari's or another plugin's."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._bound: list[str] = []

    def bind(self, keys: Sequence[Key]) -> list[Key]:
        """Bind keys in place of those bound before; return the ones that are taken."""
        self.release()
        taken = []
        for key in keys:
            if _is_taken(key.binding, self._viewer):
                taken.append(key)
            else:
                self._viewer.bind_key(key.binding, calling(key.action))
                self._bound.append(key.binding)
        return taken

    def release(self) -> None:
        """Bind none."""
        for binding in self._bound:
            self._viewer.bind_key(binding, None)
        self._bound.clear()


def calling(action: Callable[[], object]) -> Callable[[Any], None]:
    """Return what napari calls for a key that does something, whatever it was pressed on."""

    def on_key(_pressed_on: Any) -> None:
        action()

    return on_key


def taken_keys(taken: Sequence[Key]) -> str:
    """Return the sentence on keys that could not be bound."""
    names = ", ".join(key.binding for key in taken)
    return f"napari or another plugin has these keys: {names}."


def _is_taken(binding: str, viewer: Viewer) -> bool:
    from napari.settings import get_settings

    try:
        wanted = KeyBinding.from_str(binding)
    except ValueError:
        return True
    own = get_settings().shortcuts.shortcuts.values()
    return wanted in viewer.keymap or any(wanted in bindings for bindings in own)
