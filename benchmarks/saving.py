"""How long it takes until the labels of a B-scan are on the disk, and whether napari waits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tifffile

from benchmarks.fresh import call_fresh
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.save_strokes import KEPT, UNKEPT, watch_strokes
from benchmarks.timing import Spread, in_turn, timed
from benchmarks.wording import counted, duration, duration_spread
from napari_octsam.core.annotation import Annotation, ImageLink
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.files import replacing
from napari_octsam.core.images import times
from napari_octsam.data.annotations.folder import AnnotationFolder
from napari_octsam.phantoms.bscan import demo_phantom

__all__ = ["TARGETS", "measure"]

_SAVE = Target(name="saving the labels of a B-scan of a volume", limit=0.05, unit="s")

_GAP = Target(
    name="longest event-loop gap while strokes are saved / while nothing is saved", limit=1.5
)

TARGETS = (_SAVE, _GAP)

_BSCANS = 145


def measure(run: Run) -> Findings:
    """Save one B-scan of a labelled volume, and beside it the whole volume as one file."""
    rounds = run.repeats(full=20, quick=3)
    labels = np.stack([demo_phantom().labels] * _BSCANS)
    folder = _folder(run, labels.shape)
    path = run.folder / "labels.ome.tif"

    def save_bscan() -> None:
        folder.labels.write((_BSCANS // 2,), labels[0])

    def save_volume() -> None:
        with replacing(path) as part:
            tifffile.imwrite(part, labels, ome=True, compression="zlib", photometric="minisblack")

    contenders: dict[str, Callable[[], None]] = {
        "ours, the B-scan alone": save_bscan,
        "for comparison, the volume as OME-TIFF with zlib": save_volume,
    }
    taken = in_turn({name: timed(save) for name, save in contenders.items()}, rounds)
    folder.close()
    table = Table(
        title=f"Saving labels after a change of one B-scan of {times(labels.shape)}",
        columns=("", "time"),
        rows=tuple((name, duration_spread(Spread.of(each))) for name, each in taken.items()),
        notes=(f"{counted(rounds, 'round')} by turns, each flushed to the disk and renamed.",),
    )
    gaps, ratio = _gaps(run, labels.shape)
    return Findings(
        tables=(table, gaps),
        measured={
            _SAVE.name: Spread.of(next(iter(taken.values()))).median,
            _GAP.name: ratio,
        },
    )


def _gaps(run: Run, shape: tuple[int, ...]) -> tuple[Table, float]:
    """Paint with and without saving; return the longest gap with it as a ratio, too."""
    seconds = run.repeats(full=20, quick=3)
    found = call_fresh(watch_strokes, run.environment, shape=shape, seconds=float(seconds))
    rows = [
        (phase, *(duration(float(np.percentile(found[phase], part))) for part in (50, 99, 100)))
        for phase in (UNKEPT, KEPT)
    ]
    table = Table(
        title=f"Gaps in napari's event loop while labels of {times(shape)} are painted",
        columns=("", "median", "99 %", "longest"),
        rows=tuple(rows),
        notes=(f"One new window, ten strokes a second for {seconds} s in each row.",),
    )
    return table, max(found[KEPT]) / max(found[UNKEPT])


def _folder(run: Run, shape: tuple[int, ...]) -> AnnotationFolder:
    annotation = Annotation(
        name="labels",
        image=ImageLink(name="volume", shape=shape),
        label_schema=bundled_schema(),
        scale=(1.0,) * 3,
        units=("pixel",) * 3,
        axis_labels=("z", "y", "x"),
    )
    return AnnotationFolder.create(run.folder / "volume.octsam", annotation, np.uint8)
