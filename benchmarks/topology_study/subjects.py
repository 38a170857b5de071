"""Labelled B-scans by subject."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.data.layouts import open_dataset
from napari_octsam.data.pairs import LabelledBScan

__all__ = ["SCHEMA", "Subjects", "read_subjects"]

SCHEMA = bundled_schema("layers7")


@dataclass(frozen=True, slots=True, eq=False)
class Subjects:
    """B-scans to learn from, and those of a subject that is none of theirs."""

    training: list[LabelledBScan]
    held_out: list[LabelledBScan]


def read_subjects(folder: Path, *, tuning: bool) -> Subjects:
    """Hold out the last subject; for tuning the last but one, and do not read the last at all.

    Raises
    ------
    UserError
        The folder is no data set, or has fewer than three subjects.
    """
    groups = defaultdict(list)
    for item in open_dataset(folder, SCHEMA).items:
        groups[item.group].append(item)
    if len(groups) < 3:
        raise UserError(f"{folder} has B-scans of {len(groups)} subjects, and 3 are needed.")
    *others, last = [
        [LabelledBScan(i.name, i.read_image(), i.read_maps()[SCHEMA.name]) for i in groups[name]]
        for name in sorted(groups)[: -1 if tuning else None]
    ]
    return Subjects([bscan for group in others for bscan in group], last)
