"""Files and options that are changed at random, and what every command says of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from scipy.io import savemat
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
_IMPORT = ["annotation", "import", "--image", "bscan.tif", "-o", "out.octsam"]
_EVALUATE = ["evaluate", "model.safetensors", "--data", "data", "--json", "out.json"]
_RUN = "runs/run"
_GO_ON = ["train", "--resume", _RUN]
_CODES = (0, 1, 2)  # done, refused, not understood

_COCO = {
    "images": [{"id": 1, "file_name": "bscan.tif", "width": 128, "height": 128}],
    "categories": [{"id": 5, "name": "RPE"}],
    "annotations": [
        {"image_id": 1, "category_id": 5, "segmentation": [[9, 9, 60, 9, 60, 60, 9, 60]]},
        {
            "image_id": 1,
            "category_id": 5,
            "segmentation": {"size": [128, 128], "counts": [300, 40, 16044]},
        },
    ],
}

COMMANDS: dict[str, tuple[str, list[str]]] = {
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
        [*_IMPORT, "labels.tif"],
    ),
    "import COCO": ("coco.json", [*_IMPORT, "coco.json", "--schema", "oct14"]),
    "preprocess MATLAB": ("matlab/Subject_01.mat", ["preprocess", "matlab", "--out", "new"]),
    "evaluate on masks": ("data/masks/phantom_0.png", _EVALUATE),
    "evaluate on a picture": ("data/images/phantom_0.png", _EVALUATE),
    "evaluate a model": ("model.safetensors", _EVALUATE),
    "go on from a state": ("runs/run/last.pt", _GO_ON),
    "go on with its settings": ("runs/run/config.json", _GO_ON),
    "go on with metrics": ("runs/run/metrics.json", _GO_ON),
    "go on with a split": ("runs/run/split.json", _GO_ON),
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
    (folder / "coco.json").write_text(json.dumps(_COCO))
    (folder / "matlab").mkdir()
    savemat(folder / "matlab" / "Subject_01.mat", _volume(), do_compression=True)
    _make_run(folder)


def _volume() -> dict[str, npt.NDArray[Any]]:
    """Return the fields of a file of Chiu's: a volume of two B-scans with layers and fluid."""
    rows, cols, count = 64, 48, 2
    layers = np.tile(np.arange(8.0)[:, None, None] * 6 + 5, (1, cols, count))
    fluid = np.zeros((rows, cols, count))
    fluid[20:24, 10:20] = 1
    images = np.random.default_rng(0).integers(0, 256, (rows, cols, count), np.uint8)
    by_two = {f"manual{n}{i}": v for i in (1, 2) for n, v in (("Layers", layers), ("Fluid", fluid))}
    return {"images": images, **by_two}


def _make_run(folder: Path) -> None:
    """Train one epoch, and leave the run as it is then."""
    few = ["--epochs", "1", "--objects", "1", "--topology", "none", "--no-augment"]
    names = ["--base-model", str(folder / "model.safetensors"), "--out", str(folder / "runs")]
    result = CliRunner().invoke(app, ["train", str(folder / "data"), *names, *few])
    assert result.exit_code == 0, result.output
    next((folder / "runs").glob("*/config.json")).parent.rename(folder / _RUN)


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
