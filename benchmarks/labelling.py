"""How long it takes to label without prompts, and whether napari goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from segment_anything import SamAutomaticMaskGenerator, sam_model_registry

from benchmarks.fresh import call_fresh
from benchmarks.label_volume import AGAIN, EARLY, FIRST, SHOWN, watch_labelling
from benchmarks.peer import random_vit_b
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.samples import TINY, box_prompts, sample_bscan
from benchmarks.timing import Spread, in_turn, timed
from benchmarks.wording import counted, duration, duration_spread
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.images import times
from napari_octsam.engine.predict.client import EngineClient
from napari_octsam.engine.predict.messages import BScan, Decode, Label, LoadModel
from napari_octsam.phantoms.bscan import make_phantom

__all__ = ["TARGETS", "measure"]

_BSCANS, _SHAPE = 145, (496, 512)
_BOXES = 7

_CLICK = Target(name="from a click to the labels of the B-scan that is shown", limit=1.0, unit="s")
_FIRST = Target(
    name=f"labelling a volume of {times((_BSCANS, *_SHAPE))}, embeddings are kept",
    limit=60.0,
    unit="s",
)
_AGAIN = Target(name="the same volume for the second time", limit=20.0, unit="s")
_GAP = Target(name="longest event-loop gap while a volume is labelled", limit=0.05, unit="s")
_MEMORY = Target(
    name=f"the engine's most memory / that after {EARLY} B-scans of a volume", limit=1.1
)
_EVERYTHING = Target(
    name="labelling a B-scan / SamAutomaticMaskGenerator with vit_b on it", limit=1 / 50
)

TARGETS = (_CLICK, _FIRST, _AGAIN, _GAP, _MEMORY, _EVERYTHING)


def measure(run: Run) -> Findings:
    """Label a B-scan beside seven boxes and beside SAM's own "everything", then a volume."""
    bscan, label = _one_bscan(run)
    volume, measured = _volume(run)
    return Findings(
        tables=(bscan, volume),
        measured={**measured, _EVERYTHING.name: label / _seconds_for_everything(run)},
    )


def _one_bscan(run: Run) -> tuple[Table, float]:
    """Label B-scans that the engine has not seen, and as many by boxes; return ours in seconds."""
    rounds = run.repeats(full=10, quick=2)
    client = EngineClient(run.folder / "one")
    client.submit(LoadModel(TINY, device="cpu")).result()
    schema, new = bundled_schema("layers7"), _new_bscans()
    boxes = box_prompts(_pixels().shape, _BOXES)

    def label(bscan: BScan) -> Callable[[], object]:
        return lambda: client.submit(Label(bscan, schema)).result()

    def prompt(bscan: BScan) -> Callable[[], object]:
        return lambda: client.submit(Decode(bscan, boxes, schema)).result()

    seen = next(new)
    label(seen)()
    contenders: dict[str, Callable[[], float]] = {
        "labels without a prompt": lambda: timed(label(next(new)))(),
        f"{_BOXES} boxes, drawn already": lambda: timed(prompt(next(new)))(),
        "labels, with the embedding at hand": timed(label(seen)),
        f"{_BOXES} boxes, with the embedding at hand": timed(prompt(seen)),
    }
    taken = in_turn(contenders, rounds)
    client.shutdown()
    table = Table(
        title=f"Labelling a B-scan of {times(_pixels().shape)} through the engine",
        columns=("", "time"),
        rows=tuple((name, duration_spread(Spread.of(each))) for name, each in taken.items()),
        notes=(f"{counted(rounds, 'round')} by turns, {TINY}, from the request to the answer.",),
    )
    return table, Spread.of(next(iter(taken.values()))).median


def _seconds_for_everything(run: Run) -> float:
    """Return how long segment_anything takes for all that it finds, at its own settings.

    With random weights most of its masks fall to its filters, which spares it work.
    """
    sam = sam_model_registry["vit_b"](checkpoint=str(random_vit_b(run)))
    everything = SamAutomaticMaskGenerator(sam)
    colored = np.repeat(_pixels()[..., None], 3, axis=2)
    return timed(lambda: everything.generate(colored))()


def _volume(run: Run) -> tuple[Table, dict[str, float]]:
    path = run.folder / "volume.npy"
    volume = np.lib.format.open_memmap(path, "w+", np.uint8, (_BSCANS, *_SHAPE))
    for number in range(_BSCANS):
        volume[number] = make_phantom(number, _SHAPE).image
    volume.flush()
    found = call_fresh(watch_labelling, run.environment, volume=str(path))
    gaps, seconds = found["gaps"], found["seconds"]
    rows = [
        (
            phase,
            duration(seconds[phase]),
            duration(float(np.percentile(gaps[phase], 99))),
            duration(max(gaps[phase])),
        )
        for phase in (SHOWN, FIRST, AGAIN)
    ]
    memory = ", ".join(
        f"{name} {early / 1e6:.0f} MB after {EARLY} B-scans, {most / 1e6:.0f} MB at most"
        for name, (early, most) in ((n, found[n]) for n in ("engine", "napari"))
    )
    table = Table(
        title=f"Labelling a volume of {times(volume.shape)} that stays on the disk",
        columns=("", "lasts", "gap, 99 %", "longest gap"),
        rows=tuple(rows),
        notes=(f"One new window, the real widget, {TINY}. Memory: {memory}.",),
    )
    early, most = found["engine"]
    return table, {
        _CLICK.name: seconds[SHOWN],
        _FIRST.name: seconds[FIRST],
        _AGAIN.name: seconds[AGAIN],
        _GAP.name: max(max(gaps[FIRST]), max(gaps[AGAIN])),
        _MEMORY.name: most / early,
    }


def _pixels() -> npt.NDArray[np.uint8]:
    return sample_bscan().pixels


def _new_bscans() -> Iterator[BScan]:
    """Yield the same B-scan, each time with other pixels to an embedding's key."""
    pixels = _pixels()
    for number in range(1, len(pixels)):
        yield BScan(np.roll(pixels, number, axis=1), f"B-scan {number}")
