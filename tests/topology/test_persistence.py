"""Persistence pairs: known diagrams, both backends, gudhi as a second opinion."""

from __future__ import annotations

import warnings
from typing import Any

import gudhi
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_octsam.core.errors import UserError
from napari_octsam.topology.persistence.backends import (
    Backend,
    persistence_pairs,
)
from napari_octsam.topology.persistence.pairs import NEVER, Connectivity, Pairs

BACKENDS: tuple[Backend, ...] = ("cripser", "ranks")
Diagram = list[tuple[int, float, float]]


def diagram(values: npt.NDArray[Any], pairs: Pairs) -> Diagram:
    flat = values.ravel()
    deaths = np.where(pairs.death == NEVER, np.inf, flat[pairs.death])
    bars = zip(pairs.dimension, flat[pairs.birth], deaths, strict=True)
    return sorted((int(d), float(b), float(e)) for d, b, e in bars)


def diagram_of(
    values: npt.NDArray[Any], connectivity: Connectivity = 8, backend: Backend = "cripser"
) -> Diagram:
    return diagram(values, persistence_pairs(values[None], ["The map"], connectivity, backend))


def by_gudhi(values: npt.NDArray[Any], connectivity: Connectivity) -> Diagram:
    kind = "top_dimensional_cells" if connectivity == 8 else "vertices"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gudhi's own, about its C++ types
        pairs = gudhi.CubicalComplex(**{kind: values.astype(float)}).persistence()
    return sorted((int(d), float(b), float(e)) for d, (b, e) in pairs)


def sublevel(foreground: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return 1 - p of a mask."""
    return 1 - foreground.astype(np.float32)


BAND = np.zeros((12, 20), bool)
BAND[5:8] = True
BROKEN = BAND.copy()
BROKEN[:, 9:11] = False
RING = np.zeros((9, 9), bool)
RING[2:7, 2:7] = True
RING[4, 4] = False
DIAGONAL = np.eye(2, dtype=bool)
OPEN_RING = RING[:, 4:].copy()  # its hole reaches the border

FOREVER = (0, 0.0, np.inf)
PIECE, HOLE = (0, 0.0, 1.0), (1, 0.0, 1.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("mask", "connectivity", "expected"),
    [
        (np.zeros((4, 5), bool), 8, [(0, 1.0, np.inf)]),
        (np.ones((4, 5), bool), 8, [FOREVER]),
        (BAND, 8, [FOREVER]),
        (BROKEN, 8, [FOREVER, PIECE]),
        (RING, 8, [FOREVER, HOLE]),
        (OPEN_RING, 8, [FOREVER]),
        (DIAGONAL, 8, [FOREVER]),
        (DIAGONAL, 4, [FOREVER, PIECE]),
        (np.array([[True, False, True]]), 4, [FOREVER, PIECE]),
        (np.array([[True]]), 8, [FOREVER]),
    ],
    ids=str,
)
def test_known_diagrams(
    mask: npt.NDArray[np.bool_],
    connectivity: Connectivity,
    expected: Diagram,
    backend: Backend,
) -> None:
    assert diagram_of(sublevel(mask), connectivity, backend) == sorted(expected)


@pytest.mark.parametrize("connectivity", [4, 8])
@settings(deadline=None, max_examples=150)
@given(
    values=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.floats(-2, 2, width=16),
    )
)
def test_both_backends_give_gudhis_diagram_on_any_shape_with_any_ties(
    connectivity: Connectivity, values: npt.NDArray[Any]
) -> None:
    expected = by_gudhi(values, connectivity)
    for backend in BACKENDS:
        assert diagram_of(values, connectivity, backend) == expected


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_maps_in_threads_are_as_one_by_one(backend: Backend) -> None:
    maps = np.random.default_rng(0).normal(size=(7, 150, 210)).astype(np.float32)
    names = [f"mask {i}" for i in range(7)]

    together = persistence_pairs(maps, names, 8, backend, threads=3)

    for number, values in enumerate(maps):
        pairs = together[together.maps == number]
        assert diagram(maps, pairs) == diagram_of(values, 8, backend)
        assert pairs.endless.sum() == 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_no_number_is_an_error_that_names_the_mask(wrong: float, backend: Backend) -> None:
    maps = np.zeros((2, 4, 4))
    maps[1, 2, 3] = wrong

    with pytest.raises(UserError, match=r"Mask 7 .*NaN or infinite"):
        persistence_pairs(maps, ["Mask 6", "Mask 7"], 8, backend)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (5,), (2, 3, 4)])
def test_a_map_needs_rows_and_columns(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rows and columns"):
        persistence_pairs(np.zeros(shape)[None], ["The map"])
