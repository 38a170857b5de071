"""Decoders that pydicom lacks: imagecodecs does what Pillow and pydicom itself do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import uid

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

__all__ = ["DECODER_DEPENDENCIES", "add_decoders", "decode_frame", "is_available"]

_NAME = "imagecodecs"
_DECODERS: dict[uid.UID, str] = {
    uid.JPEGExtended12Bit: "jpeg8_decode",
    uid.JPEGLossless: "ljpeg_decode",
    uid.JPEGLosslessSV1: "ljpeg_decode",
    uid.JPEGLSLossless: "jpegls_decode",
    uid.JPEGLSNearLossless: "jpegls_decode",
    uid.HTJ2KLossless: "jpeg2k_decode",
    uid.HTJ2KLosslessRPCL: "jpeg2k_decode",
    uid.HTJ2K: "jpeg2k_decode",
}
DECODER_DEPENDENCIES = dict.fromkeys(_DECODERS, (_NAME,))
"""What pydicom asks of a plugin."""


def is_available(_uid: str) -> bool:
    """Whether frames of a transfer syntax can be decoded: imagecodecs is always there."""
    return True


def add_decoders() -> None:
    """Have pydicom know these decoders. Harmless when done twice."""
    from pydicom.pixels.decoders.base import get_decoder

    for each in _DECODERS:
        decoder = get_decoder(each)
        if _NAME not in decoder.available_plugins:
            decoder.add_plugin(_NAME, (__name__, decode_frame.__name__))


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """Return the pixels of a frame; ValueError where it is of another size than the file says."""
    import imagecodecs  # late, as everywhere here

    decode: Callable[[bytes], Any] = getattr(imagecodecs, _DECODERS[runner.transfer_syntax])
    pixels = np.asarray(decode(src))
    if pixels.shape[:2] != (runner.rows, runner.columns):
        raise ValueError(f"a frame is {pixels.shape[:2]}, not {(runner.rows, runner.columns)}")
    return pixels.astype(np.uint8 if runner.bits_allocated <= 8 else "<u2", copy=False).tobytes()
