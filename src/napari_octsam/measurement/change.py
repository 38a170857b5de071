"""What has changed between two visits of one eye, aligned at the fovea."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.measurement.figures import Basis, basis_of
from napari_octsam.measurement.maps import sampled
from napari_octsam.measurement.measure import Measured
from napari_octsam.measurement.regions import Region, etdrs, whole

__all__ = ["Change", "LesionChange", "ThicknessChange", "change_between"]


@dataclass(frozen=True, slots=True)
class ThicknessChange:
    """Mean thickness in a region where both visits know it, in µm; None where there is none.

    Parameters
    ----------
    basis
        Of the later visit's A-scans that both visits know.
    """

    span: str
    region: str
    before_um: float | None
    after_um: float | None
    change_um: float | None
    basis: Basis


@dataclass(frozen=True, slots=True)
class LesionChange:
    """Volume of a class in the whole of either scan, in mm³; None where nothing was seen.

    Parameters
    ----------
    before, after
        What either volume stands on.
    """

    name: str
    before_mm3: float | None
    after_mm3: float | None
    change_mm3: float | None
    before: Basis
    after: Basis


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What has changed.

    Parameters
    ----------
    heights
        By span: how many µm thicker each A-scan of the later visit is, (B-scans, W); NaN where one
        visit does not know it.
    """

    heights: Mapping[str, npt.NDArray[np.float32]]
    thickness: tuple[ThicknessChange, ...]
    lesions: tuple[LesionChange, ...]


def change_between(before: Measured, after: Measured) -> Change:
    """Return what has changed from one visit of an eye to a later one.

    The foveas are laid on one another; nothing is turned or stretched. The earlier visit is sampled
    where the later one has A-scans, linearly between its own.

    Raises
    ------
    UserError
        They cannot be of one eye, differ in schema, or one has no fovea.
    """
    _check(before, after)
    lesions = tuple(_lesions(before, after))
    if not after.heights:
        return Change({}, (), lesions)
    earlier, states = _as_later(before, after)
    regions = _regions(before, after)
    thickness = tuple(
        _thickness(name, then, after.heights[name], region, states)
        for name, then in earlier.items()
        for region in regions
    )
    heights = {name: after.heights[name] - then for name, then in earlier.items()}
    return Change(heights, thickness, lesions)


def _check(before: Measured, after: Measured) -> None:
    """Raise UserError where two scans cannot be compared."""
    if not before.schema.means_as(after.schema):
        raise UserError(
            f"One visit is labelled with {before.schema.name}, the other with {after.schema.name}: "
            "only labels of one schema can be compared."
        )
    if {before.eye.laterality, after.eye.laterality} == {"OD", "OS"}:
        raise UserError("One visit is of a right eye, the other of a left one.")


def _as_later(
    before: Measured, after: Measured
) -> tuple[dict[str, npt.NDArray[np.float32]], list[str]]:
    """Return the earlier visit's maps where the later one has A-scans, and whose labels both are.

    The states are of the later visit's B-scans.
    """
    rows, cols = _places(before, after)
    nearest = np.clip(np.rint(rows), 0, len(before.states) - 1).astype(int)
    pairs = zip((before.states[row] for row in nearest), after.states, strict=True)
    maps = {
        name: sampled(each, rows, cols)
        for name, each in before.heights.items()
        if name in after.heights
    }
    return maps, [now if then == now else f"{then}, then {now}" for then, now in pairs]


def _places(
    before: Measured, after: Measured
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """Return where in the earlier visit the later one's B-scans and columns lie."""
    between, earlier = after.spacing.between, before.spacing.between
    if between is None or earlier is None:
        raise UserError("A single B-scan cannot be compared: its place in the eye is not known.")
    then, now = before.fovea, after.fovea
    if then is None or now is None:
        which = "earlier" if then is None else "later"
        raise UserError(
            f"The {which} visit has no fovea, at which the visits are aligned: say where it is."
        )
    way = -1 if {before.eye.first, after.eye.first} == {"superior", "inferior"} else 1
    bscans, columns = _shape(after)
    rows = then.bscan + way * (np.arange(bscans) - now.bscan) * between / earlier
    stretch = after.spacing.lateral / before.spacing.lateral
    cols = then.col + (np.arange(columns, dtype=float) - now.col) * stretch
    return np.asarray(rows), np.asarray(cols)


def _shape(measured: Measured) -> tuple[int, int]:
    bscans, columns = next(iter(measured.heights.values())).shape
    return bscans, columns


def _regions(before: Measured, after: Measured) -> tuple[Region, ...]:
    shape, fovea = _shape(after), after.fovea
    assert fovea is not None
    laterality = after.eye.laterality or before.eye.laterality
    return (whole(shape), *etdrs(shape, after.spacing, fovea, laterality, after.eye.first))


def _thickness(
    span: str,
    then: npt.NDArray[np.float32],
    now: npt.NDArray[np.float32],
    region: Region,
    states: list[str],
) -> ThicknessChange:
    both = region.inside & np.isfinite(then) & np.isfinite(now)
    basis = basis_of(both, region, states)
    if not both.any():
        return ThicknessChange(span, region.name, None, None, None, basis)
    before, after = (float(each[both].mean(dtype=float)) for each in (then, now))
    return ThicknessChange(span, region.name, before, after, after - before, basis)


def _lesions(before: Measured, after: Measured) -> list[LesionChange]:
    then = {each.name: each for each in before.lesions if each.region == "all"}
    found = []
    for now in after.lesions:
        if now.region == "all" and now.name in then:
            one, other = then[now.name].volume_mm3, now.volume_mm3
            change = None if one is None or other is None else other - one
            found.append(
                LesionChange(now.name, one, other, change, then[now.name].basis, now.basis)
            )
    return found
