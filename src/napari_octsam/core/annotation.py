"""An annotation: the labels of one image, what they mean, and how far each B-scan is.

This module has the values and rules; `data.annotations` has the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from math import prod
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    field_serializer,
    field_validator,
    model_validator,
)

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.eyes import Laterality, Side

__all__ = [
    "Annotation",
    "BScanState",
    "DrawnPrompt",
    "ImageLink",
    "Progress",
    "SetBy",
    "edited",
    "is_protected",
]


_MOST_PIXELS, _MOST_BSCANS = 1 << 30, 1 << 20  # of a B-scan, of an image


class BScanState(StrEnum):
    """How far the labels of a B-scan are."""

    UNTOUCHED = "untouched"
    """Nobody has labelled it."""
    AUTOMATIC = "automatic"
    """A model has, and no person has looked."""
    INTERPOLATED = "interpolated"
    """Made from the B-scans around it."""
    CORRECTED = "corrected"
    """A person has labelled or changed it."""
    DONE = "done"
    """A person says that it is right, also where nothing is labelled."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SetBy(_Value):
    """Who set a state last."""

    kind: Literal["person", "model", "device"] = "person"
    model: str = Field(default="", description="The name of the model or the device.")


class Progress(_Value):
    """The state of a B-scan, who set it last, and when."""

    state: BScanState
    by: SetBy = SetBy()
    classes: tuple[Annotated[int, Field(ge=0, lt=255)], ...] | None = Field(
        default=None,
        description="Label values that a person has changed since a model labelled it; none: all, "
        "or it is not known.",
    )
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


class ImageLink(_Value):
    """The image that labels belong to."""

    name: str = Field(description="Of its layer.")
    path: str = Field(default="", description='Its file; "" where it came from elsewhere.')
    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=2)
    pixels: str = Field(default="", description="`data.annotations.link.pixels_hash`, or unknown.")

    @field_validator("shape")
    @classmethod
    def _can_be_held(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if prod(shape[-2:]) > _MOST_PIXELS or prod(shape[:-2]) > _MOST_BSCANS:
            raise ValueError("it is larger than any image of B-scans")
        return shape


class DrawnPrompt(_Value):
    """A prompt as it was drawn, in (..., row, col) pixels of the image."""

    kind: Literal["rectangle", "ellipse", "polygon", "path", "line", "point"]
    at: tuple[tuple[float, ...], ...] = Field(min_length=1, description="Its vertices.")
    class_value: int = Field(ge=0, lt=255)
    mask: int = Field(default=0, ge=0, le=3, description="The mask chosen; 0: the model's choice.")
    sign: Literal["+", "-"] = "+"


class Annotation(_Value):
    """All of an annotation but the labels themselves, which have the shape of the image.

    B-scans are told by their index in the image, slowest axis first; () where it is one.
    """

    name: str
    image: ImageLink
    label_schema: LabelSchema
    scale: tuple[float, ...] = Field(description="Size of a pixel along each axis.")
    units: tuple[str, ...] = Field(description='Of the scale, as napari has them: "micrometer".')
    axis_labels: tuple[str, ...]
    laterality: Laterality | None = Field(default=None, description="Which eye, where known.")
    first: Side | None = Field(default=None, description="Where the first B-scan lies.")
    progress: dict[tuple[int, ...], Progress] = Field(
        default_factory=dict, description="Of each B-scan that is not untouched."
    )
    prompts: tuple[DrawnPrompt, ...] = ()
    models: tuple[str, ...] = Field(default=(), description="Used on it, the last one last.")

    @field_serializer("progress")
    def _as_list(self, progress: Mapping[tuple[int, ...], Progress]) -> list[dict[str, Any]]:
        """JSON has no such keys."""
        return [
            {"bscan": list(index), **each.model_dump(mode="json", exclude_none=True)}
            for index, each in sorted(progress.items())
        ]

    @field_validator("progress", mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        found: dict[tuple[int, ...], Any] = {}
        for each in value:
            bscan = each.get("bscan", ()) if isinstance(each, dict) else None
            if not isinstance(bscan, list | tuple) or not all(isinstance(i, int) for i in bscan):
                raise ValueError(f"{each!r} does not say of which B-scan it is")
            if tuple(bscan) in found:
                raise ValueError(f"B-scan {list(bscan)} is there twice")
            found[tuple(bscan)] = {k: v for k, v in each.items() if k != "bscan"}
        return found

    @model_validator(mode="after")
    def _axes_agree(self) -> Annotation:
        count = len(self.image.shape)
        for axes in (self.scale, self.units, self.axis_labels):
            if len(axes) != count:
                raise ValueError(f"the image has {count} axes, but {list(axes)} has {len(axes)}")
        bscans = self.image.shape[:-2]
        for index in self.progress:
            if len(index) != len(bscans) or not all(
                0 <= i < n for i, n in zip(index, bscans, strict=True)
            ):
                raise ValueError(f"there is no B-scan {list(index)} in {list(self.image.shape)}")
        return self

    def state(self, index: tuple[int, ...]) -> BScanState:
        """Return the state of a B-scan."""
        found = self.progress.get(index)
        return BScanState.UNTOUCHED if found is None else found.state

    def with_progress(self, changed: Mapping[tuple[int, ...], Progress | None]) -> Annotation:
        """Return it with other progress of some B-scans; None is untouched."""
        merged = {**self.progress, **changed}
        kept = {index: each for index, each in merged.items() if each is not None}
        return self.model_copy(update={"progress": kept})


def edited(
    before: Progress | None, *, is_empty: bool, classes: Iterable[int] | None = None
) -> Progress | None:
    """Return the progress of a B-scan that a person has just changed; None is untouched.

    What was done stays done: the person says by itself when it is not. A B-scan from which the
    last label has gone is untouched again.

    Parameters
    ----------
    classes
        Label values that were changed, from or to; None where that is not known.
    """
    if before is not None and before.state is BScanState.DONE:
        return Progress(state=BScanState.DONE)
    if is_empty:
        return None
    return Progress(state=BScanState.CORRECTED, classes=_changed(before, classes))


def _changed(before: Progress | None, classes: Iterable[int] | None) -> tuple[int, ...] | None:
    """Return the label values that a person has changed by now, where all of them are known.

    What no class can have, as 255 and other numbers that a layer may hold, is none of them.
    """
    if before is None:
        return None
    if before.state is BScanState.CORRECTED:
        known = before.classes
        changed = None if known is None else {*known, *(classes or ())}
    else:
        changed = None if classes is None else set(classes)
    if changed is None:
        return None
    return tuple(sorted(value for value in changed if 0 <= value < NOT_LABELLED))


def is_protected(progress: Mapping[tuple[int, ...], Progress], index: tuple[int, ...]) -> bool:
    """Whether nothing automatic may change the labels of a B-scan: a person did them."""
    found = progress.get(index)
    return found is not None and found.state in (BScanState.CORRECTED, BScanState.DONE)
