"""A napari that edits labels until it is killed, and what is on the disk then."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["edit_until_killed", "kill_many", "lost_seconds"]

_SHAPE = (5, 120, 160)
_LOG = "edits.log"


def kill_many(folder: str, count: int) -> None:
    """Fork `count` processes that edit, kill each at a random moment, print what each lost.

    In a process of its own: nothing that it calls may have made a QApplication before.
    """

    import napari.components  # noqa: F401  once for all children, as the next two

    import napari_octsam.data.annotations.label_store
    import napari_octsam.gui.annotations.keeper  # noqa: F401

    rng = np.random.default_rng(0)
    for i in range(count):
        home = Path(folder) / str(i)
        home.mkdir()
        child = os.fork()
        if not child:
            edit_until_killed(home, i)
        killed = _kill(child, home / _LOG, float(rng.uniform(0.3, 3.0)))
        print(f"lost {lost_seconds(home, killed):.3f}", flush=True)


def edit_until_killed(home: Path, seed: int) -> None:
    """Paint, erase and undo at random in a viewer without a canvas, and note each edit."""
    os.environ.update(QT_QPA_PLATFORM="offscreen", OCTSAM_DATA=str(home))
    from napari.components import ViewerModel
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from napari_octsam.gui.annotations.keeper import keeper_of

    app = QApplication(sys.argv[:1])
    viewer: Any = ViewerModel()
    viewer.add_image(np.zeros(_SHAPE, np.uint8))
    labels = viewer.add_labels(np.zeros(_SHAPE, np.uint8))
    keeper_of(viewer)
    rng = np.random.default_rng(seed)
    log = (home / _LOG).open("a", buffering=1, encoding="utf-8")

    def edit() -> None:
        index = int(rng.integers(_SHAPE[0]))
        viewer.dims.set_point(0, index)
        at = (index, int(rng.integers(_SHAPE[1])), int(rng.integers(_SHAPE[2])))
        labels.paint(at, int(rng.integers(8)))
        if rng.random() < 0.2:
            labels.undo()
        log.write(f"{time.time()} {index} {_sum(labels.data[index])}\n")

    timer = QTimer()
    timer.setInterval(30)
    timer.timeout.connect(edit)
    timer.start()
    app.exec()


def lost_seconds(home: Path, killed_at: float) -> float:
    """Return how old the oldest edit was, when napari was killed, that is not on the disk.

    Each B-scan is on the disk as one of the edits left it, or this raises.
    """
    from napari_octsam.data.annotations.drafts import drafts

    os.environ["OCTSAM_DATA"] = str(home)
    from napari_octsam.data.annotations.folder import AnnotationFolder

    edits = [line.split() for line in (home / _LOG).read_text("utf-8").splitlines()]
    found = drafts()
    recovered = AnnotationFolder(found[0].path).labels.read_all() if found else np.zeros(_SHAPE)
    lost = [0.0]
    for index in range(_SHAPE[0]):
        states = [(0.0, _sum(np.zeros(_SHAPE[1:], np.uint8)))]
        states += [(float(at), content) for at, i, content in edits if int(i) == index]
        on_disk = _sum(recovered[index].astype(np.uint8))
        last = max(i for i, (_, content) in enumerate(states) if content == on_disk)
        lost += [killed_at - at for at, _ in states[last + 1 : last + 2]]
    return max(lost)


def _kill(child: int, log: Path, seconds: float) -> float:
    while not log.exists() or not log.stat().st_size:
        time.sleep(0.01)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    killed = time.time()
    os.waitpid(child, 0)
    return killed


def _sum(bscan: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(bscan).data).hexdigest()


if __name__ == "__main__":
    kill_many(sys.argv[1], int(sys.argv[2]))
