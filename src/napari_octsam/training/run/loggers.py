"""Where the metrics of a run go beside its folder: Weights & Biases, TensorBoard. Only if asked."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.evaluation.overlays import labels_picture
from napari_octsam.training.events import EpochDone, Event, Sample, Samples
from napari_octsam.training.run.folder import RunFolder

__all__ = [
    "Logger",
    "TensorBoardLogger",
    "WandbLogger",
    "check_loggers",
    "chosen_loggers",
    "logged",
]


_log = logging.getLogger(__name__)


class Logger(Protocol):
    """Takes what a run tells."""

    name: str
    """For messages."""

    def log(self, event: Event) -> None:
        """Take one event."""
        ...

    def close(self) -> None:
        """Write what is left; the run is over or was stopped."""
        ...


def logged(
    events: Iterable[Event],
    loggers: Sequence[Logger],
    say: Callable[[str], object] = _log.warning,
) -> Generator[Event, None, None]:
    """Pass the events on, and give each to every logger first.

    A logger that fails ends no training: it gets no more.

    Parameters
    ----------
    say
        Told which logger has failed, and why.
    """
    working = list(loggers)

    def tell(logger: Logger, tells: Callable[[], object]) -> None:
        try:
            tells()
        except Exception as error:  # a service or a full disk, in whose words there are
            working.remove(logger)
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            say(f"{logger.name} has failed and is told no more: {reason}.")

    try:
        for event in events:
            for logger in tuple(working):
                tell(logger, partial(logger.log, event))
            yield event
    finally:
        for logger in tuple(working):
            tell(logger, logger.close)


def check_loggers(config: TrainConfig) -> None:
    """Check that what the settings ask for can be imported.

    Raises
    ------
    UserError
        The package of a logger is not installed.
    """
    packages = {"wandb": "Weights & Biases", "tensorboard": "TensorBoard"}
    for package, what in packages.items():
        if getattr(config, package) and find_spec(package) is None:
            raise UserError(
                f"{what} is not installed: pip install napari-octsam[{package}], or turn it off."
            )


def chosen_loggers(config: TrainConfig, folder: RunFolder, schema: LabelSchema) -> list[Logger]:
    """Return the loggers that the settings ask for.

    Raises
    ------
    UserError
        The package of one is not installed, or its service refuses. A run that has not begun
        leaves no folder then.
    """
    check_loggers(config)
    loggers: list[Logger] = []
    if config.wandb:
        try:
            loggers.append(WandbLogger(config, folder, schema))
        except UserError:
            folder.discard_unbegun()
            raise
    if config.tensorboard:
        loggers.append(TensorBoardLogger(folder, schema))
    return loggers


class WandbLogger:
    """Sends metrics and samples of each epoch to Weights & Biases.

    A run that goes on goes on there too. `WANDB_MODE=offline` keeps all on this machine.

    Parameters
    ----------
    config
        All settings, which are sent too; names project, entity and run.
    folder
        Where the package keeps its files.
    schema
        Names the classes.

    Raises
    ------
    UserError
        The service refuses.
    """

    name = "Weights & Biases"

    def __init__(self, config: TrainConfig, folder: RunFolder, schema: LabelSchema) -> None:
        import wandb

        self._wandb = wandb
        self._schema = schema
        name = folder.path.name
        try:
            self._run = wandb.init(
                project=config.project or None,
                entity=config.entity or None,
                name=config.display_name or name,
                id=hashlib.sha256(name.encode()).hexdigest()[:16],  # names may have any letters
                resume="allow",
                dir=folder.path,
                config=config.model_dump(mode="json"),
                settings=wandb.Settings(console="off", disable_git=True, save_code=False),
            )
        except wandb.Error as error:
            raise UserError(f"Weights & Biases refuses: {error}") from error

    def log(self, event: Event) -> None:
        """Send an epoch's metrics or samples."""
        match event:
            case EpochDone():
                self._run.log(_metrics(event, self._schema), step=event.epoch)
            case Samples():
                pictures = {_called("sample", each): self._picture(each) for each in event.samples}
                self._run.log(pictures, step=event.epoch)

    def close(self) -> None:
        """Wait until all is sent, or kept where there is no network."""
        self._run.finish()

    def _picture(self, sample: Sample) -> Any:
        names = {each.value: each.name for each in self._schema.classes}
        maps = {"prediction": sample.predicted, "truth": sample.truth}
        masks = {n: {"mask_data": labels, "class_labels": names} for n, labels in maps.items()}
        return self._wandb.Image(sample.image, masks=masks, caption=sample.name)


class TensorBoardLogger:
    """Writes metrics and samples of each epoch to the folder `tensorboard` of the run.

    Parameters
    ----------
    folder
        Of the run.
    schema
        Names and colours of the classes.
    """

    name = "TensorBoard"

    def __init__(self, folder: RunFolder, schema: LabelSchema) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._schema = schema
        self._writer: Any = SummaryWriter(str(folder.path / "tensorboard"))

    def log(self, event: Event) -> None:
        """Write an epoch's metrics or samples."""
        match event:
            case EpochDone():
                for name, value in _metrics(event, self._schema).items():
                    self._writer.add_scalar(name, value, event.epoch)
            case Samples():
                for each in event.samples:
                    maps = (each.predicted, each.truth)
                    pictures = [labels_picture(each.image, m, self._schema) for m in maps]
                    self._writer.add_image(
                        _called("prediction and truth", each),
                        np.concatenate(pictures, axis=1),
                        event.epoch,
                        dataformats="HWC",
                    )

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def _called(what: str, sample: Sample) -> str:
    """Return what a picture of a sample is called: those of each part are together."""
    return f"{'training ' if sample.part == 'training' else ''}{what}/{sample.name}"


def _metrics(epoch: EpochDone, schema: LabelSchema) -> dict[str, float]:
    losses = {f"loss/{name}": loss for name, loss in epoch.losses.items()}
    losses |= {f"validation loss/{name}": loss for name, loss in epoch.validation.items()}
    each = {schema[value].name: metrics for value, metrics in epoch.classes.items()}
    dices = {f"dice/{name}": metrics.dice for name, metrics in each.items()}
    errors = {f"betti error/{name}": metrics.betti_error for name, metrics in each.items()}
    unasked = {
        f"automatic dice/{schema[value].name}": metrics.dice
        for value, metrics in epoch.automatic.items()
    }
    distances = {
        f"boundary error/{name}": metrics.boundary_error
        for name, metrics in each.items()
        if metrics.boundary_error is not None
    }
    return {"score": epoch.score, **losses, **dices, **errors, **distances, **unasked}
