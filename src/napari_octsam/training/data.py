"""What a run learns from: checked, split and read. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_octsam.core.classes import LabelSchema, load_schema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.data.checking import check_folder
from napari_octsam.data.dataset import Item, Problem
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.data.split.patients import read_patients
from napari_octsam.data.split.split import Split
from napari_octsam.training.crowding import crowding_note

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
    """

    training: tuple[LabelledBScan, ...]
    validation: tuple[LabelledBScan, ...]
    test: tuple[LabelledBScan, ...]
    schema: LabelSchema
    split: Split
    plan: str
    warnings: tuple[str, ...]


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
    )
    dataset, split, found = checked.dataset, checked.split, checked.found
    if found.problems:
        raise PreflightFailed(folder, found.problems)
    schema = dataset.schemas[0]
    items = {item.name: item for item in dataset.items}

    def read(names: Sequence[str]) -> tuple[LabelledBScan, ...]:
        return tuple(_read(items[name], schema) for name in names)

    training = read(split.train)
    classes = schema.classes if config.background else schema.foreground
    crowded = crowding_note(training, [each.value for each in classes], config.objects)
    return TrainingData(
        training,
        read(split.validation),
        read(split.test),
        schema,
        split,
        found.plan,
        (*found.warnings, crowded) if crowded else found.warnings,
    )


def _read(item: Item, schema: LabelSchema) -> LabelledBScan:
    return LabelledBScan(item.name, item.read_image(), item.read_maps()[schema.name])
