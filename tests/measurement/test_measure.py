"""Figures of labels whose thickness, areas and volumes are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octsam.core.boundaries import layers_between
from napari_octsam.core.classes import NOT_LABELLED, bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.measurement.figures import ThicknessFigure
from napari_octsam.measurement.fovea import Fovea
from napari_octsam.measurement.measure import Eye, Measured, measure
from napari_octsam.measurement.regions import ETDRS_MM, etdrs
from napari_octsam.measurement.spacing import Spacing, spacing_in, spacing_of
from napari_octsam.measurement.thickness import span_of
from napari_octsam.phantoms.bscan import make_phantom

LAYERS7, OCT14, FLUID = (bundled_schema(name) for name in ("layers7", "oct14", "fluid"))
MACULA = Spacing(3.9, 24.0, 120.0)
"""Of 61 B-scans of 300 columns: 7.2 x 7.2 mm."""

HEIGHTS_UM = (30.0, 75.0, 40.0, 32.0, 90.0, 45.0, 24.0)
PIT_UM = 70.0


def macula(
    shape: tuple[int, int, int] = (61, 240, 300),
    spacing: Spacing = MACULA,
    fovea: tuple[float, float] = (30, 150),
    tilt: tuple[float, float] = (0.0, 0.0),
) -> npt.NDArray[np.uint8]:
    """Return layers of known heights with a pit, tilted by rows a B-scan and a column."""
    assert spacing.between is not None
    bscan, _, col = np.ogrid[: shape[0], :1, : shape[2]]
    away = np.hypot((bscan - fovea[0]) * spacing.between, (col - fovea[1]) * spacing.lateral)
    ilm = 40 + tilt[0] * bscan + tilt[1] * col + np.zeros(away.shape)
    heights = np.array(HEIGHTS_UM)[:, None, None] + np.zeros((7, shape[0], shape[2]))
    heights[1] -= PIT_UM * np.exp(-((away[:, 0] / 400) ** 2))
    rows = ilm[:, 0] + np.concatenate([np.zeros((1, *heights.shape[1:])), heights.cumsum(0)]) / (
        spacing.axial
    )
    return np.stack([layers_between(rows[:, b], LAYERS7, shape[1]) for b in range(shape[0])])


def of(measured: Measured, span: str, region: str = "all") -> ThicknessFigure:
    (found,) = (e for e in measured.thickness if (e.span, e.region) == (span, region))
    return found


def ellipsoid(
    shape: tuple[int, int, int], spacing: Spacing, radii_um: tuple[float, float, float], turn: float
) -> npt.NDArray[np.uint8]:
    """Return fluid (value 1) in the middle, turned in the plane of a B-scan by an angle."""
    steps = (spacing.between or 1.0, spacing.axial, spacing.lateral)
    z, y, x = np.meshgrid(
        *((np.arange(n) - n / 2 + 0.27) * s for n, s in zip(shape, steps, strict=True)),
        indexing="ij",
    )
    down, across = y * np.cos(turn) - x * np.sin(turn), y * np.sin(turn) + x * np.cos(turn)
    radii = zip((z, down, across), radii_um, strict=True)
    return (sum((axis / r) ** 2 for axis, r in radii) <= 1).astype(np.uint8)


@pytest.mark.parametrize(
    ("tilt", "axial"), [((0.0, 0.0), 3.9), ((0.31, 0.173), 3.9), ((-0.23, 0.29), 1.3)]
)
def test_thickness_is_right_to_one_percent_also_tilted_and_anisotropic(
    tilt: tuple[float, float], axial: float
) -> None:
    spacing = Spacing(axial, 24.0, 120.0)
    labels = macula((61, 620, 300), spacing, tilt=tilt)
    measured = measure(labels, LAYERS7, spacing)
    flat = tilt == (0.0, 0.0)  # then each column is rounded alike, by up to half a row at each end
    for layer, truth in zip(LAYERS7.layers, HEIGHTS_UM, strict=True):
        found = of(measured, LAYERS7[layer.value].short, "outer left")
        assert found.mean_um == pytest.approx(truth, rel=0 if flat else 0.01, abs=axial * flat)
    total = of(measured, "RNFL to RPE", "outer left")
    assert total.mean_um == pytest.approx(sum(HEIGHTS_UM), rel=0.01)
    assert total.basis.coverage == 100


def test_a_central_subfield_with_a_pit_has_the_mean_of_the_pit() -> None:
    measured = measure(macula(tilt=(0.31, 0.173)), LAYERS7, MACULA)
    # the mean of exp(-(r / 400)²) over a disc of 500 µm radius
    pit = PIT_UM * (400 / 500) ** 2 * (1 - np.exp(-((500 / 400) ** 2)))

    found = of(measured, "RNFL to RPE", "central")
    assert found.mean_um == pytest.approx(sum(HEIGHTS_UM) - pit, rel=0.01)
    assert of(measured, "RNFL to RPE").min_um == pytest.approx(sum(HEIGHTS_UM) - PIT_UM, abs=8)
    assert of(measured, "RNFL to RPE").max_um == pytest.approx(sum(HEIGHTS_UM), abs=4)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.floats(0.5, 12), st.integers(1, 5))
def test_layers_add_up_in_every_column_and_spans_are_sums(
    seed: int, axial: float, bscans: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.integers(1, 39, (8, bscans, 12)), axis=0).astype(np.float32)
    labels = np.stack([layers_between(rows[:, b], LAYERS7, 40) for b in range(bscans)])
    span = span_of("RNFL:INL", LAYERS7)
    found = measure(labels, LAYERS7, Spacing(axial, 10, 100), spans=[span]).heights
    layers = [found[LAYERS7[layer.value].short] for layer in LAYERS7.layers]
    known = np.isfinite(np.stack(layers)).all(axis=0)

    assert np.allclose(np.sum(layers, axis=0)[known], found["RNFL to RPE"][known], rtol=1e-4)
    assert np.allclose(np.sum(layers[:3], axis=0)[known], found["RNFL to INL"][known], rtol=1e-4)
    for number, layer in enumerate(layers):
        assert np.allclose(
            layer[known], ((rows[number + 1] - rows[number]) * axial)[known], rtol=1e-4
        )


@pytest.mark.parametrize("turn", [0.0, 0.5])
@pytest.mark.parametrize("spacing", [Spacing(3.87, 11.2, 30.0), Spacing(2.0, 20.0, 60.0)])
def test_a_lesion_has_its_volume_area_and_height(turn: float, spacing: Spacing) -> None:
    radii = (900.0, 180.0, 500.0)
    between = spacing.between or 1.0
    shape = tuple(
        int(2.4 * r / s)
        for r, s in zip((900, 520, 520), (between, spacing.axial, spacing.lateral), strict=True)
    )
    labels = ellipsoid((shape[0], shape[1], shape[2]), spacing, radii, turn)
    measured = measure(labels, FLUID, spacing)
    (figure,) = measured.lesions
    (piece,) = measured.pieces["FLU"]

    across = np.hypot(180 * np.sin(turn), 500 * np.cos(turn))  # half its width from above
    assert figure.volume_mm3 == pytest.approx(4 / 3 * np.pi * np.prod(radii) * 1e-9, rel=0.01)
    assert figure.area_mm2 == pytest.approx(np.pi * 180 * 500 * 1e-6, rel=0.01)
    assert figure.enface_mm2 == pytest.approx(np.pi * 900 * across * 1e-6, rel=0.01)
    assert figure.height_um == pytest.approx(2 * 180 * 500 / across, rel=0.015)
    assert (figure.count, figure.basis.coverage) == (1, 100)
    assert piece.volume_mm3 == figure.volume_mm3
    assert piece.row == pytest.approx(shape[1] / 2, abs=1)


def test_lesions_are_counted_in_three_dimensions_the_largest_first() -> None:
    labels = np.zeros((4, 20, 30), np.uint8)
    labels[0, 4:8, 4:8] = 1
    labels[1, 7:10, 7:10] = 1  # meets the one before at corners
    labels[3, 2, 20] = 1
    measured = measure(labels, FLUID, MACULA)

    assert [p.bscans for p in measured.pieces["FLU"]] == [2, 1]
    assert measured.lesions[0].count == 2


def test_the_fovea_is_found_where_it_is_and_the_thin_margin_of_a_scan_is_none() -> None:
    found = measure(macula(fovea=(26, 170), tilt=(0.2, 0.1)), LAYERS7, MACULA).fovea
    assert found is not None
    assert found.found
    assert (found.bscan, found.col) == pytest.approx((26, 170), abs=3)

    slope = np.linspace(10, 60, 300)
    rows = 40 + np.stack([slope * k / 3 for k in range(8)])
    thinner_to_the_left = np.stack([layers_between(rows, LAYERS7, 240)] * 61)
    without = measure(thinner_to_the_left, LAYERS7, MACULA)
    assert without.fovea is None
    assert {each.region for each in without.thickness} == {"all"}


def test_a_given_fovea_is_taken_and_one_outside_is_refused() -> None:
    eye = Eye(fovea=Fovea(10, 40, found=False))
    assert measure(macula(), LAYERS7, MACULA, eye).fovea == eye.fovea
    with pytest.raises(UserError, match="61 B-scans of 300 columns"):
        measure(macula(), LAYERS7, MACULA, Eye(fovea=Fovea(70, 40, found=False)))


def test_subfields_have_their_areas_and_sides_by_laterality() -> None:
    spacing, fovea = Spacing(3.9, 20.0, 30.0), Fovea(120, 180, found=False)
    right, left, unknown = (
        {r.name: r for r in etdrs((241, 361), spacing, fovea, eye, first)}
        for eye, first in (("OD", "superior"), ("OS", "inferior"), (None, None))
    )
    cell = spacing.cell_mm2 or 0.0
    inner, middle, outer = (np.pi * d**2 / 4 for d in ETDRS_MM)
    for regions in (right, left, unknown):
        assert sum(r.inside.sum() for r in regions.values()) * cell == pytest.approx(
            outer, rel=0.01
        )
        for name, region in regions.items():
            ring = {"central": inner, "inner": (middle - inner) / 4, "outer": (outer - middle) / 4}
            assert region.wanted == np.count_nonzero(region.inside)
            assert region.wanted * cell == pytest.approx(ring[name.split()[0]], rel=0.02)
    to_the_right, on_top = (120, 180 + 50), (120 - 33, 180)
    assert right["inner nasal"].inside[to_the_right]
    assert left["inner temporal"].inside[to_the_right]
    assert unknown["inner right"].inside[to_the_right]
    assert right["inner superior"].inside[on_top]
    assert left["inner inferior"].inside[on_top]
    assert unknown["inner first"].inside[on_top]


def test_what_a_scan_does_not_cover_is_said_and_not_filled_in() -> None:
    eye = Eye("OD", "superior", Fovea(30, 18, found=False))  # 0.43 mm from the left edge
    measured = measure(macula(fovea=(30, 18)), LAYERS7, MACULA, eye)

    assert of(measured, "INL", "outer temporal").basis.coverage == 0
    assert of(measured, "INL", "outer temporal").mean_um is None
    assert of(measured, "INL", "outer nasal").basis.coverage == 100
    central = of(measured, "INL", "central").basis
    assert central.coverage is not None
    assert 95 < central.coverage < 100
    assert of(measured, "INL", "grid 1,1").basis.coverage == 0
    assert of(measured, "INL", "grid 4,5").basis.coverage == 100


def test_what_is_not_labelled_has_no_figures_and_lowers_the_coverage() -> None:
    labels = macula()
    labels[:, :, :75] = NOT_LABELLED  # a quarter of the columns
    labels[40] = 0  # nobody has labelled it
    measured = measure(labels, LAYERS7, MACULA)
    basis = of(measured, "INL").basis

    assert basis.coverage == pytest.approx(75 * 60 / 61)
    assert basis.bscans == 60
    assert np.isnan(measured.heights["INL"][:, :75]).all()
    assert np.isnan(measured.heights["INL"][40]).all()


def test_a_layer_that_a_bscan_lacks_is_unknown_and_one_missing_from_a_column_has_no_height() -> (
    None
):
    labels = macula((3, 240, 300), fovea=(1, 150))
    labels[0][labels[0] == 4] = 5  # no OPL
    labels[1, :, 10][labels[1, :, 10] == 4] = 5
    heights = measure(labels, LAYERS7, MACULA).heights

    assert np.isnan(heights["OPL"][0]).all()
    assert np.isnan(heights["INL"][0]).all()  # where it ends is not known either
    assert np.isfinite(heights["RNFL to RPE"][0]).all()
    assert heights["OPL"][1, 10] == 0
    assert (heights["OPL"][2] > 0).all()


def test_beside_holes_and_the_pictures_edge_boundaries_are_not_guessed() -> None:
    labels = macula((3, 240, 300), fovea=(1, 150))
    column = labels[0, :, 5]
    column[np.flatnonzero(column == 4)] = NOT_LABELLED
    cut = np.roll(labels[1], -45, axis=0)
    cut[-45:] = 0
    labels[1] = cut
    heights = measure(labels, LAYERS7, MACULA).heights

    assert np.isnan([heights[name][0, 5] for name in ("INL", "OPL", "ONL+IS")]).all()
    assert np.isfinite([heights[name][0, 5] for name in ("RNFL", "OS", "RNFL to RPE")]).all()
    assert np.isnan(heights["RNFL"][1]).all()  # cut by the upper edge
    assert np.isnan(heights["RNFL to RPE"][1]).all()
    assert np.isfinite(heights["OPL"][1]).all()


def test_states_are_told_by_their_share() -> None:
    states = ["corrected"] * 15 + ["automatic"] * 46
    eye = Eye(fovea=Fovea(30, 150, found=False))
    measured = measure(macula(), LAYERS7, MACULA, eye, states)

    assert of(measured, "INL").basis.states == pytest.approx(
        {"corrected": 100 * 15 / 61, "automatic": 100 * 46 / 61}
    )
    assert of(measured, "INL", "central").basis.states == {"automatic": 100}
    untold = measure(macula((1, 240, 300)), LAYERS7, MACULA)
    assert of(untold, "INL").basis.states == {"not known": 100}


def test_a_single_bscan_has_thickness_and_areas_but_no_volume_nor_subfields() -> None:
    labels = ellipsoid((1, 200, 100), MACULA, (900.0, 180.0, 500.0), 0.0)
    measured = measure(labels[0], FLUID, MACULA)
    (figure,) = measured.lesions
    assert (figure.volume_mm3, figure.enface_mm2, figure.count) == (None, None, 1)
    assert figure.area_mm2 == pytest.approx(np.pi * 0.18 * 0.5, rel=0.01)

    single = measure(macula((1, 240, 300))[0], LAYERS7, Spacing(3.9, 24.0))
    assert of(single, "INL").mean_um == pytest.approx(40, abs=3.9)
    assert {each.region for each in single.thickness} == {"all"}


def test_lesions_where_nothing_was_labelled_are_unknown_and_not_none() -> None:
    labels = np.zeros((2, 30, 40), np.uint8)
    assert measure(labels, FLUID, MACULA).lesions[0].volume_mm3 == 0
    labels[:] = NOT_LABELLED
    (figure,) = measure(labels, FLUID, MACULA).lesions
    assert (figure.volume_mm3, figure.basis.coverage) == (None, 0)
    labels[0], labels[0, 3:5, 3:6] = 0, 1
    (figure,) = measure(labels, FLUID, MACULA).lesions
    assert figure.basis.coverage == 50
    assert figure.volume_mm3 == pytest.approx(6 * 3.9 * 24 * 120 * 1e-9)
    layered = np.zeros((2, 30, 40), np.uint8)  # of a schema with layers: nobody labelled these
    assert measure(layered, OCT14, MACULA).lesions[0].volume_mm3 is None


def test_phantoms_are_as_thick_as_their_labels() -> None:
    spacing = Spacing(3.87, 11.2)
    for seed in (1, 4):
        layers = make_phantom(seed, (300, 200), findings=()).layers
        measured = measure(layers, LAYERS7, spacing)
        for layer in LAYERS7.layers:
            truth = np.count_nonzero(layers == layer.value, axis=0) * spacing.axial
            found = of(measured, LAYERS7[layer.value].short)
            assert found.basis.coverage == 100
            assert found.mean_um == pytest.approx(float(truth.mean()), rel=1e-4)


def test_spacing_is_read_or_asked_for_and_never_assumed() -> None:
    assert spacing_in("120,3.87,11.2") == Spacing(3.87, 11.2, 120.0)
    assert spacing_in("3.87, 11.2") == Spacing(3.87, 11.2)
    assert str(spacing_in("120,3.87,11.2")) == "120,3.87,11.2"
    millimetres = spacing_of((0.12, 0.00387, 0.0112), ("millimeter",) * 3)
    assert millimetres is not None
    assert dataclasses.astuple(millimetres) == pytest.approx((3.87, 11.2, 120.0))
    assert spacing_of((1.0, 1.0), ("pixel", "pixel")) is None
    with pytest.raises(UserError, match="how far apart they are is not known"):
        measure(macula(), LAYERS7, Spacing(3.9, 24.0))


@pytest.mark.parametrize("text", ["", "1", "a,b,c", "1,2,3,4", "nan,1,1", "1,0,1", "1,-2,3"])
def test_what_is_no_spacing_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        spacing_in(text)


@pytest.mark.parametrize("text", ["INL", "INL:RNFL", "RNFL:BG", "RNFL:XYZ", "RNFL:INL:RPE"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        span_of(text, LAYERS7)
