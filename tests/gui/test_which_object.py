"""Which object a point belongs to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_octsam.core.prompts import Box, Point, Prompt, group

RETINA = Prompt(2, Box(0, 0, 100, 100))
CYST = Prompt(3, Box(40, 40, 60, 60))

coordinate = st.floats(-20, 120)
boxes = st.builds(
    lambda r, c, h, w: Box(r, c, r + h, c + w), coordinate, coordinate, coordinate, coordinate
)
objects = st.lists(st.builds(Prompt, st.integers(1, 3), boxes), max_size=4)
points = st.lists(
    st.tuples(
        st.builds(Point, coordinate, coordinate, st.booleans()), st.none() | st.integers(1, 3)
    ),
    max_size=8,
)


def test_a_point_joins_the_smallest_box_around_it() -> None:
    inside, beside = Point(50, 50), Point(10, 10, positive=False)

    retina, cyst = group([RETINA, CYST], [(inside, None), (beside, None)], default_class=1)

    assert cyst.points == (inside,)
    assert retina.points == (beside,)


def test_a_point_with_a_class_joins_a_box_of_that_class_only() -> None:
    point = Point(50, 50)

    retina, cyst, other = group([RETINA, CYST], [(point, 2), (point, 7)], default_class=1)

    assert retina.points == (point,)
    assert not cyst.points
    assert (other.class_value, other.box, other.points) == (7, None, (point,))


def test_points_outside_every_box_are_one_object_a_class() -> None:
    on, off = Point(200, 10), Point(210, 20, positive=False)

    grouped = group([CYST], [(on, 5), (off, None), (on, 6)], default_class=1)

    assert [(o.class_value, o.points) for o in grouped[1:]] == [(5, (on, off)), (6, (on,))]


def test_points_alone_are_one_object_of_the_default_class() -> None:
    on, off = Point(10, 10), Point(20, 20, positive=False)

    (grouped,) = group([], [(on, None), (off, None)], default_class=4)

    assert (grouped.class_value, grouped.points) == (4, (on, off))


@given(objects, points)
def test_no_point_is_lost_or_doubled(
    objects: list[Prompt], points: list[tuple[Point, int | None]]
) -> None:
    grouped = group(objects, points, default_class=1)

    assert sorted(map(repr, (p for o in grouped for p in o.points))) == sorted(
        repr(point) for point, _ in points
    )
    assert [o.box for o in grouped[: len(objects)]] == [o.box for o in objects]
