"""The word for a predicted IoU."""

from __future__ import annotations

import math

import pytest

from napari_octsam.core.trust import Trust, trust_in


@pytest.mark.parametrize(
    ("score", "word"),
    [
        (1.02, Trust.SURE),
        (0.8, Trust.SURE),
        (0.79, Trust.LOOK),
        (0.6, Trust.LOOK),
        (0.59, Trust.DOUBTFUL),
        (0.0, Trust.DOUBTFUL),
        (math.nan, Trust.DOUBTFUL),
    ],
)
def test_a_score_is_a_word(score: float, word: Trust) -> None:
    assert trust_in(score) is word
