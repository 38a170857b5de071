"""Labels are put in the place of others, but for what was not asked and what is locked."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED

__all__ = ["replaced"]

Labels = npt.NDArray[np.uint8]


def replaced(
    current: Labels,
    wanted: Labels,
    asked: Collection[int] | None = None,
    locked: Collection[int] = (),
) -> Labels:
    """Return labels with others in their place, as far as they may be.

    Parameters
    ----------
    current, wanted
        (H, W) label values.
    asked
        Classes that may change, at each other's cost and at that of pixels without a label (0 or
        `NOT_LABELLED`); None: all.
    locked
        Classes of which no pixel is taken, and to which none is added.
    """
    changes = wanted != current
    if asked is not None:
        free = [*asked, 0, NOT_LABELLED]
        changes &= np.isin(wanted, list(asked)) & np.isin(current, free)
    if locked:
        changes &= ~np.isin(current, list(locked)) & ~np.isin(wanted, list(locked))
    return np.where(changes, wanted, current)
