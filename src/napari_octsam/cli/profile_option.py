"""The option that names a preprocessing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_octsam.models.architectures import profiles

__all__ = ["Profile"]

if TYPE_CHECKING:
    _Name = str
else:
    _Name = Literal[tuple(profiles())]

Profile = Annotated[_Name | None, typer.Option(help="Preprocessing, where recognition is wrong.")]
