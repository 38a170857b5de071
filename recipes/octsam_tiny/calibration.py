"""How right octsam-tiny is about its masks: `python -m recipes.octsam_tiny.calibration DATA MODEL`.

Its predicted IoU is compared with the true one where it never learnt: on real lesions of patients
who only judge, on an eye with drusen, and on healthy layers. A correction, fitted on half of those
patients, shows on the other half what there would be to gain.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

from benchmarks.markdown import grid
from napari_octsam.core.trust import Trust, trust_in
from napari_octsam.models.model import Model
from recipes.octsam_tiny.beginning import model_of
from recipes.octsam_tiny.judge import judge
from recipes.octsam_tiny.questions import Asked, questions_of

__all__ = ["Correction", "Expected", "errors_table", "expectations", "fitted", "words_table"]

_NEAREST = 1e-3  # to 0 and 1, of an IoU that is corrected

Numbers = npt.NDArray[np.float64]


class Expected(NamedTuple):
    """The IoU that a model expected of a mask, and the true one."""

    patient: str
    title: str
    predicted: float
    iou: float

    @property
    def kind(self) -> str:
        """What was asked for, and how: "lesions, tight box"."""
        what, how = self.title.split(", ", 1)
        return f"{what if what in _WHOLE else 'lesions'}, {how}"

    @property
    def fits(self) -> bool:
        """Whether a correction is fitted on it: those of the other patients judge it."""
        return self.patient.endswith("0")


_WHOLE = ("layers", "RPE with drusen")


class Correction(NamedTuple):
    """What makes a better one of a predicted IoU, in its logit; monotone: `scale` is positive."""

    scale: float
    shift: float

    def __call__(self, predicted: Numbers) -> Numbers:
        """Return the corrected IoU."""
        clipped = np.clip(predicted, _NEAREST, 1 - _NEAREST)
        return np.asarray(expit(self.scale * logit(clipped) + self.shift))


def expectations(model: Model, asked: Sequence[Asked]) -> Iterator[Expected]:
    """Yield what a model expects of its masks."""
    for bscan in asked:
        for title, each in judge(model, bscan):
            if each.predicted is not None:
                yield Expected(bscan.patient, title, each.predicted, each.iou)


def fitted(expected: Sequence[Expected]) -> Correction:
    """Return the correction of the least mean error; that of no change if there is none better."""
    predicted, iou = _columns(expected)

    def correction(numbers: Numbers) -> Correction:
        return Correction(float(np.exp(numbers[0])), float(numbers[1]))

    def error(numbers: Numbers) -> float:
        return float(np.abs(correction(numbers)(predicted) - iou).mean())

    return correction(minimize(error, (0.0, 0.0), method="Nelder-Mead").x)


def errors_table(expected: Sequence[Expected], correction: Correction) -> str:
    """Return how far the predicted IoU is off, as it is and corrected, on who did not fit it."""
    by_kind: defaultdict[str, list[Expected]] = defaultdict(list)
    for each in expected:
        if not each.fits:
            by_kind[each.kind].append(each)
    rows = []
    for kind, those in by_kind.items():
        predicted, iou = _columns(those)
        better = correction(predicted)
        figures = (
            iou.mean(),
            predicted.mean(),
            np.abs(predicted - iou).mean(),
            np.abs(better - iou).mean(),
        )
        rows.append([kind, str(len(those)), *(f"{figure:.3f}" for figure in figures)])
    heads = ["asked for", "masks", "true IoU", "predicted", "off by", "off by, corrected"]
    return grid(heads, rows)


def words_table(expected: Sequence[Expected]) -> str:
    """Return how good the masks are of which the window says each of its words."""
    by_word: dict[Trust, list[float]] = {word: [] for word in Trust}
    for each in expected:
        by_word[trust_in(each.predicted)].append(each.iou)
    rows = []
    for word, found in by_word.items():
        cells = [str(word), str(len(found))]
        if found:
            cells.append(f"{np.mean(found):.3f}")
            cells.append(f"{100 * np.mean([iou < 0.5 for iou in found]):.0f} %")
        rows.append(cells + [""] * (4 - len(cells)))
    return grid(["the window says", "masks", "mean true IoU", "under 0.5"], rows)


def _columns(expected: Sequence[Expected]) -> tuple[Numbers, Numbers]:
    """Return the predicted IoU and the true one of each."""
    pairs = np.array([(each.predicted, each.iou) for each in expected])
    return pairs[:, 0], pairs[:, 1]


def main(arguments: Sequence[str]) -> None:
    """Measure a model, fit a correction, and print both."""
    if len(arguments) != 2:
        sys.exit(__doc__)
    data, name = arguments
    model = model_of(name)
    expected = list(expectations(model, list(questions_of(Path(data)))))
    correction = fitted([each for each in expected if each.fits])
    print(errors_table(expected, correction))
    foreign = [each for each in expected if not each.title.startswith("layers")]
    print(words_table(foreign), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
