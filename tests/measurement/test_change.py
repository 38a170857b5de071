"""Two visits of an eye whose difference is known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octsam.core.classes import NOT_LABELLED, bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.measurement.change import Change, ThicknessChange, change_between
from napari_octsam.measurement.fovea import Fovea
from napari_octsam.measurement.maps import sampled, square_map
from napari_octsam.measurement.measure import Eye, Measured, measure
from napari_octsam.measurement.spacing import Spacing
from tests.measurement.test_measure import HEIGHTS_UM, MACULA, macula

LAYERS7 = bundled_schema("layers7")
FINER = Spacing(3.0, 18.0, 90.0)


def visit(
    fovea: tuple[float, float],
    spacing: Spacing = MACULA,
    eye: Eye | None = None,
    states: list[str] | None = None,
    thicker_um: float = 0.0,
) -> Measured:
    """A macula, with an INL that is so much thicker throughout."""
    shape = (61, 150, 300) if spacing is MACULA else (81, 180, 400)
    labels = macula(shape, spacing, fovea)
    rows = round(thicker_um / spacing.axial)
    if rows:
        for bscan in labels:
            for col in range(shape[2]):
                at = int(np.flatnonzero(bscan[:, col] == 4)[0])
                bscan[at + rows :, col] = bscan[at:-rows, col].copy()
                bscan[at : at + rows, col] = 3
    given = eye or Eye()
    placed = Eye(given.laterality, given.first, Fovea(*fovea, found=False))
    return measure(labels, LAYERS7, spacing, placed, states)


def of(change: Change, span: str, region: str = "all") -> ThicknessChange:
    (found,) = (e for e in change.thickness if (e.span, e.region) == (span, region))
    return found


def test_a_layer_that_grew_is_thicker_by_so_much_wherever_the_scan_was_put() -> None:
    before, after = visit((30, 150)), visit((40, 210), FINER, thicker_um=30)
    change = change_between(before, after)

    for region in ("central", "inner left", "outer last"):
        grown = of(change, "INL", region)
        assert grown.change_um == pytest.approx(30, abs=2)
        assert grown.before_um == pytest.approx(HEIGHTS_UM[2], abs=2)
        assert grown.basis.coverage is not None
        same = of(change, "GCL+IPL", region)
        assert same.change_um == pytest.approx(0, abs=2), "the pits lie on one another"
    assert np.nanmedian(change.heights["INL"]) == pytest.approx(30, abs=4)


def test_what_one_visit_does_not_cover_is_no_change() -> None:
    before, after = visit((30, 20)), visit((30, 150))  # the earlier one begins beside the fovea
    change = change_between(before, after)

    left, right = of(change, "INL", "outer left"), of(change, "INL", "outer right")
    assert (left.change_um, left.basis.coverage) == (None, 0)
    assert (right.change_um, right.basis.coverage) == (pytest.approx(0, abs=0.5), 100)
    assert np.isnan(change.heights["INL"][:, :100]).all()


def test_visits_that_begin_on_other_sides_are_turned() -> None:
    labels = macula((61, 150, 300), fovea=(30, 150))
    labels[40:, 150:] = NOT_LABELLED
    given = Fovea(30, 150, found=False)
    one = measure(labels, LAYERS7, MACULA, Eye("OD", "superior", given))
    other = measure(labels[::-1].copy(), LAYERS7, MACULA, Eye("OD", "inferior", given))
    change = change_between(one, other)

    known = np.isfinite(other.heights["INL"])
    assert np.array_equal(np.isfinite(change.heights["INL"]), known)
    assert np.nanmax(np.abs(change.heights["INL"])) == 0
    assert of(change, "INL", "outer nasal").change_um == 0


def test_states_of_both_visits_are_told() -> None:
    before = visit((30, 150), states=["automatic"] * 61)
    after = visit((30, 150), states=["corrected"] * 61)
    assert of(change_between(before, after), "INL").basis.states == {
        "automatic, then corrected": 100
    }


def test_what_cannot_be_compared_is_refused() -> None:
    eye = visit((30, 150), eye=Eye("OD"))
    with pytest.raises(UserError, match="right eye"):
        change_between(eye, visit((30, 150), eye=Eye("OS")))
    flat = macula((61, 150, 300), fovea=(-40, 150))
    with pytest.raises(UserError, match="later visit has no fovea"):
        change_between(eye, measure(flat, LAYERS7, MACULA))
    fluid = measure(np.zeros((3, 20, 30), np.uint8), bundled_schema("fluid"), MACULA)
    with pytest.raises(UserError, match="one schema"):
        change_between(eye, fluid)


def test_a_lesion_that_shrank_has_its_volumes() -> None:
    labels = np.zeros((4, 20, 30), np.uint8)
    labels[:, 5:15, 5:15] = 1
    smaller = labels.copy()
    smaller[:, 10:] = 0
    fluid = bundled_schema("fluid")
    change = change_between(measure(labels, fluid, MACULA), measure(smaller, fluid, MACULA))

    (found,) = change.lesions
    voxel = 3.9 * 24 * 120 * 1e-9
    assert found.before_mm3 == pytest.approx(400 * voxel)
    assert found.change_mm3 == pytest.approx(-200 * voxel)
    assert (found.before.coverage, found.after.coverage) == (100, 100)


def test_a_map_is_sampled_between_its_neighbours_and_never_beside_them() -> None:
    heights = np.array([[0, 10, 20], [100, np.nan, 120], [200, 210, 220]], np.float32)
    found = sampled(heights, np.array([0, 0.5, 2, 2.1]), np.array([-0.1, 0, 0.5, 2]))

    expected = [[np.nan, 0, 5, 20], [np.nan, 50, np.nan, 70], [np.nan, 200, 205, 220]]
    assert np.array_equal(found[:3], np.array(expected, np.float32), equal_nan=True)
    assert np.isnan(found[3]).all()


def test_a_picture_of_a_map_has_square_pixels_of_known_size() -> None:
    heights = np.tile(np.arange(5, dtype=np.float32)[:, None], (1, 21))
    pixels, size = square_map(heights, Spacing(3.9, 10.0, 50.0))
    assert (pixels.shape, size) == ((21, 21), 10.0)
    assert pixels[:, 3] == pytest.approx(np.linspace(0, 4, 21))
    wide, size = square_map(np.zeros((4, 4000), np.float32), Spacing(3.9, 2.0, 50.0))
    assert wide.shape[1] <= 768
    assert (wide.shape[1] - 1) * size == pytest.approx(3999 * 2, rel=0.01)
