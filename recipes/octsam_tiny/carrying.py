"""Whether masks that are carried on grow: `python -m recipes.octsam_tiny.carrying DATA MODEL`.

From a mask of the eye with drusen over 20 B-scans each way; and from phantoms to the same B-scan
where a finding is gone, or there still under other noise.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt

from benchmarks.markdown import grid
from napari_octsam.core.carrying import (
    CarriedObject,
    Found,
    ask_on,
    carry_on,
    judge,
    labelled_objects,
)
from napari_octsam.core.carrying_limits import Limits
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Box, Prompt, bounding_box
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding
from napari_octsam.phantoms.bscan import Finding, Tissue, make_phantom

__all__ = ["WAYS", "Drift", "drift_of", "drift_table", "gone_table"]

_START = 60  # a B-scan with a mask
_BSCANS = 20
_FINDINGS = (
    Finding.INTRARETINAL_FLUID,
    Finding.SUBRETINAL_FLUID,
    Finding.PIGMENT_EPITHELIAL_DETACHMENT,
)
_SEEDS = range(4)
_MOST = 4  # objects of a phantom
_NO_LIMITS = Limits(0, 0, 1e9)
_SCHEMA = bundled_schema("oct14")

Pixels = npt.NDArray[np.uint8]
Asks = Callable[[Prompt], Prompt]
"""What is asked in place of a box 2 px loose, points and the last mask."""


class Drift(NamedTuple):
    """An object after some B-scans: its area by that at the start, the truth's, Dice, how many."""

    area: float
    truth: float
    dice: float
    bscans: int


WAYS: dict[str, tuple[Asks, bool]] = {
    "box, 10 px loose": (lambda p: Prompt(p.class_value, _loose(p)), False),
    "box, 2 px loose": (lambda p: Prompt(p.class_value, p.box), False),
    "box and points": (lambda p: replace(p, mask=None), False),
    "mask, box and points": (lambda p: p, False),
    "as *Carry on* does": (lambda p: p, True),
}
"""What is asked, and whether an object is asked for twice and stops at the limits."""


def drift_of(
    model: Model, data: Path, start: int, step: int, asks: Asks, ours: bool, *, told: bool
) -> Drift:
    """Carry the band of a B-scan on, and compare it with the truth wherever there is one."""
    last, truth = _bscan(data, start), _truth(data, start)
    numbers = [start + step * i for i in range(1, _BSCANS + 1)]
    first = CarriedObject(Tissue.RETINAL_PIGMENT_EPITHELIUM, truth, names_class=told)
    found = list(
        carry_on(
            [first],
            last,
            (_bscan(data, number) for number in numbers),
            partial(_decode, model, asks, ours),
            limits=Limits() if ours else _NO_LIMITS,
        )
    )
    ends = [
        (n, each.objects[0].mask) for n, each in zip(numbers, found, strict=False) if each.objects
    ]
    judged = [(mask, _truth(data, n)) for n, mask in ends if n % 2 == start % 2]
    area, true_area = (np.count_nonzero(x) / first.area for x in judged[-1])
    return Drift(area, true_area, float(np.mean([_dice(*pair) for pair in judged])), len(ends))


def drift_table(model: Model, data: Path) -> str:
    """Return how the ways of asking compare, both ways from one B-scan."""
    drifts: defaultdict[tuple[str, bool], list[Drift]] = defaultdict(list)
    for step, (name, (asks, ours)), told in product((1, -1), WAYS.items(), (True, False)):
        drift = drift_of(model, data, _START, step, asks, ours, told=told)
        drifts[name, told].append(drift)
    rows = []
    for (name, told), found in drifts.items():
        area, truth, dice, bscans = (np.array(part) for part in zip(*found, strict=True))
        figures = [f"{x:.2f}" for x in (area.mean(), area.max(), truth.mean())]
        word = "told" if told else "not told"
        rows.append([name, word, *figures, f"{dice.mean():.3f}", f"{bscans.mean():.0f}"])
    return grid(["asked by", "class", "area", "largest", "truth's", "Dice", "B-scans"], rows)


def gone_table(model: Model) -> str:
    """Return the share of objects that stop where they are gone, and where they are there."""
    rows = []
    for name, (asks, ours) in list(WAYS.items())[1:]:
        shares = []
        for gone in (True, False):
            stopped = [
                each.stop is not None
                for seed in _SEEDS
                for finding in _FINDINGS
                for each in _on_phantom(model, seed, finding, asks, ours, gone=gone)
            ]
            shares.append(f"{sum(stopped)} of {len(stopped)}")
        rows.append([name, *shares])
    return grid(["asked by", "stop where it is gone", "stop where it is there"], rows)


def _on_phantom(
    model: Model, seed: int, finding: Finding, asks: Asks, ours: bool, *, gone: bool
) -> Iterator[Found]:
    last = make_phantom(seed, (496, 512), findings=(finding,))
    objects = labelled_objects(last.labels, finding)[:_MOST]
    if not objects:
        return
    if gone:
        here = make_phantom(seed, (496, 512), findings=()).image
    else:
        noise = np.random.default_rng(seed).normal(0, 12, last.image.shape)
        here = np.clip(last.image + noise, 0, 255).astype(np.uint8)
    asked = ask_on(objects, last.image, here)
    yield from judge(asked, _decode(model, asks, ours, here, asked.prompts), 0.5, Limits()).found


def _decode(
    model: Model, asks: Asks, ours: bool, here: Pixels, prompts: Sequence[Prompt]
) -> list[DecodedObject]:
    """Decode the two prompts of each object; not ours, one that stands for both."""
    if ours:
        return model.decode(_encoded(model, here.tobytes(), here.shape), prompts, _SCHEMA)
    asked = [replace(asks(p), names_class=p.names_class) for p in prompts[1::2]]
    found = model.decode(_encoded(model, here.tobytes(), here.shape), asked, _SCHEMA)
    return [each for each in found for _ in range(2)]


@lru_cache(maxsize=_BSCANS)
def _encoded(model: Model, pixels: bytes, shape: tuple[int, int]) -> Embedding:
    return model.encode(np.frombuffer(pixels, np.uint8).reshape(shape).copy())


def _loose(prompt: Prompt) -> Box:
    assert prompt.mask is not None
    rows, cols = prompt.mask.shape
    return bounding_box(prompt.mask).loosened(10).clipped((rows, cols))


@cache
def _bscan(data: Path, number: int) -> Pixels:
    return np.asarray(iio.imread(data / "amd_volume" / "images" / f"b{number:03}.png"))


@cache
def _truth(data: Path, number: int) -> Mask:
    return np.asarray(iio.imread(data / "amd_volume" / "masks" / f"b{number:03}.png") == 1)


def _dice(one: Mask, other: Mask) -> float:
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def main(arguments: Sequence[str]) -> None:
    """Measure a model and print both tables."""
    if len(arguments) != 2:
        sys.exit(__doc__)
    data, name = arguments
    model = load_model(name, device="cpu")
    print(gone_table(model), flush=True)
    print(drift_table(model, Path(data)), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
