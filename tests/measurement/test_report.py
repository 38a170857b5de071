"""The page to print: what it says, what it shows, what it does not let in."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_octsam.core.classes import NOT_LABELLED, bundled_schema
from napari_octsam.measurement.fovea import Fovea
from napari_octsam.measurement.limits import round_limits
from napari_octsam.measurement.measure import Eye, measure
from napari_octsam.measurement.report import BScanPicture, write_page
from napari_octsam.measurement.report.colors import STOPS, colored
from napari_octsam.measurement.report.map_picture import map_picture
from napari_octsam.measurement.spacing import Spacing
from tests.measurement.test_measure import MACULA, macula

LAYERS7 = bundled_schema("layers7")
HOSTILE = '<script>alert("x")</script>'


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_has_all_figures_pictures_and_whose_they_are(tmp_path: Path) -> None:
    eye = Eye("OS", "inferior", Fovea(30, 150, found=False))
    states = ["corrected"] * 31 + ["automatic"] * 30
    measured = measure(macula(), LAYERS7, MACULA, eye, states)
    shown = BScanPicture("B-scan 30", np.full((240, 300, 3), 90, np.uint8))
    write_page(tmp_path / "m.html", HOSTILE, measured, ["octsam-tiny 5", HOSTILE], shown)
    text = (tmp_path / "m.html").read_text("utf-8")
    found = _Tags(text)

    assert "script" not in found.tags
    assert "&lt;script&gt;" in text
    assert all(source.startswith("data:image/png;base64,") for source in found.sources)
    assert len(found.sources) == 2
    assert found.tags.count("circle") == 3
    for said in ("Research use only", "octsam-tiny 5", "left (OS)", "51 % corrected", "µm"):
        assert said in text
    assert re.search(r"inner nasal</th><td>\d", text)
    assert len(re.findall(r"<text x=\"[\d.]+\" y=\"[\d.]+\">3\d\d</text>", text)) >= 8


def test_a_single_bscan_has_a_page_without_a_map(tmp_path: Path) -> None:
    measured = measure(macula((1, 240, 300))[0], LAYERS7, Spacing(3.9, 24.0))
    write_page(tmp_path / "m.html", "scan", measured)
    text = (tmp_path / "m.html").read_text("utf-8")

    assert "<svg" not in text
    assert "not known" in text


def test_a_map_is_turned_so_that_superior_is_on_top() -> None:
    labels = macula(fovea=(10, 150))
    given = Fovea(10, 150, found=False)
    from_above, from_below = (
        map_picture(measure(labels, LAYERS7, MACULA, Eye("OD", first, given)), "GCL+IPL")
        for first in ("superior", "inferior")
    )
    assert from_above is not None
    assert from_below is not None
    assert from_above.centre == pytest.approx((150 * 24, 10 * 120))
    assert from_below.centre == pytest.approx((150 * 24, from_below.height - 10 * 120))
    pixels = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each.png))))
        for each in (from_above, from_below)
    ]
    assert np.array_equal(pixels[0], pixels[1][::-1])
    assert {round(label.y) for label in from_above.labels} == {
        round(from_below.height - label.y) for label in from_below.labels
    }


def test_colours_are_viridis_and_clear_where_nothing_is_known() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    heights = np.linspace(200, 400, 101)
    heights[7] = np.nan
    found = colored(heights[None], (200, 400))[0]
    expected = matplotlib.colormaps["viridis"](np.linspace(0, 1, 101), bytes=True)

    known = np.arange(101) != 7
    assert np.abs(found[known].astype(int) - expected[known]).max() <= 20, (
        "between its stops it is straight"
    )
    assert found[7, 3] == 0
    assert len(STOPS) == 10


def test_limits_are_round_and_single_columns_do_not_stretch_them() -> None:
    heights = np.full((30, 100), 253.0)
    heights[:, :50] = 331
    heights[0, 0] = 900
    heights[1] = np.nan
    assert round_limits(heights) == (250, 340)
    assert round_limits(np.full((3, 3), 20.0)) == (20, 30)
    assert round_limits(np.full((3, 3), np.nan)) is None


def test_a_circle_has_a_curve_that_breaks_where_nothing_is_known(tmp_path: Path) -> None:
    labels = macula((1, 240, 300))[0]
    labels[:, 100:120] = NOT_LABELLED
    measured = measure(labels, LAYERS7, Spacing(3.9, 14.0), Eye("OD", circle="TSNIT"))
    write_page(tmp_path / "m.html", "circle", measured)
    text = (tmp_path / "m.html").read_text("utf-8")

    assert _Tags(text).tags.count("polyline") == 2
    assert "Thickness of RNFL in µm around the disc" in text
    assert "hour 9" in text
    assert "a circle, TSNIT" in text
