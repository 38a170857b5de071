"""From settings to a run that is ready to go: data checked, model loaded, folder made.

The command line, a script and the training process all begin here.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_octsam.core.classes import BUNDLED_SCHEMAS, LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.data.split.patients import remember_patients
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.checkpoints.registry import REGISTRY
from napari_octsam.models.devices import choose_device
from napari_octsam.models.model import Model
from napari_octsam.models.precision import check_precision
from napari_octsam.training.adaptation import colors_of_base
from napari_octsam.training.base_model import check_base_model
from napari_octsam.training.crowding import crowding_note
from napari_octsam.training.data import Progress, TrainingData, read_data
from napari_octsam.training.distributed import ALONE, Workers
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.model_names import model_name
from napari_octsam.training.run.folder import RunFolder
from napari_octsam.training.run.lock import sweep_runs
from napari_octsam.training.run.loggers import check_loggers

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A run that is ready to go.

    Parameters
    ----------
    run
        Where it was, if it goes on.
    folder
        Its files.
    data
        What it learns from.
    warnings
        What is worth knowing about data and model, one sentence each.
    """

    run: FineTuning
    folder: RunFolder
    data: TrainingData
    warnings: tuple[str, ...]

    @property
    def schema(self) -> LabelSchema:
        """Classes to learn."""
        return self.data.schema

    @property
    def plan(self) -> str:
        """What will be trained, as one sentence."""
        return self.data.plan


def prepare(
    config: TrainConfig,
    resume: RunFolder | None = None,
    progress: Progress = lambda *_: None,
    workers: Workers = ALONE,
    fetch: Callable[[str], object] = lambda _: None,
) -> Prepared:
    """Check and read the data, load the model, and make the run's folder or go on from one.

    Nothing is written before all is known to be well.

    Parameters
    ----------
    resume
        A run to go on with, whose settings are `config`.
    workers
        The processes that share the run: the first one checks and writes.
    fetch
        Is given the name of the base model once the data is known to be well, and may download
        it; without that, it has to be on this machine.

    Raises
    ------
    PreflightFailed
        With all that is wrong with the data.
    UserError
        A setting is missing, the model cannot be loaded, or the folder cannot be made.
    """
    made: list[Prepared] = []

    def lead() -> Path:
        made.append(_prepare(config, resume, progress, workers, fetch))
        return made[0].folder.path

    path = workers.from_first(lead)
    return made[0] if made else _prepare(config, RunFolder(path), progress, workers, fetch)


def _prepare(
    config: TrainConfig,
    resume: RunFolder | None,
    progress: Progress,
    workers: Workers,
    fetch: Callable[[str], object],
) -> Prepared:
    device = workers.device(config.device)
    _check_settings(config, resume, device)
    if resume is not None and workers.leads:
        resume.lock()
    config = _with_whole_paths(config)
    data = read_data(config, None if resume is None else resume.split, progress)
    if workers.leads:
        fetch(config.base_model)
    model = _loaded(config, device, progress)
    folder = resume or RunFolder.named(Path(config.out), config)
    if resume is None and not config.display_name:
        named = model_name(data.schema, len(data.training) + len(data.validation), datetime.now())
        config = config.model_copy(update={"display_name": named})
    run = FineTuning(
        *(model, data.training, data.validation, data.schema, config, folder.embeddings),
        workers=workers,
        unlabelled=data.unlabelled,
    )
    if resume is None:
        _begin(folder, config, data)
    else:
        folder.restore(run)
        if workers.leads:
            folder.note_data(config.data)
    notes = filter(None, (_crowding(data, run.config), run.note, model.note))
    return Prepared(run, folder, data, (*data.warnings, *notes))


def _check_settings(config: TrainConfig, resume: RunFolder | None, device: str) -> None:
    check_base_model(config)
    check_precision(config.precision, choose_device(device))
    check_loggers(config)
    if resume is None and not config.out:
        raise UserError("Say where the run's folder is to be made, such as --out models/custom.")
    if resume is not None and not resume.split.is_file():
        raise UserError(
            f"{resume.path} has lost its {resume.split.name}, which says what it trained on: begin "
            "a new run."
        )


def _loaded(config: TrainConfig, device: str, progress: Progress) -> Model:
    progress(f"Loading {config.base_model}", 0, 1)
    model = load_model(
        config.base_model,
        config.profile or None,
        device,
        precision=config.precision,
        colors=colors_of_base(config),
    )
    progress(f"Loading {config.base_model}", 1, 1)
    return model


def _crowding(data: TrainingData, config: TrainConfig) -> str:
    """Return a note on crowded B-scans; config is from `TrainConfig.suited`."""
    if config.objects is None or config.epochs is None:  # how often each is seen is not told
        return ""
    classes = data.schema.asked(background=config.background)
    return crowding_note(data.training, [each.value for each in classes], config.objects)


def _begin(folder: RunFolder, config: TrainConfig, data: TrainingData) -> None:
    sweep_runs(folder.path.parent)
    folder.make(config, data.split)
    try:
        folder.lock()
        remember_patients(folder.path.parent, data.split)
    except BaseException:
        folder.discard_unbegun()
        raise


def _with_whole_paths(config: TrainConfig) -> TrainConfig:
    """Return the settings so that they mean the same from every folder."""

    def whole(text: str, names: Container[str] = ()) -> str:
        return text if not text or text in names else str(Path(text).expanduser().resolve())

    return config.model_copy(
        update={
            "data": whole(config.data),
            "out": whole(config.out),
            "unlabelled": whole(config.unlabelled),
            "label_schema": whole(config.label_schema, BUNDLED_SCHEMAS),
            "base_model": whole(config.base_model, REGISTRY),
        }
    )
