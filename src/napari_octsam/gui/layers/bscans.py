"""Image layers as B-scans: which plane of a layer is shown, its pixels, and its coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import as_grey, normalised
from napari_octsam.engine.predict.messages import BScan

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image, Layer

__all__ = ["Plane", "data_shape", "line_up", "read_bscan", "shown_plane", "to_image_pixels"]


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane of an n-dimensional layer: one B-scan.

    Parameters
    ----------
    axes
        The layer's axes that are rows and columns.
    index
        Position on each other axis, in the order of the axes.
    """

    axes: tuple[int, int]
    index: tuple[int, ...] = ()

    @property
    def ndim(self) -> int:
        """Number of axes of the layer."""
        return len(self.index) + 2

    @property
    def is_bscan(self) -> bool:
        """Whether it is one of those that annotations count: along the last two axes."""
        return set(self.axes) == {self.ndim - 2, self.ndim - 1}

    @property
    def others(self) -> tuple[int, ...]:
        """The axes that are neither rows nor columns."""
        return tuple(axis for axis in range(self.ndim) if axis not in self.axes)

    @property
    def selector(self) -> tuple[int | slice, ...]:
        """Index of the plane in the layer's array, rows and columns in the order of the array."""
        position = dict(zip(self.others, self.index, strict=True))
        return tuple(position.get(axis, slice(None)) for axis in range(self.ndim))

    def oriented(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what `selector` took with rows first: the display may show the axes swapped."""
        return array if self.axes[0] < self.axes[1] else array.swapaxes(0, 1)

    def indices(
        self, rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.intp], ...]:
        """Return the index arrays in the layer of the pixels (row, col) of this plane."""
        along = {self.axes[0]: rows, self.axes[1]: cols}
        for axis, i in zip(self.others, self.index, strict=True):
            along[axis] = np.full_like(rows, i)
        return tuple(along[axis] for axis in range(self.ndim))

    def neighbours(self, shape: Sequence[int]) -> tuple[Plane, ...]:
        """Return the next and the previous plane along the fastest other axis, where they exist."""
        both = (self.beside(step, shape) for step in (1, -1))
        return tuple(plane for plane in both if plane is not None)

    def beside(self, step: int, shape: Sequence[int]) -> Plane | None:
        """Return the plane so many steps on along that axis; None where there is none."""
        if not self.index:
            return None
        *slower, i = self.index
        inside = 0 <= i + step < shape[self.others[-1]]
        return replace(self, index=(*slower, i + step)) if inside else None

    @property
    def title(self) -> str:
        """What the B-scan of a volume is called in a sentence; "" for a single one."""
        return f"B-scan {', '.join(map(str, self.index))}" if self.index else ""

    def name_in(self, layer: Layer) -> str:
        """Name the B-scan for a message."""
        return f"{layer.name} {list(self.index)}" if self.index else layer.name


def data_shape(layer: Layer) -> tuple[int, ...]:
    """Return the shape of a layer's array at full resolution, without its colour axis."""
    return tuple(_full_resolution(layer).shape[: layer.ndim])


def shown_plane(image: Image, dims: Dims) -> Plane:
    """Return the plane of an image layer that the viewer shows.

    Raises
    ------
    UserError
        The viewer shows the layer in 3D, or along an axis that it lacks, or is outside it.
    """
    if dims.ndisplay != 2:
        raise UserError("Prompts need the 2D view: press the cube below the layer list.")
    offset = dims.ndim - image.ndim
    row, col = (axis - offset for axis in dims.displayed)
    if image.ndim < 2 or min(row, col) < 0:
        raise UserError(f"The layer {image.name} has no rows and columns in this view.")
    here = image.world_to_data(dims.point)
    index = tuple(round(float(here[axis])) for axis in range(image.ndim) if axis not in (row, col))
    plane = Plane((row, col), index)
    shape = data_shape(image)
    if not all(0 <= i < shape[axis] for axis, i in zip(plane.others, index, strict=True)):
        raise UserError(f"The layer {image.name} has no B-scan here: move the slider back to it.")
    return plane


def read_bscan(image: Image, plane: Plane) -> BScan:
    """Read one B-scan of an image layer as models take it; of a lazy array, only that slice.

    Raises
    ------
    UserError
        The pixels are not a B-scan (`core.images.as_grey`), or cannot be read.
    """
    try:
        pixels = np.asarray(_full_resolution(image)[plane.selector])
    except Exception as error:  # lazy arrays read files, and fail in as many ways
        raise UserError(f"The layer {image.name} cannot be read here: {error}.") from error
    name = plane.name_in(image)
    try:
        return BScan(normalised(as_grey(plane.oriented(pixels))), name)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error


def to_image_pixels(
    vertices: npt.NDArray[Any], source: Layer, image: Image, plane: Plane
) -> npt.NDArray[np.float64]:
    """Return coordinates of a layer as coordinates of an image layer, by way of the world.

    Parameters
    ----------
    vertices
        (N, source.ndim) data coordinates of `source`.
    plane
        Where the source has fewer axes than the image, its coordinates are taken to lie on this
        plane, as napari shows them.

    Returns
    -------
    (N, image.ndim) float64 data coordinates of `image`.
    """
    missing = image.ndim - source.ndim
    world = np.array([source.data_to_world(vertex) for vertex in vertices]).reshape(-1, source.ndim)
    if missing > 0:
        world = np.hstack([np.zeros((len(world), missing)), world])
    data = np.array([image.world_to_data(point) for point in world]).reshape(-1, image.ndim)
    for axis, i in zip(plane.others, plane.index, strict=True):
        if axis < missing:
            data[:, axis] = i
    return data


def line_up(one: Layer, other: Layer) -> bool:
    """Whether two layers have the same shape and the same place in the world, pixel for pixel."""
    if data_shape(one) != data_shape(other):
        return False
    far = np.array(data_shape(one)) - 1.0
    corners = np.vstack([np.zeros(one.ndim), far, np.diag(far)])
    tolerance = 0.1 * np.abs(one.scale).min()
    return all(
        np.allclose(one.data_to_world(c), other.data_to_world(c), rtol=0, atol=tolerance)
        for c in corners
    )


def _full_resolution(layer: Layer) -> Any:
    return layer.data[0] if layer.multiscale else layer.data
