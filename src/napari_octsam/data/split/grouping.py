"""To which patient or volume a B-scan belongs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import composed
from napari_octsam.core.reading import read_bytes
from napari_octsam.data.dataset import Item, Problem, listed

__all__ = ["UNKNOWN_GROUP", "group_of", "natural_order", "patient_of", "read_groups", "regrouped"]

UNKNOWN_GROUP = "all"
"""Group of the B-scans whose names are mere numbers."""

_NUMBER = re.compile(r"^(.*?)(?:[\W_]+[A-Za-z]*)?\d+$")
_EYE = re.compile(r"[\W_]+(od|os)$", re.IGNORECASE)


def group_of(name: str) -> str:
    """Return what a B-scan's name says of its patient: what comes before its number and eye.

    s06_012 and s06_b12 are of s06, P7-OD-3 and P7-OS-1 of P7. A name without a number is a group
    of its own.
    """
    numbered = _NUMBER.match(name)
    group = numbered[1] if numbered else name
    return patient_of(group) or UNKNOWN_GROUP


def patient_of(volume: str) -> str:
    """Return a volume's name without its eye, OD or OS."""
    return _EYE.sub("", volume)


def natural_order(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key that puts b2 before b10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def read_groups(path: Path) -> dict[str, str]:
    """Read a CSV file with the columns name and group.

    Raises
    ------
    UserError
        The file cannot be read, has no such columns, or gives a name two groups or none.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
        rows = list(csv.DictReader(StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"Cannot read the groups in {path}: {error}.") from error
    groups: dict[str, str] = {}
    for row in rows:
        name, group = (composed((row.get(key) or "").strip()) for key in ("name", "group"))
        if not name or not group:
            raise UserError(f"{path} needs the columns name and group, filled in every row.")
        if groups.setdefault(name, group) != group:
            raise UserError(f"{path} puts {name} in two groups: {groups[name]} and {group}.")
    return groups


def regrouped(
    items: Iterable[Item], groups: Mapping[str, str], path: Path
) -> tuple[list[Item], list[Problem], list[str]]:
    """Give items the groups of a CSV file, by their own name or by that of their volume.

    Returns
    -------
    The items, what forbids training, and warnings.
    """
    found, missing, used = [], [], set()
    for item in items:
        key = item.name if item.name in groups else item.group
        if key in groups:
            used.add(key)
            found.append(replace(item, group=groups[key]))
        else:
            missing.append(item.name)
            found.append(item)
    problems = []
    if missing:
        text = f"{path} gives no group to these B-scans: {listed(missing)}."
        problems.append(Problem(text, tuple(missing)))
    unknown = sorted(set(groups) - used)
    warnings = [f"{path} names B-scans that are not here: {listed(unknown)}."] if unknown else []
    return found, problems, warnings
