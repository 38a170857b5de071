"""All labels layers of a viewer, kept on the disk."""

from __future__ import annotations

import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_octsam.core.annotation import Annotation, ImageLink
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.folder import AnnotationFolder
from napari_octsam.data.annotations.link import pixels_hash
from napari_octsam.gui.annotations.closing import UnsavedQuestion
from napari_octsam.gui.annotations.described import described, drawn_prompts, image_link
from napari_octsam.gui.annotations.kept import KeptLabels
from napari_octsam.gui.annotations.opening import ANNOTATION, bring_image, bring_prompts
from napari_octsam.gui.layers.bscans import data_shape
from napari_octsam.gui.layers.labelled_images import OURS, labelled_images
from napari_octsam.gui.layers.layer_schema import schema_of
from napari_octsam.gui.layers.made_by_device import METADATA, eye_in
from napari_octsam.gui.session.session import session_of

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from napari_octsam.gui.session.session import Session

__all__ = ["Keeper", "keeper_of"]


class Keeper:
    """Has each labels layer of a viewer kept, and knows which of them have no place yet.

    Layers of lazy arrays, which are on a disk already, are left alone.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    session
        Its session.
    """

    changed = Signal()
    """A layer is kept or no more, its status is another, or the state of a B-scan."""
    told = Signal(str)
    """A sentence for the person."""
    opened = Signal(object)
    """The image of an annotation that was opened, with its labels and prompts."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer: Viewer = weakref.proxy(viewer)  # which the session must not keep alive
        self.session = session
        self._kept: dict[Labels, KeptLabels] = {}
        self._hashes: weakref.WeakKeyDictionary[Image, str] = weakref.WeakKeyDictionary()
        self._links: weakref.WeakKeyDictionary[Labels, ImageLink] = weakref.WeakKeyDictionary()
        self._last_links: weakref.WeakKeyDictionary[Labels, ImageLink] = weakref.WeakKeyDictionary()
        self._models: list[str] = []
        self._writer = ThreadPoolExecutor(1, "octsam-annotations")
        for layer in viewer.layers:
            self._follow(layer)
        viewer.layers.events.inserted.connect(self._on_inserted, position="last")
        viewer.layers.events.removed.connect(self._on_removed)
        session.model_changed.connect(self._on_model)
        self._on_model(session.model)

    @property
    def kept(self) -> list[KeptLabels]:
        """Each labels layer that is kept."""
        return list(self._kept.values())

    @property
    def without_place(self) -> list[KeptLabels]:
        """Those whose annotation is nowhere but in the application's folder, or not on the disk."""
        return [each for each in self.kept if not each.is_placed and each.path is not None]

    def of(self, labels: Labels | None) -> KeptLabels | None:
        """Return what keeps a labels layer."""
        return None if labels is None else self._kept.get(labels)

    def close(self) -> None:
        """Write all that has changed, and let go. Harmless when done twice."""
        events = self._viewer.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)
        self.session.model_changed.disconnect(self._on_model, missing_ok=True)
        for labels in list(self._kept):
            self._let_go(labels)
        self._writer.shutdown(wait=True)

    def _follow(self, layer: Layer) -> None:
        from napari.layers import Labels, Points, Shapes

        if isinstance(layer, Shapes | Points):
            layer.events.data.connect(self._on_prompts)
            layer.events.features.connect(self._on_prompts)
        if isinstance(layer, Labels) and layer.name not in OURS and _is_in_memory(layer):
            self._keep(layer)

    def _keep(self, labels: Labels) -> None:
        folder = self._folder_of(labels)
        kept = KeptLabels(
            self._viewer,
            labels,
            self._describe,
            self._image_of,
            self._writer,
            self.session.main,
            folder,
        )
        kept.status_changed.connect(self.changed.emit)
        self._kept[labels] = kept
        if folder is not None:
            self.session.main.call(partial(self._bring_back, labels, folder.annotation))
        self._look_at_images()
        self.changed.emit()

    def _folder_of(self, labels: Labels) -> AnnotationFolder | None:
        """Return the folder that a layer was opened from, if it was and nobody else has it."""
        path = labels.metadata.get(METADATA, {}).get(ANNOTATION)
        if path is None:
            return None
        try:
            folder = AnnotationFolder(Path(path))
        except UserError as error:
            self.told.emit(f"{error} What you change here is kept as another annotation.")
            return None
        self._links[labels] = folder.annotation.image
        return folder

    def _bring_back(self, labels: Labels, annotation: Annotation) -> None:
        """Open what belongs to labels that were opened: their image, and the prompts on it."""
        if labels not in self._kept:
            return
        if annotation.label_schema != self.session.schema:
            self.session.schema = annotation.label_schema
        try:
            image = bring_image(self._viewer, annotation)
        except UserError as error:
            self.told.emit(str(error))
            return
        companions = self.session.companions
        companions.labels.set(image, labels)
        bring_prompts(self._viewer, image, annotation, companions)
        self.opened.emit(image)

    def _describe(self, kept: KeptLabels) -> Annotation:
        labels = kept.labels
        image = self._image_of(labels)
        schema = schema_of(labels) or self.session.schema
        prompts = [] if image is None else list(drawn_prompts(self._prompts(image), image))
        link = self._link(labels, image)
        eye = eye_in(labels, image)
        return described(labels, link, schema, kept.progress, prompts, self._models, eye)

    def _link(self, labels: Labels, image: Image | None) -> ImageLink:
        if image is not None:
            self._last_links[labels] = image_link(labels, image, self._hashes.get(image, ""))
        known = self._last_links.get(labels) or self._links.get(labels)  # the image may be closed
        return known or image_link(labels, None)

    def _prompts(self, image: Image) -> list[Any]:
        return self.session.companions.prompts(image, self._viewer.layers)

    def _image_of(self, labels: Labels) -> Image | None:
        pairs = labelled_images(self._viewer.layers, self.session.companions)
        return next((pair.image for pair in pairs if pair.labels is labels), None)

    def _look_at_images(self) -> None:
        """Have the hash of the pixels made of each image that has labels."""
        for labels in self._kept:
            image = self._image_of(labels)
            if image is not None and image not in self._hashes:
                self._hashes[image] = ""  # until it is known
                data = image.data[0] if image.multiscale else image.data
                future = self._writer.submit(pixels_hash, data, data_shape(image)[:-2])
                note = partial(self._note_hash, weakref.ref(image))
                self.session.main.when_done(future, note)

    def _note_hash(self, image: weakref.ref[Image], future: Any) -> None:
        there = image()
        if there is None or future.exception() is not None:
            return
        self._hashes[there] = future.result()
        name = there.name
        for labels, link in self._links.items():
            if self._image_of(labels) is there and link.pixels not in ("", future.result()):
                self.told.emit(
                    f"{name} is not the picture that {labels.name} was labelled on: look "
                    "whether they belong together."
                )

    def _let_go(self, labels: Labels) -> None:
        try:
            self._kept[labels].close()
        except UserError as error:
            self.told.emit(f"{labels.name} is not wholly on the disk: {error}")
        del self._kept[labels]

    def _on_inserted(self, event: Any) -> None:
        self._follow(event.value)
        self._look_at_images()

    def _on_removed(self, event: Any) -> None:
        if event.value in self._kept:
            self._let_go(event.value)
            self.changed.emit()

    def _on_prompts(self, event: Any) -> None:
        for labels, kept in self._kept.items():
            image = self._image_of(labels)
            if image is not None and event.source in self._prompts(image):
                kept.touch()

    def _on_model(self, model: Any) -> None:
        if model is not None:
            self._models = [name for name in self._models if name != model.name] + [model.name]


_KEEPERS: weakref.WeakKeyDictionary[Viewer, Keeper] = weakref.WeakKeyDictionary()


def keeper_of(viewer: Viewer) -> Keeper:
    """Return what keeps the labels of a viewer, made on first use; it is closed with the session.

    Parameters
    ----------
    viewer
        A viewer, or the proxy of one that napari hands to plugins.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    session = session_of(viewer)
    keeper = _KEEPERS.get(viewer)
    if keeper is None or keeper.session is not session:
        keeper = _KEEPERS[viewer] = Keeper(viewer, session)
        session.when_closed(keeper.close)
        session.closing_questions.append(UnsavedQuestion(keeper))
    return keeper


def _is_in_memory(labels: Labels) -> bool:
    return isinstance(labels.data, np.ndarray) and not labels.multiscale
