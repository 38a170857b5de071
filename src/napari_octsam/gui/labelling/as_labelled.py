"""The labels that a model gave a B-scan, before a person changed them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.gui.labelling.label_step import LabelStep

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_octsam.core.automatic import Index
    from napari_octsam.gui.session.undo import Step

__all__ = ["as_labelled"]


def as_labelled(steps: Iterable[Step], labels: Labels, index: Index) -> npt.NDArray[Any] | None:
    """Return what a model last made of the labels of a B-scan, (H, W).

    Parameters
    ----------
    steps
        Of `History.done`, the last one first.

    Returns
    -------
    None where no step labelled the B-scan, or not from nothing: what was there before is not kept.
    """
    labellings = [step for step in steps if isinstance(step, LabelStep) and step.labels is labels]
    changes = [step.change_of(index) for step in reversed(labellings) if step.has(index)]
    found = np.zeros_like(labels.data[index])
    for change in changes:
        flat = np.frombuffer(zlib.decompress(change.difference), found.dtype)
        found = found ^ flat.reshape(found.shape)
        if zlib.crc32(np.ascontiguousarray(found).data) != change.after:
            return None
    return found if changes else None
