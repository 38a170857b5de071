"""Geometry between a B-scan and a network: where a pixel of the one lies in the other.

The B-scan's (row, col) has pixel centres at integers, as in napari. A network's prompt encoder
takes (x, y) with pixel centres at integers too, and adds the half pixel itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from segment_anything.utils.transforms import ResizeLongestSide

from napari_octsam.core.decoded import LogitGrid
from napari_octsam.core.resampling import area_weights
from napari_octsam.models.architectures import profiles

__all__ = ["MASK_PROMPT_LOGIT", "Frame", "make_frame"]

MASK_PROMPT_LOGIT = 6.0
"""Logit of a pixel inside a mask prompt; outside it is the negative.

SAM learnt from its own earlier logits; 6 is a probability of 0.998: sure, and well within the
range of those.
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """How a B-scan lies in the input of a network, from the upper left corner on.

    Parameters
    ----------
    shape
        Rows and columns of the B-scan.
    input_size
        Rows and columns of the network's input.
    content
        Rows and columns of the input that the B-scan fills; the rest is padding.
    half_pixels
        Whether a prompt goes exactly where resampling puts its pixel. SAM's own way, False, is
        (x, y) times the scale, up to half an input pixel beside it: its weights learnt that.
    """

    shape: tuple[int, int]
    input_size: tuple[int, int]
    content: tuple[int, int]
    half_pixels: bool

    def to_input(self, row_col: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return (..., 2) coordinates (row, col) of the B-scan as (x, y) of the input."""
        scale = np.array(self.content) / np.array(self.shape)
        offset = 0.5 if self.half_pixels else 0.0
        y_x: npt.NDArray[np.float64] = (row_col + offset) * scale - offset
        return y_x[..., ::-1]

    def mask_grid(self, mask_size: tuple[int, int]) -> LogitGrid:
        """Return how low-resolution logits of `mask_size` become those of the B-scan.

        Padded frames interpolate twice, as `Sam.postprocess_masks` does; others once.
        """
        twice = self.content != self.input_size
        row_steps, col_steps = (
            ((self.input_size[axis], self.content[axis]), (self.shape[axis],) * 2)
            if twice
            else ((self.shape[axis],) * 2,)
            for axis in (0, 1)
        )
        return LogitGrid(mask_size, row_steps, col_steps)

    def to_mask_prompt(
        self, mask: npt.NDArray[np.bool_], size: tuple[int, int]
    ) -> npt.NDArray[np.float32]:
        """Return an (H, W) mask as (rows, cols) float32 logits of the size of mask prompts.

        A logit goes with the share of its cell that the mask covers: `MASK_PROMPT_LOGIT` where
        it is full, 0 at half, the negative where it is empty and in the padding.
        """
        return np.float32(MASK_PROMPT_LOGIT) * (2 * self.coverage(mask, size) - 1)

    def coverage(
        self, mask: npt.NDArray[np.bool_], size: tuple[int, int]
    ) -> npt.NDArray[np.float32]:
        """Return the share of each cell of low-resolution logits that an (H, W) mask covers.

        (rows, cols) float32, 0 to 1; 0 in the padding.
        """
        rows, cols = (
            area_weights(
                self.shape[axis],
                size[axis],
                self.input_size[axis] / size[axis] * self.shape[axis] / self.content[axis],
            )
            for axis in (0, 1)
        )
        covered: npt.NDArray[np.float32] = (cols @ (rows @ mask.astype(np.float32)).T).T
        return covered


def make_frame(profile: str, shape: tuple[int, int], input_size: tuple[int, int]) -> Frame:
    """Return the frame of a B-scan of `shape` (rows, cols) under a preprocessing profile.

    A letterboxed one scales the longest side to that of the input and pads at the bottom or the
    right; the others stretch the B-scan over the whole input. For "medsam" that is exact to the
    pixel where MedSAM's own script is not: it scales boxes as SAM does, under half an input pixel
    beside, and interpolates probabilities instead of logits. Its weights saw boxes that were moved
    by up to 20 pixels.
    """
    if profiles()[profile].letterboxed:
        content = ResizeLongestSide.get_preprocess_shape(*shape, max(input_size))
        return Frame(shape, input_size, content, half_pixels=False)
    return Frame(shape, input_size, input_size, half_pixels=True)
