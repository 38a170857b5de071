"""octsam-tiny's weights: `python -m recipes.octsam_tiny train DATA -o FILE`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from napari_octsam.cli.commands import Commands
from napari_octsam.cli.console import note, say, steps_bar
from napari_octsam.cli.interrupt import asked_to_stop
from napari_octsam.cli.outputs import Overwrite, check_output
from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.models.devices import choose_device, explaining_memory
from napari_octsam.models.header import Header
from recipes.octsam_tiny.beginning import begun_network
from recipes.octsam_tiny.lesions import HELD_OUT_PATIENTS
from recipes.octsam_tiny.loop import Pretraining
from recipes.octsam_tiny.recipe import read_recipe
from recipes.octsam_tiny.sources import (
    HELD_OUT_FLUID,
    TRAINING_SUBJECTS,
    VALIDATION_SUBJECT,
    octsam_tiny_sources,
)
from recipes.octsam_tiny.teacher import Teacher

__all__ = ["app"]

app = typer.Typer(cls=Commands, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _recipe() -> None:
    """Make the weights of octsam-tiny that ship."""


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="Folder with octrima/, octdl_fluid/ and lesions/.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model to write: .safetensors.")],
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file of numbers; default: that of the weights that ship."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights, views and prompts.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "cpu",
    overwrite: Overwrite = False,
) -> None:
    """Train octsam-tiny on labelled B-scans and phantoms, as docs/octsam-tiny.md tells.

    A run that was stopped, by Ctrl+C too, goes on where it was saved, beside the output.
    """
    check_output(output, overwrite, [config] if config else [])
    if output.suffix != ".safetensors":
        raise UserError(f"{output} must end in .safetensors.")
    chosen, recipe = choose_device(device), read_recipe(config, seed)
    state = output.with_name(f"{output.name}.state")
    with explaining_memory(chosen):
        begin = partial(begun_network, recipe.begin_from)
        complete = Teacher(begin(), recipe.sure) if recipe.sure else None
        run = Pretraining(octsam_tiny_sources(data, complete), recipe, begin, chosen)
        if state.exists():
            run.restore(state)
            note(f"Going on from step {run.step} of {state}.")
        _train(run, state)
    if run.step < recipe.steps:
        note(f"Stopped after step {run.step}: the same command goes on from {state}.")
        raise typer.Exit(130)
    _export(run, output)
    state.unlink(missing_ok=True)
    say(f"Wrote {output}.")


def _train(run: Pretraining, state: Path) -> None:
    """Train to the end, or until somebody stops it; what was reached is saved."""
    steps = run.config.steps
    with (
        steps_bar("Training", steps) as show,
        asked_to_stop(lambda: note("Stopping after this step.")) as stopping,
    ):
        note(f"{steps - run.step} steps to go. Ctrl+C saves what was reached and stops.")
        for event in run.run_saving(state):
            losses = "  ".join(f"{name} {loss:.3f}" for name, loss in event.losses.items())
            show(event.step, losses)
            if event.saved:
                note(f"Step {event.step} of {steps} is saved: {losses}")
            if stopping():
                run.save(state)
                break


def _export(run: Pretraining, output: Path) -> None:
    every = run.config.all_shares
    drawn = {
        f"octrima {TRAINING_SUBJECTS}": any(shares.layers for shares in every),
        "octdl_fluid": any(shares.fluid for shares in every),
        "lesions": any(shares.lesions for shares in every),
        "phantoms": any(shares.phantoms for shares in every),
    }
    record: dict[str, JsonValue] = {
        "data": ", ".join(name for name, is_drawn in drawn.items() if is_drawn),
        "held_out": [f"octrima {VALIDATION_SUBJECT}", *HELD_OUT_FLUID, HELD_OUT_PATIENTS],
        "steps": run.step,
        "recipe": run.config.model_dump(mode="json"),
    }
    header = Header(
        name=output.stem, architecture="octsam-tiny", profile="octsam-tiny", training=record
    )
    save_checkpoint(output, {name: w.half() for name, w in run.weights.items()}, header)


if __name__ == "__main__":
    app(prog_name="python -m recipes.octsam_tiny")
