"""What cannot be corrected is told in a sentence, and nothing is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
import dask.array as da
from napari.components import ViewerModel

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.gui.correcting.boundary_tool import BoundaryTool
from napari_octsam.gui.correcting.corrector import Corrector
from napari_octsam.gui.layers.layer_schema import show_schema
from napari_octsam.gui.session.session import session_of
from tests.core.test_boundaries import LAYERS7, flat_layers


@pytest.fixture
def corrector_of(engine: Any, qtbot: Any) -> Any:
    """Make the corrector of labels over an empty B-scan, and its boundary tool."""

    def make(
        labels: Any, schema: LabelSchema = LAYERS7, **placed: Any
    ) -> tuple[Any, Corrector, BoundaryTool]:
        viewer: Any = ViewerModel()
        session = session_of(viewer)
        session.schema = schema
        image = viewer.add_image(np.zeros((60, 80), np.uint8), name="scan")
        layer = viewer.add_labels(labels, name="scan labels", **placed)
        show_schema(layer, schema)
        session.companions.labels.set(image, layer)
        corrector = Corrector(viewer, session)
        corrector.shown.image = image
        return viewer, corrector, BoundaryTool(viewer, corrector.bscan, corrector.write)

    return make


def two_retinas() -> np.ndarray:
    return np.maximum(flat_layers(), np.roll(flat_layers(), 30, axis=0))


@pytest.mark.parametrize(
    ("labels", "schema", "placed", "sentence"),
    [
        (flat_layers(), LAYERS7, {"translate": (0, 9)}, "does not lie pixel for pixel"),
        (np.zeros((70, 90), np.uint8), LAYERS7, {}, "does not lie pixel for pixel"),
        (np.zeros((60, 80), np.uint8), LAYERS7, {}, "no layers yet"),
        (two_retinas(), LAYERS7, {}, "out of order in every column"),
        (np.full((60, 80), 99, np.uint8), LAYERS7, {}, "has the value 99"),
        (np.ones((60, 80), np.uint8), bundled_schema("fluid"), {}, "no boundary to move"),
    ],
    ids=["shifted", "larger", "none", "two retinas", "unknown value", "no layers"],
)
def test_boundaries_that_are_none_are_told(
    corrector_of: Any, labels: Any, schema: LabelSchema, placed: dict[str, Any], sentence: str
) -> None:
    viewer, _, tool = corrector_of(labels.copy(), schema, **placed)
    with pytest.raises(UserError, match=sentence):
        tool.start()
    assert not tool.is_on
    assert len(viewer.layers) == 2


def read_only() -> np.ndarray:
    labels = flat_layers()
    labels.flags.writeable = False
    return labels


@pytest.mark.parametrize(
    "labels", [read_only(), da.from_array(flat_layers())], ids=["read", "dask"]
)
def test_labels_that_cannot_be_written_stay_and_are_told(corrector_of: Any, labels: Any) -> None:
    _, corrector, tool = corrector_of(labels)
    tool.start()
    with pytest.raises(UserError, match="cannot be written to"):
        corrector.write(corrector.bscan(), np.zeros((60, 80), np.uint8), "moving")
    assert np.array_equal(np.asarray(labels), flat_layers())
    tool.stop()


def test_labels_that_are_preserved_are_not_overwritten(corrector_of: Any) -> None:
    viewer, corrector, _ = corrector_of(flat_layers())
    viewer.layers["scan labels"].preserve_labels = True
    with pytest.raises(UserError, match="untick that"):
        corrector.write(corrector.bscan(), np.zeros((60, 80), np.uint8), "moving")


def test_neighbours_that_are_none_are_told(corrector_of: Any) -> None:
    _, corrector, _ = corrector_of(flat_layers())
    corrector.from_neighbour(1)
    assert "no B-scan on that side" in corrector.notices.text
    corrector.interpolate()
    assert "B-scans of a volume" in corrector.notices.text
