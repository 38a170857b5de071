"""What is wrong with a data set, and what will be trained: known before any training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.images import times
from napari_octsam.core.wording import counted
from napari_octsam.data.dataset import Dataset, Problem, listed
from napari_octsam.data.facts import Facts, members_of
from napari_octsam.data.labels import ONLY_255
from napari_octsam.data.split.grouping import natural_order
from napari_octsam.data.split.patients import PATIENTS_FILE
from napari_octsam.data.split.split import PARTS, SPLIT_FILE, Member, Split

__all__ = ["ClassCount", "PartSize", "Preflight", "judge"]


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How often a class was labelled.

    Parameters
    ----------
    bscans
        Number of B-scans that show it.
    by_part
        The same for each part of the split; empty without one.
    """

    schema: str
    value: int
    name: str
    pixels: int
    bscans: int
    by_part: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PartSize:
    """How much a part of the split holds."""

    part: str
    bscans: int
    groups: int


@dataclass(frozen=True, slots=True)
class Preflight:
    """What stands before a training.

    Parameters
    ----------
    problems
        What forbids training.
    warnings
        What is worth knowing, one sentence each.
    bscans, groups
        How many there are.
    sizes
        (rows, columns) -> number of B-scans, the most frequent first.
    classes
        Those of each schema, in order.
    parts
        Of the split; empty without one.
    """

    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    bscans: int
    groups: int
    sizes: Mapping[tuple[int, ...], int] = field(default_factory=dict)
    classes: tuple[ClassCount, ...] = ()
    parts: tuple[PartSize, ...] = ()

    @property
    def bad_names(self) -> set[str]:
        """Items without which there would be fewer problems."""
        return {name for problem in self.problems for name in problem.names}

    @property
    def plan(self) -> str:
        """What will be trained, the first schema, as one sentence; empty without a split."""
        verbs = dict(zip(PARTS, ("trains on", "validates on", "tests on"), strict=True))
        told = [
            f"{verbs[p.part]} {counted(p.bscans, 'B-scan')} of {counted(p.groups, 'patient')}"
            for p in self.parts
            if p.bscans
        ]
        return f"The model learns {self.classes[0].schema}, {', '.join(told)}." if told else ""


def judge(dataset: Dataset, facts: Sequence[Facts], split: Split | None = None) -> Preflight:
    """Say what is wrong and what will be trained, from the facts of every item.

    Parameters
    ----------
    split
        Checked for leaks and for what has changed since it was made.
    """
    members = members_of(facts)
    part_of = {name: part for part, names in split.parts() for name in names} if split else {}
    problems = [*dataset.problems, *_faults(facts), *_too_few(facts)]
    warnings = [*dataset.warnings, *_twins(members, part_of)]
    if split:
        problems += [*split.leaks(), *split.changes(members), *_none_to_learn(split)]
        warnings += [split.warning] if split.warning else []
    classes = tuple(_class_counts(dataset.schemas, facts, part_of))
    labelled = [c for c in classes if c.value != 0 and c.pixels]
    if not labelled:
        if any(fact.pixels and not fact.unknown for fact in facts):
            text = "No B-scan has a label: all is background or not labelled."
            problems.append(Problem(" ".join([text, *_black_and_white(facts)])))
    else:
        warnings += [*_nothing_labelled(facts), *_black_and_white(facts)]
        warnings += _class_warnings(classes, part_of)
    return Preflight(
        tuple(problems),
        tuple(warnings),
        len(facts),
        len({item.group for item in dataset.items}),
        dict(Counter(f.shape for f in facts if f.shape).most_common()),
        classes,
        tuple(_part_sizes(split, members)) if split and part_of else (),
    )


def _faults(facts: Sequence[Facts]) -> Iterator[Problem]:
    yield from (Problem(text, (f.name,)) for f in facts for text in f.unreadable)
    odd = [f for f in facts if f.other_size]
    if odd:
        told = [f"{f.name} ({times(f.shape)}, its mask {times(f.other_size)})" for f in odd]
        text = f"Masks that are not as large as their B-scan: {listed(told)}."
        yield Problem(text, tuple(f.name for f in odd))
    for schema in {schema: None for f in facts for schema in f.unknown}:
        having = [f for f in facts if schema in f.unknown]
        values = sorted({value for f in having for value in f.unknown[schema]})
        names = tuple(f.name for f in having)
        yield Problem(
            f"Masks with values that the schema {schema} does not know "
            f"({listed([str(v) for v in values])}): {listed(names)}. Choose their schema or mend "
            "them.",
            names,
        )


def _too_few(facts: Sequence[Facts]) -> Iterator[Problem]:
    if not facts:
        yield Problem("There is no labelled B-scan to train on.")


def _none_to_learn(split: Split) -> Iterator[Problem]:
    if split.members and not split.train:
        groups = sorted({each.group for each in split.members.values()}, key=natural_order)
        yield Problem(
            f"There is nobody to learn from: these patients are kept to validate or test on, "
            f"as their split says: {listed(groups)}. Add other patients; or delete what keeps "
            f"them, {SPLIT_FILE} beside the data or {PATIENTS_FILE} in the folder of models."
        )


def _twins(members: Mapping[str, Member], part_of: Mapping[str, str]) -> Iterator[str]:
    alike = defaultdict(list)
    for name, member in members.items():
        alike[member.sha256, part_of.get(name)].append(name)
    pairs = [" = ".join(names) for names in alike.values() if len(names) > 1]
    if pairs:
        yield f"The same image is there more than once: {listed(pairs)}."


def _nothing_labelled(facts: Iterable[Facts]) -> Iterator[str]:
    fit = [f for f in facts if f.pixels and not f.unknown]
    empty = [f.name for f in fit if not any(map(_labelled, f.pixels.values()))]
    if empty:
        yield f"B-scans with background only, or not labelled: {listed(empty)}."


def _black_and_white(facts: Iterable[Facts]) -> Iterator[str]:
    found = [f.name for f in facts if f.pixels and all(map(_of_255, f.pixels.values()))]
    if found:
        yield f"Masks whose only value beside 0 is 255: {listed(found)}. {ONLY_255}"


def _of_255(counts: npt.NDArray[np.int64]) -> bool:
    return bool(counts[0] and counts[NOT_LABELLED]) and not _labelled(counts)


def _labelled(counts: npt.NDArray[np.int64]) -> bool:
    return bool(counts[1:NOT_LABELLED].any())


def _class_counts(
    schemas: Iterable[LabelSchema], facts: Sequence[Facts], part_of: Mapping[str, str]
) -> Iterator[ClassCount]:
    for schema in schemas:
        for each in schema.classes:
            counts = {
                f.name: int(f.pixels[schema.name][each.value])
                for f in facts
                if schema.name in f.pixels
            }
            showing = [name for name, count in counts.items() if count]
            parts = Counter(part_of[name] for name in showing if name in part_of)
            by_part = {part: parts[part] for part in PARTS} if part_of else {}
            pixels = sum(counts.values())
            yield ClassCount(schema.name, each.value, each.name, pixels, len(showing), by_part)


def _class_warnings(classes: Iterable[ClassCount], part_of: Mapping[str, str]) -> Iterator[str]:
    by_schema = defaultdict(list)
    for each in classes:
        if each.value != 0:
            by_schema[each.schema].append(each)
    for schema, counts in by_schema.items():
        none = [f"{c.value} {c.name}" for c in counts if not c.pixels]
        if none:
            yield f"Classes of {schema} that no B-scan shows: {', '.join(none)}."
        if not part_of:
            continue
        for part, what in zip(PARTS, ("be learnt", "be validated", "be tested"), strict=True):
            used = part in part_of.values()
            gone = [f"{c.value} {c.name}" for c in counts if c.pixels and not c.by_part[part]]
            if used and gone:
                yield (
                    f"Classes of {schema} that cannot {what}, since no B-scan of {part} shows "
                    f"them: {', '.join(gone)}."
                )


def _part_sizes(split: Split, members: Mapping[str, Member]) -> Iterator[PartSize]:
    for part, names in split.parts():
        here = [name for name in names if name in members]
        yield PartSize(part, len(here), len({members[name].group for name in here}))
