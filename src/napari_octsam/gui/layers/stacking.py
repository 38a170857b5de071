"""The order of layers: the image that is worked on is not covered by another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.components import LayerList
    from napari.layers import Image, Layer

    from napari_octsam.gui.layers.companions import Companions

__all__ = ["uncover"]

_SEE_THROUGH = {"additive", "minimum", "multiplicative"}


def uncover(layers: LayerList, image: Image, own: Sequence[Layer], companions: Companions) -> None:
    """Move what covers an image below it, and the layers that belong on the image above it.

    Parameters
    ----------
    layers
        The layers of the viewer.
    own
        Layers to be seen on the image, the lowest first.
    companions
        An image that is moved takes its own labels and prompts along.
    """
    above = layers[layers.index(image) + 1 :]
    covering = {layer for layer in above if _covers(layer)}
    covering |= {x for other in covering for x in companions.of(other, layers)}
    sinking = [layers.index(x) for x in above if x in covering - set(own)]
    if sinking:
        layers.move_multiple(sinking, layers.index(image))
    _raise(layers, image, own)


def _covers(layer: Layer) -> bool:
    from napari.layers import Image

    opaque = layer.opacity == 1 and str(layer.blending) not in _SEE_THROUGH
    return isinstance(layer, Image) and layer.visible and opaque


def _raise(layers: LayerList, image: Image, own: Iterable[Layer]) -> None:
    below = image
    for layer in own:
        if layers.index(layer) < layers.index(below):
            layers.move(layers.index(layer), layers.index(below) + 1)
            below = layer
