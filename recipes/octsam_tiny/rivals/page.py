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

Made by `python -m recipes.octsam_tiny.rivals page DATA FOLDER docs/octsam_tiny_rivals.md`. Everyone
is judged on B-scans that none of them learnt from, with one box for each object. But all of these
were looked at while octsam-tiny was made, and it was made to do well with boxes.
{lacking}
## Layers and pockets of fluid

Subject 6 ({layers} B-scans) and {pockets} pockets of fluid of two other B-scans, with tight boxes.
Layers, mean and fluid are Dice; all figures are means over the B-scans (or pockets).
"""

_BOXES = """\
## Real lesions and loose boxes

Mean Dice over the objects: each drawn lesion of {bscans} B-scans of patients who only judge, and
the layers of subject 6. A loose box is that many pixels of the B-scan too large on every side.
"""

_LACKING = """
**Not measured this time: {names}.** Their weights are not kept; the command below trains them.
With version 4 of octsam-tiny, before there were lesions to learn from, they were, on the layers of
subject 6 and the pockets: U-Net 0.903 and 0.607, SAM, shrunk 0.553 and 0.000.
"""

_NOTES = """\
- *U-Net* is octsam-tiny's encoder with a head that names every pixel, trained alone. It needs no
  box for the layers; of its lesions, what lies in the box counts.
- *SAM, shrunk* is segment_anything's code at this size: a plain vision transformer of 6 blocks of
  192 channels on 512 x 512 pixels, masks of 128 x 128.
- These two are trained by `python -m recipes.octsam_tiny.rivals train unet DATA FOLDER`, and `sam`
  in place of `unet`: about an hour each on two CPU cores. They learn from the same B-scans as
  octsam-tiny, lesions included, but far shorter, one run each, and not from B-scans that are
  cropped to the retina, overexposed, or letterboxed on white.
- *octsam-tiny-4* is the version before: of real lesions it had learnt five B-scans with fluid.
- SAM and MedSAM with their own weights were not measured. *SAM, shrunk* is no verdict on them.
- *The whole box* looks at nothing: it is what a box alone tells.
- *Otsu* takes the pixels of the box on one side of the threshold; *random walks* begin at the
  surest of those, and outside the box (both scikit-image).
- *Edge* is the mean distance of a layer's boundaries in pixels, *Betti* the errors in the numbers
  of pieces and holes of a layer.
- The lesions and their licence are those of [the model's card](octsam-tiny.md).

Research use only. Not a medical device.
"""


class Contestant(NamedTuple):
    """One of them: what it reached, and with how much."""

    entry: Entry
    parameters: int | None = None
    """Numbers that it learnt; None where it learns nothing."""
    steps: int | None = None
    """Of its training."""


def as_page(
    contest: Contest, contestants: Mapping[str, Contestant], lacking: Sequence[str] = ()
) -> str:
    """Return the page; `lacking` are the names of those that could not take part."""
    first = next(iter(contestants.values())).entry
    short = [each.label.short for each in first.layers.classes]
    columns = ("", "parameters", "steps", *short, "**mean**", "Edge", "Betti", "fluid")
    rows = [_row(name, each) for name, each in contestants.items()]
    intro = _INTRO.format(
        layers=len(contest.layers),
        pockets=len(contest.fluid),
        lacking=_LACKING.format(names="; ".join(lacking)) if lacking else "",
    )
    boxes = _BOXES.format(bscans=sum(each.schema == "oct14" for each in contest.asked))
    entries = {name: each.entry for name, each in contestants.items()}
    return "\n".join([intro, grid(columns, rows), boxes, _boxes_table(entries), _NOTES])


def _boxes_table(entries: Mapping[str, Entry]) -> str:
    first = next(iter(entries.values())).boxes
    rows = [
        [
            title,
            str(len(objects)),
            *(f"{mean_known(one.dice for one in e.boxes[title]):.3f}" for e in entries.values()),
        ]
        for title, objects in first.items()
    ]
    return grid(["asked for", "objects", *entries], rows)


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
