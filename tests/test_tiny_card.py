"""The model card's tables come from reports, and go where the card has their place."""

from __future__ import annotations

import numpy as np
import pytest

from docs.tiny_card import (
    CARD,
    SECTIONS,
    calibration_table,
    exports_table,
    fill_card,
    layers_table,
    pockets_table,
)
from docs.tiny_exports import EXPORTS, Shown


def report(dice: float) -> dict[str, object]:
    figures = {"dice": dice, "boundary_error_px": 1.25, "betti_error": 0.5, "hd95_px": 2.0}
    return {
        "classes": [{"name": "RNFL", "bscans": 10, "averaged": figures}],
        "overall": {"averaged": figures},
        "scores": [{"bscan": "a, piece 1", "tp": 30, "fn": 10, "dice": dice}],
        "calibration": {
            "rank_correlation": 0.7,
            "rank_within": 0.6,
            "iou_error": 0.05,
            "ranked_first": 0.8,
            "best": 0.9,
            "dice": {"0.5": dice, "0.6": dice - 0.1},
        },
    }


def test_tables_show_the_figures_of_each_prompt() -> None:
    table = layers_table({"one box": report(0.9), "one point": report(0.8)})
    assert "| RNFL | 0.900 | 0.800 |" in table
    assert "| **mean Dice** | **0.900** | **0.800** |" in table
    assert "| boundary error, pixels | 1.25 | 1.25 |" in table
    assert "| a, piece 1 | 40 | 0.900 |" in pockets_table({"x": report(0.9)})
    assert "| Dice at a threshold of 0.6 | 0.800 |" in calibration_table({"x": report(0.9)})
    assert "| inverted | 0.900 | 0.900 (RNFL) | 0.50 |" in exports_table({"inverted": report(0.9)})


def test_the_card_has_a_place_for_each_section() -> None:
    text = CARD.read_text("utf-8")
    filled = fill_card(text, {name: f"table of {name}\n" for name in SECTIONS})
    for name in SECTIONS:
        assert f"\ntable of {name}\n<!-- end of {name} -->" in filled
    with pytest.raises(ValueError, match="no place for weather"):
        fill_card(text, {"weather": ""})


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_shows_the_same_layer(name: str) -> None:
    labels = np.zeros((120, 200), np.uint8)
    labels[50:70] = 3
    image = np.where(labels == 3, 80, 20).astype(np.uint8)
    shown = EXPORTS[name](Shown(image, labels))
    assert shown.image.shape == shown.labels.shape
    on, off = (shown.image[shown.labels == value].mean() for value in (3, 0))
    assert (on < off) == (name in ("inverted", "on-white"))
    assert not np.array_equal(shown.image, image)
