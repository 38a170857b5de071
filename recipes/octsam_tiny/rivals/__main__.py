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
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.tiny.network import TinyNetwork
from recipes.octsam_tiny.beginning import BEFORE, begun_network, model_of
from recipes.octsam_tiny.loop import Pretraining
from recipes.octsam_tiny.recipe import PretrainConfig, read_recipe
from recipes.octsam_tiny.rivals.classical import otsu, walker, whole_box
from recipes.octsam_tiny.rivals.contest import Contest, read_contest
from recipes.octsam_tiny.rivals.page import Contestant, as_page
from recipes.octsam_tiny.rivals.shrunk_sam import ShrunkSam
from recipes.octsam_tiny.rivals.unet import UNet
from recipes.octsam_tiny.sources import octsam_tiny_sources
from recipes.octsam_tiny.teacher import Teacher

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


Data = Annotated[Path, typer.Argument(help="Folder with octrima/, octdl_fluid/ and lesions/.")]
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
    teacher = Teacher(begun_network(read_recipe().begin_from), recipe.sure)
    run = Pretraining(octsam_tiny_sources(data, teacher), recipe, _NETWORKS[rival])
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
    """Judge everyone, and write the page; those that nobody has trained are named on it."""
    contest = read_contest(data)
    contestants = {
        "**octsam-tiny**": _tiny(contest, "octsam-tiny"),
        BEFORE: _tiny(contest, BEFORE),
        **{
            title: enter(contest, folder)
            for rival, (title, enter) in _ENTRIES.items()
            if _weights(folder, rival).exists()
        },
        "the whole box": Contestant(contest.of_segment(whole_box)),
        "Otsu": Contestant(contest.of_segment(otsu)),
        "random walks": Contestant(contest.of_segment(walker)),
    }
    lacking = [title for title, _ in _ENTRIES.values() if title not in contestants]
    with replacing(target) as part:
        part.write_text(as_page(contest, contestants, lacking), "utf-8")


def _tiny(contest: Contest, name: str) -> Contestant:
    model = model_of(name)
    steps = cast("int | None", model.header.training.get("steps"))
    return Contestant(contest.of_model(model), _size(model.network), steps)


def _unet(contest: Contest, folder: Path) -> Contestant:
    path = _weights(folder, Rival.UNET)
    unet = UNet(path)
    return Contestant(contest.of_unet(unet), unet.parameters, _steps(path))


def _sam(contest: Contest, folder: Path) -> Contestant:
    sam = _shrunk_sam(folder)
    steps = _steps(_weights(folder, Rival.SAM))
    return Contestant(contest.of_model(sam), _size(sam.network), steps)


_ENTRIES: dict[Rival, tuple[str, Callable[[Contest, Path], Contestant]]] = {
    Rival.UNET: ("U-Net, no prompt", _unet),
    Rival.SAM: ("SAM, shrunk", _sam),
}


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
