"""Reports on many masks: pooled and averaged, who stands out, tables, files, the page, the CLI."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from napari_octsam.cli import app
from napari_octsam.core.classes import LabelClass, LabelSchema
from napari_octsam.core.decoded import LogitWindow
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.judging import JudgedMask, judge_absent, judge_mask
from napari_octsam.evaluation.metrics import PIXEL_METRICS, SHAPE_METRICS
from napari_octsam.evaluation.overlays import around, overlay_png
from napari_octsam.evaluation.prompted import judge_model
from napari_octsam.evaluation.report import (
    Ranked,
    Report,
    WorstCases,
    build_report,
    extremes_table,
    rich_table,
    summary_tables,
    write_csv,
    write_json,
    write_page,
)

SHAPE = (20, 30)
SCHEMA = LabelSchema(
    name="two",
    classes=(
        LabelClass(value=0, name="background", short="BG", color="#000000"),
        LabelClass(value=1, name="upper <b>layer</b>", short="UP", color="#d55e00"),
        LabelClass(value=2, name="fluid & cysts", short="FL", color="#56b4e9"),
        LabelClass(value=3, name="never seen", short="NO", color="#009e73"),
    ),
)
HD95 = next(metric for metric in SHAPE_METRICS if metric.key == "hd95_px")

Octsam = Callable[..., Result]


def band(first: int, last: int, value: int = 1) -> npt.NDArray[np.uint8]:
    labels = np.zeros(SHAPE, np.uint8)
    labels[first:last] = value
    return labels


def judged(name: str, truth: npt.NDArray[np.uint8], found: npt.NDArray[np.uint8]) -> JudgedMask:
    """Judge class 1 where `found` is 1; where neither has it, nobody asked."""
    bscan = LabelledBScan(name, np.zeros(SHAPE, np.uint8), truth)
    if not (truth == 1).any() and not (found == 1).any():
        return judge_absent(bscan, 1)
    return judge_mask(
        bscan, 1, LogitWindow(0, 0, np.where(found == 1, 4, -4).astype(np.float32)), 2
    )


def shifted_bands(*shifts: int) -> list[JudgedMask]:
    """One B-scan a shift, named after it; a band of 4 rows is found so many rows too low."""
    return [judged(f"by {s} ({i})", band(5, 9), band(5 + s, 9 + s)) for i, s in enumerate(shifts)]


def test_pooled_and_averaged_metrics_by_hand() -> None:
    masks = [
        judged("small", band(0, 2), band(0, 1)),  # of 60 pixels, 30 are found
        judged("large", band(0, 10), band(0, 11)),  # 300 found, 30 too many
    ]

    (report,) = build_report(masks, SCHEMA).classes

    assert report.counts.tp == 330
    assert report.counts.fp == report.counts.fn == 30
    assert report.counts.tn == 1200 - 390
    assert report.pooled["dice"] == pytest.approx(660 / 720)
    assert report.averaged["dice"] == pytest.approx((60 / 90 + 600 / 630) / 2)
    assert report.pooled["sensitivity"] == pytest.approx(330 / 360)
    assert report.averaged["sensitivity"] == pytest.approx((0.5 + 1) / 2)
    assert report.averaged["boundary_error_px"] == pytest.approx((0.5 + 0.5) / 2)
    assert report.averaged["boundary_error_um"] == pytest.approx(1)


def test_an_absent_class_is_not_counted_as_0() -> None:
    masks = [
        judged("found", band(0, 4), band(0, 4)),
        judged("absent", band(0, 0), band(0, 0)),
        judged("missed", band(0, 4), band(0, 0)),
        judged("invented", band(0, 0), band(0, 2)),
    ]

    report = build_report(masks, SCHEMA)
    (only,) = report.classes

    assert (only.bscans, only.absent, only.missed) == (3, 1, 1)
    assert report.bscans == 4
    assert only.averaged["dice"] == pytest.approx((1 + 0 + 0) / 3)
    assert only.averaged["sensitivity"] == pytest.approx((1 + 0) / 2), "not defined where invented"
    assert only.averaged["hd95_px"] == 0, "defined on one B-scan"
    assert only.pooled["precision"] == pytest.approx(4 / 6), "what is invented counts"
    assert only.counts.tn == 3 * 600 - 300
    assert [label.value for label in report.nowhere] == [2, 3]
    assert "absent" not in set(report.scores["bscan"])


def test_a_class_judged_without_pixels_counts_as_absent_but_its_true_negatives_are_pooled() -> None:
    bscan = LabelledBScan("healthy", np.zeros(SHAPE, np.uint8), band(0, 0))
    nothing = judge_mask(bscan, 1, LogitWindow(0, 0, np.full((1, 1), -9, np.float32)))

    (only,) = build_report([*shifted_bands(1), nothing], SCHEMA).classes

    assert (only.bscans, only.absent) == (1, 1)
    assert only.pooled["specificity"] == pytest.approx(1 - 30 / (480 + 600))
    assert only.averaged["specificity"] == pytest.approx(1 - 30 / 480)


def test_overall_metrics_are_means_of_classes_and_of_all_pixels() -> None:
    labels = band(0, 10) + band(15, 16, 2)
    bscan = LabelledBScan("a", np.zeros(SHAPE, np.uint8), labels)
    right = np.where(labels == 1, 4, -4).astype(np.float32)
    half = np.where(labels == 2, 4, -4).astype(np.float32)
    half[:, 15:] = -4
    masks = [
        judge_mask(bscan, 1, LogitWindow(0, 0, right)),
        judge_mask(bscan, 2, LogitWindow(0, 0, half)),
    ]

    report = build_report(masks, SCHEMA)

    assert report.pooled["sensitivity"] == report.averaged["sensitivity"] == 0.75
    assert report.all_pixels["sensitivity"] == pytest.approx(315 / 330)
    assert report.extremes.worst == (Ranked("a", pytest.approx((1 + 2 / 3) / 2)),)
    assert set(report.all_pixels) == {metric.key for metric in PIXEL_METRICS}


def test_best_middle_and_worst_are_named_and_ties_keep_their_order() -> None:
    report = build_report(shifted_bands(3, 0, 1, 1, 2, 0, 4, 2, 3), SCHEMA)

    def names(ranked: tuple[Ranked, ...]) -> list[str]:
        return [each.bscan for each in ranked]

    assert names(report.extremes.best) == ["by 0 (1)", "by 0 (5)", "by 1 (2)"]
    assert names(report.extremes.middle) == ["by 1 (3)", "by 2 (4)", "by 2 (7)"]
    assert names(report.extremes.worst) == ["by 4 (6)", "by 3 (8)", "by 3 (0)"]
    assert report.classes[0].extremes == report.extremes
    assert [each.value for each in report.extremes.worst] == [0, 0.25, 0.25]


def test_the_worst_by_a_distance_are_the_farthest() -> None:
    masks = [*shifted_bands(3, 0, 1), judged("missed", band(5, 9), band(0, 0))]

    extremes = build_report(masks, SCHEMA, ranked_by=HD95).extremes

    assert extremes.worst == (Ranked("by 3 (0)", 3),)
    assert extremes.best == (Ranked("by 0 (1)", 0),)


def test_the_worst_cases_are_the_reports_and_all_that_is_kept() -> None:
    worst = WorstCases(per_class=2)

    report = build_report(worst.watch(shifted_bands(1, 3, 0, 2, 3, 0)), SCHEMA)

    kept = [each.score.bscan for each in worst.of(1)]
    assert kept == ["by 3 (4)", "by 3 (1)"]
    assert kept == [each.bscan for each in report.extremes.worst]
    assert worst.of(2) == ()


def text_of(report: Report, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    for table in (*summary_tables(report), extremes_table(report)):
        console.print(rich_table(table))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_tables_fit_and_show_markup_as_it_is() -> None:
    masks = [*shifted_bands(0, 1), judged("[red]odd[/red]", band(5, 9), band(0, 0))]
    text = text_of(build_report(masks, SCHEMA, axial_um=2))

    assert max(map(len, text.splitlines())) <= 100
    assert "[red]odd[/red] 0.000" in text
    assert "Edge µm" in text
    assert "class mean" in text
    assert "…" not in text
    row = next(line for line in text.splitlines() if "1 UP" in line)
    assert row.split()[2:6] == ["3", "0", "1", "0.538"]


def test_without_spacing_there_are_no_micrometres() -> None:
    assert "µm" not in text_of(build_report(shifted_bands(1), SCHEMA))


def test_csv_says_what_the_report_says(tmp_path: Path) -> None:
    masks = [*shifted_bands(0, 1), judged('=1+1, "quoted"', band(5, 9), band(0, 0))]
    report = build_report(masks, SCHEMA)
    write_csv(tmp_path / "report.csv", report)

    with (tmp_path / "report.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert [row["row"] for row in rows] == ["B-scan"] * 3 + ["averaged"] * 2 + ["pooled"] * 3
    for mask, row in zip(masks, rows, strict=False):
        assert row["bscan"] == mask.score.bscan
        assert int(row["tp"]) == mask.score.counts.tp
        for key, value in mask.score.metrics.items():
            assert row[key] == "" if math.isnan(value) else float(row[key]) == value
    assert float(rows[3]["hd95_px"]) == report.classes[0].averaged["hd95_px"]
    assert float(rows[-1]["iou"]) == report.all_pixels["iou"]
    assert rows[-1]["hd95_px"] == ""


def test_json_holds_every_score_and_no_nan(tmp_path: Path) -> None:
    masks = [*shifted_bands(0, 1), judged("missed", band(5, 9), band(0, 0))]
    report = build_report(masks, SCHEMA)
    write_json(tmp_path / "report.json", report, {"model": "octsam-tiny"})

    read = json.loads((tmp_path / "report.json").read_text("utf-8"), parse_constant=pytest.fail)

    assert read["about"] == {"model": "octsam-tiny"}
    dices = [(row["bscan"], row["class"], row["dice"]) for row in read["scores"]]
    assert dices == [(m.score.bscan, m.score.class_value, m.score.dice) for m in masks]
    assert read["scores"][2]["hd95_px"] is None
    (only,) = read["classes"]
    assert only["averaged"]["dice"] == report.classes[0].averaged["dice"]
    assert only["pooled"]["tp"] == report.classes[0].counts.tp
    assert only["missed"] == 1
    assert read["overall"]["worst"] == [{"bscan": "missed", "value": 0}]


class Page(HTMLParser):
    """What a browser would find on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(tmp_path: Path) -> Page:
    worst = WorstCases()
    masks = [*shifted_bands(0, 1), judged("<script>alert(1)</script>", band(5, 9), band(6, 9))]
    report = build_report(worst.watch(masks), SCHEMA, axial_um=2)
    write_page(tmp_path / "page.html", report, worst, {"Model": '"><img src=x onerror=1>'})
    return Page((tmp_path / "page.html").read_text("utf-8"))


def test_the_page_needs_no_network_and_no_script(page: Page) -> None:
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"} == set()
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "href"]
        assert (attributes.get("src") or "data:").startswith("data:image/png;base64,") or (
            "src" not in attributes
        )
    assert not re.search(r"url\(|@import|https?://", page.text)
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None
    assert "default-src 'none'" in policy


def test_the_page_shows_names_as_they_are(page: Page) -> None:
    assert "<script>alert(1)</script>" in page.text
    assert "upper <b>layer</b>" in page.text
    assert 'Evaluation of "><img src=x onerror=1>' in page.text
    assert "On no B-scan: fluid & cysts, never seen." in page.text
    assert "Research use only." in page.text


def test_the_page_shows_each_worst_case_as_three_pictures(page: Page) -> None:
    sources = [str(a["src"]).partition("base64,")[2] for tag, a in page.tags if tag == "img"]
    pictures = [iio.imread(base64.b64decode(source)) for source in sources]

    assert len(pictures) == 3 * 3
    alone, truth, predicted = pictures[:3]
    assert not alone[..., :3].any()
    assert truth[..., 0].any(axis=1).nonzero()[0].tolist() == [5, 6, 7, 8]
    assert predicted[..., 0].any(axis=1).nonzero()[0].tolist() == [6, 7, 8, 9]


def test_an_overlay_keeps_the_grey_and_tints_the_mask() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    mask = np.zeros((16, 16), bool)
    mask[8:] = True

    picture = iio.imread(overlay_png(grey, mask, "#ff0000ff"))[..., :3].astype(int)

    assert np.abs(picture[:8] - grey[:8, :, None]).max() <= 2
    assert (picture[8:, :, 0] > picture[8:, :, 1] + 50).all()
    assert len(overlay_png(grey, None, "#ff0000")) > 0


def test_pictures_show_what_surrounds_a_small_mask() -> None:
    mask = np.zeros((400, 600), bool)
    mask[200:204, 2:6] = True
    rows, cols = around(mask)

    assert rows.start <= 200 - 24
    assert rows.stop - rows.start >= 128
    assert cols == slice(0, 5 + 94 + 1)
    assert around(np.ones(SHAPE, bool)) == (slice(0, 20), slice(0, 30))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Two B-scans; the second has no class 2."""
    folder = tmp_path / "data"
    for sub in ("images", "masks"):
        (folder / sub).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("first", "second"):
        labels = np.zeros((64, 96), np.uint8)
        labels[20:30] = 1
        if name == "first":
            labels[40:50, 20:60] = 2
        labels[:4] = 255
        iio.imwrite(folder / "images" / f"{name}.png", rng.integers(0, 256, (64, 96), np.uint8))
        iio.imwrite(folder / "masks" / f"{name}.png", labels)
    return folder


@pytest.fixture
def octsam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Octsam]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path / "home"))
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def test_evaluate_reports_in_the_terminal_and_in_files(
    octsam: Octsam, pairs: Path, tiny_checkpoint: Path
) -> None:
    files = ("--csv", "report.csv", "--json", "report.json", "--html", "report.html")
    options = ("--data", pairs, "--schema", "layers7", "--spacing", 3.9, "--device", "cpu")
    result = octsam("evaluate", tiny_checkpoint, *options, *files)

    assert result.exit_code == 0, result.output
    assert "2 B-scans, one box a class" in result.stdout
    assert re.search(r"2 GCL\+IPL +1 +1 +", result.stdout), "absent from the second"
    assert "Edge µm" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100
    assert "On no B-scan: inner nuclear layer" in result.stderr
    read = json.loads(Path("report.json").read_text("utf-8"))
    assert read["about"]["spacing_um"] == 3.9
    scored = [(row["bscan"], row["class"]) for row in read["scores"]]
    assert scored == [("first", 1), ("first", 2), ("second", 1)]
    assert len(Path("report.csv").read_text("utf-8").splitlines()) == 1 + 3 + 3 + 4
    assert Path("report.html").read_text("utf-8").count("<img") == 3 * 3


def test_the_scores_of_a_model_are_those_of_its_masks(pairs: Path, tiny_checkpoint: Path) -> None:
    from napari_octsam.core.classes import bundled_schema
    from napari_octsam.data.pairs import read_pairs
    from napari_octsam.models.checkpoints.load import load_model

    model = load_model(tiny_checkpoint, device="cpu")
    schema, bscans = bundled_schema("layers7"), read_pairs(pairs)
    judged = list(judge_model(model, bscans, schema))
    report = build_report(judged, schema)

    shown = [each.score for each in judged if not each.score.counts.absent]
    assert [(s.bscan, s.class_value) for s in shown] == [("first", 1), ("first", 2), ("second", 1)]
    means = {each.label.value: each.averaged["dice"] for each in report.classes}
    first, second, third = (score.dice for score in shown)
    assert means == pytest.approx({1: (first + third) / 2, 2: second})


def test_evaluate_says_at_once_where_it_cannot_write(
    octsam: Octsam, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*options: str) -> str:
        result = octsam("evaluate", "no-such-model", "--data", pairs, *options)
        assert result.exit_code == 1
        return result.stderr.strip()

    assert said("--csv", "missing/a.csv") == "There is no folder missing for a.csv: make it first."
    assert said("--json", "data") == "data is a folder: name a file in it."
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert "cannot be written to: choose another folder for a.html" in said("--html", "a.html")


def test_evaluate_says_that_the_schema_does_not_fit(
    octsam: Octsam, pairs: Path, tiny_checkpoint: Path
) -> None:
    def said(value: int) -> str:
        for path in (pairs / "masks").iterdir():
            iio.imwrite(path, np.full((64, 96), value, np.uint8))
        result = octsam("evaluate", tiny_checkpoint, "--data", pairs, "--device", "cpu")
        assert result.exit_code == 1
        return " ".join(result.stderr.split())

    assert "shows a class of the schema oct14: choose another one" in said(0)
    assert "the schema oct14 does not know (200): first, second. Choose" in said(200)
