"""Labels that a command reads, and the schema that says what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_octsam.core.classes import LabelSchema

__all__ = ["known_schema", "read_labels_of"]


def known_schema(labels: Path, chosen: LabelSchema | None) -> LabelSchema | None:
    """Return the schema that was chosen, or that of labels where they or their data set say it.

    Raises
    ------
    UserError
        Both are known, and do not mean the same.
    """
    from napari_octsam.data.annotations.description import schema_in
    from napari_octsam.data.prepared import schema_of_mask

    known = schema_of_mask(labels) or schema_in(labels)
    if known is not None and chosen is not None and not known.means_as(chosen):
        raise UserError(
            f"{labels} is labelled with the schema {known.name}, not with {chosen.name}: leave "
            "--schema out, or choose labels of that schema."
        )
    return chosen or known


def read_labels_of(path: Path, schema: LabelSchema) -> npt.NDArray[np.integer]:
    """Read (..., H, W) labels; UserError where the schema does not know all of their values."""
    import numpy as np

    from napari_octsam.data.labels import read_labels

    labels = read_labels(path)
    if unknown := schema.lacking(np.unique(labels).tolist()):
        shown = ", ".join(str(value) for value in unknown[:5])
        raise UserError(
            f"{path} has values that the schema {schema.name} does not know ({shown}): choose "
            "another one with --schema."
        )
    return labels
