"""Training, validation and test parts: by patient or volume, stored, frozen, checked for leaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import composed, replacing
from napari_octsam.core.reading import read_json
from napari_octsam.data.dataset import Problem, listed

__all__ = [
    "PARTS",
    "SPLIT_FILE",
    "Member",
    "Split",
    "read_split",
    "write_split",
]

PARTS = ("train", "validation", "test")
SPLIT_FILE = "split.json"
"""Name of the file beside the data."""


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

    def part_of(self) -> dict[str, str]:
        """Return the part of each B-scan by its name."""
        return {name: part for part, names in self.parts() for name in names}

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


def write_split(path: Path, split: Split, *, replace: bool = False) -> None:
    """Store a split; one that is there already is frozen, unless it is to be replaced.

    Raises
    ------
    UserError
        The file exists, or cannot be written.
    """
    if path.exists() and not replace:
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
        stored = _StoredSplit.model_validate(read_json(path))
    except OSError as error:
        raise UserError(f"Cannot read the split {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"{path} is not a split: delete it to have a new one.") from error
    parts = (stored.train, stored.validation, stored.test)
    members = {each.name: Member(each.group, each.sha256) for part in parts for each in part}
    train, validation, test = (tuple(each.name for each in part) for part in parts)
    return Split(train, validation, test, members, stored.by, stored.warning)


_Name = Annotated[str, AfterValidator(composed)]


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: _Name
    group: _Name
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


def _parts_of(names: Iterable[str], part_of: Mapping[str, str]) -> list[str]:
    found = {part_of[name] for name in names if name in part_of}
    return [part for part in PARTS if part in found]


def _placed(names: Sequence[str], part_of: Mapping[str, str]) -> str:
    return listed([f"{name} ({part_of.get(name, 'none')})" for name in names])
