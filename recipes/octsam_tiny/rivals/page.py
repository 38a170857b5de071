"""The contest as a page of the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.markdown import grid
from napari_octsam.evaluation.metrics import mean_known
from napari_octsam.evaluation.report import Report
from recipes.octsam_tiny.rivals.contest import Contest, Entry

__all__ = ["Contestant", "as_page"]

_INTRO = """\
# octsam-tiny and its rivals

Made by `python -m recipes.octsam_tiny.rivals page DATA FOLDER docs/octsam_tiny_rivals.md`. All that
learn had subjects 1 to 5, five B-scans with fluid, and phantoms to learn from. Everyone is judged
on subject 6 ({layers} B-scans) and on {pockets} pockets of fluid of two other B-scans, with one
tight box for each layer and each pocket; all of these were looked at while octsam-tiny was made.
Layers, mean and fluid are Dice; all figures are means over the B-scans (or pockets).
"""

_NOTES = """\
- *U-Net* is octsam-tiny's encoder with a head that names every pixel, trained alone. It needs no
  box for the layers; of its fluid, what lies in a pocket's box counts.
- *SAM, shrunk* is segment_anything's code at this size: a plain vision transformer of 6 blocks of
  192 channels on 512 x 512 pixels, masks of 128 x 128.
- They did not learn equally long: octsam-tiny for more than four hours, the others for an hour at
  most, all on two CPU cores, and *SAM, shrunk* was still gaining when it ended. octsam-tiny was
  shown fluid two to three times as often, and only it learnt from B-scans that are cropped to the
  retina, overexposed, or letterboxed on white. One run each: on healthy layers the figures do not
  tell octsam-tiny and the U-Net apart; five pockets of fluid do not say what of their difference is
  the network's.
- SAM and MedSAM with their own weights were not measured. *SAM, shrunk* is no verdict on them.
- The rivals are trained by `python -m recipes.octsam_tiny.rivals train unet DATA FOLDER`, and
  `sam` in place of `unet`.
- *The whole box* looks at nothing: it is what a tight box alone tells.
- *Otsu* takes the pixels of the box on one side of the threshold; *random walks* begin at the
  surest of those, and outside the box (both scikit-image).
- *Edge* is the mean distance of a layer's boundaries in pixels, *Betti* the errors in the numbers
  of pieces and holes of a layer.

Research use only. Not a medical device.
"""


class Contestant(NamedTuple):
    """One of them: what it reached, and with how much."""

    entry: Entry
    parameters: int | None = None
    """Numbers that it learnt; None where it learns nothing."""
    steps: int | None = None
    """Of its training."""


def as_page(contest: Contest, contestants: Mapping[str, Contestant]) -> str:
    """Return the page."""
    first = next(iter(contestants.values())).entry.layers
    short = [each.label.short for each in first.classes]
    columns = ("", "parameters", "steps", *short, "**mean**", "Edge", "Betti", "fluid")
    rows = [_row(name, each) for name, each in contestants.items()]
    table = grid(columns, rows)
    intro = _INTRO.format(layers=len(contest.layers), pockets=len(contest.fluid))
    return "\n".join([intro, table, _NOTES])


def _row(name: str, contestant: Contestant) -> Sequence[str]:
    entry = contestant.entry
    dice = _by_class(entry.layers, "dice")
    return (
        name,
        "" if contestant.parameters is None else f"{contestant.parameters / 1e6:.1f} M",
        "" if contestant.steps is None else f"{contestant.steps:,}",
        *(f"{value:.3f}" for value in dice),
        f"**{mean_known(dice):.3f}**",
        f"{mean_known(_by_class(entry.layers, 'boundary_error_px')):.2f} px",
        f"{mean_known(_by_class(entry.layers, 'betti_error')):.2f}",
        f"{mean_known(_by_class(entry.fluid, 'dice')):.3f}",
    )


def _by_class(report: Report, figure: str) -> list[float]:
    return [each.averaged[figure] for each in report.classes]
