"""A run's folder: settings, metrics, the state to go on from, the best model. All written whole."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig, read_settings
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import building, file_name, sweep, write_json
from napari_octsam.core.folders import BEST_MODEL, RUN_CONFIG
from napari_octsam.core.locks import FileLock
from napari_octsam.data.split.split import SPLIT_FILE, Split, write_split
from napari_octsam.models.checkpoints.adapters import put_base_beside
from napari_octsam.models.checkpoints.headers import read_header
from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.training.adaptation import weights_to_keep
from napari_octsam.training.events import EpochDone
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.run.lock import lock_folder
from napari_octsam.training.run.metrics_files import METRICS_FILE, read_metrics, write_metrics
from napari_octsam.training.run.states import restore_state, write_state

__all__ = ["RunFolder"]

_STATE = "last.pt"


class RunFolder:
    """The files of one run.

    Parameters
    ----------
    path
        The folder of a run to go on with, or one to `make`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: FileLock | None = None

    @classmethod
    def named(cls, root: Path, config: TrainConfig) -> RunFolder:
        """Return a folder of a name that no other run has, to `make`."""
        stamp = datetime.now().strftime("%y-%m-%d_%H.%M.%S")
        name = file_name(config.display_name).strip(" .") or stamp
        return cls(root / f"{name}-{secrets.token_hex(3)}")

    def make(self, config: TrainConfig, split: Split | None = None) -> None:
        """Make the folder, for its user alone, with settings and split: all of it, or nothing.

        Raises
        ------
        UserError
            It cannot be made there.
        """
        with building(self.path, private=True) as part:
            write_json(part / RUN_CONFIG, config.model_dump())
            if split is not None:
                write_split(part / SPLIT_FILE, split)

    def lock(self) -> None:
        """Keep other processes from going on with the run, as long as this object lives.

        What one that was killed has left half-written goes.

        Raises
        ------
        UserError
            Another process has it, or nothing can be written there.
        """
        self._lock = lock_folder(self.path)
        sweep(self.path)

    def discard_unbegun(self) -> None:
        """Remove the folder of a run that has come to nothing yet; another one's stays."""
        come_to = (self.path / _STATE, self.best, self.path / METRICS_FILE)
        if not any(path.exists() for path in come_to):
            if self._lock is not None:
                self._lock.release()
            shutil.rmtree(self.path, ignore_errors=True)

    @property
    def best(self) -> Path:
        """The best model so far; there once an epoch is done."""
        return self.path / BEST_MODEL

    @property
    def report(self) -> Path:
        """The page that judges the best model; there once the run is over."""
        return self.path / "report.html"

    @property
    def split(self) -> Path:
        """Which B-scans it trains on, validates on and tests on."""
        return self.path / SPLIT_FILE

    @property
    def embeddings(self) -> Path:
        """Folder for embeddings; may be deleted at any time, and is once the run is over."""
        return self.path / "embeddings"

    def discard_embeddings(self) -> None:
        """Free the disk of what only training needs."""
        shutil.rmtree(self.embeddings, ignore_errors=True)

    def config(self) -> TrainConfig:
        """Return the settings of the run.

        Raises
        ------
        UserError
            The folder is no run's, or its settings cannot be read.
        """
        path = self.path / RUN_CONFIG
        if not path.exists():
            raise UserError(f"{self.path} is not the folder of a run: it has no {RUN_CONFIG}.")
        return read_settings(path, TrainConfig)

    def note_data(self, data: str) -> None:
        """Keep in the settings where the data lies now.

        Raises
        ------
        UserError
            They cannot be written.
        """
        config = self.config()
        if data != config.data:
            moved = config.model_copy(update={"data": data})
            write_json(self.path / RUN_CONFIG, moved.model_dump())

    def save_state(self, run: FineTuning) -> None:
        """Write what `restore` needs; where that fails, the last state stays as it was.

        Raises
        ------
        UserError
            The file cannot be written: no right, a full disk.
        """
        write_state(self.path / _STATE, run.state_dict())

    def restore(self, run: FineTuning) -> bool:
        """Let a run go on from its last state; return whether there is one.

        Raises
        ------
        UserError
            The state cannot be read, or began with another base model.
        """
        path = self.path / _STATE
        if not path.exists():
            return False
        restore_state(path, run.load_state_dict, run.model.device)
        return True

    def has_best_of(self, run: FineTuning) -> bool:
        """Whether the best model in the folder is the run's."""
        try:
            header = read_header(self.best)
        except UserError:  # it is not there, or damaged
            return False
        record = header.training if header else {}
        return (record.get("epoch"), record.get("share")) == (run.best_epoch, run.share)

    def save_best(self, run: FineTuning, schema: LabelSchema, epochs: Sequence[EpochDone]) -> None:
        """Write the best weights as a checkpoint that the model can be loaded from.

        Where adapters were trained, it holds them and the mask decoder only, if `adapter_record`
        says on what; that lies beside it then.

        Parameters
        ----------
        epochs
            That are done; the best one's metrics go into the header.
        """
        best = (done for done in epochs if done.epoch == run.best_epoch)
        classes = next((done.classes for done in best), {})
        record: dict[str, Any] = {
            "config": run.config.model_dump(mode="json"),
            "epoch": run.best_epoch,
            "share": run.share,
            "score": float(run.best_score),
            "dice": {str(value): metrics.dice for value, metrics in classes.items()},
        }
        header = run.model.header.model_copy(
            update={
                "name": run.config.display_name or self.path.name,
                "adapter": run.adapter,
                "label_schema": schema,
                "training": record,
            }
        )
        if run.adapter is not None:
            put_base_beside(run.config.base_model, run.adapter, self.path)
        weights = weights_to_keep(run.best_weights, run.config, run.adapter)
        save_checkpoint(self.best, weights, header)

    def save_metrics(self, epochs: Sequence[EpochDone]) -> None:
        """Write the metrics of all epochs as `metrics.csv` and `metrics.json`."""
        write_metrics(self.path, epochs)

    def read_metrics(self) -> list[EpochDone]:
        """Return the epochs that are done, as `metrics.json` has them.

        Raises
        ------
        UserError
            The file cannot be read.
        """
        return read_metrics(self.path)
