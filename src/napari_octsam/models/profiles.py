"""Preprocessing: what each kind of checkpoint expects to see of a B-scan.

Feeding one kind with another's preprocessing gives no error, only worse masks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from skimage.transform import resize as skimage_resize
from torchvision.transforms.functional import resize, to_pil_image

from napari_octsam.core.config import Pseudocolor
from napari_octsam.core.pseudocolor import colored
from napari_octsam.models.frames import make_frame
from napari_octsam.models.header import Profile

__all__ = ["preprocess"]

# ImageNet's, in 0 .. 255, as segment_anything has them
_PIXEL_MEAN = torch.tensor([123.675, 116.28, 103.53])[:, None, None]
_PIXEL_STD = torch.tensor([58.395, 57.12, 57.375])[:, None, None]

_ONE_LEVEL = 4  # grey levels by which JPEG may stray from one
_BRIGHTER = 48  # grey levels, of a letterbox than of the middle grey level within


def preprocess(
    grey: npt.NDArray[np.uint8],
    profile: Profile,
    input_size: tuple[int, int],
    pseudocolor: Pseudocolor = "grayscale",
) -> torch.Tensor:
    """Return an (H, W) uint8 B-scan as the input of a network, (1, C, *input_size) float32.

    A colour map is put on before all else; its red is channel 0. octsam-tiny can take none.

    - "sam" (also transformers' `SamProcessor`): longest side to that of the input, 8 bit;
      ImageNet's mean and deviation; zeros below or to the right. 3 channels.
    - "medsam": stretched with cubic splines, 8 bit, then its own range to 0 .. 1, as
      `MedSAM_Inference.py` has it. 3 channels.
    - "octsam-tiny": a letterbox of white or grey is blackened; its own mean to 0 and deviation
      to 1, then stretched. 1 channel.
    """
    if profile == "octsam-tiny":
        return _preprocess_octsam(grey, input_size)
    image = grey if pseudocolor == "grayscale" else colored(grey, pseudocolor)
    if profile == "sam":
        return _preprocess_sam(image, input_size)
    return _preprocess_medsam(image, input_size)


def _preprocess_sam(image: npt.NDArray[np.uint8], input_size: tuple[int, int]) -> torch.Tensor:
    shape = (image.shape[0], image.shape[1])
    rows, cols = make_frame("sam", shape, input_size).content
    scaled = _channels_first(np.array(resize(to_pil_image(image), [rows, cols])))
    pixels = torch.zeros(1, 3, *input_size)
    pixels[0, :, :rows, :cols] = (scaled - _PIXEL_MEAN) / _PIXEL_STD
    return pixels


def _preprocess_medsam(image: npt.NDArray[np.uint8], input_size: tuple[int, int]) -> torch.Tensor:
    stretched = skimage_resize(image, input_size, order=3, preserve_range=True, anti_aliasing=True)
    pixels = _channels_first(stretched.astype(np.uint8)).float()
    low, high = pixels.min(), pixels.max()
    scaled = (pixels - low) / (high - low).clamp(min=1e-8)
    return scaled.expand(1, 3, *input_size)


def _preprocess_octsam(grey: npt.NDArray[np.uint8], input_size: tuple[int, int]) -> torch.Tensor:
    pixels = torch.tensor(_on_black(grey)).float() / 255
    standardised = (pixels - pixels.mean()) / (pixels.std() + 1e-3)
    return F.interpolate(
        standardised[None, None], input_size, mode="bilinear", antialias=True, align_corners=False
    )


def _on_black(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a B-scan whose letterbox is dark: a bright one would shift all that is normalised.

    A letterbox is the rows and columns of one grey level at the edges. What is hardly brighter than
    the B-scan itself stays: it may be the vitreous body of an inverted one.
    """
    rows = _extent(grey)
    cols = _extent(grey[rows].T)
    content = grey[rows, cols]
    if content.shape == grey.shape:
        return grey
    outside = np.ones(grey.shape, bool)
    outside[rows, cols] = False
    bright = outside & (grey > np.median(content) + _BRIGHTER)
    return np.where(bright, content.min(), grey)


def _extent(lines: npt.NDArray[np.uint8]) -> slice:
    """Return from the first to the last line that has more than one grey level; all if none has."""
    varied = np.flatnonzero(np.ptp(lines, axis=1) > _ONE_LEVEL)
    return slice(varied[0], varied[-1] + 1) if len(varied) else slice(None)


def _channels_first(image: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Return an (H, W) or (H, W, 3) image as (1 or 3, H, W)."""
    return torch.from_numpy(np.atleast_3d(image)).permute(2, 0, 1)
