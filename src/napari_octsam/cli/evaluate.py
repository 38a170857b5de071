"""`octsam evaluate`: how well a model finds each class from one prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_octsam.cli.console import steps_bar, working
from napari_octsam.cli.outputs import Overwrite, check_outputs
from napari_octsam.cli.profile_option import Profile
from napari_octsam.cli.pseudocolor_option import Pseudocolor, colors_of
from napari_octsam.cli.reports import print_report
from napari_octsam.core.classes import BUNDLED_SCHEMAS
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.data.pairs import LabelledBScan
    from napari_octsam.evaluation.prompting import Prompting
    from napari_octsam.evaluation.report import About, Report, WorstCases
    from napari_octsam.models.model import Model

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[str, typer.Argument(help="Name from 'octsam models', or a checkpoint.")],
    data: Annotated[Path, typer.Option(help="Labelled B-scans of any layout.")],
    schema: Annotated[
        str | None,
        typer.Option(
            help=f"Classes: a bundled schema ({', '.join(BUNDLED_SCHEMAS)}) or a TOML file; "
            "default: as the data says, or oct14."
        ),
    ] = None,
    part: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="Part of the data's split to take; default: all B-scans."),
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="PATTERN", help="B-scans to take, such as 's06_*'.")
    ] = "*",
    prompt: Annotated[
        Literal["box", "point"],
        typer.Option(help="One tight box, or one point as deep in the class as can be."),
    ] = "box",
    loose: Annotated[
        int,
        typer.Option(
            metavar="PIXELS", min=0, max=10_000, help="Make the box too large by so much all round."
        ),
    ] = 0,
    corrections: Annotated[
        int, typer.Option(min=0, max=100, help="Points to add one by one where the mask is wrong.")
    ] = 0,
    no_class: Annotated[
        bool, typer.Option("--no-class", help="Do not tell the model the class, only its place.")
    ] = False,
    automatic: Annotated[
        bool,
        typer.Option(
            "--automatic",
            help="Give no prompt: judge what the model labels by itself, by its plain names and as "
            "layers between boundaries.",
        ),
    ] = False,
    pieces: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            min=1,
            help="Prompt for each connected piece of a class, of so many pixels at least, "
            "by itself.",
        ),
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Ask for the background too, as for a class.")
    ] = False,
    spacing: Annotated[
        float | None,
        typer.Option(metavar="UM", min=0.001, max=1000, help="µm per pixel along the A-scan."),
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write every score to this table too.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every score to this file too.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a page with the worst cases too.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    profile: Profile = None,
    pseudocolor: Pseudocolor = None,
    overwrite: Overwrite = False,
) -> None:
    """Prompt a model for each class of each labelled B-scan and report how good it is.

    Pixels that are not labelled (255) and classes that a B-scan does not show count nowhere.
    """
    if loose and prompt == "point":
        raise UserError("--loose is for a box: leave it out, or ask with --prompt box.")
    asks = loose or corrections or no_class or pieces or background or prompt == "point"
    if automatic and asks:
        raise UserError(
            "--automatic asks for nothing: leave out --prompt, --loose, --corrections, --no-class, "
            "--pieces and --background."
        )
    if pieces is not None and background:
        raise UserError("--pieces are of classes: leave out --background, or --pieces.")
    files = _Files(csv_file, json_file, html_file)
    inputs = [Path(model), *([Path(schema)] if schema else [])]
    check_outputs(files.all_of(automatic=automatic), overwrite, inputs)
    colors = colors_of(pseudocolor)
    from napari_octsam.core.classes import load_schema
    from napari_octsam.data.layouts import open_dataset
    from napari_octsam.data.pairs import read_dataset
    from napari_octsam.evaluation.pieces import pieces_of
    from napari_octsam.evaluation.prompting import Prompting
    from napari_octsam.evaluation.report import About
    from napari_octsam.models.checkpoints.load import load_model

    dataset = open_dataset(data, load_schema(schema) if schema else None)
    classes = dataset.schemas[0]
    bscans = read_dataset(dataset, only, part)
    with working(f"Loading {model}"):
        network = load_model(model, profile, device=device, colors=colors)
    taken = f" of the {part} part" if part else ""
    about = About(
        model=model,
        data=str(data),
        only=f"{only}{taken}",
        schema=schema or classes.name,
        prompt="none",
        spacing_um=spacing,
        each="",
        names_class=False,
        pseudocolor=network.header.colors,
    )
    if automatic:
        _evaluate_automatic(network, bscans, classes, about, files)
        return
    prompting = Prompting(prompt, corrections, loose, names_class=not no_class)
    each = "class" if pieces is None else "piece"
    asked = bscans
    if pieces is not None:
        asked = [piece for bscan in bscans for piece in pieces_of(bscan, classes, pieces)]
    report, worst = _judge(network, asked, classes, prompting, spacing, background=background)
    _check_shown(report, about, bscans)
    counted = "" if pieces is None else f"{len(asked)} pieces of "
    given = f"{prompting.in_words()} a {each}{', its class not named' if no_class else ''}"
    print_report(report, f"{counted}{len(bscans)} B-scans{taken}, {given}")
    given_prompts = replace(
        about, prompt=prompting.in_words(), each=each, names_class=prompting.names_class
    )
    files.write(report, worst, given_prompts)


@dataclass(frozen=True)
class _Files:
    """The files of a report that a person wants."""

    csv: Path | None
    json: Path | None
    html: Path | None

    def of(self, way: str) -> _Files:
        """Return those of a way in which B-scans are labelled: report-names.csv for report.csv."""
        return _Files(
            *(p and p.with_stem(f"{p.stem}-{way}") for p in (self.csv, self.json, self.html))
        )

    def all_of(self, *, automatic: bool) -> list[Path]:
        """Return all that may be written."""
        sets = [self.of("names"), self.of("boundaries")] if automatic else [self]
        return [p for each in sets for p in (each.csv, each.json, each.html) if p is not None]

    def write(self, report: Report, worst: WorstCases, about: About) -> None:
        """Write them."""
        from napari_octsam.evaluation.report import write_csv, write_json, write_page

        if self.csv is not None:
            write_csv(self.csv, report)
        if self.json is not None:
            write_json(self.json, report, about.record())
        if self.html is not None:
            write_page(self.html, report, worst, about.in_words())


def _evaluate_automatic(
    model: Model,
    bscans: Sequence[LabelledBScan],
    schema: LabelSchema,
    about: About,
    files: _Files,
) -> None:
    """Judge what the model labels unasked, in each way that the schema has."""
    from napari_octsam.evaluation.automatic import judge_automatic, ways_of
    from napari_octsam.evaluation.report import WorstCases, build_report
    from napari_octsam.models.named_schemas import named_schema

    wanted, _ = named_schema(model.header, schema)
    in_words = {"names": "plain names", "boundaries": "layers between boundaries"}
    for way in ways_of(wanted):
        worst = WorstCases()
        with steps_bar("Scoring", len(bscans)) as show:
            judged = judge_automatic(model, _counted(bscans, show), wanted, way, about.spacing_um)
            report = build_report(worst.watch(judged), wanted, about.spacing_um)
        _check_shown(report, about, bscans)
        print_report(report, f"{len(bscans)} B-scans, no prompt, {in_words[way]}")
        files.of(way).write(report, worst, replace(about, prompt=f"none, {in_words[way]}"))


def _check_shown(report: Report, about: About, bscans: Sequence[LabelledBScan]) -> None:
    from napari_octsam.data.labels import ONLY_255, marks_with_255

    if not report.classes:
        white = any(marks_with_255(bscan.labels) for bscan in bscans)
        raise UserError(
            f"No B-scan of {about.data} shows a class of the schema {about.schema}: "
            f"{ONLY_255 if white else 'choose another one with --schema.'}"
        )


def _judge(
    model: Model,
    bscans: Sequence[LabelledBScan],
    schema: LabelSchema,
    prompting: Prompting,
    spacing: float | None,
    *,
    background: bool,
) -> tuple[Report, WorstCases]:
    from napari_octsam.evaluation.prompted import judge_model
    from napari_octsam.evaluation.report import WorstCases, build_report

    worst = WorstCases()
    with steps_bar("Scoring", len(bscans)) as show:
        counted = _counted(bscans, show)
        judged = judge_model(model, counted, schema, prompting, spacing, background=background)
        report = build_report(worst.watch(judged), schema, spacing, background=background)
        return report, worst


def _counted(
    bscans: Sequence[LabelledBScan], show: Callable[[int, str], None]
) -> Iterator[LabelledBScan]:
    for number, bscan in enumerate(bscans):
        show(number, bscan.name)
        yield bscan
