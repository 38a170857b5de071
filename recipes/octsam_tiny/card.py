"""Fill the figures of octsam-tiny's card: `python -m recipes.octsam_tiny.card DATA [SECTION ...]`.

Each table comes from the commands that stand above it; without a section, all are filled.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.markdown import grid
from napari_octsam.core.files import replacing
from recipes.octsam_tiny.beginning import BEFORE
from recipes.octsam_tiny.exports import EXPORTS
from recipes.octsam_tiny.sources import HELD_OUT_FLUID, VALIDATION_SUBJECT

SEEDS = range(9000, 9048)  # of the phantoms that it is judged on
LEAST = 40  # pixels of a piece of theirs

CARD = Path(__file__).parents[2] / "docs" / "octsam-tiny.md"

Report = Mapping[str, Any]

_LAYERS = f'--data DATA/octrima --schema layers7 --only "{VALIDATION_SUBJECT}"'
_FLUID = "--data DATA/octdl_fluid --schema fluid --pieces 12"
_SHOW = "python -m recipes.octsam_tiny.exports DATA EXPORTS"
_PHANTOMS = f"--data PHANTOMS --schema oct14 --pieces {LEAST}"
_DRAW = f"octsam phantoms PHANTOMS --count {len(SEEDS)} --seed {SEEDS.start}"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the card: which commands give the reports, and what is shown of them.

    `before` is a command that makes the data.
    """

    commands: Mapping[str, str]
    table: Callable[[Mapping[str, Report]], str]
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Printed:
    """A part of the card that a command prints."""

    command: str


def layers_table(reports: Mapping[str, Report]) -> str:
    """Dice of each layer by prompt, with what the boundaries and the topology are like."""
    first = next(iter(reports.values()))
    rows = [
        [layer["name"], *(f"{_figure(r, i, 'dice'):.3f}" for r in reports.values())]
        for i, layer in enumerate(first["classes"])
    ]
    rows.append(["**mean Dice**", *(f"**{_mean(r, 'dice'):.3f}**" for r in reports.values())])
    for title, figure in (
        ("boundary error, pixels", "boundary_error_px"),
        ("Betti error", "betti_error"),
        ("HD95, pixels", "hd95_px"),
    ):
        rows.append([title, *(f"{_mean(r, figure):.2f}" for r in reports.values())])
    return grid(["layer", *reports], rows)


def pockets_table(reports: Mapping[str, Report]) -> str:
    """Dice of each pocket of fluid, and the mean of all."""
    scores = [score for report in reports.values() for score in report["scores"]]
    rows = [[s["bscan"], str(s["tp"] + s["fn"]), f"{s['dice']:.3f}"] for s in scores]
    mean = sum(score["dice"] for score in scores) / len(scores)
    return grid(["pocket", "pixels", "Dice"], [*rows, ["**mean**", "", f"**{mean:.3f}**"]])


def pieces_table(reports: Mapping[str, Report]) -> str:
    """Dice of the pieces of each class, the best first."""
    (report,) = reports.values()
    classes = sorted(report["classes"], key=lambda each: -each["averaged"]["dice"])
    rows = [[c["name"], str(c["bscans"]), f"{c['averaged']['dice']:.3f}"] for c in classes]
    return grid(["class", "pieces", "Dice"], rows)


def exports_table(reports: Mapping[str, Report]) -> str:
    """Mean Dice of the layers as each export shows them, the weakest layer, and the Betti error."""
    rows = []
    for name, report in reports.items():
        worst = min(report["classes"], key=lambda each: each["averaged"]["dice"])
        rows.append(
            [
                name,
                f"{_mean(report, 'dice'):.3f}",
                f"{worst['averaged']['dice']:.3f} ({worst['name']})",
                f"{_mean(report, 'betti_error'):.2f}",
            ]
        )
    return grid(["", "mean Dice", "weakest layer", "Betti error"], rows)


def calibration_table(reports: Mapping[str, Report]) -> str:
    """How far the model's own judgement can be trusted."""
    found = {name: report["calibration"] for name, report in reports.items()}
    rows = [
        [title, *(f"{each[key]:.3f}" for each in found.values())]
        for title, key in (
            ("rank correlation of predicted and actual IoU", "rank_correlation"),
            ("the same within the three candidates of a prompt", "rank_within"),
            ("mean error of the predicted IoU", "iou_error"),
            ("IoU of the candidate that is ranked first", "ranked_first"),
            ("IoU of the best candidate", "best"),
        )
    ]
    thresholds = next(iter(found.values()))["dice"]
    rows += [
        [f"Dice at a threshold of {t}", *(f"{each['dice'][t]:.3f}" for each in found.values())]
        for t in thresholds
    ]
    return grid(["", *found], rows)


SECTIONS: Mapping[str, Section | Printed] = {
    "aims": Printed(f"python -m recipes.octsam_tiny.judge DATA {BEFORE} octsam-tiny"),
    "layers": Section(
        {
            "one tight box": _LAYERS,
            "a box 5 pixels loose": f"{_LAYERS} --loose 5",
            "one point": f"{_LAYERS} --prompt point",
            "box and 3 corrections": f"{_LAYERS} --corrections 3",
        },
        layers_table,
    ),
    "exports": Section(
        {name: f"--data EXPORTS/{name} --schema layers7" for name in EXPORTS},
        exports_table,
        before=_SHOW,
    ),
    "fluid": Section({name: f"{_FLUID} --only {name}" for name in HELD_OUT_FLUID}, pockets_table),
    "phantoms": Section({"one tight box": _PHANTOMS}, pieces_table, before=_DRAW),
    "calibration": Section(
        {"layers, one box": _LAYERS, "layers, one point": f"{_LAYERS} --prompt point"},
        calibration_table,
    ),
    "trust": Printed("python -m recipes.octsam_tiny.calibration DATA octsam-tiny"),
    "confidence": Printed("python -m recipes.octsam_tiny.confidence DATA octsam-tiny"),
    "speed": Printed(f"python -m recipes.octsam_tiny.speed {BEFORE} octsam-tiny"),
}


def fill_card(text: str, sections: Mapping[str, str]) -> str:
    """Return the card with what stands between its marks replaced."""
    for name, content in sections.items():
        begin = f"<!-- {name}: made by recipes/octsam_tiny/card.py -->\n"
        end = f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(f"the card has no place for {name}")
        text = before + begin + content + end + after
    return text


def _printed(section: Printed, told: Callable[[str], str]) -> str:
    return f"    {section.command}\n\n{told(section.command)}"


def _section(section: Section, run: Callable[[str], Report]) -> str:
    lines = [section.before] if section.before else []
    lines += [f"octsam evaluate octsam-tiny {arguments}" for arguments in section.commands.values()]
    commands = "".join(f"    {line}\n" for line in lines)
    reports = {name: run(arguments) for name, arguments in section.commands.items()}
    return f"{commands}\n{section.table(reports)}"


def _figure(report: Report, number: int, name: str) -> float:
    return float(report["classes"][number]["averaged"][name])


def _mean(report: Report, name: str) -> float:
    return float(report["overall"]["averaged"][name])


def main(arguments: Sequence[str]) -> None:
    """Run the commands of every section and write the card."""
    data, *names = arguments
    with tempfile.TemporaryDirectory() as folder:
        places = {
            "DATA": data,
            "PHANTOMS": f"{folder}/phantoms",
            "EXPORTS": f"{folder}/exports",
        }
        done: dict[str, Report] = {}

        def execute(line: str, *more: str) -> str:
            program, *asked = shlex.split(line)
            for name, place in places.items():
                asked = [word.replace(name, place) for word in asked]
            module = ["-m", "napari_octsam"] if program == "octsam" else []
            command = [sys.executable, *module, *asked, *more]
            return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

        def run(words: str) -> Report:
            if words not in done:
                target = Path(folder) / f"{len(done)}.json"
                execute(f"octsam evaluate octsam-tiny {words}", "--json", str(target))
                done[words] = json.loads(target.read_text("utf-8"))
            return done[words]

        sections: dict[str, str] = {}
        for name in names or SECTIONS:
            section = SECTIONS[name]
            if isinstance(section, Printed):
                sections[name] = _printed(section, execute)
                continue
            if section.before:
                execute(section.before)
            sections[name] = _section(section, run)
    with replacing(CARD) as part:
        part.write_text(fill_card(CARD.read_text("utf-8"), sections), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
