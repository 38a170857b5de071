"""The layers that prompts are drawn on, and the class and sign of the next prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_octsam.gui.layers.new_layers import same_selection
from napari_octsam.gui.layers.prompt_layers import (
    adopt,
    class_of_next,
    fit_features,
    is_next_named,
    missing_features,
    new_points_layer,
    new_shapes_layer,
    restyle,
    set_feature,
    set_next,
    sign_of_next,
)
from napari_octsam.gui.widgets.main_thread import MainThread

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points, Shapes

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.layers.companions import Companions
    from napari_octsam.gui.layers.prompt_layers import PromptLayer
    from napari_octsam.gui.prompting.collect import PlacedPrompt

__all__ = ["Drawing", "Tool"]

_DONE = ("added", "removed", "changed")
_LEAST_DRAG = 3.0  # pixels of the canvas: napari gives a click a rectangle of 2.5
_NO_DRAG = "Drag to draw a box, or use Point for a click."


class Tool(StrEnum):
    """What the mouse does; the values are the names of napari's modes."""

    BOX = "add_rectangle"
    POLYGON = "add_polygon"
    SCRIBBLE = "add_path"
    POINT = "add"
    SELECT = "select"


class Drawing:
    """A shapes and a points layer with the prompts of an image; made when first drawn on.

    Parameters
    ----------
    viewer
        Where the layers are.
    schema
        Classes that prompts can have.
    companions
        Remembers which layers are those of which image.
    """

    edited = Signal()
    """A prompt was added, moved, removed, or given another class or sign."""
    next_changed = Signal()
    """The class or the sign of the next prompt."""
    layers_changed = Signal()
    """Another shapes or points layer is drawn on."""
    tool_changed = Signal()
    """`tool`, or which prompts are selected for editing, may be another."""
    refused = Signal(str)
    """Why what was drawn is no prompt, and gone."""

    def __init__(self, viewer: ViewerModel, schema: LabelSchema, companions: Companions) -> None:
        self._viewer = viewer
        self._schema = schema
        self._companions = companions
        self._image: Image | None = None
        self._is_untold = False
        self._last_drawn_on: PromptLayer | None = None
        self._main = MainThread()
        self.shapes: Shapes | None = None
        self.points: Points | None = None
        self.class_value = schema.foreground[0].value
        self.is_class_chosen = False
        self.sign = "+"
        viewer.layers.events.removed.connect(self._forget)
        viewer.layers.selection.events.active.connect(self._on_tool)

    @property
    def image(self) -> Image | None:
        """The image that is drawn on."""
        return self._image

    @property
    def layers(self) -> list[PromptLayer]:
        """The layers that there are."""
        return [layer for layer in (self.shapes, self.points) if layer is not None]

    @property
    def layers_elsewhere(self) -> dict[Image, list[PromptLayer]]:
        """The layers of the other images of the viewer."""
        from napari.layers import Image

        layers = self._viewer.layers
        others = [x for x in layers if isinstance(x, Image) and x is not self._image]
        return {image: self._companions.prompts(image, layers) for image in others}

    @property
    def all_layers(self) -> list[PromptLayer]:
        """The layers of all images."""
        return [*self.layers, *chain(*self.layers_elsewhere.values())]

    @property
    def schema(self) -> LabelSchema:
        """Classes that prompts can have."""
        return self._schema

    @schema.setter
    def schema(self, schema: LabelSchema) -> None:
        self._schema = schema
        self.class_value = schema.foreground[0].value
        self.is_class_chosen = False
        self._apply_next()

    def follow(self, image: Image | None) -> None:
        """Draw on another image; the prompts of the last are hidden until it is back."""
        if self._image is not None and self._image is not image:
            self._set_aside()
        self._image = image
        if image is not None:
            among = self._viewer.layers
            self.use_shapes(self._companions.shapes.get(image, among) or self.shapes)
            self.use_points(self._companions.points.get(image, among) or self.points)
        for layer in chain(*self.layers_elsewhere.values()):
            layer.visible = False

    def start(self, tool: Tool, image: Image) -> None:
        """Select the layer that a tool draws on, made where there is none, in the tool's mode."""
        layer: PromptLayer
        if tool is Tool.SELECT:
            layer = self._layer_to_select_on()
        else:
            layer = self.layer_on(image, for_points=tool is Tool.POINT)
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = str(tool)
        drawn = self.last_drawn()
        if tool is Tool.SELECT and drawn:
            layer.selected_data = {drawn[1]}

    def layer_on(self, image: Image, *, for_points: bool) -> PromptLayer:
        """Return the layer of points, or of shapes, made where there is none."""
        if for_points:
            return self.points or self._add_points(image)
        return self.shapes or self._add_shapes(image)

    def select_on(self, layer: PromptLayer) -> None:
        """Go on selecting on another of the layers."""
        for other in self.layers:
            if other is not layer:
                other.selected_data = set()
        self._viewer.layers.selection.active = layer
        layer.mode = str(Tool.SELECT)

    def stop(self) -> None:
        """Leave the tool: the mouse moves the view again."""
        for layer in self.layers:
            layer.mode = "pan_zoom"

    @property
    def tool(self) -> Tool | None:
        """The tool that the mouse draws with now."""
        layer = self._viewer.layers.selection.active
        mode = str(layer.mode) if layer in self.layers else ""
        return Tool(mode) if mode in set(Tool) else None

    def use_shapes(self, layer: Shapes | None) -> None:
        """Draw on a shapes layer of the person's; None makes a new one when it is needed."""
        if self._image is not None:
            self._companions.shapes.give(self._image, layer)
        last, self.shapes = self.shapes, layer
        self._change(last, layer)

    def use_points(self, layer: Points | None) -> None:
        """Draw on a points layer of the person's; None makes a new one when it is needed."""
        if self._image is not None:
            self._companions.points.give(self._image, layer)
        last, self.points = self.points, layer
        self._change(last, layer)

    def choose_class(self, value: int) -> None:
        """Set the class of the selected prompts and of the next."""
        self.class_value, self.is_class_chosen = value, True
        self._apply_next()
        selected = self.selected()
        if selected:
            with self.one_edit():
                set_feature(*selected, "class", value)
                set_feature(*selected, "named", 1)

    def choose_sign(self, sign: str) -> None:
        """Set the sign, "+" or "-", of the selected points and of the next."""
        self.sign = sign
        self._apply_next()
        selected = self.selected()
        if selected and selected[0] is self.points:
            self.set_feature(*selected, "sign", sign)

    def switch_sign(self) -> None:
        """Turn the sign of the selected points and of the next into the other."""
        self.choose_sign("+" if self.sign == "-" else "-")

    def selected(self) -> tuple[PromptLayer, list[int]] | None:
        """Return the layer and rows of the prompts that the person has selected to edit them.

        While drawing there are none: napari selects what was just drawn.
        """
        layer = self._viewer.layers.selection.active
        if layer not in self.layers or str(layer.mode).startswith("add"):
            return None
        rows = sorted(int(row) for row in layer.selected_data)
        return (layer, rows) if rows else None

    def last_drawn(self) -> tuple[PromptLayer, int] | None:
        """Return the layer and row of what was just drawn; None once something else was done."""
        layer = self._last_drawn_on
        return None if layer is None else (layer, len(layer.data) - 1)

    def set_feature(self, layer: PromptLayer, rows: Sequence[int], name: str, value: Any) -> None:
        """Set a feature of prompts; told as one edit."""
        with self.one_edit():
            set_feature(layer, rows, name, value)

    def note_candidate(self, placed: PlacedPrompt, candidate: int) -> None:
        """Note which mask a prompt is to have: no edit, for the prompt means the same."""
        layer: PromptLayer | None = self.shapes if placed.shapes else self.points
        if layer is not None:
            with self._untold():
                set_feature(layer, placed.shapes or placed.points, "mask", candidate)

    @contextmanager
    def one_edit(self) -> Iterator[None]:
        """Tell of all that is done meanwhile as one edit."""
        with self._untold():
            yield
        if not self._is_untold:
            self._restyle_and_tell(self.layers)

    def close(self) -> None:
        """Follow the layers no more."""
        self._main.close()
        self._viewer.layers.events.removed.disconnect(self._forget)
        self._viewer.layers.selection.events.active.disconnect(self._on_tool)
        for layer in self.layers:
            self._disconnect(layer)

    def _set_aside(self) -> None:
        self.stop()
        for layer in self.layers:
            self._disconnect(layer)
            layer.visible = False
        self.shapes = self.points = self._last_drawn_on = None
        self.layers_changed.emit()

    def _layer_to_select_on(self) -> PromptLayer:
        """Return the layer that was just drawn on, else the active one, else one with prompts."""
        candidates = (self._last_drawn_on, self._viewer.layers.selection.active, *self.layers)
        return next(x for x in candidates if x in self.layers and len(x.data))

    def _add_shapes(self, image: Image) -> Shapes:
        layer = new_shapes_layer(image, self._schema, self.class_value)
        self._add(layer)
        self.use_shapes(layer)
        return layer

    def _add_points(self, image: Image) -> Points:
        layer = new_points_layer(image, self._schema, self.class_value)
        self._add(layer)
        self.use_points(layer)
        return layer

    def _add(self, layer: PromptLayer) -> None:
        with same_selection(self._viewer):
            self._viewer.layers.append(layer)

    def _change(self, last: PromptLayer | None, layer: PromptLayer | None) -> None:
        """Follow a layer in place of the last one."""
        if layer is last:
            return
        if last is not None:
            self._disconnect(last)
        if layer is not None:
            layer.visible = True
            self._adopt(layer)
            layer.events.data.connect(self._on_data)
            layer.events.features.connect(self._on_edit)
            layer.events.feature_defaults.connect(self._on_next)
            layer.events.mode.connect(self._on_tool)
            layer.events.highlight.connect(self._on_tool)
            self._apply_next()
        self.layers_changed.emit()
        if any(len(prompts.data) for prompts in (last, layer) if prompts is not None):
            self.edited.emit()

    def _adopt(self, layer: PromptLayer) -> None:
        adopt(layer, self._schema, self.class_value, named=self.is_class_chosen)

    def _disconnect(self, layer: PromptLayer) -> None:
        layer.events.data.disconnect(self._on_data)
        layer.events.features.disconnect(self._on_edit)
        layer.events.feature_defaults.disconnect(self._on_next)
        layer.events.mode.disconnect(self._on_tool)
        layer.events.highlight.disconnect(self._on_tool)

    def _forget(self, event: Any) -> None:
        if event.value is self._last_drawn_on:
            self._last_drawn_on = None
        if event.value is self.shapes:
            self.use_shapes(None)
        elif event.value is self.points:
            self.use_points(None)

    @contextmanager
    def _untold(self) -> Iterator[None]:
        """Change the layers without hearing of it."""
        was_untold, self._is_untold = self._is_untold, True
        try:
            yield
        finally:
            self._is_untold = was_untold

    def _apply_next(self) -> None:
        with self._untold():
            for layer in self.layers:
                set_next(
                    layer,
                    self._schema,
                    class_value=self.class_value,
                    named=self.is_class_chosen,
                    sign=self.sign,
                )
        self.next_changed.emit()

    def _on_data(self, event: Any) -> None:
        action = str(event.action)
        if action in _DONE:
            is_drawn = action == "added" and not self._is_untold
            self._last_drawn_on = event.source if is_drawn else None
            self._on_edit(event)
            if is_drawn and self.tool is Tool.BOX:
                self._main.call(self._remove_click)  # napari has still to finish drawing it

    def _remove_click(self) -> None:
        """Remove the last shape where it is what a click without a drag leaves."""
        shapes = self.shapes
        if shapes is None or not len(shapes.data):
            return
        corners = [shapes.data_to_world(corner) for corner in shapes.data[-1]]
        size = np.ptp(corners, axis=0) * self._viewer.scene.camera.zoom
        if size.max() < _LEAST_DRAG:
            with self.one_edit():
                shapes.remove([len(shapes.data) - 1])
            self.refused.emit(_NO_DRAG)

    def _on_edit(self, event: Any) -> None:
        if not self._is_untold:
            self._restyle_and_tell([event.source])

    def _restyle_and_tell(self, layers: Sequence[PromptLayer]) -> None:
        with self._untold():
            for layer in layers:
                fit_features(layer)
                if missing_features(layer):  # the person has replaced the table
                    self._adopt(layer)
                restyle(layer, self._schema)
        self.edited.emit()

    def _on_tool(self, _event: Any = None) -> None:
        self.tool_changed.emit()

    def _on_next(self, event: Any) -> None:
        """Follow a selection of points: napari makes theirs the features of the next."""
        if self._is_untold:
            return
        self.class_value = class_of_next(event.source)
        self.is_class_chosen = is_next_named(event.source)
        if event.source is self.points:
            self.sign = sign_of_next(event.source)
        self._apply_next()
