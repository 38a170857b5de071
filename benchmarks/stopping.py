"""How long Stop takes: from the press to the word that all is saved and the training has ended."""

from __future__ import annotations

import time
from pathlib import Path
from queue import SimpleQueue

from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.samples import TINY, write_pairs
from benchmarks.timing import Spread
from benchmarks.wording import counted, duration, duration_spread
from napari_octsam.core.config import TrainConfig
from napari_octsam.engine.train.client import TrainingJob
from napari_octsam.engine.train.messages import (
    Died,
    Ended,
    Happened,
    Refused,
    StartTraining,
    TrainerMessage,
)
from napari_octsam.training.events import StepDone

__all__ = ["TARGETS", "measure"]

_STOP = Target(name="from Stop to the end of a training of octsam-tiny", limit=2.0, unit="s")

TARGETS = (_STOP,)

_BSCANS = 8
_STEPS = 2  # before Stop: the first one warms up, the second is timed


def measure(run: Run) -> Findings:
    """Stop trainings at different moments of a step."""
    rounds = run.repeats(full=5, quick=2)
    data = run.folder / "pairs"
    write_pairs(data, _BSCANS)
    steps, stops = zip(
        *(_time_stop(run.folder / f"stop-{i}", data, i / rounds) for i in range(rounds)),
        strict=True,
    )
    table = Table(
        title="From Stop to the end of a training (octsam-tiny)",
        columns=("", "time"),
        rows=(
            ("a step", duration_spread(Spread.of(steps))),
            ("from Stop to the end", duration_spread(Spread.of(stops))),
        ),
        notes=(
            f"{counted(rounds, 'training')} with the default settings, no views, on B-scans of 496 "
            f"x 512, each stopped at another moment of a step; the longest, {duration(max(stops))}"
            ", counts. The training says that it has ended when state and best model are on the "
            "disk; its process is gone a moment later.",
        ),
    )
    return Findings(tables=(table,), measured={_STOP.name: max(stops)})


def _time_stop(folder: Path, data: Path, share: float) -> tuple[float, float]:
    """Return the seconds of a step, and those from Stop, pressed after a share of the next."""
    config = TrainConfig(
        data=str(data), label_schema="layers7", out=str(folder), base_model=TINY, augment=False
    )
    heard: SimpleQueue[TrainerMessage] = SimpleQueue()
    job = TrainingJob(StartTraining(config), folder / "log")
    job.heard.connect(heard.put)
    job.start()
    ends = [_next_step(heard) for _ in range(_STEPS)]
    step = ends[-1] - ends[-2]
    time.sleep(share * step)
    pressed = time.perf_counter()
    job.steer("stop")
    while not isinstance(heard.get(), Ended):
        pass
    stopped = time.perf_counter()
    job.wait()
    return step, stopped - pressed


def _next_step(heard: SimpleQueue[TrainerMessage]) -> float:
    """Return the moment at which a step ends."""
    while True:
        match heard.get():
            case Happened(StepDone()):
                return time.perf_counter()
            case Ended() | Refused() | Died() as end:
                raise RuntimeError(f"The training ended before it was stopped: {end}")
