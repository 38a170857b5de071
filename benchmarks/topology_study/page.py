"""The study as a page of the docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

from benchmarks.markdown import grid
from benchmarks.topology_study.averages import Cell, differences, over_layers, select
from benchmarks.topology_study.outcomes import Outcome
from benchmarks.topology_study.trials import COUNTS, LOSSES, STARTS, WEIGHTS, Loss, Start

__all__ = ["LOSS_NAMES", "as_page"]

LOSS_NAMES: dict[Loss, str] = {
    "none": "DiceCE alone",
    "octsam": "with the original's",
    "spatial": "with ours, spatial",
}

_FIGURES = {
    "dice": ("Dice", 3),
    "boundary_error_px": ("boundary error, px", 2),
    "betti_error": ("Betti error", 2),
    "betti_matching_error": ("Betti matching error", 2),
}
_PROMPTS = {"box": "One tight box", "point": "One point"}
_INTRODUCTION, _CONCLUSIONS = (
    Path(__file__).with_name(name) for name in ("introduction.md", "conclusions.md")
)


def as_page(study: Sequence[Outcome], tuning: Sequence[Outcome], picture: Path) -> str:
    """Return the whole page; what has not been done yet is missing."""
    blocks = [
        _INTRODUCTION.read_text("utf-8"),
        _CONCLUSIONS.read_text("utf-8"),
        f"![Dice, boundary error and Betti error of each loss]({picture.as_posix()})\n",
    ]
    starts = [start for start in STARTS if any(o.trial.start == start for o in study)]
    for start in starts:
        blocks.append(f"## Beginning from {_start_name(start)}\n")
        for prompt, name in _PROMPTS.items():
            blocks.append(f"{name} for each layer:\n\n{_summary(study, start, prompt)}")
    for start in starts:
        blocks.append(
            f"## Compared with DiceCE alone, from {_start_name(start)}\n\n"
            "Differences within each seed.\n"
        )
        for prompt, name in _PROMPTS.items():
            blocks.append(f"{name}:\n\n{_compared(study, start, prompt)}")
    blocks.append(_tuning(tuning))
    for start in starts:
        blocks.append(f"## Layer by layer, one tight box, from {_start_name(start)}\n")
        for key, (name, digits) in _FIGURES.items():
            blocks.append(f"{name}:\n\n{_by_layer(study, start, key, digits)}")
    return "\n".join(blocks)


def _start_name(start: Start) -> str:
    return "a fresh decoder" if start == "fresh decoder" else start


def _kinds(study: Iterable[Outcome], start: Start) -> Iterator[tuple[str, Loss, list[Outcome]]]:
    """Yield number of B-scans, loss and outcomes of what has been tried."""
    for count, loss in ((0, LOSSES[0]), *product(COUNTS, LOSSES)):
        if found := select(study, start, count, loss):
            yield str(count) if count else "before", loss, found


def _summary(study: Sequence[Outcome], start: Start, prompt: str) -> str:
    rows = []
    for count, loss, found in _kinds(study, start):
        cells = (
            Cell.of([over_layers(o, prompt, key) for o in found]).text(digits)
            for key, (_, digits) in _FIGURES.items()
        )
        rows.append((count, "" if count == "before" else LOSS_NAMES[loss], str(len(found)), *cells))
    return grid(("B-scans", "loss", "runs", *(name for name, _ in _FIGURES.values())), rows)


def _compared(study: Sequence[Outcome], start: Start, prompt: str) -> str:
    rows = []
    for count, loss in product(COUNTS, LOSSES[1:]):
        ours = select(study, start, count, loss)
        base = select(study, start, count, LOSSES[0])
        found = {key: differences(ours, base, prompt, key) for key in _FIGURES}
        if all(found.values()):
            cells = (
                Cell.of(found[key]).text(digits, sign="+") for key, (_, digits) in _FIGURES.items()
            )
            rows.append((str(count), LOSS_NAMES[loss], *cells))
    return grid(("B-scans", "loss", *(name for name, _ in _FIGURES.values())), rows)


def _by_layer(study: Sequence[Outcome], start: Start, key: str, digits: int) -> str:
    layers = list(study[0].figures["box"])
    rows = []
    for count, loss, found in _kinds(study, start):
        cells = (
            f"{Cell.of([o.figures['box'][layer][key] for o in found]).mean:.{digits}f}"
            for layer in layers
        )
        rows.append((count, "" if count == "before" else LOSS_NAMES[loss], *cells))
    return grid(("B-scans", "loss", *layers), rows)


def _tuning(tuning: Sequence[Outcome]) -> str:
    rows = []
    for outcome in tuning:
        loss, weight = outcome.trial.loss, outcome.trial.weight
        cells = (
            f"{over_layers(outcome, 'box', key):.{digits}f}"
            for key, (_, digits) in _FIGURES.items()
        )
        name = f"{LOSS_NAMES[loss]}, {weight:g}" if weight else LOSS_NAMES[loss]
        rows.append((name, "chosen" if weight and weight == WEIGHTS[loss] else "", *cells))
    table = grid(("loss and weight", "", *(name for name, _ in _FIGURES.values())), rows)
    return (
        "## How the weights were chosen\n\nA fresh decoder, 5 B-scans of subjects 1 to 4, judged "
        f"on subject 5 with one tight box for each layer; one run each.\n\n{table}"
    )
