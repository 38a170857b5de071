"""The base of widgets that work on one image of the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_octsam.gui.session.keys import Key, Keys, taken_keys
from napari_octsam.gui.session.session_widget import SessionWidget
from napari_octsam.gui.widgets.layer_combo import LayerCombo

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_octsam.gui.layers.shown import ShownBScan
    from napari_octsam.gui.session.notices import Notices

__all__ = ["ImageWidget"]


class ImageWidget(SessionWidget):
    """A widget with a choice of its image, which is that of all widgets, and with keys.

    `image` is the choice, to be laid out.
    """

    image: LayerCombo

    def work_on(self, shown: ShownBScan, notices: Notices, *, hint: str, without: str) -> None:
        """Follow an image; `take_first_image` begins with one.

        Parameters
        ----------
        shown
            Follows the image.
        notices
            Tells the person.
        hint
            What the image is for, of the choice's tool tip.
        without
            The sentence for where there is no image.
        """
        self._shown, self._notices, self._without = shown, notices, without
        self.share_image(shown)
        self.image = LayerCombo(self.viewer, _is_image, "choose an image", hint)
        self.image.chosen.connect(self._choose_image)
        self.when_released(self.image.release)
        self._keys = Keys(self.viewer)
        self.when_released(self._keys.release)
        self.listen(shown.image_changed, self._show_image)
        self.listen(self.session.told, notices.happened)
        inserted = self.viewer.layers.events.inserted
        inserted.connect(self._on_inserted)
        self.when_released(lambda: inserted.disconnect(self._on_inserted))

    def take_first_image(self) -> None:
        """Work on the image that is selected, or the topmost one, where none is worked on."""
        self._shown.take_first()
        self._show_image()

    def bind_keys(self, keys: Sequence[Key]) -> None:
        """Bind keys, and tell which are taken."""
        taken = self._keys.bind(keys)
        if taken:
            self._notices.happened(taken_keys(taken))

    def _choose_image(self, image: Image | None) -> None:
        self._shown.image = image

    def _show_image(self) -> None:
        self.image.choose(self._shown.image)
        if self._shown.image is None:
            self._notices.happened(self._without)

    def _on_inserted(self, _event: Any) -> None:
        if self._shown.image is None:
            self.take_first_image()


def _is_image(layer: Layer) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image)
