"""A U-Net that needs no prompt: octsam-tiny's encoder and its heads that name pixels, alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from napari_octsam.models.checkpoints.load import read_checkpoint
from napari_octsam.models.profiles import preprocess
from napari_octsam.models.tiny.network import TinyNetwork

__all__ = ["UNet"]


class UNet:
    """Names every pixel of a B-scan.

    Parameters
    ----------
    path
        What `train` wrote.
    """

    def __init__(self, path: Path) -> None:
        network = TinyNetwork()
        network.load_state_dict(read_checkpoint(path).state_dict)
        self._encoder = network.image_encoder.eval()
        self._names = network.mask_decoder.pixel_names
        self._size = network.input_size
        used = [*self._encoder.down, *self._encoder.up, self._encoder.detail["fine"], self._names]
        self.parameters = sum(p.numel() for part in used for p in part.parameters())

    def __call__(self, image: npt.NDArray[np.uint8], schema: str) -> npt.NDArray[np.int64]:
        """Return the classes (H, W) of an (H, W) B-scan, in a schema that it learnt."""
        with torch.inference_mode():
            finest = self._encoder(preprocess(image, "octsam-tiny", self._size))["fine"]
            logits = F.interpolate(self._names(finest, schema), image.shape, mode="bilinear")
        return logits.argmax(1)[0].numpy()
