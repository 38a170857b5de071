"""From prompts to masks, through the engine's process and its pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.peer import Peer, random_vit_b
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.samples import CLASS, TINY, box_prompts, sample_bscan
from benchmarks.timing import Spread, in_turn, pairwise, timed
from benchmarks.wording import counted, duration, duration_spread, ratio, ratio_spread
from napari_octsam.core.masks import composite
from napari_octsam.engine.predict.client import EngineClient
from napari_octsam.engine.predict.messages import BScan, Decode, Encode, LoadModel, Prediction

__all__ = ["TARGETS", "measure"]

_IDLE = Target(name="one box to mask, napari idle / SamPredictor.predict", limit=1.15)
_BUSY = Target(name="one box to mask, napari busy / SamPredictor.predict idle", limit=1.5)

_TINY = Target(name="14 boxes to masks, octsam-tiny / our vit_b", limit=0.33)

TARGETS = (_IDLE, _BUSY, _TINY)

_COUNTS = (1, 14, 50)
_HELD_TO_TARGET = 14
_RANDOM = (
    "Random weights put logits near 0 everywhere, so that each of our four masks crosses the pipe "
    "whole: of trained weights only what the object's window depends on does."
)

T = TypeVar("T")


def measure(run: Run) -> Findings:
    """Decode boxes by turns with SamPredictor in this process and through our engine."""
    checkpoint, bscan = random_vit_b(run), sample_bscan()
    peer = Peer(checkpoint)
    peer.encode(bscan.pixels)
    with (
        _engine(run.folder / "engine-vit_b", str(checkpoint), bscan) as vit_b,
        _engine(run.folder / "engine-tiny", TINY, bscan) as tiny,
    ):
        one, measured = _one_box(run, peer, vit_b, bscan)
        many, tiny_ratio = _many_boxes(run, peer, vit_b, tiny, bscan)
    return Findings(tables=(one, many), measured=measured | {_TINY.name: tiny_ratio})


def _one_box(
    run: Run, peer: Peer, engine: EngineClient, bscan: BScan
) -> tuple[Table, dict[str, float]]:
    (prompt,) = box_prompts(bscan.pixels.shape, 1)
    request = Decode(bscan, (prompt,))
    rounds = run.repeats(full=20, quick=5)
    taken = in_turn(
        {
            "theirs": timed(lambda: peer.predict(prompt)),
            "ours": timed(partial(_predict, engine, request)),
            "ours busy": timed(partial(_predict, engine, request, _wait_at_work)),
        },
        rounds,
    )
    # Afterwards, for a second thread brings OpenMP threads of its own and slows the first.
    with ThreadPoolExecutor(1) as thread:
        taken |= in_turn(
            {"theirs busy": timed(lambda: _wait_at_work(thread.submit(peer.predict, prompt)))},
            rounds,
        )
    ratios = {name: pairwise(seconds, taken["theirs"]) for name, seconds in taken.items()}
    titles = {
        "theirs": "SamPredictor.predict, process idle",
        "ours": "ours, through the engine, napari's thread idle",
        "ours busy": "ours, through the engine, napari's thread busy in Python",
        "theirs busy": "SamPredictor.predict in a thread, main thread busy in Python",
    }
    table = Table(
        title="One box, from prompt to mask (vit_b, its embedding ready)",
        columns=("", "time", "/ SamPredictor idle"),
        rows=tuple(
            (
                title,
                duration_spread(Spread.of(taken[name])),
                "1" if name == "theirs" else ratio_spread(ratios[name]),
            )
            for name, title in titles.items()
        ),
        notes=(
            f"{counted(rounds, 'round')} by turns, the last row after the others. Ours includes "
            f"the pipe both ways and the mask in napari's process. {_RANDOM}",
        ),
    )
    return table, {_IDLE.name: ratios["ours"].median, _BUSY.name: ratios["ours busy"].median}


def _many_boxes(
    run: Run, peer: Peer, vit_b: EngineClient, tiny: EngineClient, bscan: BScan
) -> tuple[Table, float]:
    rounds = run.repeats(full=5, quick=1)
    rows = []
    tiny_ratio = 0.0
    for count in _COUNTS:
        prompts = box_prompts(bscan.pixels.shape, count)
        request = Decode(bscan, prompts)
        taken = in_turn(
            {
                "each": timed(partial(peer.predict_each, prompts)),
                "batch": timed(partial(peer.predict_batch, prompts)),
                "vit_b": timed(partial(_predict, vit_b, request)),
                "tiny": timed(partial(_predict, tiny, request)),
            },
            rounds,
            warm_up=count == 1,
        )
        rows.append((str(count), *_compared(taken)))
        if count == _HELD_TO_TARGET:
            tiny_ratio = pairwise(taken["tiny"], taken["vit_b"]).median
    table = Table(
        title="Many boxes on one B-scan, all of them in one request to us",
        columns=(
            "boxes",
            "SamPredictor one by one",
            "SamPredictor in one batch",
            "ours, vit_b",
            "/ one by one",
            "/ one batch",
            "ours, octsam-tiny",
            "/ our vit_b",
        ),
        rows=tuple(rows),
        notes=(f"Medians of {counted(rounds, 'round')} by turns. {_RANDOM}",),
    )
    return table, tiny_ratio


def _compared(taken: dict[str, list[float]]) -> tuple[str, ...]:
    each, batch, vit_b, tiny = (duration(median(seconds)) for seconds in taken.values())
    ratios = (ratio(pairwise(taken["vit_b"], taken[name]).median) for name in ("each", "batch"))
    tiny_ratio = ratio(pairwise(taken["tiny"], taken["vit_b"]).median)
    return each, batch, vit_b, *ratios, tiny, tiny_ratio


@contextmanager
def _engine(folder: Path, source: str, bscan: BScan) -> Iterator[EngineClient]:
    """Run an engine with a model that has encoded the B-scan."""
    client = EngineClient(folder)
    try:
        client.submit(LoadModel(source, device="cpu")).result()
        client.submit(Encode(bscan)).result()
        yield client
    finally:
        client.shutdown()


def _predict(
    engine: EngineClient,
    request: Decode,
    wait: Callable[[Future[Prediction]], Prediction] = Future.result,
) -> npt.NDArray[np.uint8]:
    """Return the labels of a prediction, made as the preview makes them."""
    prediction = wait(engine.submit(request))
    windows = [(CLASS, found.window()) for found in prediction.objects]
    return composite(prediction.shape, windows)


def _wait_at_work(future: Future[T]) -> T:
    """Wait for a future with this thread at work in pure Python, as napari's event loop can be."""
    number: Any = 1
    while not future.done():
        for _ in range(10_000):  # about half a millisecond
            number = number * 31 % 1009
    return future.result()
