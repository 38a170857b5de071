"""`octsam train`: fine-tune a model on labelled B-scans."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from pydantic import ValidationError

from napari_octsam.cli.config_options import option_of, with_config_options
from napari_octsam.cli.console import note, phases_bar, say
from napari_octsam.cli.models import download_if_needed
from napari_octsam.cli.separate import one_for_each_class
from napari_octsam.cli.train_progress import assist, follow, report
from napari_octsam.core.config import PRESETS, TrainConfig, layered, read_settings, sentence_of
from napari_octsam.core.errors import UserError
from napari_octsam.training.base_model import check_base_model

if TYPE_CHECKING:
    from napari_octsam.training.distributed import Workers
    from napari_octsam.training.run.folder import RunFolder

__all__ = ["train"]

Like = Literal["octsam-2023"]
"""Names of `PRESETS`."""

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
    like: Annotated[
        Like | None, typer.Option(help="Begin from the settings of another training.")
    ] = None,
    separate: Annotated[
        bool, typer.Option("--separate", help="Train a model for each of the classes.")
    ] = False,
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
    if folder is not None:
        own = {"--like": like, "--separate": separate}
        given = [option for option, value in own.items() if value]
        configs = [_settings_of(folder, base, chosen, given)]
    else:
        config = _settings(PRESETS.get(like or "", {}), base, chosen)
        configs = one_for_each_class(config) if separate else [config]
    with joined() as workers:
        for config in configs:
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


def _settings(
    preset: Mapping[str, object], base: TrainConfig | None, chosen: dict[str, Any]
) -> TrainConfig:
    """Return settings: options go before those of a file, and these before those of a preset."""
    in_file = base.model_dump(include=base.model_fields_set) if base is not None else {}
    try:
        config = TrainConfig.model_validate(layered(preset, in_file, chosen))
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{option_of(str(part))}: " for part in first["loc"][:1])
        raise UserError(f"{where}{sentence_of(error)}") from error
    check_base_model(config)
    return config


def _settings_of(
    folder: RunFolder, base: TrainConfig | None, chosen: dict[str, Any], others: list[str]
) -> TrainConfig:
    """Return the settings of a run that goes on."""
    other = dict.fromkeys(option_of(name) for name in chosen if name not in _MAY_MOVE)
    other |= dict.fromkeys(others)
    if base is not None or other:
        what = ", ".join(other) or "a file of settings"
        raise UserError(
            f"A run goes on with its own settings: leave out {what}, or begin a new run with --out."
        )
    return _settings({}, folder.config(), chosen)
