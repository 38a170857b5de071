"""Sentences on what goes where, and on prompts that are out of sight."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from napari_octsam.gui.layers.prompt_layers import class_at, kind_at, short_name
from napari_octsam.gui.prompting.collect import indices_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Image, Labels

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.layers.bscans import Plane
    from napari_octsam.gui.layers.prompt_layers import PromptLayer

__all__ = [
    "goes_into",
    "keeps_class",
    "left_by",
    "names_of",
    "waiting_on_bscans",
    "waiting_on_images",
]

_MOST_NAMED = 4


def goes_into(target: Labels | None) -> str:
    """Say where the next commit goes."""
    return f"Labels go into {'a new layer' if target is None else target.name} now."


def keeps_class(layer: PromptLayer, row: int, schema: LabelSchema, chosen: int) -> str:
    """Say that a prompt keeps its class though another was chosen; "" where it has that one."""
    own = class_at(layer, row)
    if own == chosen:
        return ""
    return (
        f"Next prompts: {short_name(schema, chosen)}. The drawn {kind_at(layer, row)} stays "
        f"{short_name(schema, own)}: select it to change it."
    )


def names_of(schema: LabelSchema, values: Sequence[int]) -> str:
    """Name classes, each once: "NSR and RPE"; "NSR, IRF, SRF, PED and others"."""
    names = [short_name(schema, value) for value in dict.fromkeys(values)]
    if len(names) > _MOST_NAMED:
        return f"{', '.join(names[:_MOST_NAMED])} and others"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def waiting_on_images(layers_of: Mapping[Image, Sequence[PromptLayer]]) -> str:
    """Say how many prompts wait on other images; "" where none do."""
    counts = [(image.name, _count(layers)) for image, layers in layers_of.items()]
    return " ".join(_wait(count, f"on {name}") for name, count in counts if count)


def waiting_on_bscans(layers: Sequence[PromptLayer], image: Image, plane: Plane) -> str:
    """Say how many prompts wait on other B-scans of an image; "" where none do."""
    indices = Counter(i for layer in layers for i in indices_of(layer, image, plane))
    elsewhere = sorted(index for index in indices if index != plane.index)
    if not elsewhere:
        return ""
    names = [", ".join(map(str, index)) for index in elsewhere]
    named, more = "; ".join(names[:_MOST_NAMED]), len(names) > _MOST_NAMED
    bscans = "B-scan" if len(names) == 1 else "B-scans"
    count = sum(indices[index] for index in elsewhere)
    return _wait(count, f"on {bscans} {named}{' and others' if more else ''}")


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
