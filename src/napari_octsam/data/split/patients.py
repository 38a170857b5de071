"""In which part each patient is, for all trainings whose models lie in one folder.

Without it, a patient that is added would change the parts of all, and a model that is trained on
would be validated on what it has learnt.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from napari_octsam.core.errors import UserError
from napari_octsam.data.split.split import PARTS, Split, read_split, write_split

__all__ = ["PATIENTS_FILE", "read_patients", "remember_patients"]

PATIENTS_FILE = "patients.json"
"""Name of the file beside the folders of runs."""


def read_patients(models: Path) -> Split | None:
    """Return what the trainings of a folder were told; None where there was none.

    Raises
    ------
    UserError
        The file cannot be read.
    """
    path = models / PATIENTS_FILE
    return read_split(path) if path.is_file() else None


def remember_patients(models: Path, split: Split) -> None:
    """Add the split of a training that begins; others may begin at the same moment.

    Raises
    ------
    UserError
        The file cannot be read or written.
    """
    try:
        with FileLock(models / f"{PATIENTS_FILE}.lock"):
            before = read_patients(models)
            if before != split:
                both = _joined(before, split) if before else split
                write_split(models / PATIENTS_FILE, both, replace=True)
    except OSError as error:
        raise UserError(f"Cannot write to {models}: {error.strerror or error}.") from error


def _joined(before: Split, now: Split) -> Split:
    """Return both; a B-scan that is in two parts is in the first of them, as it was learnt."""
    members = {**before.members, **now.members}
    first, second = before.part_of(), now.part_of()
    part_of = {
        name: min((p[name] for p in (first, second) if name in p), key=PARTS.index)
        for name in members
    }
    train, validation, test = (
        tuple(name for name in members if part_of[name] == part) for part in PARTS
    )
    return Split(train, validation, test, members, now.by)
