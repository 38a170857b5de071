"""`octsam train`: fine-tune a model on labelled B-scans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from napari_octsam.cli.config_options import with_config_options
from napari_octsam.cli.console import complain, note, out, steps_bar
from napari_octsam.cli.models import download_if_needed
from napari_octsam.core.config import TrainConfig, read_config
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.io.pairs import LabelledBScan
    from napari_octsam.training.finetuning import FineTuning
    from napari_octsam.training.runs import RunFolder

__all__ = ["train"]


@with_config_options
def train(
    data: Annotated[Path, typer.Argument(help="Labelled B-scans of any layout: docs/datasets.md.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML or JSON with settings; options go before it.")
    ] = None,
    schema: Annotated[
        str | None, typer.Option(help="Classes of the masks, where the data does not say.")
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for the run's own, such as models/custom.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Folder of a run to go on with, with its settings.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    *,
    chosen: dict[str, Any],
) -> None:
    """Fine-tune a model on labelled B-scans; the best one is kept as best.safetensors.

    The data is checked first. A run that was stopped or killed goes on with --resume.
    """
    from napari_octsam.training.runs import RunFolder

    if resume is None and out_folder is None:
        raise UserError("Say where the run's folder is to be made, such as --out models/custom.")
    folder = None if resume is None else RunFolder(resume)
    settings = _settings(config, chosen) if folder is None else folder.config()
    training, validation, classes = _read(data, schema, settings)
    if folder is None:
        assert out_folder is not None
        folder = RunFolder.create(out_folder, settings)
    run = _prepare(settings, training, validation, classes, folder, device)
    if resume is not None and folder.restore(run):
        note(f"Going on from epoch {run.epoch + 1}, step {run.step + 1}.")
    _follow(run, folder, classes)
    out.print(f"Wrote {folder.best}.", soft_wrap=True, highlight=False, markup=False)


def _settings(path: Path | None, chosen: dict[str, Any]) -> TrainConfig:
    """Return the file's settings with those that were given as options in their place."""
    base = TrainConfig() if path is None else read_config(path)
    try:
        return TrainConfig.model_validate(base.model_dump() | chosen)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"--{str(part).replace('_', '-')}: " for part in first["loc"][:1])
        raise UserError(f"{where}{first['msg']}.") from error


def _read(
    data: Path, schema: str | None, settings: TrainConfig
) -> tuple[list[LabelledBScan], list[LabelledBScan], LabelSchema]:
    """Check the data and return what to train on, what to validate on, and the classes."""
    from napari_octsam.core.classes import load_schema
    from napari_octsam.io.layouts import open_dataset
    from napari_octsam.io.pairs import LabelledBScan
    from napari_octsam.io.preflight import examine, judge, members_of
    from napari_octsam.io.split import SPLIT_FILE, make_split, read_split

    dataset = open_dataset(data, None if schema is None else load_schema(schema))
    with steps_bar("Checking", len(dataset.items)) as show:
        facts = examine(dataset, lambda done: show(done, ""))
    stored = data / SPLIT_FILE
    split = read_split(stored) if stored.is_file() else make_split(members_of(facts), settings.seed)
    found = judge(dataset, facts, split)
    for problem in found.problems:
        complain(problem.text)
    if found.problems:
        raise UserError(f"{data} cannot be trained on as it is: mend what is listed.")
    for warning in found.warnings:
        note(f"Note: {warning}")
    note(found.plan)
    classes = dataset.schemas[0]
    read = {
        item.name: LabelledBScan(item.name, item.read_image(), item.read_maps()[classes.name])
        for item in dataset.items
        if item.name in {*split.train, *split.validation}
    }
    return [read[n] for n in split.train], [read[n] for n in split.validation], classes


def _prepare(
    settings: TrainConfig,
    training: list[LabelledBScan],
    validation: list[LabelledBScan],
    classes: LabelSchema,
    folder: RunFolder,
    device: str,
) -> FineTuning:
    from napari_octsam.models.checkpoints import load_model
    from napari_octsam.training.finetuning import FineTuning

    download_if_needed(settings.base_model)
    model = load_model(settings.base_model, device=device, precision=settings.precision)
    if model.note:
        note(model.note)
    return FineTuning(model, training, validation, classes, settings, folder.embeddings)


def _follow(run: FineTuning, folder: RunFolder, classes: LabelSchema) -> None:
    """Run to the end with a bar, a line for each epoch."""
    from napari_octsam.training.events import Encoded, EpochDone, Finished, StepDone
    from napari_octsam.training.runs import recorded

    with steps_bar("Training", run.config.epochs * run.steps) as show:
        for event in recorded(run, folder, classes):
            match event:
                case Encoded(done, total):
                    show(0, f"encoding {done} of {total}")
                case StepDone():
                    parts = "  ".join(f"{name} {loss:.3f}" for name, loss in event.losses.items())
                    show((event.epoch - 1) * event.steps + event.step, parts)
                case EpochDone():
                    better = ", the best so far" if event.best else ""
                    note(f"Epoch {event.epoch}: score {event.score:.3f}{better}")
                case Finished("no more gain", best):
                    note(f"No gain since epoch {best}: stopped.")
