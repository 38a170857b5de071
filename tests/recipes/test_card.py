"""The model card's tables come from reports, and go where the card has their place."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from napari_octsam.cli import app
from recipes.octsam_tiny.card import (
    CARD,
    SECTIONS,
    Section,
    calibration_table,
    exports_table,
    fill_card,
    layers_table,
    pieces_table,
    pockets_table,
)
from recipes.octsam_tiny.exports import EXPORTS, Shown


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What `octsam evaluate` writes of octsam-tiny on one phantom."""
    folder = tmp_path_factory.mktemp("card")
    octsam("phantoms", folder / "phantoms", "--count", 1)
    data = ["--data", folder / "phantoms", "--schema", "layers7"]
    octsam("evaluate", "octsam-tiny", *data, "--json", folder / "report.json")
    found: Mapping[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return found


def octsam(*words: object) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


def test_tables_show_the_figures_of_a_report(report: Mapping[str, Any]) -> None:
    overall, layer, piece = report["overall"]["averaged"], report["classes"][2], report["scores"][2]
    dice = f"{layer['averaged']['dice']:.3f}"
    table = layers_table({"one box": report, "one point": report})
    assert f"| {layer['name']} | {dice} | {dice} |" in table
    assert table.count(f"**{overall['dice']:.3f}**") == 2
    assert f"| boundary error, pixels | {overall['boundary_error_px']:.2f} |" in table
    area = piece["tp"] + piece["fn"]
    assert f"| {piece['bscan']} | {area} | {piece['dice']:.3f} |" in pockets_table({"x": report})
    assert f"| {layer['name']} | 1 | {dice} |" in pieces_table({"x": report})
    threshold, found = next(iter(report["calibration"]["dice"].items()))
    table = calibration_table({"x": report})
    assert f"| Dice at a threshold of {threshold} | {found:.3f} |" in table
    table = exports_table({"inverted": report})
    assert f"| inverted | {overall['dice']:.3f} | " in table
    assert f"| {overall['betti_error']:.2f} |" in table


@pytest.mark.parametrize(
    "words",
    [
        line
        for section in SECTIONS.values()
        if isinstance(section, Section)
        for line in section.commands.values()
    ],
)
def test_the_commands_of_the_card_are_ones_that_octsam_knows(words: str) -> None:
    evaluate = typer.main.get_command(app).get_command(None, "evaluate")
    context = evaluate.make_context("evaluate", ["octsam-tiny", *shlex.split(words)])
    assert context.params["schema"]


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
