"""Label schemas: which class a label value means, its names, colour and hotkey."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import can_name_a_file
from napari_octsam.core.reading import explaining, read_toml

__all__ = [
    "ANOTHER_CLASS",
    "BUNDLED_SCHEMAS",
    "NOT_LABELLED",
    "LabelClass",
    "LabelSchema",
    "LabelUnion",
    "StackStep",
    "bundled_schema",
    "load_schema",
]

NOT_LABELLED = 255
"""Label value of a pixel that nobody has labelled: training and evaluation ignore it."""

ANOTHER_CLASS = 254
"""Label value, in training alone, of a pixel that is none of the classes that somebody has looked
at on its B-scan. Which other one it is, nobody has said."""

BUNDLED_SCHEMAS = ("oct14", "layers7", "amd", "fluid", "organoid")

HexColor = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$")]


class LabelClass(BaseModel):
    """One class of a schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: int = Field(ge=0, lt=NOT_LABELLED, description="Label value in masks and labels layers.")
    name: str = Field(min_length=1, description="Full name.")
    short: str = Field(min_length=1, max_length=8, description="Abbreviation for tables.")
    color: HexColor = Field(description="Display colour, #rrggbb or #rrggbbaa.")
    hotkey: str | None = Field(
        default=None, description="Key that makes this the class of the next prompt."
    )
    components: int | None = Field(
        default=None, ge=0, description="Pieces that a B-scan shows of it; none: any number."
    )
    holes: int | None = Field(
        default=None, ge=0, description="Holes that it has in a B-scan; none: any number."
    )


class LabelUnion(BaseModel):
    """Classes that together have a topology of their own, as a retina with its fluid has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="Full name.")
    values: tuple[int, ...] = Field(min_length=2, description="Label values of the classes.")
    components: int | None = Field(default=None, ge=0, description="As of a class.")
    holes: int | None = Field(default=None, ge=0, description="As of a class.")


class StackStep(BaseModel):
    """What an A-scan crosses between two boundaries: a layer, or all above or below the layers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: int = Field(description="Label value of its class.")
    inside: tuple[int, ...] = Field(
        default=(), description="Label values of what lies in it, as fluid does in the retina."
    )

    @property
    def members(self) -> tuple[int, ...]:
        """Label values of its class and of what lies inside."""
        return (self.value, *self.inside)


class LabelSchema(BaseModel):
    """An ordered set of classes; value 0 is the background.

    A schema is data: five come with the package, a user's own is read from TOML by
    `load_schema`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    classes: tuple[LabelClass, ...] = Field(min_length=2)
    unions: tuple[LabelUnion, ...] = ()
    stack: tuple[StackStep, ...] = Field(
        default=(),
        description="What each A-scan crosses from top to bottom: first what is above the layers, "
        "last what is below; none: there are no layers.",
    )

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not can_name_a_file(name):
            raise ValueError(f"the name {name!r} cannot name a folder of masks")
        return name

    @model_validator(mode="after")
    def _has_unique_values_and_hotkeys(self) -> LabelSchema:
        values = [c.value for c in self.classes]
        if len(set(values)) < len(values):
            raise ValueError("two classes have the same value")
        if 0 not in values:
            raise ValueError("no class has the value 0 (the background)")
        hotkeys = [c.hotkey for c in self.classes if c.hotkey is not None]
        if len(set(hotkeys)) < len(hotkeys):
            raise ValueError("two classes have the same hotkey")
        names = [name for c in self.classes for name in {c.name.casefold(), c.short.casefold()}]
        if len(set(names)) < len(names):
            raise ValueError("two classes have the same name")
        for union in self.unions:
            if len(set(union.values)) < len(union.values):
                raise ValueError(f"the union '{union.name}' names a value twice")
        unions = [union.name.casefold() for union in self.unions]
        if len(set(unions)) < len(unions):
            raise ValueError("two unions have the same name")
        unknown = {value for union in self.unions for value in union.values} - set(values)
        if unknown:
            raise ValueError(f"a union names the values {sorted(unknown)}, which no class has")
        return self

    @model_validator(mode="after")
    def _stack_is_one(self) -> LabelSchema:
        if not self.stack:
            return self
        if len(self.stack) < 3:
            raise ValueError("a stack has what is above, one layer or more, and what is below")
        named = [value for step in self.stack for value in step.members]
        if unknown := self.lacking(named):
            raise ValueError(f"the stack names the values {unknown}, which no class has")
        first, last = self.stack[0], self.stack[-1]
        if first.value == last.value:
            named.remove(last.value)
        if len(set(named)) < len(named):
            raise ValueError("the stack names a value twice that is not both above and below")
        return self

    @property
    def layers(self) -> tuple[StackStep, ...]:
        """The steps of the stack between the uppermost and the lowest boundary."""
        return self.stack[1:-1]

    @property
    def foreground(self) -> tuple[LabelClass, ...]:
        """All classes but the background."""
        return tuple(c for c in self.classes if c.value != 0)

    def asked(self, *, background: bool) -> tuple[LabelClass, ...]:
        """All classes, or those of the foreground."""
        return self.classes if background else self.foreground

    def only(self, names: Iterable[str]) -> LabelSchema:
        """Return the background and the classes of these names, in the schema's order.

        Raises
        ------
        UserError
            It has no such class, or they are none but the background.
        """
        chosen = {self.find(name).value for name in names} - {0}
        if not chosen:
            raise UserError(f"Name a class of the schema {self.name} beside its background.")
        classes = tuple(c for c in self.classes if c.value == 0 or c.value in chosen)
        name = "-".join([self.name, *(c.short for c in classes if c.value)])
        return LabelSchema(name=name, classes=classes)

    def lacking(self, values: Iterable[int]) -> list[int]:
        """Return those of the label values that no class has; `NOT_LABELLED` is none of them."""
        known = {c.value for c in self.classes} | {NOT_LABELLED}
        return [value for value in values if value not in known]

    def means_as(self, other: LabelSchema) -> bool:
        """Whether each label value has one name in both; colours and keys mean nothing."""
        return self._names == other._names

    @property
    def _names(self) -> dict[int, str]:
        return {c.value: c.name.casefold() for c in self.classes}

    def __getitem__(self, value: int) -> LabelClass:
        """Return the class of a label value; KeyError where the schema has none."""
        for label_class in self.classes:
            if label_class.value == value:
                return label_class
        raise KeyError(value)

    def find(self, text: str) -> LabelClass:
        """Return the class that `text` names: a value, a name or a short name, in any case."""
        wanted = text.strip().casefold()
        for c in self.classes:
            if wanted in (str(c.value), c.name.casefold(), c.short.casefold()):
                return c
        known = ", ".join(f"{c.value} {c.short}" for c in self.classes)
        raise UserError(f"The schema {self.name} has no class '{text}'. It has: {known}.")


@cache
def bundled_schema(name: str = "oct14") -> LabelSchema:
    """Return one of `BUNDLED_SCHEMAS` by name."""
    if name not in BUNDLED_SCHEMAS:
        raise UserError(f"No bundled schema '{name}'. There are: {', '.join(BUNDLED_SCHEMAS)}.")
    text = files("napari_octsam.core").joinpath("schemas", f"{name}.toml").read_text("utf-8")
    return LabelSchema.model_validate(tomllib.loads(text))


def load_schema(name_or_path: str | Path) -> LabelSchema:
    """Return a bundled schema by name, or read one from a TOML file.

    The file has `name = "..."` and one `[[classes]]` table a class, with the fields of
    `LabelClass`; `[[unions]]` with those of `LabelUnion` and `[[stack]]` with those of `StackStep`,
    from top to bottom, may follow.

    Raises
    ------
    UserError
        The file cannot be read, is not TOML, or does not describe a schema.
    """
    if str(name_or_path) in BUNDLED_SCHEMAS:
        return bundled_schema(str(name_or_path))
    path = Path(name_or_path)
    with explaining(path, "is not a label schema", "the label schema ", "schema"):
        return LabelSchema.model_validate(read_toml(path))
