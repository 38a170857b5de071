"""Sectors of circular scans whose thickness around the disc is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_octsam.core.boundaries import layers_between
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.measurement.circles import circle_order, sectors
from napari_octsam.measurement.measure import Eye, measure
from napari_octsam.measurement.spacing import Spacing
from tests.measurement.test_measure import of

LAYERS7 = bundled_schema("layers7")
COLUMNS, AXIAL = 720, 2.0


def circle(angles: np.ndarray) -> np.ndarray:
    """Layers of a circle whose RNFL is 60 µm, but 100 above and 140 below the disc."""
    rnfl = np.full(angles.shape, 60.0)
    rnfl[(angles > 45) & (angles < 135)] = 100
    rnfl[(angles > 225) & (angles < 315)] = 140
    heights = np.vstack([np.full(COLUMNS, 20.0), rnfl / AXIAL, np.full((6, COLUMNS), 10.0)])
    return layers_between(heights.cumsum(0), LAYERS7, 200)


def measured(order: Any, laterality: Any = None, begin: float = 0.0, way: int = 1) -> Any:
    angles = (begin + way * 360 * (np.arange(COLUMNS) + 0.5) / COLUMNS) % 360
    eye = Eye(laterality, circle=order)
    return measure(circle(angles), LAYERS7, Spacing(AXIAL, 14.0), eye)


@pytest.mark.parametrize(
    ("order", "begin", "way"),
    [("TSNIT", 0, 1), ("SNITS", 90, 1), ("NSTIN", 180, -1), ("INSTI", 270, -1), ("TINST", 0, -1)],
)
def test_sectors_lie_where_they_do_whichever_way_the_scan_goes(
    order: str, begin: float, way: int
) -> None:
    found = measured(order, begin=begin, way=way)
    means = {name: of(found, "RNFL", name).mean_um for name in ("temporal", "superior", "nasal")}

    assert means == {"temporal": 60, "superior": 100, "nasal": 60}
    assert of(found, "RNFL", "inferior").mean_um == 140
    assert of(found, "RNFL", "temporal inferior").mean_um == 140
    assert of(found, "RNFL", "nasal superior").mean_um == 100
    assert of(found, "RNFL", "nasal superior").basis.coverage == 100
    assert of(found, "RNFL").mean_um == pytest.approx(90)


def test_clock_hours_mirror_between_the_eyes() -> None:
    right, left = measured("TSNIT", "OD"), measured("TSNIT", "OS")
    for eye in (right, left):
        assert of(eye, "RNFL", "hour 12").mean_um == 100
        assert of(eye, "RNFL", "hour 6").mean_um == 140
    names = {r.name: np.flatnonzero(r.inside[0]) for r in sectors(COLUMNS, "TSNIT", "OD")}
    mirrored = {r.name: np.flatnonzero(r.inside[0]) for r in sectors(COLUMNS, "TSNIT", "OS")}
    assert np.array_equal(names["hour 9"], mirrored["hour 3"])  # temporal
    assert np.array_equal(names["hour 10"], mirrored["hour 2"])  # and a bit above
    assert np.array_equal(names["hour 7"], mirrored["hour 5"])
    unnamed = sectors(COLUMNS, "TSNIT")
    assert sum(region.wanted for region in unnamed if region.name.startswith("at ")) == COLUMNS


def test_what_is_no_circle_is_refused() -> None:
    assert circle_order(" tsnit ") == "TSNIT"
    for text in ("", "TSTS", "TNSIT", "circle"):
        with pytest.raises(UserError, match="TSNIT"):
            circle_order(text)
    volume = np.stack([circle(np.zeros(COLUMNS))] * 2)
    with pytest.raises(UserError, match="one B-scan"):
        measure(volume, LAYERS7, Spacing(AXIAL, 14.0, 100.0), Eye(circle="TSNIT"))
