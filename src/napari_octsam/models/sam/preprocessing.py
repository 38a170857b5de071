"""What SAM's and MedSAM's weights have learnt to see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from skimage.transform import resize as skimage_resize
from torchvision.transforms.functional import resize, to_pil_image

from napari_octsam.models.frames import make_frame

__all__ = ["preprocess_medsam", "preprocess_sam"]

# ImageNet's, in 0 .. 255, as segment_anything has them
_PIXEL_MEAN = torch.tensor([123.675, 116.28, 103.53])[:, None, None]
_PIXEL_STD = torch.tensor([58.395, 57.12, 57.375])[:, None, None]


def preprocess_sam(image: npt.NDArray[np.uint8], input_size: tuple[int, int]) -> torch.Tensor:
    """Return an (H, W) or (H, W, 3) uint8 B-scan as SAM sees it, (1, 3, *input_size) float32.

    Its longest side becomes that of the input, in 8 bit; ImageNet's mean and deviation; zeros
    below or to the right. transformers' `SamProcessor` does the same.
    """
    shape = (image.shape[0], image.shape[1])
    rows, cols = make_frame("sam", shape, input_size).content
    scaled = _channels_first(np.array(resize(to_pil_image(image), [rows, cols])))
    pixels = torch.zeros(1, 3, *input_size)
    pixels[0, :, :rows, :cols] = (scaled - _PIXEL_MEAN) / _PIXEL_STD
    return pixels


def preprocess_medsam(image: npt.NDArray[np.uint8], input_size: tuple[int, int]) -> torch.Tensor:
    """Return an (H, W) or (H, W, 3) uint8 B-scan as MedSAM sees it, (1, 3, *input_size) float32.

    Stretched with cubic splines, in 8 bit, then its own range to 0 .. 1, as `MedSAM_Inference.py`
    has it.
    """
    stretched = skimage_resize(image, input_size, order=3, preserve_range=True, anti_aliasing=True)
    pixels = _channels_first(stretched.astype(np.uint8)).float()
    low, high = pixels.min(), pixels.max()
    scaled = (pixels - low) / (high - low).clamp(min=1e-8)
    return scaled.expand(1, 3, *input_size)


def _channels_first(image: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Return an (H, W) or (H, W, 3) image as (1 or 3, H, W)."""
    return torch.from_numpy(np.atleast_3d(image)).permute(2, 0, 1)
