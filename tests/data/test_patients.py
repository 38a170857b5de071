"""A patient keeps its part of the split from one training to the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.data.split.assignment import make_split
from napari_octsam.data.split.patients import PATIENTS_FILE, read_patients, remember_patients
from napari_octsam.data.split.split import Member, Split, write_split
from napari_octsam.training.data import PreflightFailed, TrainingData, read_data
from napari_octsam.training.run.prepare import prepare
from tests.data.test_datasets import write_pair
from tests.small_runs import CONFIG


def of(**counts: int) -> dict[str, Member]:
    """Return so many B-scans of each patient."""
    names = [(group, f"{group}_{i:02d}") for group, n in counts.items() for i in range(n)]
    return {name: Member(group, sha256(name.encode()).hexdigest()) for group, name in names}


def parts(split: Split) -> dict[str, set[str]]:
    """Return the parts of each patient."""
    found: dict[str, set[str]] = {}
    for name, part in split.part_of().items():
        found.setdefault(split.members[name].group, set()).add(part)
    return found


def train_on(models: Path, members: dict[str, Member], seed: int = 0) -> Split:
    split = make_split(members, seed, before=read_patients(models))
    remember_patients(models, split)
    return split


def test_who_is_added_gets_a_part_and_everybody_else_stays(tmp_path: Path) -> None:
    first = parts(train_on(tmp_path, of(a=3, b=3, c=3, d=3, e=3)))
    for seed in range(5):
        later = parts(train_on(tmp_path, of(a=9, b=1, c=3, d=3, e=3, f=4, g=30), seed + 1))
        assert first.items() <= later.items()


def test_trainings_that_begin_at_the_same_moment_are_all_remembered(tmp_path: Path) -> None:
    splits = [make_split(of(**{f"p{i}{g}": 1 for g in "abc"}), 0) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda split: remember_patients(tmp_path, split), splits))
    known = read_patients(tmp_path)
    assert known is not None
    assert len(known.members) == 24


def test_who_is_missing_once_is_where_it_was_when_it_comes_back(tmp_path: Path) -> None:
    everybody = of(a=3, b=3, c=3, d=3, e=3)
    first = train_on(tmp_path, everybody)
    gone = first.members[first.test[0]].group
    train_on(tmp_path, {n: m for n, m in everybody.items() if m.group != gone}, 1)
    assert parts(train_on(tmp_path, everybody, 2)) == parts(first)


def test_those_who_come_bring_the_shares_near_to_the_wanted_ones(tmp_path: Path) -> None:
    train_on(tmp_path, of(a=5, b=5))
    many = train_on(tmp_path, of(a=5, b=5, **{f"p{i}": 5 for i in range(18)}))
    assert [len(names) for _, names in many.parts()] == [70, 15, 15]


def test_the_fourth_patient_is_tested_on(tmp_path: Path) -> None:
    train_on(tmp_path, of(a=2, b=2, c=2))
    assert parts(train_on(tmp_path, of(a=2, b=2, c=2, d=2)))["d"] == {"test"}


def test_a_renamed_patient_is_known_by_its_pictures(tmp_path: Path) -> None:
    members = of(a=2, b=2, c=2, d=2)
    first = train_on(tmp_path, members)
    other = {f"new {n}": Member(f"new {m.group}", m.sha256) for n, m in members.items()}
    assert parts(train_on(tmp_path, other, 9)) == {f"new {g}": p for g, p in parts(first).items()}


def test_blocks_of_one_patient_grow_and_learnt_bscans_stay_learnt(tmp_path: Path) -> None:
    every_tenth = {f"a_{i:03d}": Member("a", f"{i:064x}") for i in range(0, 100, 10)}
    first = train_on(tmp_path, every_tenth)
    more = {f"a_{i:03d}": Member("a", f"{i:064x}") for i in range(0, 200, 5)}
    second = train_on(tmp_path, more, 1)
    assert first.part_of().items() <= second.part_of().items()
    assert "a_005" in second.train
    assert second.by == "block"
    assert "one patient" in second.warning
    assert len(second.train) > len(second.validation) + len(second.test)


def test_a_patient_that_was_cut_into_blocks_is_learnt_once_there_is_another(tmp_path: Path) -> None:
    train_on(tmp_path, of(a=10))
    assert parts(train_on(tmp_path, of(a=10, b=3))) == {"a": {"train"}, "b": {"validation"}}
    alone = train_on(tmp_path, of(a=10))
    assert parts(alone) == {"a": {"train"}}
    assert "None is left to validate on" in alone.warning


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 4), min_size=1),
            st.integers(0, 99),
        ),
        max_size=6,
    )
)
@settings(deadline=None, max_examples=50)
def test_nothing_that_was_learnt_is_ever_judged(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[dict[str, int], int]]
) -> None:
    models = tmp_path_factory.mktemp("models")
    learnt: set[str] = set()
    for counts, seed in history:
        members = of(**counts)
        split = train_on(models, members, seed)
        assert sorted(split.part_of()) == sorted(members)
        assert not split.leaks()
        assert not learnt & {*split.validation, *split.test}
        learnt |= set(split.train)


# From the settings of a training


def config_on(folder: Path, *patients: str, base: Path = Path("none")) -> TrainConfig:
    for patient in patients:
        for number in range(2):
            write_pair(folder / "data", f"{patient}_{number}", hash_of(patient) + number)
    places = {"data": str(folder / "data"), "out": str(folder / "models"), "base_model": str(base)}
    return CONFIG.model_copy(update=places)


def hash_of(text: str) -> int:
    return int(sha256(text.encode()).hexdigest()[:8], 16)


def test_training_again_after_labelling_another_patient(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    first = prepare(config_on(tmp_path, "s1", "s2", "s3", base=tiny_checkpoint))
    assert (tmp_path / "models" / PATIENTS_FILE).is_file()
    assert not list((tmp_path / "data").glob("*.json")), "the data is as it was"
    for seed in range(3):
        config = config_on(tmp_path, "s4", "s0", base=tiny_checkpoint)
        again: TrainingData = read_data(config.model_copy(update={"seed": seed}))
        assert parts(first.data.split).items() <= parts(again.split).items()
    elsewhere = config.model_copy(update={"out": str(tmp_path / "others")})
    assert read_data(elsewhere).split == make_split(again.split.members, config.seed)


def test_a_split_of_the_data_that_judges_who_was_learnt_is_told(tmp_path: Path) -> None:
    config = config_on(tmp_path, "s1", "s2", "s3")
    own = read_data(config).split
    write_split(tmp_path / "data" / "split.json", own)
    assert not any("earlier training" in text for text in read_data(config).warnings)
    swapped = Split(own.validation, own.train, own.test, own.members)
    (tmp_path / "models").mkdir()
    remember_patients(tmp_path / "models", swapped)
    group = own.members[own.validation[0]].group
    data = read_data(config)
    assert data.split == own
    assert any(f"validated or tested on here: {group}." in text for text in data.warnings)


def test_data_of_which_nothing_may_be_learnt_is_refused_with_what_to_do(tmp_path: Path) -> None:
    config = config_on(tmp_path, "s1", "s2")
    (tmp_path / "models").mkdir()
    kept = of(s1=1, s2=1, s3=1)
    remember_patients(tmp_path / "models", Split(("s3_00",), ("s1_00",), ("s2_00",), kept))
    with pytest.raises(PreflightFailed, match=r"nobody to learn from.*s1, s2.*patients\.json"):
        read_data(config)


def test_a_file_of_patients_that_is_broken_is_said(tmp_path: Path) -> None:
    config = config_on(tmp_path, "s1", "s2")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / PATIENTS_FILE).write_text("{", "utf-8")
    with pytest.raises(UserError, match=r"patients\.json is not a split: delete it"):
        read_data(config)
