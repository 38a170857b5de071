"""octsam-tiny's encoder with the heads that name pixels: a U-Net that needs no prompt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from napari_octsam.models.profiles import preprocess
from napari_octsam.models.tiny import TinyNetwork
from napari_octsam.models.tiny_encoder import FINE_CHANNELS
from napari_octsam.training.class_heads import ClassHeads

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
        heads = ClassHeads(FINE_CHANNELS, network.embed_dim)
        nn.ModuleDict({"network": network, "heads": heads}).load_state_dict(load_file(path))
        self._encoder = network.image_encoder.eval()
        self._pixels = heads.pixels
        self._size = network.input_size
        self.parameters = sum(
            p.numel() for part in (self._encoder, self._pixels) for p in part.parameters()
        )

    def __call__(self, image: npt.NDArray[np.uint8], schema: str) -> npt.NDArray[np.int64]:
        """Return the classes (H, W) of an (H, W) B-scan, in a schema that it learnt."""
        with torch.inference_mode():
            finest = self._encoder(preprocess(image, "octsam-tiny", self._size))["fine"]
            logits = F.interpolate(self._pixels[schema](finest), image.shape, mode="bilinear")
        return logits.argmax(1)[0].numpy()
