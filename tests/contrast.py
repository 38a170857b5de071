"""How well a text can be read, measured from the pixels of the window."""

from __future__ import annotations

from typing import Any

import numpy as np


def contrast_of(widget: Any, left: int = 0) -> float:
    """Return the contrast ratio of a widget's text to what is behind it, as WCAG defines it.

    Parameters
    ----------
    widget
        Must be on the screen.
    left
        First column of the widget to look at.
    """
    window = widget.window()
    rect = widget.rect().adjusted(left, 4, -4, -4)
    rect.moveTopLeft(widget.mapTo(window, rect.topLeft()))
    image = window.grab(rect).toImage()
    places = [(x, y) for y in range(image.height()) for x in range(image.width())]
    colors = [image.pixelColor(x, y).getRgbF()[:3] for x, y in places]
    levels = np.array([_luminance(np.array(color)) for color in colors])
    values, counts = np.unique(levels.round(4), return_counts=True)
    behind = values[counts.argmax()]
    ratios = (np.maximum(levels, behind) + 0.05) / (np.minimum(levels, behind) + 0.05)
    return float(ratios.max())


def _luminance(color: np.ndarray) -> float:
    linear = np.where(color <= 0.03928, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
