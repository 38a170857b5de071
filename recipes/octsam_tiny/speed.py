"""How fast models are, side by side: `python -m recipes.octsam_tiny.speed MODEL ...`.

They take turns on one phantom, so that a machine that is busy for a while is so for all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from time import perf_counter

from benchmarks.markdown import grid
from napari_octsam.core.classes import bundled_schema
from napari_octsam.evaluation.prompting import class_prompt
from napari_octsam.models.model import Model
from napari_octsam.phantoms.bscan import make_phantom
from recipes.octsam_tiny.beginning import model_of

__all__ = ["speeds_table"]

_TURNS = 15


def speeds_table(models: Mapping[str, Model], turns: int = _TURNS) -> str:
    """Return the median time that each model takes to encode a B-scan and to decode its layers."""
    phantom, schema = make_phantom(0), bundled_schema("layers7")
    embeddings = {name: model.encode(phantom.image) for name, model in models.items()}
    prompts = [
        class_prompt(phantom.layers == each.value, each.value, "box")
        for each in schema.foreground
        if (phantom.layers == each.value).any()
    ]
    tasks: dict[str, dict[str, Callable[[], object]]] = {
        "encoding": {name: partial(m.encode, phantom.image) for name, m in models.items()},
        f"decoding {len(prompts)} boxes": {
            name: partial(m.decode, embeddings[name], prompts, schema) for name, m in models.items()
        },
    }
    rows = [[title, *_times(each, turns)] for title, each in tasks.items()]
    return grid(["", *models], rows)


def _times(tasks: Mapping[str, Callable[[], object]], turns: int) -> list[str]:
    """Do each task by turns; return the median of its times, the first turn left out."""
    found: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(turns + 1):
        for name, task in tasks.items():
            begun = perf_counter()
            task()
            found[name].append(perf_counter() - begun)
    return [f"{1000 * median(times[1:]):.0f} ms" for times in found.values()]


def main(names: Sequence[str]) -> None:
    """Time each model and print a table."""
    if not names:
        sys.exit(__doc__)
    print(speeds_table({name: model_of(name) for name in names}), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
