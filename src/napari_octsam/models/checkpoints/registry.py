"""The models that go by a name: one in the package, others to be downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from napari_octsam.core.config import BUNDLED_MODEL, MODELS_ELSEWHERE
from napari_octsam.core.errors import UserError
from napari_octsam.core.folders import cache_folder
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.verified import is_verified, remember, was_verified

__all__ = [
    "REGISTRY",
    "RegisteredModel",
    "absolute_name",
    "fetch",
    "is_here",
    "local_path",
    "own_place",
]

_META = "https://dl.fbaipublicfiles.com/segment_anything/"


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model that goes by a name.

    Parameters
    ----------
    name
        What to ask for.
    title
        What it is, in a few words.
    architecture, profile
        Of its checkpoint.
    url
        Where it is, or None where it comes with the package.
    sha256
        Of the file, or None where it comes with the package.
    bytes
        Size of the file, where it is known.
    """

    name: str
    title: str
    architecture: str
    profile: str
    url: str | None = None
    sha256: str | None = None
    bytes: int | None = None

    @property
    def named_schemas(self) -> tuple[str, ...]:
        """Names of the label schemas by whose classes it names pixels, unless it learns more."""
        return ARCHITECTURES[self.architecture].named_schemas


_MODELS = (
    RegisteredModel(
        BUNDLED_MODEL, "octsam-tiny: small, made for OCT", "octsam-tiny", "octsam-tiny"
    ),
    RegisteredModel(
        "vit_b",
        "Segment Anything ViT-B (Meta)",
        "vit_b",
        "sam",
        f"{_META}sam_vit_b_01ec64.pth",
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        375_042_383,
    ),
    RegisteredModel(
        "vit_l",
        "Segment Anything ViT-L (Meta)",
        "vit_l",
        "sam",
        f"{_META}sam_vit_l_0b3195.pth",
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    RegisteredModel(
        "vit_h",
        "Segment Anything ViT-H (Meta)",
        "vit_h",
        "sam",
        f"{_META}sam_vit_h_4b8939.pth",
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
)
REGISTRY: dict[str, RegisteredModel] = {model.name: model for model in _MODELS}


def local_path(name: str) -> Path | None:
    """Return the file of a registered model, or None where it is not on this machine.

    A download is verified by its hash, which takes up to some seconds where it is new: a file
    that is another is none.
    """
    model, path = _registered(name), own_place(name)
    there = path.is_file() if model.sha256 is None else is_verified(path, model.sha256)
    return path if there else None


def absolute_name(name_or_path: str) -> str:
    """Return what names the same model in any folder: a name of the registry, or a whole path."""
    name = MODELS_ELSEWHERE.get(name_or_path, name_or_path)
    is_path = name not in REGISTRY and os.path.exists(name)  # noqa: PTH110  (Path's own raises)
    return str(Path(name).absolute()) if is_path else name


def is_here(name: str) -> bool:
    """Whether a registered model is on this machine and verified; takes no time.

    False of a file that was put there by hand, until `fetch` or `local_path` has looked at it.
    """
    model, path = _registered(name), own_place(name)
    return path.is_file() if model.sha256 is None else was_verified(path, model.sha256)


def own_place(name: str) -> Path:
    """Return where the file of a registered model lies, or is to lie."""
    model = _registered(name)
    return _bundled(name) if model.url is None else _downloaded(model.url)


def fetch(
    name: str,
    progress: Callable[[int, int], None] | None = None,
    base_url: str | None = None,
) -> Path:
    """Return the file of a registered model, downloading it where it is not on this machine.

    What lies in its place and is another file is replaced.

    Parameters
    ----------
    name
        Name in `REGISTRY`.
    progress
        Called with (bytes done, bytes in all or 0); may raise to cancel.
    base_url
        Folder to download from instead of the model's own: a mirror's.

    Raises
    ------
    UserError
        There is no such model, no network, no room on the disk, or the file is not the right one.
    """
    model = _registered(name)
    present = local_path(name)
    if present is not None:
        return present
    if model.url is None or model.sha256 is None:
        raise UserError(f"The package lacks its model {name}: install napari-octsam again.")
    from napari_octsam.models.checkpoints.download import download  # requests takes long to import

    target = own_place(name)
    url = model.url if base_url is None else f"{base_url.rstrip('/')}/{target.name}"
    download(url, target, model.sha256, progress)
    remember(target, model.sha256)
    return target


def _registered(name: str) -> RegisteredModel:
    if name not in REGISTRY:
        raise UserError(f"There is no model '{name}': there are {', '.join(REGISTRY)}.")
    return REGISTRY[name]


def _bundled(name: str) -> Path:
    return Path(str(files("napari_octsam.models").joinpath("weights", f"{name}.safetensors")))


def _downloaded(url: str) -> Path:
    return cache_folder() / "models" / url.rpartition("/")[2]
