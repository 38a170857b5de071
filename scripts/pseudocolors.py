"""Write the tables of `core/pseudocolors.npz` from OpenCV's colour maps.

Needs opencv-python-headless, which the package itself does without.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from napari_octsam.core.config import PSEUDOCOLORS

TARGET = Path(__file__).parent.parent / "src/napari_octsam/core/pseudocolors.npz"


def main() -> None:
    grey = np.arange(256, dtype=np.uint8)[:, None]
    tables = {
        name: cv2.applyColorMap(grey, getattr(cv2, f"COLORMAP_{name.upper()}"))[:, 0, ::-1]
        for name in PSEUDOCOLORS
        if name != "grayscale"
    }
    np.savez_compressed(TARGET, **tables)


if __name__ == "__main__":
    main()
