"""How long it takes until the labels of a B-scan are on the disk."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tifffile

from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.timing import Spread, in_turn, timed
from benchmarks.wording import counted, duration_spread
from napari_octsam.core.annotation import Annotation, ImageLink
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.files import replacing
from napari_octsam.core.images import times
from napari_octsam.data.annotations.folder import AnnotationFolder
from napari_octsam.phantoms.bscan import demo_phantom

__all__ = ["TARGETS", "measure"]

_SAVE = Target(name="saving the labels of a B-scan of a volume", limit=0.05, unit="s")

TARGETS = (_SAVE,)

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
    return Findings(
        tables=(table,), measured={_SAVE.name: Spread.of(next(iter(taken.values()))).median}
    )


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
