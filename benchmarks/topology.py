"""What the topology loss costs beside the original project's and beside topolosses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from benchmarks.fresh import call_fresh
from benchmarks.oracles.install import ORACLES, oracles_environment
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.timing import Spread, in_turn, pairwise, timed
from benchmarks.wording import counted, duration_spread, ratio_spread
from napari_octsam.engine.process import WAITING
from napari_octsam.topology.losses import TopologyLoss

__all__ = ["TARGETS", "layer_masks", "measure", "measure_side"]

_SIDES = (50, 128, 256)
_MASKS = 20

_CONTENDERS = {
    "original": "the original project's (torch-topological)",
    "topolosses": "topolosses, Betti matching",
    "cripser 1": "ours, cripser, 1 thread",
    "cripser 2": "ours, cripser, 2 threads",
    "ranks 1": "ours, ranks, 1 thread",
    "ranks 2": "ours, ranks, 2 threads",
}


class _Aim(NamedTuple):
    ours: str
    theirs: str
    side: int
    times: float

    @property
    def target(self) -> Target:
        name = f"{self.ours} / {self.theirs}, {_MASKS} masks of {self.side} x {self.side}"
        return Target(name=f"topology loss: {name}", limit=1 / self.times)


_AIMS = (
    _Aim("cripser 2", "original", 50, 20),
    _Aim("cripser 2", "original", 256, 50),
    _Aim("cripser 2", "topolosses", 256, 4),
    _Aim("ranks 2", "original", 256, 60),
    _Aim("ranks 2", "topolosses", 256, 15),
)

TARGETS = tuple(aim.target for aim in _AIMS)


def measure(run: Run) -> Findings:
    """Take the loss and its gradient by turns, in a process that has the oracles' packages."""
    environment = run.environment | oracles_environment(ORACLES) | WAITING
    rounds = run.repeats(full=5, quick=1)
    rows, measured = [], {}
    for side in _SIDES:
        taken = call_fresh(measure_side, environment, side=side, rounds=rounds)
        for name, title in _CONTENDERS.items():
            cells = (f"{side} x {side}", title, duration_spread(Spread.of(taken[name])))
            ratios = (
                "" if name == other else ratio_spread(pairwise(taken[name], taken[other]))
                for other in ("original", "topolosses")
            )
            rows.append((*cells, *ratios))
        for aim in _AIMS:
            if aim.side == side:
                spread = pairwise(taken[aim.ours], taken[aim.theirs])
                measured[aim.target.name] = spread.median
    table = Table(
        title=f"The topology loss of {_MASKS} masks and its gradient",
        columns=("masks", "", "time", "/ original", "/ topolosses"),
        rows=tuple(rows),
        notes=(
            f"{counted(rounds, 'round')} by turns; wavy layers, logits with noise as smooth as a "
            "network's; the truths' labels are cached, as from the second epoch on. The original's "
            "is computed at the size of the masks here, and not at 50 x 50. Torch's threads are "
            "those of the row; they wait for one another as our engine's do, for all alike.",
        ),
    )
    return Findings(tables=(table,), measured=measured)


def measure_side(side: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round."""
    from topolosses.losses import BettiMatchingLoss

    from benchmarks.oracles.original_loss import original_loss

    logits, truth = layer_masks(_MASKS, side)
    theirs = BettiMatchingLoss(sigmoid=True, use_base_loss=False, include_background=True, alpha=1)
    exact = truth.float()
    contenders = {
        "original": _timed_with(2, lambda: original_loss(logits, exact, side), logits),
        "topolosses": _timed_with(2, lambda: theirs(logits, exact), logits),
    }
    for backend in ("cripser", "ranks"):
        for threads in (1, 2):
            contenders[f"{backend} {threads}"] = _ours(backend, threads, logits, truth)
    return in_turn(contenders, rounds)


def layer_masks(count: int, side: int) -> tuple[Tensor, Tensor]:
    """Return logits and truth, (1, count, side, side): wavy layers, predicted with soft noise."""
    random = np.random.default_rng(0)
    rows, cols = np.indices((side, side)) / side
    middle = np.linspace(0.1, 0.9, count)[:, None, None]
    depth = rows - middle - 0.05 * np.sin(6 * cols + 8 * middle)
    surely = 60 * (0.05 - np.abs(depth))
    noise = gaussian_filter(random.normal(size=surely.shape), (0, 1, 1))
    noise /= noise.std()
    logits = torch.from_numpy((surely + noise).astype(np.float32))[None]
    return logits.requires_grad_(), torch.from_numpy(surely > 0)[None]


def _ours(backend: str, threads: int, logits: Tensor, truth: Tensor) -> Callable[[], float]:
    loss = TopologyLoss(backend="ranks" if backend == "ranks" else "cripser")
    return _timed_with(threads, lambda: loss(logits, truth), logits)


def _timed_with(threads: int, forward: Callable[[], Tensor], logits: Tensor) -> Callable[[], float]:
    def step() -> None:
        logits.grad = None
        forward().backward()

    def run() -> float:
        torch.set_num_threads(threads)
        return timed(step)()

    return run
