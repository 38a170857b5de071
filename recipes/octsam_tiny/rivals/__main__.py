"""The rivals' commands; see the package's text."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import torch
import typer
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_octsam.core.files import replacing
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.tiny.network import TinyNetwork
from recipes.octsam_tiny.loop import Pretraining
from recipes.octsam_tiny.recipe import PretrainConfig, read_recipe
from recipes.octsam_tiny.rivals.classical import otsu, walker, whole_box
from recipes.octsam_tiny.rivals.contest import read_contest
from recipes.octsam_tiny.rivals.page import Contestant, as_page
from recipes.octsam_tiny.rivals.shrunk_sam import ShrunkSam
from recipes.octsam_tiny.rivals.unet import UNet
from recipes.octsam_tiny.sources import octsam_tiny_sources

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


Data = Annotated[Path, typer.Argument(help="Folder with octrima/ and octdl_fluid/.")]
Folder = Annotated[Path, typer.Argument(help="Folder for the rivals' weights.")]


class Rival(StrEnum):
    """Those that learn."""

    UNET = "unet"
    SAM = "sam"


_NETWORKS: dict[Rival, Callable[[], Any]] = {Rival.UNET: TinyNetwork, Rival.SAM: ShrunkSam}


@app.command()
def train(rival: Rival, data: Data, folder: Folder) -> None:
    """Train a rival on what octsam-tiny learnt from."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = _recipe(rival)
    run = Pretraining(octsam_tiny_sources(data), recipe, _NETWORKS[rival])
    state = folder / f"{rival}.state"
    if state.exists():
        run.restore(state)
    for event in run.run_saving(state):
        if event.saved:
            print(f"{event.step} of {recipe.steps}: {event.losses}", flush=True)
    weights = {name: each.contiguous() for name, each in run.weights.items()}
    save_file(weights, _weights(folder, rival), {"steps": str(run.step)})


@app.command()
def page(data: Data, folder: Folder, target: Path) -> None:
    """Judge everyone, and write the page."""
    contest = read_contest(data)
    tiny = load_model("octsam-tiny", device="cpu")
    sam, unet = _shrunk_sam(folder), UNet(_weights(folder, Rival.UNET))
    contestants = {
        "**octsam-tiny**": Contestant(
            contest.of_model(tiny), _size(tiny.network), cast(int, tiny.header.training["steps"])
        ),
        "U-Net, no prompt": Contestant(
            contest.of_unet(unet), unet.parameters, _steps(_weights(folder, Rival.UNET))
        ),
        "SAM, shrunk": Contestant(
            contest.of_model(sam), _size(sam.network), _steps(_weights(folder, Rival.SAM))
        ),
        "the whole box": Contestant(contest.of_segment(whole_box)),
        "Otsu": Contestant(contest.of_segment(otsu)),
        "random walks": Contestant(contest.of_segment(walker)),
    }
    with replacing(target) as part:
        part.write_text(as_page(contest, contestants), "utf-8")


def _recipe(rival: Rival) -> PretrainConfig:
    return read_recipe(Path(__file__).with_name(f"{rival}.toml"))


def _weights(folder: Path, rival: Rival) -> Path:
    return folder / f"{rival}.safetensors"


def _steps(weights: Path) -> int:
    """Return how many steps the weights that `train` wrote have learnt."""
    with safe_open(weights, "pt") as file:
        return int(file.metadata()["steps"])


def _shrunk_sam(folder: Path) -> Model:
    network = ShrunkSam()
    network.load_state_dict(load_file(_weights(folder, Rival.SAM)))
    header = Header(name="SAM, shrunk", architecture="octsam-tiny", profile="octsam-tiny")
    return Model(network.eval().requires_grad_(False), header, torch.device("cpu"))


def _size(network: Any) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    app(prog_name="python -m recipes.octsam_tiny.rivals")
