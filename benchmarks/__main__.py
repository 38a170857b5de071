"""`python -m benchmarks`; on a machine without a display under `xvfb-run`, as `make bench` does."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.fresh import FreshProcessFailed
from benchmarks.machine import describe_load, describe_machine
from benchmarks.markdown import as_markdown
from benchmarks.parts import PARTS, run_part
from benchmarks.report import Findings, outcomes
from benchmarks.results import Results
from benchmarks.run import Run
from benchmarks.terminal import show_machine, show_table, show_verdicts
from napari_octsam.core.files import replacing

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_console = Console()


@app.command()
def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Run this part; may be repeated: {', '.join(PARTS)}.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="As few repeats as make sense.")] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the results to this file too.")
    ] = None,
) -> None:
    """Measure the plugin beside segment_anything on this machine, and hold it against targets.

    Ends with exit code 1 where a part failed; a missed target is only shown.
    """
    chosen = only or list(PARTS)
    for name in chosen:
        if name not in PARTS:
            raise typer.BadParameter(f"no part '{name}': there are {', '.join(PARTS)}")
    if markdown is not None and not markdown.parent.is_dir():
        raise typer.BadParameter(f"no folder {markdown.parent}")
    results = Results(machine=describe_machine())
    show_machine(_console, results.machine)
    if warning := describe_load():
        _warn(results, warning)
    with tempfile.TemporaryDirectory(prefix="octsam-bench-") as folder:
        failed = [name for name in chosen if not _measure(name, Run(Path(folder), quick), results)]
    show_verdicts(_console, results.outcomes)
    if markdown is not None:
        with replacing(markdown) as part:
            part.write_text(as_markdown(results), "utf-8")
    raise typer.Exit(code=bool(failed))


def _measure(name: str, run: Run, results: Results) -> bool:
    """Run a part and show its tables; return whether it came to its end."""
    started = time.perf_counter()
    findings: Findings | None = None
    try:
        with _console.status(f"{name} …"):
            findings = run_part(name, run)
    except FreshProcessFailed as error:
        _warn(results, f"The part {name} failed.")
        _console.print(str(error), markup=False, highlight=False)
    results.outcomes += outcomes(PARTS[name].targets, findings)
    if findings is None:
        return False
    for table in findings.tables:
        show_table(_console, table)
        results.tables.append(table)
    _console.print(f"{name}: {time.perf_counter() - started:.0f} s", style="dim", highlight=False)
    return True


def _warn(results: Results, warning: str) -> None:
    results.warnings.append(warning)
    _console.print(warning, style="yellow", highlight=False)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
