"""How long napari stands still when the plugin's widgets are opened."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from benchmarks.fresh import call_fresh
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.timing import Spread
from benchmarks.window import PLUGIN, close, draw, open_viewer
from benchmarks.wording import counted, duration_spread

__all__ = ["TARGETS", "measure", "open_widgets"]

_OPEN = Target(name="importing the plugin and making all of its widgets", limit=0.5, unit="s")

TARGETS = (_OPEN,)

_IMPORT = "the plugin is imported"
_MAKE = "{} is made"
_DOCK = "{} is docked and drawn"
_EMPTY = _DOCK.format("for comparison, an empty widget")


def measure(run: Run) -> Findings:
    """Open all widgets of the manifest in new napari processes."""
    rounds = run.repeats(full=7, quick=2)
    lives = [call_fresh(open_widgets, run.environment) for _ in range(rounds)]
    names = {name: [life[name] for life in lives] for name in lives[0]}
    docked = [name for name in names if name.endswith(_DOCK.format(""))]
    ours = [sum(life[name] for name in names if name not in docked) for life in lives]
    rows = {**names, "imported and made, in all": ours}
    table = Table(
        title="Opening the widgets in a napari that is up",
        columns=("", "time"),
        rows=tuple((name, duration_spread(Spread.of(seconds))) for name, seconds in rows.items()),
        notes=(
            f"{counted(rounds, 'new window')} with an image open. To dock and to draw is napari's "
            "own work, and does not count.",
        ),
    )
    return Findings(tables=(table,), measured={_OPEN.name: Spread.of(ours).median})


def open_widgets() -> dict[str, float]:
    """Open the widgets in this process and return the seconds of each step."""
    from qtpy.QtWidgets import QWidget

    viewer = open_viewer()
    taken: dict[str, float] = {}
    empty = QWidget()
    with _timing(_EMPTY, taken):
        viewer.window.add_dock_widget(empty, name="empty")
        draw()
    classes = _widget_classes()
    assert not any(name.startswith("napari_octsam.") for name in sys.modules)
    with _timing(_IMPORT, taken):
        makers = {
            title: getattr(import_module(module), name) for title, (module, name) in classes.items()
        }
    for title, make in makers.items():
        with _timing(_MAKE.format(title), taken):
            widget = make(viewer)
        with _timing(_DOCK.format(title), taken):
            viewer.window.add_dock_widget(widget, name=title)
            draw()
    assert "torch" not in sys.modules
    close(viewer)
    return taken


def _widget_classes() -> dict[str, tuple[str, str]]:
    """Return the module and the class of each of the manifest's widgets, by its title."""
    from npe2 import PluginManager

    contributions: Any = PluginManager.instance().get_manifest(PLUGIN).contributions
    commands = {command.id: command.python_name for command in contributions.commands}
    places = {w.display_name: commands[w.command].split(":") for w in contributions.widgets}
    return {title: (module, name) for title, (module, name) in places.items()}


@contextmanager
def _timing(name: str, taken: dict[str, float]) -> Iterator[None]:
    """Note the seconds that the block takes."""
    started = time.perf_counter()
    yield
    taken[name] = time.perf_counter() - started
