"""How a device turns reflectivity into a grey B-scan: blur, speckle, noise and display.

Speckle is additive because the grey levels of a B-scan are close to a logarithm of the
reflectivity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_octsam.phantoms.fields import Picture

__all__ = ["Device", "draw_device", "expose"]


@dataclass(frozen=True)
class Device:
    """Properties of an OCT device and its export; levels are grey values, sizes are pixels."""

    gain: float
    level: float
    gamma: float
    floor: float
    """Mean of the noise where no light comes back; black below 0."""
    fade: float
    """How much lower the floor is at the bottom row than at the top."""
    tissue_noise: float
    """Standard deviation of speckle in bright tissue."""
    floor_noise: float
    """Standard deviation of the noise where no light comes back."""
    grain: tuple[float, float]
    """Standard deviation of the Gaussian that correlates the speckle, (rows, columns)."""
    blur: tuple[float, float]
    """Standard deviation of the point spread function, (rows, columns)."""


def draw_device(rng: np.random.Generator, scale: float) -> Device:
    """Draw a device, from smooth averages of many frames to single noisy frames.

    `scale` is the height of a layer relative to a Spectralis B-scan of 496 rows.
    """
    size = float(np.clip(scale, 0.7, 2.0))
    tissue_noise = 8 + 24 * rng.beta(1, 2.3)
    return Device(
        gain=rng.uniform(0.85, 1.2),
        level=(rng.uniform(-60, 0) if rng.random() < 0.35 else 0.0) + rng.uniform(-6, 14),
        gamma=float(np.exp(rng.normal(0, 0.12))),
        floor=rng.uniform(-18, 28),
        fade=rng.uniform(0, 45),
        tissue_noise=tissue_noise,
        floor_noise=rng.uniform(0.7, 1.3) * tissue_noise + 3,
        grain=(size * rng.uniform(0.75, 1.1), size * (0.35 + 0.9 * rng.beta(1, 2))),
        blur=(size * rng.uniform(0.7, 1.1), size * rng.uniform(0.3, 1.0)),
    )


def expose(rng: np.random.Generator, device: Device, picture: Picture) -> Picture:
    """Return the B-scan (H, W), 0 to 255, that a device shows of mean grey levels (H, W)."""
    signal = np.clip(picture * device.gain + device.level, 0, None)
    signal = _blur(signal, device.blur)
    speckle = _blur(rng.standard_normal(picture.shape, dtype=np.float32), device.grain)
    speckle /= max(float(speckle[::4, ::4].std()), 1e-6)
    lit = np.clip(signal / 70, 0, 1)
    speckle *= device.floor_noise + (device.tissue_noise - device.floor_noise) * lit
    height = picture.shape[0]
    depth = np.clip(np.linspace(-0.4, 1.1, height, dtype=np.float32)[:, None], 0, 1)
    signal += (device.floor - device.fade * depth) * (1 - lit) + speckle
    fine = np.linspace(0, 1, 1021, dtype=np.float32) ** np.float32(device.gamma) * 255
    return fine[(np.clip(signal, 0, 255) * 4).astype(np.intp)]


def _blur(picture: Picture, sigma: tuple[float, float]) -> Picture:
    for axis, width in enumerate(sigma):
        picture = gaussian_filter1d(picture, width, axis=axis, truncate=2.5, mode="nearest")
    return picture
