"""Which of the label schemas that a model names pixels by is meant."""

from __future__ import annotations

from napari_octsam.core.classes import LabelSchema, load_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import listed
from napari_octsam.models.header import Header

__all__ = ["known_as", "named_schema"]


def named_schema(header: Header, schema: LabelSchema | str) -> tuple[LabelSchema, LabelSchema]:
    """Return the schema that a person wants, and that which the model knows it as.

    The wanted one keeps its own classes and colours; its layers are the known one's where it
    does not say how its classes lie.

    Parameters
    ----------
    schema
        Its values have the names that they have in one of `Header.naming`; or the name of one.

    Raises
    ------
    UserError
        The model names no pixels, or not by this schema.
    """
    if not header.naming:
        raise UserError(
            f"The model {header.name} does not name pixels by itself: it needs prompts. "
            "octsam-tiny can label a B-scan unasked, or say what to ask the model for (in octsam "
            "label: --namer octsam-tiny)."
        )
    wanted = _schema_called(header, schema) if isinstance(schema, str) else schema
    known = known_as(header, wanted)
    if known is None:
        names = [each.name for each in header.naming]
        raise UserError(
            f"The model {header.name} does not name pixels by the schema {wanted.name}, only by "
            f"{listed(names, 'and')}."
        )
    return wanted.model_copy(update={"stack": wanted.stack or known.stack}), known


def known_as(header: Header, schema: LabelSchema) -> LabelSchema | None:
    """Return that of the schemas that a model names pixels by which means the same, if one does."""
    return next((known for known in header.naming if known.means_as(schema)), None)


def _schema_called(header: Header, name: str) -> LabelSchema:
    own = (each for each in header.own_schemas if each.name == name)
    bundled = name in header.named_schemas
    return load_schema(name) if bundled else next(own, None) or load_schema(name)
