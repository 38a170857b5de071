"""A folder of labelled B-scans checked and split, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_octsam.core.classes import LabelSchema
from napari_octsam.data.dataset import Dataset, listed
from napari_octsam.data.facts import Facts, examine, members_of
from napari_octsam.data.layouts import open_dataset
from napari_octsam.data.preflight import Preflight, judge
from napari_octsam.data.split.assignment import SHARES, make_split
from napari_octsam.data.split.grouping import natural_order
from napari_octsam.data.split.split import SPLIT_FILE, Split, read_split

__all__ = ["Checked", "check_dataset", "check_folder", "judge_split"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A data set, how it is split, and what was found."""

    dataset: Dataset
    split: Split
    found: Preflight


def check_folder(
    folder: Path,
    schema: LabelSchema | None = None,
    seed: int = 0,
    split_file: Path | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
    before: Split | None = None,
    shares: Sequence[float] | None = None,
) -> Checked:
    """Read every B-scan of a folder once, and say what is wrong and what will be trained.

    Parameters
    ----------
    schema
        Of the masks, where the layout does not know it.
    seed
        Of a new split.
    split_file
        A stored split; else that beside the data, or a new one.
    progress
        Is told how many B-scans are read, of how many.
    before
        What earlier trainings were told, which a new split keeps to.
    shares
        Of a new split, to train, validate and test on; by default as `make_split` has them.

    Raises
    ------
    UserError
        There is no such folder, or it has no known layout.
    """
    dataset = open_dataset(folder, schema)
    stored = split_file or dataset.folder / SPLIT_FILE
    split = read_split(stored) if stored.is_file() else None
    return check_dataset(dataset, seed, split, progress, before, shares)


def check_dataset(
    dataset: Dataset,
    seed: int = 0,
    split: Split | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
    before: Split | None = None,
    shares: Sequence[float] | None = None,
) -> Checked:
    """Check a data set with a stored split, or a new one; see `check_folder`."""
    total = len(dataset.items)
    facts = examine(dataset, lambda done: progress(done, total))
    return judge_split(dataset, facts, seed, split, before, shares)


def judge_split(
    dataset: Dataset,
    facts: Sequence[Facts],
    seed: int = 0,
    split: Split | None = None,
    before: Split | None = None,
    shares: Sequence[float] | None = None,
) -> Checked:
    """Say what follows from the facts of every item with a stored split, or a new one."""
    split = split or make_split(members_of(facts), seed, shares or SHARES, before)
    found = judge(dataset, facts, split)
    if before is not None and (known := _learnt_before(split, before)):
        text = (
            "Patients that an earlier training learnt from are validated or tested on here: "
            f"{listed(known)}. A model from that training has seen them, so scores come out too "
            "high."
        )
        found = replace(found, warnings=(*found.warnings, text))
    return Checked(dataset, split, found)


def _learnt_before(split: Split, before: Split) -> list[str]:
    """Return the groups that are judged and were learnt; of blocks, the split itself warns."""
    if split.by == "block":
        return []
    learnt = {before.members[name].group for name in before.train}
    judged = {split.members[name].group for name in (*split.validation, *split.test)}
    return sorted(learnt & judged, key=natural_order)
