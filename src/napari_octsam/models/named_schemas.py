"""Which of the label schemas that a model names pixels by is meant."""

from __future__ import annotations

from napari_octsam.core.classes import LabelSchema, bundled_schema, load_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import listed
from napari_octsam.models.header import Header

__all__ = ["named_schema"]


def named_schema(header: Header, schema: LabelSchema | str) -> tuple[LabelSchema, LabelSchema]:
    """Return the schema that a person wants, and the bundled one that the model knows it as.

    The wanted one keeps its own classes and colours; its layers are the bundled one's where it
    does not say how its classes lie.

    Parameters
    ----------
    schema
        Its values have the names that they have in one of `Header.named_schemas`; or the name of
        one.

    Raises
    ------
    UserError
        The model names no pixels, or not by this schema.
    """
    if not header.named_schemas:
        raise UserError(
            f"The model {header.name} does not name pixels by itself: it needs prompts. "
            "octsam-tiny can label a B-scan unasked."
        )
    wanted = load_schema(schema) if isinstance(schema, str) else schema
    for name in header.named_schemas:
        known = bundled_schema(name)
        if known.means_as(wanted):
            stack = wanted.stack or known.stack
            return wanted.model_copy(update={"stack": stack}), known
    raise UserError(
        f"The model {header.name} does not name pixels by the schema {wanted.name}, only by "
        f"{listed(header.named_schemas, 'and')}."
    )
