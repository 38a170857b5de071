"""Training, validation and test parts: by patient or volume, stored, frozen, checked for leaks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import replacing
from napari_octsam.io.dataset import Problem, listed
from napari_octsam.io.grouping import natural_order

__all__ = [
    "PARTS",
    "SPLIT_FILE",
    "Member",
    "Split",
    "make_split",
    "read_split",
    "write_split",
]

PARTS = ("train", "validation", "test")
SPLIT_FILE = "split.json"
"""Name of the file beside the data."""

_SHARES = (0.7, 0.15, 0.15)
_FEWEST_TO_TEST = 4  # groups; with fewer, training would lose too many of them


@dataclass(frozen=True, slots=True)
class Member:
    """What a split knows of a B-scan: its group, and the `fingerprint` of its pixels."""

    group: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Split:
    """Which B-scans to train on, to choose the best model with, and to report on.

    Parameters
    ----------
    train, validation, test
        Names of items.
    members
        What each of them was when the split was made.
    by
        Whole groups, or blocks of neighbouring B-scans where there is one group only.
    warning
        What is not as it should be; empty where all is well.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    members: Mapping[str, Member]
    by: Literal["group", "block"] = "group"
    warning: str = ""

    def parts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Return the name of each part with its items."""
        return zip(PARTS, (self.train, self.validation, self.test), strict=True)

    def without(self, names: Iterable[str]) -> Split:
        """Return the split of the other items."""
        gone = set(names)
        train, validation, test = (
            tuple(name for name in part if name not in gone) for _, part in self.parts()
        )
        members = {name: each for name, each in self.members.items() if name not in gone}
        return replace(self, train=train, validation=validation, test=test, members=members)

    def leaks(self) -> list[Problem]:
        """Return a sentence for each B-scan, group or identical image that is in two parts."""
        part_of: dict[str, str] = {}
        found = []
        for part, names in self.parts():
            twice = [name for name in names if part_of.setdefault(name, part) != part]
            if twice:
                found.append(Problem(f"The part {part} has B-scans of another: {listed(twice)}."))
        if self.by == "group":
            for group, names in self._alike("group"):
                parts = _parts_of(names, part_of)
                if len(parts) > 1:
                    text = f"The patient {group} is in the parts {' and '.join(parts)}"
                    found.append(Problem(f"{text}: {_placed(names, part_of)}."))
        for _, names in self._alike("sha256"):
            parts = _parts_of(names, part_of)
            if len(parts) > 1:
                text = f"The same image is in the parts {' and '.join(parts)}"
                found.append(Problem(f"{text}: {_placed(names, part_of)}.", names[1:]))
        return found

    def changes(self, members: Mapping[str, Member]) -> list[Problem]:
        """Return a sentence for what is gone, new, changed or regrouped since the split was made.

        Parameters
        ----------
        members
            The items as they are now.
        """
        names = {
            "are gone": [n for n in self.members if n not in members],
            "are new": [n for n in members if n not in self.members],
            "have other pixels now": self._differing(members, "sha256"),
            "are of another patient now": self._differing(members, "group"),
        }
        advice = "put them back, or delete the split to have a new one"
        return [
            Problem(f"Since the split was made, B-scans {what}: {listed(found)}; {advice}.")
            for what, found in names.items()
            if found
        ]

    def _differing(self, members: Mapping[str, Member], what: str) -> list[str]:
        both = [name for name in self.members if name in members]
        return [n for n in both if getattr(self.members[n], what) != getattr(members[n], what)]

    def _alike(self, what: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        found = defaultdict(list)
        for name, member in self.members.items():
            found[getattr(member, what)].append(name)
        return ((key, tuple(names)) for key, names in found.items() if len(names) > 1)


def make_split(
    members: Mapping[str, Member], seed: int = 0, shares: Sequence[float] = _SHARES
) -> Split:
    """Deal the groups out to the parts, so that the B-scans come near to the shares.

    Groups that share an identical image stay together. Validation and, from four groups on, test
    get one at least. A single group is cut into blocks of neighbouring B-scans.
    """
    if not members:
        return Split((), (), (), {})
    bundles = _bundles(members)
    if len(bundles) < 2:
        return _by_blocks(members, shares)
    order = np.random.default_rng(seed).permutation(len(bundles))
    bundles = sorted((bundles[i] for i in order), key=len, reverse=True)
    needed = len(PARTS) if len(bundles) >= _FEWEST_TO_TEST else 2
    wanted = [share * len(members) for share in shares[:needed]]
    dealt: list[list[list[str]]] = [[] for _ in PARTS]
    for number, bundle in enumerate(bundles):
        missing = [wanted[i] - sum(map(len, dealt[i])) for i in range(needed)]
        empty = [i for i in range(needed) if not dealt[i]]
        candidates = empty if len(bundles) - number <= len(empty) else range(needed)
        dealt[max(candidates, key=lambda i: missing[i])].append(bundle)
    few = f"There are only {len(bundles)} patients: none is left to test on."
    warning = "" if needed == len(PARTS) else few
    train, validation, test = (_in_order(chain.from_iterable(part), members) for part in dealt)
    return Split(train, validation, test, dict(members), "group", warning)


def write_split(path: Path, split: Split) -> None:
    """Store a split; one that is there already is frozen.

    Raises
    ------
    UserError
        The file exists, or cannot be written.
    """
    if path.exists():
        raise UserError(f"{path} is there already, and a split is frozen: delete it to change it.")
    parts = {
        part: [_Stored(name=name, **_fields(split.members[name])) for name in names]
        for part, names in split.parts()
    }
    stored = _StoredSplit.model_validate({"by": split.by, "warning": split.warning, **parts})
    with replacing(path) as temporary:
        temporary.write_text(stored.model_dump_json(indent=1), "utf-8")


def read_split(path: Path) -> Split:
    """Read a stored split. Compare it with the data by `Split.leaks` and `Split.changes`.

    Raises
    ------
    UserError
        The file cannot be read or is not a split.
    """
    try:
        stored = _StoredSplit.model_validate(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise UserError(f"Cannot read the split {path}: {error.strerror}.") from error
    except (ValueError, ValidationError) as error:
        raise UserError(f"{path} is not a split: delete it to have a new one.") from error
    parts = (stored.train, stored.validation, stored.test)
    members = {each.name: Member(each.group, each.sha256) for part in parts for each in part}
    train, validation, test = (tuple(each.name for each in part) for part in parts)
    return Split(train, validation, test, members, stored.by, stored.warning)


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    group: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _StoredSplit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    by: Literal["group", "block"]
    warning: str
    train: list[_Stored]
    validation: list[_Stored]
    test: list[_Stored]


def _fields(member: Member) -> dict[str, str]:
    return {"group": member.group, "sha256": member.sha256}


def _by_blocks(members: Mapping[str, Member], shares: Sequence[float]) -> Split:
    names = sorted(members, key=natural_order)
    count = len(names)
    parts = min(count, len(PARTS))
    tests = max(round(shares[2] * count), 1) if parts > 2 else 0
    validations = max(round(shares[1] * count), 1) if parts > 1 else 0
    first, second = count - validations - tests, count - tests
    groups = sorted({each.group for each in members.values()})
    warning = (
        f"All B-scans are of one patient ({listed(groups)}): the split is by blocks of neighbours, "
        "which are alike at the borders, so scores come out too high; name the patients in "
        "groups.csv."
    )
    train, validation, test = map(tuple, (names[:first], names[first:second], names[second:]))
    return Split(train, validation, test, dict(members), "block", warning)


def _bundles(members: Mapping[str, Member]) -> list[list[str]]:
    """Return the names by group, groups with an identical image as one."""
    above: dict[str, str] = {}

    def top(key: str) -> str:
        while above.setdefault(key, key) != key:
            key = above[key]
        return key

    for member in members.values():
        above[top(f"image {member.sha256}")] = top(f"group {member.group}")
    bundles = defaultdict(list)
    for name, member in members.items():
        bundles[top(f"group {member.group}")].append(name)
    return list(bundles.values())


def _in_order(names: Iterable[str], members: Mapping[str, Member]) -> tuple[str, ...]:
    wanted = set(names)
    return tuple(name for name in members if name in wanted)


def _parts_of(names: Iterable[str], part_of: Mapping[str, str]) -> list[str]:
    found = {part_of[name] for name in names if name in part_of}
    return [part for part in PARTS if part in found]


def _placed(names: Sequence[str], part_of: Mapping[str, str]) -> str:
    return listed([f"{name} ({part_of.get(name, 'none')})" for name in names])
