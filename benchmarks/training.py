"""How fast the mask decoder is fine-tuned beside the original project's loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.fresh import call_fresh
from benchmarks.oracles.install import ORACLES, oracles_environment
from benchmarks.peer import random_vit_b
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.samples import TINY
from benchmarks.timing import Spread, pairwise
from benchmarks.training_runs import (
    BSCANS,
    SHAPE,
    Taken,
    count_objects,
    run_ours,
    run_theirs,
    time_topology,
)
from benchmarks.wording import counted, duration, duration_spread, ratio_spread
from napari_octsam.engine.process import WAITING
from napari_octsam.models.checkpoints.load import load_model, read_checkpoint
from napari_octsam.models.checkpoints.save import write_transformers

__all__ = ["TARGETS", "measure"]

_EPOCHS, _THEIR_EPOCHS = 10, 2

_EPOCH = Target(name="fine-tuning vit_b: epoch 2 and later / the original's loop", limit=1 / 8)
_WHOLE = Target(name=f"fine-tuning vit_b: {_EPOCHS} epochs / the original's loop", limit=1 / 5)
_TOPOLOGY = Target(
    name="fine-tuning: topology loss / step, the worse of vit_b and octsam-tiny", limit=0.1
)

TARGETS = (_EPOCH, _WHOLE, _TOPOLOGY)


def measure(run: Run) -> Findings:
    """Train with both loops by turns, each time in a new process; then time the topology loss."""
    checkpoint = random_vit_b(run)
    load_model(checkpoint, device="cpu")  # the check of the encoder's precision, once a machine
    speed = _measure_speed(run, checkpoint)
    share = _measure_topology(run, checkpoint)
    return Findings(tables=speed.tables + share.tables, measured=speed.measured | share.measured)


def _measure_speed(run: Run, checkpoint: Path) -> Findings:
    converted = run.folder / "random_vit_b_transformers.pt"
    write_transformers(converted, read_checkpoint(checkpoint).state_dict, "vit_b")
    ours_environment = run.environment | WAITING
    theirs_environment = ours_environment | oracles_environment(ORACLES)
    theirs, ours = [], []
    for _ in range(run.repeats(full=3, quick=1)):
        theirs.append(
            _taken(run_theirs, theirs_environment, checkpoint=str(converted), epochs=_THEIR_EPOCHS)
        )
        ours.append(_taken(run_ours, ours_environment, checkpoint=str(checkpoint), epochs=_EPOCHS))
    views = _taken(run_ours, ours_environment, checkpoint=str(checkpoint), epochs=1, augment=True)
    epoch = pairwise(*([median(taken.epochs[1:]) for taken in each] for each in (ours, theirs)))
    whole = pairwise([_whole(taken) for taken in ours], [_whole(taken) for taken in theirs])
    with_views = duration(views.encoding + median(_whole(each) - each.encoding for each in ours))
    table = Table(
        title="Fine-tuning vit_b's mask decoder on {} B-scans of {} x {}".format(BSCANS, *SHAPE),
        columns=("", "encoding", "epoch 1", "later epochs", f"{_EPOCHS} epochs", "peak memory"),
        rows=(
            ("the original's loop (transformers, MONAI, torch-topological)", "", *_row(theirs)),
            ("ours", _encoding(ours), *_row(ours)),
            ("ours / the original's", "", "", ratio_spread(epoch), ratio_spread(whole), ""),
            ("ours, the 4 views of its augmentation", _encoding([views]), "", "", with_views, ""),
        ),
        notes=(
            f"{counted(len(ours), 'round')} by turns, each run in a process of its own. The same "
            f"random weights, B-scans and boxes: {count_objects()} objects in all, "
            f"{counted(BSCANS, 'B-scan')} in a step, an epoch is one step; no validation, nothing "
            "written but embeddings. The original encodes in every step, so all of its epochs are "
            f"alike: {_THEIR_EPOCHS} are measured, and its {_EPOCHS} are the first and "
            f"{_EPOCHS - 1} times the second. It has no augmentation, so ours is "
            "switched off but in the last row, where only the encoding is measured anew. Ours "
            "trains all four masks and the predicted IoU, the original's the single mask. Memory "
            "is that of the whole process.",
        ),
    )
    return Findings(
        tables=(table,), measured={_EPOCH.name: epoch.median, _WHOLE.name: whole.median}
    )


def _measure_topology(run: Run, checkpoint: Path) -> Findings:
    steps = run.repeats(full=15, quick=3)
    rows, shares = [], []
    for name, model in (("vit_b, random weights", str(checkpoint)), (TINY, TINY)):
        taken = call_fresh(time_topology, run.environment | WAITING, checkpoint=model, steps=steps)
        step, topology = zip(*taken, strict=True)
        share = pairwise(topology, step)
        times = (duration_spread(Spread.of(seconds)) for seconds in (step, topology))
        rows.append((name, *times, ratio_spread(share)))
        shares.append(share.median)
    table = Table(
        title="The topology loss in a step of fine-tuning",
        columns=("", "step", "of it topology", "topology / step"),
        rows=tuple(rows),
        notes=(
            f"{counted(steps, 'step')} after the first, {count_objects()} objects in each; forward "
            "and backward. The loss is computed at the resolution of the decoder's masks: 248 x "
            "256 of vit_b, whose input keeps the B-scan's proportions, and 512 x 256 of "
            "octsam-tiny. Random weights give masks of noise.",
        ),
    )
    return Findings(tables=(table,), measured={_TOPOLOGY.name: max(shares)})


def _taken(function: Callable[..., Taken], environment: dict[str, str], **arguments: Any) -> Taken:
    return Taken.model_validate(call_fresh(function, environment, **arguments))


def _whole(taken: Taken) -> float:
    """Return the seconds of a run of `_EPOCHS`, of which the last may not have been made."""
    return taken.encoding + taken.epochs[0] + (_EPOCHS - 1) * mean(taken.epochs[1:])


def _encoding(taken: list[Taken]) -> str:
    return duration_spread(Spread.of([each.encoding for each in taken]))


def _row(taken: list[Taken]) -> tuple[str, str, str, str]:
    peak = median(each.peak for each in taken) / 2**30
    figures = (
        [each.epochs[0] for each in taken],
        [median(each.epochs[1:]) for each in taken],
        [_whole(each) for each in taken],
    )
    first, later, whole = (duration_spread(Spread.of(seconds)) for seconds in figures)
    return first, later, whole, f"{peak:.1f} GiB"
