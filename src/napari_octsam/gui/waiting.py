"""Sentences on the prompts that are out of sight: on other images, on other B-scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Image

    from napari_octsam.gui.prompt_layers import PromptLayer

__all__ = ["left_by", "waiting_on_images"]


def waiting_on_images(layers_of: Mapping[Image, Sequence[PromptLayer]]) -> str:
    """Say how many prompts wait on other images; "" where none do."""
    counts = {image.name: _count(layers) for image, layers in layers_of.items()}
    return " ".join(_wait(n, f"on {name}") for name, n in counts.items() if n)


def left_by(image: Image, layers: Sequence[PromptLayer]) -> str:
    """Say where the prompts of an image that was removed are; "" where it had none."""
    count = _count(layers)
    if not count:
        return ""
    prompts = "1 prompt is" if count == 1 else f"{count} prompts are"
    names = " and ".join(layer.name for layer in layers if len(layer.data))
    return f"{image.name} is gone; its {prompts} kept in {names}, hidden."


def _count(layers: Sequence[PromptLayer]) -> int:
    return sum(len(layer.data) for layer in layers)


def _wait(count: int, where: str) -> str:
    return f"1 prompt waits {where}." if count == 1 else f"{count} prompts wait {where}."
