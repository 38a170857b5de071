"""Annotations as values: whose work is whose, and what a file may say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from napari_octsam.core.annotation import (
    Annotation,
    BScanState,
    DrawnPrompt,
    ImageLink,
    Progress,
    SetBy,
    edited,
    is_protected,
)
from tests.annotated import annotation_of

MODEL = SetBy(kind="model", model="octsam-tiny")


@pytest.mark.parametrize("state", [None, *BScanState])
def test_what_a_person_labels_is_corrected_by_a_person(state: BScanState | None) -> None:
    before = None if state is None else Progress(state=state, by=MODEL)

    after = edited(before, is_empty=False)

    assert after is not None
    assert after.by == SetBy(kind="person")
    done = state is BScanState.DONE
    assert after.state is (BScanState.DONE if done else BScanState.CORRECTED)


@pytest.mark.parametrize("state", [None, *BScanState])
def test_a_bscan_without_labels_is_untouched_again_unless_it_was_done(
    state: BScanState | None,
) -> None:
    before = None if state is None else Progress(state=state)

    after = edited(before, is_empty=True)

    if state is BScanState.DONE:
        assert after is not None
        assert after.state is BScanState.DONE
    else:
        assert after is None


def test_the_classes_that_a_person_has_changed_since_a_model_labelled_are_known() -> None:
    automatic = Progress(state=BScanState.AUTOMATIC, by=MODEL)

    first = edited(automatic, is_empty=False, classes=[7, 0])
    second = edited(first, is_empty=False, classes=[5, 7])
    saved = edited(second, is_empty=False)  # what the disk sees later is the same change
    elsewhere = edited(automatic, is_empty=False)
    after = edited(elsewhere, is_empty=False, classes=[1])
    own = edited(None, is_empty=False, classes=[1])
    erased = edited(automatic, is_empty=False, classes=[7, 255, 300, -1])

    assert first is not None
    assert second is not None
    assert saved is not None
    assert (first.classes, second.classes, saved.classes) == ((0, 7), (0, 5, 7), (0, 5, 7))
    assert erased is not None
    assert erased.classes == (7,), "no class has the other numbers"
    assert [each.classes for each in (elsewhere, after, own) if each is not None] == [None] * 3
    text = annotation_of((3, 4, 5), progress={(0,): second}).model_dump_json()
    assert Annotation.model_validate_json(text).progress[(0,)] == second


def test_only_what_a_person_did_is_protected() -> None:
    progress = {(number,): Progress(state=state) for number, state in enumerate(BScanState)}

    kept = [state for number, state in enumerate(BScanState) if is_protected(progress, (number,))]

    assert kept == [BScanState.CORRECTED, BScanState.DONE]
    assert not is_protected(progress, (99,))


def test_an_annotation_is_the_same_after_json() -> None:
    annotation = annotation_of(
        (2, 3, 16, 24),
        progress={
            (1, 2): Progress(state=BScanState.DONE, at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
            (0, 1): Progress(state=BScanState.AUTOMATIC, by=MODEL),
        },
        prompts=(
            DrawnPrompt(kind="rectangle", at=((0, 1, 2.5, 3), (0, 1, 9, 8)), class_value=3, mask=2),
            DrawnPrompt(kind="point", at=((1, 2, 3, 4),), class_value=0, sign="-"),
        ),
        models=("octsam-tiny", "my own"),
    )

    text = annotation.model_dump_json()

    assert Annotation.model_validate_json(text) == annotation
    assert [each["bscan"] for each in json.loads(text)["progress"]] == [[0, 1], [1, 2]]
    assert annotation.state((1, 2)) is BScanState.DONE
    assert annotation.state((0, 0)) is BScanState.UNTOUCHED


def test_a_single_bscan_has_progress_too() -> None:
    annotation = annotation_of((16, 24), progress={(): Progress(state=BScanState.DONE)})

    assert Annotation.model_validate_json(annotation.model_dump_json()) == annotation
    assert annotation.state(()) is BScanState.DONE


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("scale", [1.0, 2.0], "the image has 3 axes"),
        ("scale", [1.0, 2.0, float("nan")], "finite"),
        ("units", [], "the image has 3 axes"),
        ("axis_labels", ["y"], "the image has 3 axes"),
        ("image", {"name": "eye", "shape": [3, 0, 24]}, "greater than or equal to 1"),
        ("image", {"name": "eye", "shape": [24]}, "at least 2"),
        ("label_schema", {"name": "none", "classes": []}, "at least 2"),
        ("progress", [{"bscan": [3], "state": "done"}], r"no B-scan \[3\] in \[3, 16, 24\]"),
        ("progress", [{"bscan": [-1], "state": "done"}], r"no B-scan \[-1\]"),
        ("progress", [{"bscan": [0, 0], "state": "done"}], r"no B-scan \[0, 0\]"),
        ("progress", [{"state": "done"}], r"no B-scan \[\]"),
        ("progress", [{"bscan": [0], "state": "finished"}], "untouched"),
        ("progress", [{"bscan": [0]}], "Field required"),
        ("progress", [{"bscan": [0], "state": "done", "at": "2026-03-01T09:30"}], "timezone"),
        ("progress", [{"bscan": [0], "state": "done"}] * 2, r"B-scan \[0\] is there twice"),
        ("progress", [{"bscan": 0, "state": "done"}], "does not say of which B-scan"),
        ("progress", [{"bscan": [[0]], "state": "done"}], "does not say of which B-scan"),
        ("progress", [3], "does not say of which B-scan"),
        ("progress", 3, "dictionary"),
        ("prompts", [{"kind": "circle", "at": [[1, 2]], "class_value": 1}], "rectangle"),
        ("prompts", [{"kind": "point", "at": [], "class_value": 1}], "at least 1"),
        ("prompts", [{"kind": "point", "at": [[1, 2]], "class_value": 255}], "less than 255"),
        ("secret", 1, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused(field: str, value: Any, fault: str) -> None:
    content = {**annotation_of((3, 16, 24)).model_dump(mode="json"), field: value}

    with pytest.raises(ValidationError, match=fault):
        Annotation.model_validate(content)


@pytest.mark.parametrize("shape", [(10**6, 10**6), (10**9, 8, 8), (10**6, 10**6, 8, 8)])
def test_an_image_larger_than_any_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="larger than any image"):
        ImageLink(name="image", shape=shape)
