"""A B-scan of one band, for the tests of octsam-tiny's recipe."""

from __future__ import annotations

import numpy as np

from recipes.octsam_tiny.samples import Sample


def band(rows: int = 96, cols: int = 120) -> Sample:
    """A bright band on a dark B-scan, labelled 3."""
    labels = np.zeros((rows, cols), np.uint8)
    labels[40:52] = 3
    return Sample("band", np.where(labels > 0, 200, 20).astype(np.uint8), {"layers7": labels})
