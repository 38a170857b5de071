"""`octsam train`: fine-tune a model on labelled B-scans."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from napari_octsam.cli.config_options import option_of, with_config_options
from napari_octsam.cli.console import note, phases_bar, say
from napari_octsam.cli.models import download_if_needed
from napari_octsam.cli.train_progress import assist, follow, report
from napari_octsam.core.config import TrainConfig, read_settings, sentence_of
from napari_octsam.core.errors import UserError
from napari_octsam.training.base_model import check_base_model

if TYPE_CHECKING:
    from napari_octsam.training.distributed import Workers
    from napari_octsam.training.run.folder import RunFolder

__all__ = ["train"]

_MAY_MOVE = {"data", "device"}  # where a run goes on may change, not what it does


@with_config_options
def train(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA_OR_CONFIG",
            help="Labelled B-scans of any layout (docs/datasets.md), or settings as TOML or JSON.",
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Folder of a run to go on with, with its settings.")
    ] = None,
    *,
    chosen: dict[str, Any],
) -> None:
    """Fine-tune a model on labelled B-scans; the best one is kept as best.safetensors.

    Options go before what a file of settings says. The data is checked first. A run that was
    stopped or killed goes on with --resume.
    """
    from napari_octsam.training.distributed import joined
    from napari_octsam.training.run.folder import RunFolder
    from napari_octsam.training.run.prepare import prepare

    base, chosen = _sources(source, chosen)
    folder = None if resume is None else RunFolder(resume)
    config = _settings(base, chosen) if folder is None else _settings_of(folder, base, chosen)
    with joined() as workers:
        if workers.leads:
            _lead(config, folder, workers)
        else:
            assist(prepare(config, folder, workers=workers).run, workers)


def _lead(config: TrainConfig, folder: RunFolder | None, workers: Workers) -> None:
    """Train, and be the one that shows and writes it."""
    from napari_octsam.training.run.prepare import prepare

    with phases_bar("Reading") as show:
        prepared = prepare(config, folder, show, workers, download_if_needed)
    for warning in prepared.warnings:
        note(f"Note: {warning}")
    note(prepared.plan)
    if folder is not None and prepared.run.end is None:
        note(f"Going on from epoch {prepared.run.epoch + 1}, step {prepared.run.step + 1}.")
    try:
        follow(prepared, workers)
        report(prepared)
    except KeyboardInterrupt:
        note(f"To go on: octsam train --resume {shlex.quote(str(prepared.folder.path))}")
        raise
    say(f"Wrote {prepared.folder.best}.")


def _sources(
    source: Path | None, chosen: dict[str, Any]
) -> tuple[TrainConfig | None, dict[str, Any]]:
    """Return the settings of a file, if there is one, and the options with the data's folder."""
    if source is None:
        return None, chosen
    if source.suffix.lower() in (".toml", ".json"):
        return read_settings(source, TrainConfig), chosen
    if source.is_file():
        raise UserError(
            f"{source} is neither a folder of B-scans nor a file of settings: those end in .toml "
            "or .json."
        )
    if "data" in chosen:
        raise UserError(f"There are two folders of data, {source} and {chosen['data']}: give one.")
    return None, {"data": str(source), **chosen}


def _settings(base: TrainConfig | None, chosen: dict[str, Any]) -> TrainConfig:
    """Return the file's settings with those that were given as options in their place."""
    try:
        config = TrainConfig.model_validate((base or TrainConfig()).model_dump() | chosen)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{option_of(str(part))}: " for part in first["loc"][:1])
        raise UserError(f"{where}{sentence_of(error)}") from error
    check_base_model(config)
    return config


def _settings_of(
    folder: RunFolder, base: TrainConfig | None, chosen: dict[str, Any]
) -> TrainConfig:
    """Return the settings of a run that goes on."""
    other = dict.fromkeys(option_of(name) for name in chosen if name not in _MAY_MOVE)
    if base is not None or other:
        what = ", ".join(other) or "a file of settings"
        raise UserError(
            f"A run goes on with its own settings: leave out {what}, or begin a new run with --out."
        )
    return _settings(folder.config(), chosen)
