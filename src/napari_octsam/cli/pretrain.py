"""`octsam pretrain`: octsam-tiny from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from napari_octsam.cli.console import note, out, steps_bar
from napari_octsam.cli.outputs import Overwrite, check_output

if TYPE_CHECKING:
    from napari_octsam.training.pretraining import Pretraining

__all__ = ["pretrain"]

_SAVE_EVERY = 100


def pretrain(
    data: Annotated[Path, typer.Argument(help="Folder with octrima/ and octdl_fluid/.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model to write: .safetensors.")],
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file of numbers; default: octsam-tiny's, in the package."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, views and prompts.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    overwrite: Overwrite = False,
) -> None:
    """Train octsam-tiny on labelled B-scans and phantoms, as docs/octsam-tiny.md tells.

    A run that was stopped goes on where it was saved, beside the output, every 100 steps.
    """
    check_output(output, overwrite)
    from napari_octsam.training.pretraining import Pretraining
    from napari_octsam.training.recipe import octsam_tiny_source, read_recipe

    recipe = read_recipe(config, seed)
    run = Pretraining(octsam_tiny_source(data, recipe.data), recipe, device=device)
    state = output.with_suffix(".state")
    if state.exists():
        run.restore(state)
        note(f"Going on from step {run.step} of {state}.")
    with steps_bar("Training", recipe.steps) as show:
        for event in run.run():
            losses = "  ".join(f"{name} {loss:.3f}" for name, loss in event.losses.items())
            show(event.step, losses)
            if event.step % _SAVE_EVERY == 0 or event.step == recipe.steps:
                run.save(state)
    _export(run, output)
    out.print(f"Wrote {output}.", soft_wrap=True, highlight=False)


def _export(run: Pretraining, output: Path) -> None:
    from napari_octsam.models.checkpoints import save_checkpoint
    from napari_octsam.models.header import Header
    from napari_octsam.training.recipe import HELD_OUT_FLUID, TRAINING_SUBJECTS

    record: dict[str, JsonValue] = {
        "data": f"octrima {TRAINING_SUBJECTS}, octdl_fluid, phantoms",
        "held_out": ["octrima s06_*", *HELD_OUT_FLUID],
        "steps": run.step,
        "recipe": run.config.model_dump(mode="json"),
    }
    header = Header(
        name="octsam-tiny", architecture="octsam-tiny", profile="octsam-tiny", training=record
    )
    save_checkpoint(output, {name: w.half() for name, w in run.weights.items()}, header)
