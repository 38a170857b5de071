"""What a zstd frame says of itself, before it is unpacked (RFC 8878, 3.1.1)."""

from __future__ import annotations

__all__ = ["LONGEST_HEADER", "unpacked_size"]

LONGEST_HEADER = 18
"""Bytes of a frame that `unpacked_size` needs at most."""

_MAGIC = b"\x28\xb5\x2f\xfd"


def unpacked_size(frame: bytes) -> int | None:
    """Return how many bytes a frame unpacks to; None where it does not say, or is no frame."""
    if not frame.startswith(_MAGIC) or len(frame) < 5:
        return None
    descriptor = frame[4]
    is_single = bool(descriptor & 0x20)
    length = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
    begin = 5 + (not is_single) + (0, 1, 2, 4)[descriptor & 3]
    content = frame[begin : begin + length]
    if not length or len(content) < length:
        return None
    return int.from_bytes(content, "little") + (256 if length == 2 else 0)
