"""A part of the split for each patient: drawn for the new ones, those of before where they were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from napari_octsam.data.dataset import listed
from napari_octsam.data.split.grouping import natural_order
from napari_octsam.data.split.split import PARTS, Member, Split

__all__ = ["SHARES", "make_split"]

SHARES = (0.7, 0.15, 0.15)
"""Of the B-scans to train, validate and test on."""

_FEWEST_TO_TEST = 4  # groups; with fewer, training would lose too many of them
_FEWEST_TO_JUDGE = 3  # B-scans; of fewer, each is needed to learn from
_FEWEST_OF_ONE_TO_TEST = 10  # B-scans of a single patient


_ALL_LEARNT = (
    "No B-scan is held back: with fewer than three, all are learnt from, and nobody can say how "
    "good the model is."
)


def make_split(
    members: Mapping[str, Member],
    seed: int = 0,
    shares: Sequence[float] = SHARES,
    before: Split | None = None,
) -> Split:
    """Assign the groups to the parts at random, so that the B-scans come near to the shares.

    Groups that share an identical image stay together. From three B-scans on, validation and, from
    four groups on, test get one at least. A single group is cut into blocks of neighbouring
    B-scans; its test part begins with ten.

    Parameters
    ----------
    before
        What earlier trainings were told: a group that it knows, by its name or by an identical
        image, keeps its part, and only the others are drawn. One that it has in several parts
        goes to the first of them, so that nothing that was learnt is ever judged.
    """
    if not members:
        return Split((), (), (), {})
    bundles = _bundles(members)
    if len(bundles) > 1:
        return _by_groups(members, bundles, seed, shares, before)
    placed = _placed(members, before) if before else {}
    several = len(set(placed.values())) > 1
    if placed and not several:
        return _by_groups(members, bundles, seed, shares, before)
    return _by_blocks(members, shares, placed)


def _by_groups(
    members: Mapping[str, Member],
    bundles: Sequence[list[str]],
    seed: int,
    shares: Sequence[float],
    before: Split | None,
) -> Split:
    order = np.random.default_rng(seed).permutation(len(bundles))
    assigned: list[list[list[str]]] = [[] for _ in PARTS]
    known = _known(before) if before else {}
    new: list[list[str]] = []
    for bundle in sorted((bundles[i] for i in order), key=len, reverse=True):
        keys = [key for name in bundle for key in _keys(members[name])]
        parts = [known[key] for key in keys if key in known]
        (assigned[min(parts)] if parts else new).append(bundle)
    needed = len(PARTS) if len(bundles) >= _FEWEST_TO_TEST else 2
    if len(members) < _FEWEST_TO_JUDGE:
        needed = 1
    _fill(assigned, new, [share * len(members) for share in shares[:needed]])
    train, validation, test = (_in_order(chain.from_iterable(part), members) for part in assigned)
    split = Split(train, validation, test, dict(members), "group")
    return replace(split, warning=_lack(split, len(bundles)))


def _fill(
    parts: Sequence[list[list[str]]], new: Sequence[list[str]], wanted: Sequence[float]
) -> None:
    """Add each new bundle to the part that lacks most B-scans; one that is to have any gets one."""
    numbers = range(len(wanted))
    for done, bundle in enumerate(new):
        lacking = [wanted[i] - sum(map(len, parts[i])) for i in numbers]
        empty = [i for i in numbers if wanted[i] and not parts[i]]
        candidates = empty if len(new) - done <= len(empty) else numbers
        parts[max(candidates, key=lambda i: lacking[i])].append(bundle)


def _lack(split: Split, groups: int) -> str:
    """Return a sentence for the part that has nobody."""
    if not split.validation:
        if len(split.members) < _FEWEST_TO_JUDGE:
            return _ALL_LEARNT
        return (
            "None is left to validate on: the patients here were learnt from before, or are kept "
            "to test on. Label another patient, to know how good the model is."
        )
    if split.test or groups < 2:
        return ""
    if groups < _FEWEST_TO_TEST:
        return f"There are only {groups} patients: none is left to test on."
    return "The patients here were learnt from or validated on before: none is left to test on."


def _by_blocks(
    members: Mapping[str, Member], shares: Sequence[float], placed: Mapping[str, str]
) -> Split:
    """Cut one group into blocks; new B-scans within a block of before are of that block.

    Parameters
    ----------
    placed
        Name -> part of this group's B-scans of before, also of those that are not here now.
    """
    part_of = {**_enclosed(members, placed), **placed}
    rest = sorted((name for name in members if name not in part_of), key=natural_order)
    judged = len(part_of) + len(rest) >= _FEWEST_TO_JUDGE
    hold_back = judged and "validation" not in part_of.values()
    for part, names in zip(PARTS, _cut(rest, shares, hold_back=hold_back), strict=True):
        part_of |= dict.fromkeys(names, part)
    names = sorted(members, key=natural_order)
    train, validation, test = (tuple(n for n in names if part_of[n] == part) for part in PARTS)
    groups = sorted({each.group for each in members.values()})
    warning = (
        f"All B-scans are of one patient ({listed(groups)}): the split is by blocks of neighbours, "
        "which are alike at the borders, so scores come out too high; name the patients in "
        "groups.csv."
    )
    warning = warning if validation else _ALL_LEARNT
    return Split(train, validation, test, dict(members), "block", warning)


def _cut(
    names: Sequence[str], shares: Sequence[float], *, hold_back: bool
) -> Sequence[Sequence[str]]:
    """Cut names into blocks; one at least is held back to validate on if that is said."""
    count = len(names)
    tests = round(shares[2] * count) if count >= _FEWEST_OF_ONE_TO_TEST else 0
    validations = round(shares[1] * count)
    if hold_back and shares[1] and count:
        validations = max(validations, 1)
    first, second = count - validations - tests, count - tests
    return names[:first], names[first:second], names[second:]


def _enclosed(names: Iterable[str], placed: Mapping[str, str]) -> dict[str, str]:
    """Return name -> part where the nearest placed B-scans on both sides are of one part."""
    order = sorted({*names, *placed}, key=natural_order)
    ahead, behind = _nearest(order, placed), _nearest(order[::-1], placed)
    return {name: part for name, part in ahead.items() if behind.get(name) == part}


def _nearest(order: Iterable[str], placed: Mapping[str, str]) -> dict[str, str]:
    """Return name -> part of the last placed B-scan that came by."""
    found: dict[str, str] = {}
    part = ""
    for name in order:
        part = placed.get(name, part)
        if part:
            found[name] = part
    return found


def _placed(members: Mapping[str, Member], before: Split) -> dict[str, str]:
    """Return name -> part of the B-scans of one patient, as they were before."""
    part_of = before.part_of()
    groups = {each.group for each in members.values()}
    known = _known(before)
    images = {name: known.get(("image", each.sha256)) for name, each in members.items()}
    return {
        **{name: PARTS[part] for name, part in images.items() if part is not None},
        **{n: part_of[n] for n, each in before.members.items() if each.group in groups},
    }


def _known(before: Split) -> dict[tuple[str, str], int]:
    """Return group or image -> number of its first part."""
    found: dict[tuple[str, str], int] = {}
    for number, (_, names) in enumerate(before.parts()):
        for name in names:
            for key in _keys(before.members[name]):
                found.setdefault(key, number)
    return found


def _keys(member: Member) -> list[tuple[str, str]]:
    return [("group", member.group), ("image", member.sha256)]


def _bundles(members: Mapping[str, Member]) -> list[list[str]]:
    """Return the names by group, groups with an identical image as one."""
    from scipy.cluster.hierarchy import DisjointSet  # late: the widgets open sooner

    alike = DisjointSet(key for member in members.values() for key in _keys(member))
    for member in members.values():
        alike.merge(*_keys(member))
    bundles = defaultdict(list)
    for name, member in members.items():
        bundles[alike["group", member.group]].append(name)
    return list(bundles.values())


def _in_order(names: Iterable[str], members: Mapping[str, Member]) -> tuple[str, ...]:
    wanted = set(names)
    return tuple(name for name in members if name in wanted)
