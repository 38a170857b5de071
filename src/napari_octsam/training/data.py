"""What a run learns from: checked, split and read. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import ANOTHER_CLASS, NOT_LABELLED, LabelSchema, load_schema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.data.checking import check_folder
from napari_octsam.data.dataset import Item, Problem
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.data.split.patients import read_patients
from napari_octsam.data.split.split import Split
from napari_octsam.data.unlabelled import read_unlabelled

__all__ = ["PreflightFailed", "Progress", "TrainingData", "read_data"]

Progress = Callable[[str, int, int], None]
"""Is told what is being done, and how many of how many are done."""


class PreflightFailed(UserError):  # noqa: N818 (a finding, no fault of the program)
    """The data cannot be trained on as it is.

    Parameters
    ----------
    folder
        Of the data.
    problems
        All of them, for a list.
    """

    def __init__(self, folder: Path, problems: Sequence[Problem]) -> None:
        super().__init__(folder, problems)  # as they are, so that it can cross to another process
        self.folder = folder
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """Return the problems, one a line."""
        listed = "\n".join(f"- {problem.text}" for problem in self.problems)
        return f"{self.folder} cannot be trained on as it is:\n{listed}"


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """What was read.

    Parameters
    ----------
    training, validation, test
        The parts of the split; the last two may be empty.
    schema
        Classes of the labels.
    split
        Names of all parts.
    plan
        What will be trained, as one sentence.
    warnings
        What is worth knowing, one sentence each.
    unlabelled
        (H, W) uint8 B-scans that nobody labelled.
    """

    training: tuple[LabelledBScan, ...]
    validation: tuple[LabelledBScan, ...]
    test: tuple[LabelledBScan, ...]
    schema: LabelSchema
    split: Split
    plan: str
    warnings: tuple[str, ...]
    unlabelled: tuple[npt.NDArray[np.uint8], ...] = ()


def read_data(
    config: TrainConfig,
    kept_split: Path | None = None,
    progress: Progress = lambda *_: None,
) -> TrainingData:
    """Check the data of a configuration, and read it.

    Parameters
    ----------
    kept_split
        Of a run that goes on. Where there is no such file, the split is that beside the data, or
        a new one, in which the patients of earlier trainings in `config.out` keep their parts.

    Raises
    ------
    PreflightFailed
        With all that is wrong with the data.
    UserError
        There is no folder of data, or it has no known layout.
    """
    if not config.data:
        raise UserError("Say where the labelled B-scans lie: docs/datasets.md has the layouts.")
    folder = Path(config.data)
    if kept_split is not None and not folder.exists():
        raise UserError(
            f"The run's data is not in {folder} any more: put it back, or give its new place "
            "with octsam train --resume and --data."
        )
    checked = check_folder(
        folder,
        load_schema(config.label_schema) if config.label_schema else None,
        config.seed,
        kept_split if kept_split is not None and kept_split.is_file() else None,
        lambda done, total: progress("Checking", done, total),
        read_patients(Path(config.out)) if config.out and kept_split is None else None,
        config.shares,
    )
    dataset, split, found = checked.dataset, checked.split, checked.found
    if found.problems:
        raise PreflightFailed(folder, found.problems)
    schema = labelled_by = dataset.schemas[0]
    if config.classes:
        schema = schema.only(config.classes.split(","))
    items = {item.name: item for item in dataset.items}

    def read(names: Sequence[str]) -> tuple[LabelledBScan, ...]:
        return tuple(_read(items[name], labelled_by, schema) for name in names)

    training = read(split.train)
    return TrainingData(
        training,
        read(split.validation),
        read(split.test),
        schema,
        split,
        found.plan,
        found.warnings,
        _unlabelled(config),
    )


def _unlabelled(config: TrainConfig) -> tuple[npt.NDArray[np.uint8], ...]:
    if not config.topology_prior:
        return ()
    if not config.unlabelled:
        raise UserError(
            "topology_prior needs B-scans that nobody labelled: name their folder as unlabelled."
        )
    return read_unlabelled(Path(config.unlabelled))


def _read(item: Item, labelled_by: LabelSchema, schema: LabelSchema) -> LabelledBScan:
    """Return a B-scan with the classes of a schema; others of those it is labelled by are 0.

    What nobody has looked at is `ANOTHER_CLASS`.
    """
    labels = item.read_maps()[labelled_by.name]
    if item.classes is not None and schema.lacking([ANOTHER_CLASS]):
        looked_at = (*item.classes, NOT_LABELLED)
        labels = np.where(np.isin(labels, looked_at), labels, np.uint8(ANOTHER_CLASS))
    if schema is not labelled_by:
        kept = [*(each.value for each in schema.classes), NOT_LABELLED, ANOTHER_CLASS]
        labels = np.where(np.isin(labels, kept), labels, np.uint8(0))
    return LabelledBScan(item.name, item.read_image(), labels)
