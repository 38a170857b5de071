"""Layers of napari as B-scans and prompts: coordinates, planes, classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("napari")
from napari.components import Dims
from napari.layers import Image, Labels, Points, Shapes

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.bscan_writing import write_bscan
from napari_octsam.gui.layers.bscans import Plane, line_up, read_bscan, shown_plane, to_image_pixels
from napari_octsam.gui.layers.layer_schema import labels_colormap
from napari_octsam.gui.layers.new_layers import new_labels, placed_as
from napari_octsam.gui.layers.prompt_layers import (
    adopt,
    new_points_layer,
    new_shapes_layer,
    set_feature,
    set_next,
)
from napari_octsam.gui.prompting.collect import SCRIBBLE_POINTS, Collected, collect

SCHEMA = bundled_schema("oct14")
NSR, IRF, RPE = 2, 3, 6

scales = st.floats(0.1, 50).flatmap(lambda s: st.sampled_from([s, -s]))
placements = st.fixed_dictionaries(
    {
        "scale": st.tuples(scales, scales),
        "translate": st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    }
)


def dims_of(layer: Any, step: tuple[int, ...] | None = None, order: Any = None) -> Dims:
    """The sliders of a viewer that shows only this layer, at a step of it."""
    centre = [s // 2 for s in layer.data.shape[: layer.ndim]] if step is None else list(step)
    centre += [0] * (layer.ndim - len(centre))
    dims = Dims(ndim=layer.ndim, order=order or tuple(range(layer.ndim)))
    far = np.array([layer.data_to_world(c) for c in (np.zeros(layer.ndim), centre)])
    dims.range = tuple((min(c) - 1e6, max(c) + 1e6, 1e-6) for c in far.T)
    dims.point = layer.data_to_world(centre)
    return dims


def corners(row0: float, col0: float, row1: float, col1: float) -> np.ndarray:
    return np.array([[row0, col0], [row0, col1], [row1, col1], [row1, col0]], float)


def drawn_on(image: Image, class_value: int = NSR) -> tuple[Shapes, Points]:
    return (
        new_shapes_layer(image, SCHEMA, class_value),
        new_points_layer(image, SCHEMA, class_value),
    )


def prompts_of(shapes: Shapes | None, points: Points | None, image: Image) -> Collected:
    return collect(shapes, points, image, shown_plane(image, dims_of(image)))


@given(image_at=placements, shapes_at=placements, data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_box_drawn_in_any_layer_lands_on_the_same_pixels(
    image_at: dict[str, Any], shapes_at: dict[str, Any], data: st.DataObject
) -> None:
    image = Image(np.zeros((60, 80), np.uint8), **image_at)
    row0, col0 = data.draw(st.floats(0, 40)), data.draw(st.floats(0, 60))
    wanted = (row0, col0, row0 + 10, col0 + 12)
    world = [image.data_to_world(c) for c in corners(*wanted)]
    shapes = Shapes(ndim=2, **shapes_at)
    adopt(shapes, SCHEMA, NSR)
    shapes.add([np.array([shapes.world_to_data(w) for w in world])], shape_type="rectangle")

    (placed,) = prompts_of(shapes, None, image).placed

    box = placed.prompt.box
    assert box is not None
    found = (box.row0, box.col0, box.row1, box.col1)
    assert found == pytest.approx(wanted, abs=0.01)  # napari keeps float32


@given(
    at=st.fixed_dictionaries(
        {
            "scale": st.tuples(scales, scales, scales),
            "translate": st.tuples(*[st.floats(-1e3, 1e3)] * 3),
        }
    ),
    index=st.integers(0, 4),
)
@settings(max_examples=40, deadline=None)
def test_the_shown_bscan_follows_the_slider_through_scale_translation_and_flips(
    at: dict[str, Any], index: int
) -> None:
    volume = np.arange(5 * 16 * 20, dtype=np.uint16).reshape(5, 16, 20)
    image = Image(volume, **at)
    plane = shown_plane(image, dims_of(image, (index, 3, 3)))
    assert plane == Plane((1, 2), (index,))


def test_a_copied_placement_keeps_rotation_shear_affine_and_units() -> None:
    image = Image(
        np.zeros((4, 30, 40), np.uint8),
        scale=(9, 3.9, 11.5),
        translate=(1, -2, 3),
        rotate=(0, 0, 12),
        shear=(0, 0, 0.1),
        affine=np.diag([1, 2, -1, 1]),
        units=("um", "um", "um"),
        axis_labels=("b-scan", "depth", "width"),
    )
    labels, note = new_labels(image, SCHEMA, "labels")
    shapes, points = drawn_on(image)
    for layer in (labels, shapes, points):
        there = layer.data_to_world((1, 20, 30))
        assert there == pytest.approx(image.data_to_world((1, 20, 30)))
        assert layer.units == image.units
        assert layer.axis_labels == image.axis_labels
    assert line_up(image, labels)
    assert not note


def test_layers_that_are_shifted_or_cropped_do_not_line_up() -> None:
    image = Image(np.zeros((30, 40), np.uint8), scale=(4, 12))
    assert not line_up(image, Labels(np.zeros((30, 40), np.uint8)))
    assert not line_up(image, Labels(np.zeros((30, 39), np.uint8), scale=(4, 12)))
    shifted = Labels(np.zeros((30, 40), np.uint8), scale=(4, 12), translate=(4, 0))
    assert not line_up(image, shifted)


@pytest.mark.parametrize(
    ("array", "rgb"),
    [
        (np.full((30, 40), 7, np.uint8), False),
        (np.full((3, 30, 40), 7, np.uint8), False),
        (np.full((3, 30, 40, 3), 7, np.uint8), True),
    ],
)
def test_eight_bit_bscans_keep_their_values(array: np.ndarray, rgb: bool) -> None:
    image = Image(array, rgb=rgb)
    pixels = read_bscan(image, shown_plane(image, dims_of(image))).pixels
    assert pixels.shape == (30, 40)
    assert (pixels == 7).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_deeper_bscans_are_stretched_to_eight_bit(dtype: Any) -> None:
    ramp = np.linspace(100, 3000, 30 * 40).reshape(30, 40).astype(dtype)
    image = Image(ramp)
    pixels = read_bscan(image, shown_plane(image, dims_of(image))).pixels
    assert pixels.dtype == np.uint8
    assert pixels.min() == 0
    assert pixels.max() == 255


def test_a_lazy_volume_is_read_one_bscan_at_a_time() -> None:
    da = pytest.importorskip("dask.array")
    read: list[int] = []

    def load(block_info: Any = None) -> np.ndarray:
        i = block_info[None]["chunk-location"][0]
        read.append(i)
        return np.full((1, 30, 40), i, np.uint8)

    volume = da.map_blocks(load, chunks=((1,) * 6, (30,), (40,)), dtype=np.uint8)
    image = Image(volume, contrast_limits=(0, 255))
    read.clear()
    bscan = read_bscan(image, Plane((1, 2), (4,)))
    assert (bscan.pixels == 4).all()
    assert read == [4]


def test_a_multiscale_image_is_read_at_full_resolution() -> None:
    fine = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    image = Image([fine, fine[::2, ::2]], multiscale=True)
    dims = Dims(ndim=2)
    assert np.array_equal(read_bscan(image, shown_plane(image, dims)).pixels, fine)


def test_swapped_axes_show_rows_as_the_display_does() -> None:
    image = Image(np.arange(30 * 40, dtype=np.uint8).reshape(30, 40))
    plane = shown_plane(image, dims_of(image, order=(1, 0)))
    assert plane.axes == (1, 0)
    assert np.array_equal(read_bscan(image, plane).pixels, image.data.T)


def test_pixel_indices_point_at_the_same_pixels_as_the_plane() -> None:
    volume = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    for plane in (Plane((1, 2), (3,)), Plane((0, 2), (1,)), Plane((2, 0), (4,))):
        bscan = plane.oriented(volume[plane.selector])
        rows, cols = np.nonzero(bscan % 2)
        assert np.array_equal(volume[plane.indices(rows, cols)], bscan[rows, cols])


def test_neighbours_stay_in_the_volume() -> None:
    shape = (3, 30, 40)
    assert [p.index for p in Plane((1, 2), (0,)).neighbours(shape)] == [(1,)]
    assert [p.index for p in Plane((1, 2), (1,)).neighbours(shape)] == [(2,), (0,)]
    assert Plane((0, 1)).neighbours((30, 40)) == ()


def test_the_3d_view_and_a_slider_outside_the_image_say_so() -> None:
    image = Image(np.zeros((3, 30, 40), np.uint8))
    solid = dims_of(image)
    solid.ndisplay = 3
    with pytest.raises(UserError, match="2D view"):
        shown_plane(image, solid)
    with pytest.raises(UserError, match="no B-scan here"):
        shown_plane(image, dims_of(image, (9, 3, 3)))


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((1, 1), np.uint8), "too small"),
        (np.full((30, 40), np.nan), "NaN"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "too large"),
    ],
)
def test_images_that_are_no_bscans_say_so(array: np.ndarray, sentence: str) -> None:
    image = Image(array, contrast_limits=(0, 1))
    with pytest.raises(UserError, match=sentence):
        read_bscan(image, Plane((0, 1)))


def test_each_shape_becomes_its_kind_of_prompt() -> None:
    image = Image(np.zeros((100, 120), np.uint8))
    shapes, _ = drawn_on(image)
    shapes.add(corners(10, 10, 30, 50), shape_type="rectangle")
    shapes.add(corners(40, 10, 60, 50), shape_type="ellipse")
    shapes.add(np.array([[70, 10], [90, 10], [90, 50]]), shape_type="polygon")
    shapes.add(np.array([[5, 60], [5, 110]]), shape_type="path")

    box, ellipse, polygon, scribble = (p.prompt for p in prompts_of(shapes, None, image).placed)

    assert box.mask is None
    assert ellipse.mask is not None
    assert ellipse.mask.sum() == pytest.approx(np.pi * 10 * 20, rel=0.05)
    assert ellipse.mask[50, 30]
    assert not ellipse.mask[41, 11]
    assert polygon.mask is not None
    assert polygon.mask[85, 20]
    assert not polygon.mask[72, 45]
    assert polygon.box is not None
    assert polygon.box.row0 == 70
    assert scribble.box is None
    assert len(scribble.points) == SCRIBBLE_POINTS
    assert all(p.row == 5 and p.positive for p in scribble.points)
    steps = np.diff([p.col for p in scribble.points])
    assert np.allclose(steps, steps[0])


def test_a_turned_rectangle_is_its_bounding_box() -> None:
    image = Image(np.zeros((100, 120), np.uint8))
    shapes, _ = drawn_on(image)
    diamond = np.array([[10, 50], [50, 90], [90, 50], [50, 10]])
    shapes.add(diamond, shape_type="rectangle")
    (placed,) = prompts_of(shapes, None, image).placed
    assert placed.prompt.box is not None
    assert placed.prompt.box.area == 80 * 80


def test_points_belong_to_the_smallest_box_of_their_class() -> None:
    image = Image(np.zeros((100, 120), np.uint8))
    shapes, points = drawn_on(image, NSR)
    shapes.add(corners(0, 0, 90, 110), shape_type="rectangle")
    shapes.add(corners(20, 20, 60, 60), shape_type="rectangle")
    points.add([[30, 30]])
    set_next(points, SCHEMA, sign="-")
    points.add([[80, 80]])
    set_next(points, SCHEMA, class_value=IRF, sign="+")
    points.add([[40, 40], [50, 50]])
    set_next(points, SCHEMA, sign="-")
    points.add([[99, 119]])

    outer, inner, fluid = prompts_of(shapes, points, image).placed

    assert [(p.row, p.positive) for p in inner.prompt.points] == [(30, True)]
    assert [(p.row, p.positive) for p in outer.prompt.points] == [(80, False)]
    assert fluid.prompt.class_value == IRF
    assert fluid.prompt.box is None
    assert [p.positive for p in fluid.prompt.points] == [True, True, False]
    assert fluid.points == (2, 3, 4)
    assert inner.shapes == (1,)


def test_a_negative_point_of_another_class_still_cuts_the_box_around_it() -> None:
    image = Image(np.zeros((100, 120), np.uint8))
    shapes, points = drawn_on(image, NSR)
    shapes.add(corners(0, 0, 90, 110), shape_type="rectangle")
    set_next(points, SCHEMA, class_value=IRF, sign="-")
    points.add([[40, 40]])
    collected = prompts_of(shapes, points, image)
    assert not collected.problems
    (placed,) = collected.placed
    assert [p.positive for p in placed.prompt.points] == [False]


def test_a_scribble_in_a_box_of_its_class_joins_it_and_another_stays_alone() -> None:
    image = Image(np.zeros((100, 120), np.uint8))
    shapes, _ = drawn_on(image, NSR)
    shapes.add(corners(0, 0, 50, 110), shape_type="rectangle")
    shapes.add(np.array([[20, 20], [20, 60]]), shape_type="path")
    shapes.add(np.array([[80, 20], [80, 60]]), shape_type="path")
    box, alone = prompts_of(shapes, None, image).placed
    assert len(box.prompt.points) == SCRIBBLE_POINTS
    assert (box.shapes, alone.shapes) == ((0, 1), (2,))


def test_one_bad_prompt_says_so_and_leaves_the_good_ones() -> None:
    image = Image(np.zeros((100, 120), np.uint8))
    shapes, points = drawn_on(image)
    shapes.add(corners(10, 10, 30, 50), shape_type="rectangle")
    shapes.add(corners(200, 10, 230, 50), shape_type="rectangle")
    shapes.add(corners(10, 10, 10, 50), shape_type="rectangle")
    set_next(points, SCHEMA, class_value=IRF, sign="-")
    points.add([[90, 90]])

    collected = prompts_of(shapes, points, image)

    assert [p.shapes for p in collected.placed] == [(0,)]
    assert [text.split(":")[0] for text in collected.problems] == [
        "The box (200, 10)-(230, 50) is outside the B-scan of 100 x 120 pixels.",
        "The box (10, 10)-(10, 50) has no area",
        "The object has only negative points",
    ]


def test_prompts_of_other_bscans_are_left_alone() -> None:
    image = Image(np.zeros((5, 100, 120), np.uint8), scale=(20, 4, -11))
    shapes, points = drawn_on(image)
    for index in (1, 3):
        box = np.insert(corners(10, 10, 30, 50), 0, index, axis=1)
        shapes.add(box, shape_type="rectangle")
        points.add([[index, 20, 20]])
    (placed,) = collect(shapes, points, image, Plane((1, 2), (3,))).placed
    assert (placed.shapes, placed.points) == ((1,), (1,))
    assert placed.prompt.bscan == (3,)
    assert not collect(shapes, points, image, Plane((1, 2), (2,))).placed
    assert len(shapes.data) == 2


def test_a_flat_shapes_layer_counts_on_the_bscan_that_is_shown() -> None:
    image = Image(np.zeros((5, 100, 120), np.uint8), scale=(20, 1, 1), translate=(7, 0, 0))
    shapes = Shapes(ndim=2)
    adopt(shapes, SCHEMA, NSR)
    shapes.add(corners(10, 10, 30, 50), shape_type="rectangle")
    (placed,) = collect(shapes, None, image, Plane((1, 2), (4,))).placed
    assert placed.prompt.bscan == (4,)


def test_adopting_a_users_shapes_layer_keeps_its_features_and_adds_classes() -> None:
    shapes = Shapes([corners(0, 0, 9, 9)], shape_type="rectangle", features={"note": ["a"]})
    adopt(shapes, SCHEMA, RPE)
    assert list(shapes.features["note"]) == ["a"]
    assert list(shapes.features["class"]) == [RPE]
    assert list(shapes.text.values) == ["RPE"]
    shapes.add(corners(20, 0, 29, 9), shape_type="rectangle")
    assert list(shapes.features["class"]) == [RPE, RPE]


def test_changing_a_prompts_class_leaves_the_class_of_the_next() -> None:
    image = Image(np.zeros((100, 120), np.uint8))
    shapes, _ = drawn_on(image, NSR)
    shapes.add(corners(0, 0, 9, 9), shape_type="rectangle")
    set_feature(shapes, [0], "class", IRF)
    shapes.add(corners(20, 0, 29, 9), shape_type="rectangle")
    assert list(shapes.features["class"]) == [IRF, NSR]


def test_labels_show_the_names_and_colours_of_the_schema() -> None:
    image = Image(np.zeros((30, 40), np.uint8))
    labels, _ = new_labels(image, SCHEMA, "labels")
    assert labels.data.dtype == np.uint8
    assert list(labels.features["name"])[RPE] == "retinal pigment epithelium"
    colors = labels_colormap(SCHEMA)
    assert np.allclose(colors.map(np.uint8(RPE))[:3], [0xD5 / 255, 0x5E / 255, 0])
    assert colors.map(np.uint8(0))[3] == 0
    assert colors.map(np.uint8(255))[3] == 0
    assert colors.map(np.uint8(77))[3] == 1
    labels.data_setitem((np.array([3]), np.array([4])), RPE)
    status = labels.get_status((3, 4), view_direction=None, dims_displayed=[0, 1], world=True)
    assert "retinal pigment epithelium" in status["coordinates"]


def test_a_labels_layer_larger_than_memory_is_announced() -> None:
    lazy = Image(np.broadcast_to(np.uint8(0), (6000, 1000, 1000)), contrast_limits=(0, 1))
    _, note = new_labels(lazy, SCHEMA, "labels")
    assert "6 GB" in note


def test_a_bscan_of_a_zarr_array_is_written_and_taken_back() -> None:
    labels = Labels(zarr.array(np.zeros((3, 4, 5), np.uint8)))
    change = write_bscan(labels, (1,), np.full((4, 5), RPE, np.uint8))
    assert (np.asarray(labels.data) == RPE).sum() == 20
    assert change.take_back(labels)
    assert not np.asarray(labels.data).any()


def test_vertices_pass_through_the_world() -> None:
    image = Image(np.zeros((5, 30, 40), np.uint8), **placed_as(Points(ndim=3, scale=(2, 3, 4))))
    points = Points(np.array([[1.0, 2.0, 3.0]]), scale=(4, 3, 2))
    there = to_image_pixels(points.data, points, image, Plane((1, 2), (2,)))
    assert there == pytest.approx(np.array([[2.0, 2.0, 1.5]]))
