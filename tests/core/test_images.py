"""B-scans out of whatever array there is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import as_grey, normalised, take_bscan


class Lazy:
    """A volume larger than memory that tells which slices were read."""

    shape = (10_000, 496, 768)
    ndim = 3

    def __init__(self) -> None:
        self.read: list[object] = []

    def __getitem__(self, index: object) -> npt.NDArray[np.uint8]:
        self.read.append(index)
        return np.zeros((496, 768), np.uint8)


def test_only_the_asked_bscan_is_read() -> None:
    volume = Lazy()
    assert take_bscan(volume, (7,)).shape == (496, 768)
    assert volume.read == [(7,)]


@pytest.mark.parametrize(
    ("index", "complaint"),
    [
        ((), "1 number .* not 0"),
        ((1, 2), "1 number .* not 2"),
        ((10_000,), "no B-scan 10000"),
        ((-1,), "no B-scan -1"),
    ],
)
def test_a_bscan_that_is_not_there_is_said(index: tuple[int, ...], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        take_bscan(Lazy(), index)


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.zeros((1, 1)), "too small"),
        (np.zeros((0, 100)), "too small"),
        (np.zeros((100, 100, 2)), "not a B-scan"),
        (np.full((100, 100), np.nan), "10000 pixels that are NaN"),
        (np.zeros((100, 100), complex), "not a grey image"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "too large"),
    ],
)
def test_what_is_no_bscan_is_a_sentence(array: npt.NDArray[np.generic], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        as_grey(array)


def test_a_single_bscan_has_no_others() -> None:
    with pytest.raises(UserError, match=r"a single B-scan: there is no B-scan 3 in it"):
        take_bscan(np.zeros((20, 30)), (3,))


def test_grey_pixels_in_colour_stay_as_they_are() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    for channels in (3, 4):
        rgb = np.repeat(grey[..., None], channels, axis=2)
        assert np.array_equal(as_grey(rgb), grey)


def test_colour_becomes_luma() -> None:
    red = np.zeros((10, 10, 3), np.uint8)
    red[..., 0] = 255
    assert (as_grey(red) == 76).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_other_types_are_stretched_over_eight_bits(dtype: type) -> None:
    ramp = np.linspace(100, 4000, 100 * 100).reshape(100, 100).astype(dtype)
    ramp[5, 5] = 60_000  # a hot pixel
    eight = normalised(as_grey(ramp))
    assert eight.dtype == np.uint8
    assert eight[0, 0] == 0
    assert int(eight[50, 50]) == pytest.approx(128, abs=2)


def test_eight_bits_and_constants_survive() -> None:
    grey = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert normalised(grey) is grey
    assert not normalised(np.full((10, 10), 7.5, np.float32)).any()
