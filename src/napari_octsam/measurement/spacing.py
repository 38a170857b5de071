"""How far apart in µm the voxels of a scan are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from napari_octsam.core.errors import UserError

__all__ = ["Spacing", "spacing_in", "spacing_of"]

_UM_PER_UNIT = {"nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4}
_LEAST, _MOST = 0.1, 10_000.0


@dataclass(frozen=True, slots=True)
class Spacing:
    """Distances in µm between the middles of neighbours.

    Parameters
    ----------
    axial
        Of rows, along the A-scan.
    lateral
        Of columns, that is of A-scans.
    between
        Of B-scans; None for a single one, which has no volume.

    Raises
    ------
    UserError
        One is no distance that an OCT can have.
    """

    axial: float
    lateral: float
    between: float | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("rows", self.axial),
            ("columns", self.lateral),
            ("B-scans", self.between),
        ):
            if value is not None and not _LEAST <= value <= _MOST:
                raise UserError(
                    f"{name.capitalize()} cannot be {value:g} µm apart: a spacing is from "
                    f"{_LEAST:g} to {_MOST:g} µm."
                )

    def __str__(self) -> str:
        """Return it as `spacing_in` reads it."""
        between = [] if self.between is None else [self.between]
        return ",".join(f"{each:g}" for each in (*between, self.axial, self.lateral))

    @property
    def cell_mm2(self) -> float | None:
        """En-face area that an A-scan stands for; None for a single B-scan."""
        return None if self.between is None else self.lateral * self.between * 1e-6

    @property
    def pixel_mm2(self) -> float:
        """Area of a pixel in a B-scan."""
        return self.axial * self.lateral * 1e-6

    def close_to(self, other: Spacing) -> bool:
        """Whether both are the same, but for rounding to three digits; None is any."""
        pairs = (
            (self.axial, other.axial),
            (self.lateral, other.lateral),
            (self.between, other.between),
        )
        return all(a is None or b is None or math.isclose(a, b, rel_tol=5e-3) for a, b in pairs)


def spacing_in(text: str) -> Spacing:
    """Read "120,3.87,11.2": µm between B-scans, rows and columns; of one B-scan the last two.

    Raises
    ------
    UserError
        It is something else.
    """
    try:
        *between, axial, lateral = (float(part) for part in text.split(","))
        (first,) = between or (None,)
    except ValueError as error:
        raise UserError(
            f"The spacing '{text}' cannot be read: it is three numbers with commas, the µm between "
            "B-scans, rows and columns, such as 120,3.87,11.2; of a single B-scan the last two."
        ) from error
    return Spacing(axial, lateral, first)


def spacing_of(scale: Sequence[float], units: Sequence[str]) -> Spacing | None:
    """Return the spacing that the last axes of an image say; None where they are no lengths.

    Parameters
    ----------
    scale
        Size of a pixel along each axis, rows and columns last.
    units
        Of each; "pixel" is no length.
    """
    factors = [_UM_PER_UNIT.get(unit) for unit in units[-3:]]
    if any(factor is None for factor in factors):
        return None
    sizes = [
        abs(size) * factor
        for size, factor in zip(scale[-3:], factors, strict=True)
        if factor is not None
    ]
    return Spacing(sizes[-2], sizes[-1], sizes[0] if len(sizes) == 3 else None)
