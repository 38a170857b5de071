"""Objects carried on through the B-scans of a volume: how each is asked for, and where it stops.

Between two B-scans the eye moves, so that the tissue lies some rows higher or lower. An object is
asked for where its tissue has gone to, by the mask that was found on the last B-scan, and twice. A
box close around it with points deep inside says whether it is there still. With the mask itself as
a prompt too the outline does not grow from B-scan to B-scan; but a model that is shown a mask
repeats it, also where the object has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.carrying_limits import Limits, Stop
from napari_octsam.core.decoded import DecodedObject, LogitWindow, threshold_logit
from napari_octsam.core.masks import EIGHT_CONNECTED, Mask, composite
from napari_octsam.core.prompts import Point, Prompt, bounding_box
from napari_octsam.core.regions import deepest_pixel, pieces
from napari_octsam.core.trust import Trust, trust_in

__all__ = [
    "Asked",
    "CarriedBScan",
    "CarriedObject",
    "Found",
    "ask_on",
    "carry_on",
    "judge",
    "labelled_objects",
    "row_shift",
]

Pixels = npt.NDArray[np.uint8]
"""A B-scan, (H, W) uint8, grey."""

_MARGIN = 2.0  # pixels of the box around the last mask
_POINTS = 3  # most of them inside an object
_POINT_EVERY = 60  # columns
_MOST_ROWS = 24  # that tissue moves between two B-scans
_AROUND = 24  # rows above and below an object that are looked at to see where it has gone
_SMALLEST = 8  # pixels of a piece that counts as an object
_MOST_OBJECTS = 24
_NOWHERE = np.float32(-20.0)  # logit of a pixel that does not belong to the object


@dataclass(frozen=True, slots=True, eq=False)
class CarriedObject:
    """An object on one B-scan, to be found on the next.

    Parameters
    ----------
    class_value
        Label value of its pixels.
    mask
        (H, W) bool, not empty.
    names_class
        Whether a model that knows the class is told it.
    first_area
        Pixels that it had where it was carried on from; 0 where that is here.
    """

    class_value: int
    mask: Mask
    names_class: bool = True
    first_area: int = 0

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(np.count_nonzero(self.mask))

    def moved(self, rows: int) -> CarriedObject:
        """Return the object so many rows lower; as it is where it would leave the B-scan."""
        mask = np.zeros_like(self.mask)
        if rows >= 0:
            mask[rows:] = self.mask[: len(mask) - rows]
        else:
            mask[:rows] = self.mask[-rows:]
        return replace(self, mask=mask) if mask.any() else self

    def prompts(self) -> tuple[Prompt, Prompt]:
        """Return what asks whether the object is where its mask is, and what for its outline."""
        rows, cols = self.mask.shape
        box = bounding_box(self.mask).loosened(_MARGIN).clipped((rows, cols))
        points = tuple(_inner_points(self.mask))
        is_there = Prompt(self.class_value, box, points, names_class=self.names_class)
        return is_there, replace(is_there, mask=self.mask)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Objects where they are looked for on a B-scan, and the two prompts of each."""

    objects: tuple[CarriedObject, ...]
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An object on the next B-scan.

    Parameters
    ----------
    carried
        As it is there.
    window
        Logits of its mask, very low outside it.
    score
        Predicted IoU, 0 to 1, of what is seen without the last mask as a prompt.
    overlap
        Its IoU with the mask on the B-scan before, moved with the tissue; 0 to 1.
    stop
        Why it is not taken, nor carried on; None where it is.
    """

    carried: CarriedObject
    window: LogitWindow
    score: float
    overlap: float
    stop: Stop | None

    @property
    def trust(self) -> Trust:
        """How far it can be trusted: as its score says, or its overlap, whichever is lower."""
        return trust_in(min(self.score, self.overlap))


@dataclass(frozen=True, slots=True, eq=False)
class CarriedBScan:
    """What was found of all objects that were carried on to a B-scan."""

    shape: tuple[int, int]
    found: tuple[Found, ...]
    threshold: float

    @property
    def kept(self) -> tuple[Found, ...]:
        """Those that are carried on."""
        return tuple(each for each in self.found if each.stop is None)

    @property
    def objects(self) -> tuple[CarriedObject, ...]:
        """The same, to be carried on."""
        return tuple(each.carried for each in self.kept)

    @property
    def score(self) -> float:
        """The lowest score of those that are carried on; 0 without any."""
        return min((each.score for each in self.kept), default=0.0)

    @property
    def overlap(self) -> float:
        """The lowest overlap of those that are carried on; 0 without any."""
        return min((each.overlap for each in self.kept), default=0.0)

    @property
    def trust(self) -> Trust:
        """How far all that are carried on can be trusted."""
        return trust_in(min(self.score, self.overlap))

    def labels(self) -> npt.NDArray[np.uint8]:
        """Return the objects that are carried on as `core.masks.composite` paints them."""
        windows = ((each.carried.class_value, each.window) for each in self.kept)
        return composite(self.shape, windows, self.threshold)


def labelled_objects(labels: npt.NDArray[np.integer], value: int) -> tuple[CarriedObject, ...]:
    """Return the pieces of a class on an (H, W) labels image, the largest first.

    Specks of a few pixels are left out, and pieces beyond the 24 largest.
    """
    found = [CarriedObject(value, piece) for piece in pieces(labels == value)]
    large = [each for each in found if each.area >= _SMALLEST]
    return tuple(sorted(large or found, key=lambda each: -each.area)[:_MOST_OBJECTS])


def ask_on(objects: Sequence[CarriedObject], last: Pixels, here: Pixels) -> Asked:
    """Return where objects of the B-scan `last` are looked for on `here`."""
    smooth = [ndimage.gaussian_filter(each.astype(np.float32), 1.5) for each in (last, here)]
    moved = tuple(each.moved(row_shift(smooth[0], smooth[1], each.mask)) for each in objects)
    return Asked(moved, tuple(prompt for each in moved for prompt in each.prompts()))


def judge(
    asked: Asked, decoded: Sequence[DecodedObject], threshold: float, limits: Limits
) -> CarriedBScan:
    """Return what was found on a B-scan, and which objects stop there.

    Parameters
    ----------
    decoded
        The answer to each of `asked.prompts`.
    threshold
        Probability in (0, 1) above which a pixel belongs to an object.
    """
    rows, cols = asked.objects[0].mask.shape
    found = (
        _judged(carried, is_there, outlined, threshold, limits)
        for carried, is_there, outlined in zip(
            asked.objects, decoded[::2], decoded[1::2], strict=True
        )
    )
    return CarriedBScan((rows, cols), tuple(found), threshold)


def carry_on(
    objects: Sequence[CarriedObject],
    last: Pixels,
    bscans: Iterable[Pixels],
    decode: Callable[[Pixels, Sequence[Prompt]], Sequence[DecodedObject]],
    threshold: float = 0.5,
    limits: Limits | None = None,
) -> Iterator[CarriedBScan]:
    """Carry objects of one B-scan on through the next ones, until the last object has stopped.

    Parameters
    ----------
    objects
        Those on `last`.
    bscans
        The next ones, in their order.
    decode
        Predicts the masks of prompts on a B-scan.
    threshold, limits
        As of `judge`.

    Yields
    ------
    What is found on each B-scan; that of the last may keep nothing.
    """
    left = tuple(objects)
    for here in bscans:
        if not left:
            return
        asked = ask_on(left, last, here)
        carried = judge(asked, decode(here, asked.prompts), threshold, limits or Limits())
        yield carried
        left, last = carried.objects, here


def row_shift(last: npt.NDArray[np.float32], here: npt.NDArray[np.float32], mask: Mask) -> int:
    """Return how many rows lower the tissue around an object is on the next B-scan.

    Parameters
    ----------
    last, here
        (H, W) smoothed pixels of both B-scans.
    mask
        (H, W) bool, the object on the last one.

    Returns
    -------
    The shift, at most 24 rows either way, with which its columns agree best; of two that agree
    equally the smaller.
    """
    box = bounding_box(mask)
    top = max(int(box.row0) - _AROUND, 0)
    bottom = min(int(box.row1) + _AROUND + 1, len(mask))
    cols = slice(max(int(box.col0) - _AROUND, 0), int(box.col1) + _AROUND + 1)
    pattern = last[top:bottom, cols]
    padded = np.pad(here[:, cols], ((_MOST_ROWS, _MOST_ROWS), (0, 0)), mode="edge")
    shifts = sorted(range(-_MOST_ROWS, _MOST_ROWS + 1), key=abs)
    return max(
        shifts,
        key=lambda rows: _agreement(
            pattern, padded[top + rows + _MOST_ROWS : bottom + rows + _MOST_ROWS]
        ),
    )


def _agreement(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """Return the correlation of two pictures, 0 where one of them is flat."""
    a, b = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0


def _judged(
    carried: CarriedObject,
    is_there: DecodedObject,
    outlined: DecodedObject,
    threshold: float,
    limits: Limits,
) -> Found:
    shape = carried.mask.shape[0], carried.mask.shape[1]
    seen = _without_specks(is_there.window(), carried.mask, threshold).mask(shape, threshold)
    overlap = np.count_nonzero(seen & carried.mask) / np.count_nonzero(seen | carried.mask)
    score = is_there.scores[is_there.chosen]
    window = _without_specks(outlined.window(), carried.mask, threshold)
    first = carried.first_area or carried.area
    here = replace(carried, mask=window.mask(shape, threshold), first_area=first)
    growth = here.area / first if seen.any() else 0.0
    return Found(here, window, score, overlap, limits.stop(score, overlap, growth))


def _without_specks(window: LogitWindow, before: Mask, threshold: float) -> LogitWindow:
    """Return a mask's logits with only the pieces that touch the object as it was before."""
    foreground = window.logits > threshold_logit(threshold)
    numbers, _ = ndimage.label(foreground, EIGHT_CONNECTED)
    touching = np.unique(numbers[before[window.window] & foreground])
    logits = np.where(np.isin(numbers, touching) & foreground, window.logits, _NOWHERE)
    return replace(window, logits=logits.astype(np.float32))


def _inner_points(mask: Mask) -> Iterator[Point]:
    """Yield the deepest pixel of each of the parts, side by side, of an object."""
    box = bounding_box(mask)
    left, right = int(box.col0), int(box.col1) + 1
    count = int(np.clip(round((right - left) / _POINT_EVERY), 1, _POINTS))
    edges = np.linspace(left, right, count + 1).astype(int)
    rows = slice(int(box.row0), int(box.row1) + 1)
    for start, stop in pairwise(edges):
        part = mask[rows, start:stop]
        if part.any():
            row, col = deepest_pixel(part)
            yield Point(float(rows.start + row), float(start + col))
