"""Files and options that are changed at random, and what every command says of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from typer.testing import CliRunner, Result

from napari_octsam.cli import app
from napari_octsam.core.annotation import Annotation, ImageLink
from napari_octsam.core.classes import bundled_schema
from napari_octsam.data.annotations.description import write_sidecar
from napari_octsam.data.annotations.folder import AnnotationFolder
from napari_octsam.data.facts import examine, members_of
from napari_octsam.data.pictures import write_labels
from napari_octsam.data.prepared import write_prepared
from napari_octsam.data.split.assignment import make_split
from napari_octsam.phantoms.dataset import phantom_dataset

__all__ = ["COMMANDS", "Outcome", "make_files", "mutated", "try_command"]

_SHAPE = (128, 128)
_OUTPUTS = ("out.tif", "out.octsam", "out.safetensors", "out.json", "new")
_PREDICT = ["predict", "bscan.tif", "-o", "out.tif", "--model", "model.safetensors"]
_CODES = (0, 1, 2)  # done, refused, not understood

COMMANDS: Mapping[str, tuple[str, list[str]]] = {
    "predict a picture": (
        "bscan.tif",
        [*_PREDICT, "--box", "9,9,60,60:1"],
    ),
    "predict prompts": (
        "prompts.json",
        [*_PREDICT, "--prompts", "prompts.json"],
    ),
    "predict in a schema": (
        "my.schema.toml",
        [*_PREDICT, "--box", "9,9,60,60:1", "--schema", "my.schema.toml"],
    ),
    "convert": ("model.safetensors", ["convert", "model.safetensors", "out.safetensors"]),
    "topology": ("labels.tif", ["topology", "labels.tif", "--json", "out.json"]),
    "preprocess a data set": ("data/dataset.json", ["preprocess", "data", "--out", "new"]),
    "preprocess a split": ("data/split.json", ["preprocess", "data", "--out", "new"]),
    "train on settings": ("settings.toml", ["train", "settings.toml"]),
    "check": ("kept.octsam/annotation.json", ["annotation", "check", "kept.octsam"]),
    "export": (
        "kept.octsam/annotation.json",
        ["annotation", "export", "kept.octsam", "-o", "out.tif", "--as", "tiff"],
    ),
    "import": (
        "labels.tif",
        ["annotation", "import", "labels.tif", "--image", "bscan.tif", "-o", "out.octsam"],
    ),
}
"""What is tried: the file that is changed, and the command."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did; `faults` says what it must not have done."""

    code: int
    said: str
    faults: tuple[str, ...]


def make_files(folder: Path, checkpoint: Path) -> None:
    """Write one whole file of each kind."""
    dataset = phantom_dataset(3, 0, _SHAPE)
    item = dataset.items[0]
    image, labels = item.read_image(), item.read_maps()["oct14"]
    tifffile.imwrite(folder / "bscan.tif", image, compression="zlib")
    write_labels(folder / "labels.tif", labels)
    (folder / "prompts.json").write_text('{"prompts": [{"class": 1, "box": [9, 9, 60, 60]}]}')
    schema = bundled_schema("oct14")
    write_sidecar(folder / "my.schema.toml", schema)
    (folder / "settings.toml").write_text('data = "nowhere"\nepochs = 1\nseed = 3\nlr = 0.001\n')
    shutil.copyfile(checkpoint, folder / "model.safetensors")
    split = make_split(members_of(examine(dataset)), 0)
    write_prepared(folder / "data", dataset, split)
    annotation = Annotation(
        name="kept",
        image=ImageLink(name="bscan", path=str(folder / "bscan.tif"), shape=image.shape),
        label_schema=schema,
        scale=(1.0, 1.0),
        units=("pixel", "pixel"),
        axis_labels=("y", "x"),
    )
    AnnotationFolder.create(folder / "kept.octsam", annotation, labels.dtype, labels).close()


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Return content with some bytes changed, cut out, doubled or blown up."""
    changes: tuple[Callable[[bytes, int, np.random.Generator], bytes], ...] = (
        lambda c, i, r: c[:i] + bytes([int(r.integers(256))]) + c[i + 1 :],
        lambda c, i, _: c[:i],
        lambda c, i, r: c[:i] + c[i + int(r.integers(1, 50)) :],
        lambda c, i, r: c[:i] + r.bytes(int(r.integers(1, 50))) + c[i:],
        lambda c, i, _: c[:i] + b"9" * 5000 + c[i:],
        lambda c, i, _: c[:i] + b"[" * 100_000 + c[i:],
        lambda c, i, _: c[:i] + b"1e999" + c[i + 1 :],
    )
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(content) + 1))
        content = changes[int(rng.integers(len(changes)))](content, at, rng)
    return content


def try_command(folder: Path, name: str, rng: np.random.Generator) -> Outcome:
    """Change a command's file, run the command in the folder, and put the file back."""
    file, arguments = COMMANDS[name]
    path = folder / file
    whole = path.read_bytes()
    path.write_bytes(mutated(whole, rng))
    try:
        result = CliRunner().invoke(app, arguments)
    finally:
        path.write_bytes(whole)
    faults = _faults(folder, result)
    _remove_outputs(folder)
    return Outcome(result.exit_code, result.stderr, tuple(faults))


def _faults(folder: Path, result: Result) -> list[str]:
    faults = []
    if result.exit_code not in _CODES or not isinstance(result.exception, SystemExit | None):
        faults.append(f"exit code {result.exit_code}: {result.exception!r}")
    if "Traceback" in result.output:
        faults.append("a traceback")
    if result.exit_code == 1 and not result.stderr.strip().endswith((".", ")")):
        faults.append(f"no sentence: {result.stderr!r}")
    if list(folder.rglob(".*.????????*")):
        faults.append("half a file")
    if result.exit_code:
        faults += [f"{out} of a refused command" for out in _OUTPUTS if _is_filled(folder / out)]
    return faults


def _is_filled(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _remove_outputs(folder: Path) -> None:
    for name in _OUTPUTS:
        path = folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
