"""The study as a page of the docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.learning_curve.comparing import difference, figure, select
from benchmarks.learning_curve.outcomes import Outcome
from benchmarks.learning_curve.trials import COUNTS, LOSSES, MINUTES, Eyes, Loss, Trial, Way
from benchmarks.markdown import grid
from benchmarks.topology_study.averages import Cell

__all__ = ["LOSS_NAMES", "as_page"]

LOSS_NAMES: dict[Loss, str] = {
    "none": "DiceCE alone",
    "octsam": "with the original's",
    "spatial": "with ours, spatial",
    "prior": "with the prior",
}

_INTRODUCTION, _CONCLUSIONS = (
    Path(__file__).with_name(name) for name in ("introduction.md", "conclusions.md")
)
_LESIONS: tuple[Eyes, ...] = ("drusen", "cysts")
_COLUMNS = (
    ("unasked, Dice", "unasked", "dice", 3),
    ("one box, Dice", "box", "dice", 3),
    ("one click, Dice", "point", "dice", 3),
    ("unasked, boundary error, px", "unasked", "boundary_error_px", 2),
    ("unasked, Betti error", "unasked", "betti_error", 2),
)
_EYES_NAMES: dict[Eyes, str] = {
    "amd_volume": "the volume",
    "octrima": "healthy eyes, fresh heads",
    "drusen": "drusen",
    "cysts": "cysts",
}


def as_page(outcomes: Sequence[Outcome], picture: Path) -> str:
    """Return the whole page; what has not been done yet is missing."""
    blocks = [
        _INTRODUCTION.read_text("utf-8"),
        _CONCLUSIONS.read_text("utf-8"),
        f"![Dice against the number of B-scans and the time]({picture.as_posix()})\n",
        f"## One volume\n\n{_volume(outcomes)}",
        f"## How long\n\nFrom 5 B-scans of the volume.\n\n{_times(outcomes)}",
        f"## Lesions\n\nFrom 10 B-scans.\n\n{_lesions(outcomes)}",
        "## Does a topology loss help?\n",
    ]
    for eyes in COUNTS:
        blocks.append(f"On {_EYES_NAMES[eyes]}:\n\n{_topology(outcomes, eyes)}")
        blocks.append(
            "Less DiceCE alone, of the same seed; in brackets the number of seeds, and p of a "
            f"paired t-test:\n\n{_compared(outcomes, eyes)}"
        )
    return "\n".join(blocks)


def _volume(outcomes: Sequence[Outcome]) -> str:
    return _table(
        ("B-scans", "what learns"),
        [
            (("0", "before"), select(outcomes, Trial(eyes="amd_volume"))),
            *(
                ((str(count), name), select(outcomes, _minute("amd_volume", count, way)))
                for way, name in _ways()
                for count in COUNTS["amd_volume"]
            ),
        ],
    )


def _lesions(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for eyes in _LESIONS:
        rows.append(((_EYES_NAMES[eyes], "before"), select(outcomes, Trial(eyes=eyes))))
        rows += [
            ((_EYES_NAMES[eyes], name), select(outcomes, _minute(eyes, 10, way)))
            for way, name in _ways()
        ]
    return _table(("", "what learns"), rows)


def _times(outcomes: Sequence[Outcome]) -> str:
    rows = [
        (
            (f"{60 * minutes:.0f}",),
            select(outcomes, _minute("amd_volume", 5, "everything", minutes)),
        )
        for minutes in MINUTES
    ]
    return _table(("seconds",), rows)


def _topology(outcomes: Sequence[Outcome], eyes: Eyes) -> str:
    rows = [
        ((str(count), LOSS_NAMES[loss]), select(outcomes, _fixed(eyes, count, loss)))
        for count in COUNTS[eyes]
        for loss in LOSSES
    ]
    return _table(("B-scans", "loss"), rows)


def _compared(outcomes: Sequence[Outcome], eyes: Eyes) -> str:
    rows = []
    for count in COUNTS[eyes]:
        base = select(outcomes, _fixed(eyes, count, "none"))
        for loss in LOSSES[1:]:
            ours = select(outcomes, _fixed(eyes, count, loss))
            found = [difference(ours, base, way, key) for _, way, key, _ in _COLUMNS]
            if any(found):
                cells = (
                    "" if each is None else each.text(digits)
                    for each, (*_, digits) in zip(found, _COLUMNS, strict=True)
                )
                rows.append((str(count), LOSS_NAMES[loss], *cells))
    return grid(("B-scans", "loss", *(name for name, *_ in _COLUMNS)), rows)


def _table(names: Sequence[str], rows: Iterable[tuple[Sequence[str], list[Outcome]]]) -> str:
    """Return a table of the rows that have an outcome."""
    columns = (*names, "seeds", "steps", *(name for name, *_ in _COLUMNS), "healthy layers, Dice")
    return grid(columns, [(*said, *_cells(found)) for said, found in rows if found])


def _cells(found: Sequence[Outcome]) -> Iterator[str]:
    yield str(len(found))
    yield Cell.of([each.steps for each in found]).text(0)
    for _, way, key, digits in _COLUMNS:
        yield _cell([figure(each, way, key) for each in found], digits)
    yield _cell([each.healthy for each in found], 3)


def _cell(values: Iterable[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return Cell.of(known).text(digits) if known else ""


def _ways() -> tuple[tuple[Way, str], ...]:
    return (("everything", "everything"), ("decoder", "the mask decoder, the old way"))


def _minute(eyes: Eyes, count: int, way: Way, minutes: float = 1.0) -> Trial:
    return Trial(eyes=eyes, bscans=count, way=way, minutes=minutes)


def _fixed(eyes: Eyes, count: int, loss: Loss) -> Trial:
    return Trial(eyes=eyes, bscans=count, way="fixed steps", loss=loss)
