"""How long napari stands still when the plugin's widgets are opened."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.fresh import call_fresh
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.timing import Spread
from benchmarks.window import PLUGIN, open_viewer
from benchmarks.wording import duration_spread

__all__ = ["TARGETS", "measure", "open_widgets"]

_OPEN = Target(name="importing the plugin and opening all of its widgets", limit=0.5, unit="s")

TARGETS = (_OPEN,)


def measure(run: Run) -> Findings:
    """Open all widgets of the manifest in new napari processes."""
    rounds = run.repeats(full=7, quick=2)
    lives = [call_fresh(open_widgets, run.environment) for _ in range(rounds)]
    taken = {name: [life[name] for life in lives] for name in lives[0]}
    ours = [sum(life.values()) - life[_EMPTY] for life in lives]
    rows = {**taken, "in all, without the empty one": ours}
    table = Table(
        title="Opening the widgets in a napari that is up",
        columns=("", "time"),
        rows=tuple((name, duration_spread(Spread.of(s))) for name, s in rows.items()),
        notes=(
            f"{rounds} new processes with an image open. Each widget is opened as napari's menu "
            "does and counted until it is drawn.",
        ),
    )
    return Findings(tables=(table,), measured={_OPEN.name: Spread.of(ours).median})


_EMPTY = "an empty widget, for comparison"


def open_widgets() -> dict[str, float]:
    """Open the widgets in this process and return the seconds of each step."""
    from qtpy.QtWidgets import QWidget

    viewer = open_viewer()
    taken: dict[str, float] = {}
    with _timing(_EMPTY, taken):
        viewer.window.add_dock_widget(QWidget(), name="empty")
    assert not any(name.startswith("napari_octsam.") for name in sys.modules)
    modules = _widget_modules()
    with _timing("importing the plugin", taken):
        for module in modules.values():
            importlib.import_module(module)
    for name in modules:
        with _timing(f"the widget {name}", taken):
            viewer.window.add_plugin_dock_widget(PLUGIN, name)
    assert "torch" not in sys.modules
    viewer.close()
    return taken


def _widget_modules() -> dict[str, str]:
    """Return the modules of the manifest's widgets by the widgets' names."""
    from npe2 import PluginManager

    manifest: Any = PluginManager.instance().get_manifest(PLUGIN)
    commands = {c.id: c.python_name.partition(":")[0] for c in manifest.contributions.commands}
    return {w.display_name: commands[w.command] for w in manifest.contributions.widgets}


@contextmanager
def _timing(name: str, taken: dict[str, float]) -> Iterator[None]:
    """Note the seconds of what is done and of drawing it."""
    from qtpy.QtWidgets import QApplication

    started = time.perf_counter()
    yield
    QApplication.processEvents()
    taken[name] = time.perf_counter() - started
