"""What a minute of learning brings: how good the next B-scans are, and what is forgotten.

`python -m benchmarks.learning_curve DATA` learns a band that a person has corrected on 2, 5 and 10
evenly spread B-scans of a volume, and judges the other B-scans that have a mask, unasked and asked;
and the layers of a healthy eye, which were known before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.markdown import grid
from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.images import as_grey, normalised
from napari_octsam.data.labels import read_labels
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.data.pictures import read_picture
from napari_octsam.evaluation.metrics import dice
from napari_octsam.evaluation.prompted import find_classes
from napari_octsam.evaluation.prompting import FirstPrompt, Prompting
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import known_as
from napari_octsam.models.network import Embedding
from napari_octsam.training.events import EpochDone, Mixed, Planned
from napari_octsam.training.loop import FineTuning

LAYERS = bundled_schema("layers7")
RPE = "retinal pigment epithelium"
_JUDGED = 18  # B-scans, evenly spread over those that are not learnt from

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Judged(NamedTuple):
    """Mean Dice, of the band and of the layers that were known before."""

    unasked: float
    box: float
    click: float
    known: float


def band_schema() -> LabelSchema:
    """Return the schema of a person who labels one band only."""
    names = {0: ("background", "BG", "#000000"), 1: (RPE, "RPE", "#ff8800")}
    classes = [
        {"value": value, "name": name, "short": short, "color": color}
        for value, (name, short, color) in names.items()
    ]
    return LabelSchema.model_validate({"name": "band", "classes": classes})


BAND = band_schema()


def read_bscans(folder: Path, pattern: str = "*") -> list[LabelledBScan]:
    """Return the B-scans of a folder with `images` and `masks` that have a mask."""
    return [
        LabelledBScan(mask.stem, normalised(as_grey(read_picture(image))), _labels(mask))
        for mask in sorted((folder / "masks").glob(f"{pattern}.png"))
        if (image := folder / "images" / mask.name).exists()
    ]


def _labels(path: Path) -> npt.NDArray[np.uint8]:
    return np.asarray(read_labels(path), np.uint8)


def spread(bscans: Sequence[LabelledBScan], count: int) -> list[LabelledBScan]:
    """Return so many of the B-scans, evenly spread, none of them at an end."""
    places = (np.arange(count) + 0.5) * len(bscans) / count
    return [bscans[int(place)] for place in places]


def judge(
    model: Model, others: Sequence[LabelledBScan], healthy: Sequence[LabelledBScan]
) -> Judged:
    """Judge a model on B-scans that it has not learnt from.

    The band is named by its own schema if the model knows it, else as a layer; pixel by pixel.
    """
    encoded = {each.image.tobytes(): model.encode(each.image) for each in others}
    own = known_as(model.header, BAND) is not None
    schema, value = (BAND, 1) if own else (LAYERS, LAYERS.find(RPE).value)

    def encode(image: npt.NDArray[np.uint8]) -> Embedding:
        return encoded[image.tobytes()]

    def asked(kind: FirstPrompt) -> float:
        found = find_classes(model, others, BAND, Prompting(kind), encode)
        masks = ((f.bscan, f.objects[1].window().mask(f.bscan.labels.shape)) for f in found)
        return _mean([dice(mask, bscan.labels == 1) for bscan, mask in masks])

    names = [model.label(encode(each.image), schema).plain.labels == value for each in others]
    return Judged(
        _mean([dice(mask, each.labels == 1) for mask, each in zip(names, others, strict=True)]),
        asked("box"),
        asked("point"),
        _mean([_layers(model, each) for each in healthy]),
    )


def _layers(model: Model, bscan: LabelledBScan) -> float:
    found = model.label(bscan.image, LAYERS).plain.labels
    values = [c.value for c in LAYERS.foreground if (bscan.labels == c.value).any()]
    return _mean([dice(found == value, bscan.labels == value) for value in values])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def learn(
    bscans: Sequence[LabelledBScan],
    config: TrainConfig,
    clock: Callable[[], float],
    say: Callable[[str], object] = print,
) -> Model:
    """Return octsam-tiny after it has learnt from B-scans; one is held back from three on."""
    held_back = [bscans[len(bscans) // 2]] if len(bscans) > 2 else []
    names = {each.name for each in held_back}
    training = [each for each in bscans if each.name not in names]
    model = load_model(config.base_model, device="cpu", precision="float32")
    with TemporaryDirectory() as folder:
        begun = clock()
        run = FineTuning(model, training, held_back, BAND, config, Path(folder), clock=clock)
        for event in run.run():
            match event:
                case Planned(epochs, steps):
                    say(f"  {epochs} x {steps} steps, planned after {clock() - begun:.1f} s")
                case EpochDone():
                    losses = {name: round(loss, 3) for name, loss in event.losses.items()}
                    say(f"  epoch {event.epoch}: {event.score:.3f} {losses}")
                case Mixed():
                    say(f"  {event}")
        say(f"  {clock() - begun:.1f} s in all")
    run.model.network.load_state_dict(run.best_weights)  # type: ignore[attr-defined]
    return run.model


def two_cores() -> float:
    """Return the seconds that this process would have taken on two cores of its own."""
    return time.process_time() / 2


@app.command()
def main(
    data: Annotated[Path, typer.Argument(help="Folder with amd_volume and octrima.")],
    bscans: Annotated[list[int] | None, typer.Option(help="To learn from.")] = None,
    minutes: Annotated[float, typer.Option(help="To learn.")] = 1.0,
    shared: Annotated[
        bool, typer.Option("--shared", help="Count processor time: the machine is not quiet.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of views and prompts.")] = 0,
) -> None:
    """Learn from few B-scans, and print what that has brought as a table of Markdown."""
    volume, healthy = read_bscans(data / "amd_volume"), read_bscans(data / "octrima", "s06_*")
    clock = two_cores if shared else time.monotonic
    rows: list[tuple[str, ...]] = []
    for count in bscans or [2, 5, 10]:
        chosen = spread(volume, count)
        names = {each.name for each in chosen}
        others = spread([each for each in volume if each.name not in names], _JUDGED)
        if not rows:
            before = load_model("octsam-tiny", device="cpu", precision="float32")
            rows.append(_row("before", judge(before, others, healthy)))
        print(f"{count} B-scans", flush=True)
        model = learn(chosen, TrainConfig(minutes=minutes, seed=seed), clock)
        rows.append(_row(str(count), judge(model, others, healthy)))
    print(grid(("B-scans", "unasked", "one box", "one click", "healthy layers"), rows))


def _row(name: str, judged: Judged) -> tuple[str, ...]:
    return (name, *(f"{value:.3f}" for value in judged))


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.learning_curve")
