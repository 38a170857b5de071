"""The B-scans of the study: what is learnt from, and what judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.learning_curve.trials import Trial
from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.core.images import as_grey, normalised
from napari_octsam.data.labels import read_labels
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.data.pictures import read_picture

__all__ = ["LAYERS", "Ground", "ground_of", "spread"]

LAYERS = bundled_schema("layers7")
"""What octsam-tiny knew of healthy eyes before."""

_JUDGING = 18  # B-scans, where there are more
_LESIONS = {"drusen": (3, "drusen"), "cysts": (1, "intraretinal cysts")}
_FIRST_SUBJECTS, _LAST_SUBJECT = "s0[1-5]_*", "s06_*"


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a trial stands on.

    Parameters
    ----------
    schema
        Classes to learn.
    training, judging
        B-scans to learn from, and others.
    healthy
        B-scans with labels of `LAYERS`, which no trial learns from; none where they judge.
    unlabelled
        (H, W) uint8 B-scans that nobody labelled.
    by_piece
        Whether each piece of a class is asked for by itself.
    """

    schema: LabelSchema
    training: Sequence[LabelledBScan]
    judging: Sequence[LabelledBScan]
    healthy: Sequence[LabelledBScan] = ()
    unlabelled: Sequence[npt.NDArray[np.uint8]] = ()
    by_piece: bool = False


def ground_of(trial: Trial, data: Path) -> Ground:
    """Return what a trial learns from and is judged by; its seed chooses."""
    if trial.eyes == "amd_volume":
        return _volume(trial, data)
    if trial.eyes == "octrima":
        return _healthy_eyes(trial, data)
    return _lesions(trial, data)


def spread(bscans: Sequence[LabelledBScan], count: int, begin: float = 0.5) -> list[LabelledBScan]:
    """Return so many of the B-scans, evenly spread.

    Parameters
    ----------
    begin
        Where the first one lies in its share of them, 0 to 1.
    """
    count = min(count, len(bscans))
    places = (np.arange(count) + begin) * len(bscans) / max(count, 1)
    return [bscans[int(place)] for place in places]


def _volume(trial: Trial, data: Path) -> Ground:
    masked = _bscans(data / "amd_volume")
    begin = 0.5 if trial.seed == 0 else float(np.random.default_rng(trial.seed).random())
    chosen = spread(masked, trial.bscans, begin)
    names = {each.name for each in chosen}
    others = [each for each in masked if each.name not in names]
    band = _schema("band", {1: "retinal pigment epithelium"}, one_piece=True)
    return Ground(
        *(band, chosen, spread(others, _JUDGING), _bscans(data / "octrima", _LAST_SUBJECT)),
        unlabelled=_without_masks(data / "amd_volume"),
    )


def _healthy_eyes(trial: Trial, data: Path) -> Ground:
    first = _bscans(data / "octrima", _FIRST_SUBJECTS)
    order = np.random.default_rng(trial.seed).permutation(len(first))
    chosen = [first[i] for i in order[: trial.bscans]]
    rest = [first[i].image for i in order[trial.bscans :]]
    layers = {c.value: f"layer {c.value}" for c in LAYERS.foreground}
    schema = _schema("layers anew", layers, one_piece=True)
    return Ground(schema, chosen, _bscans(data / "octrima", _LAST_SUBJECT), unlabelled=rest)


def _lesions(trial: Trial, data: Path) -> Ground:
    value, name = _LESIONS[trial.eyes]
    found = _bscans(data / "lesions")
    shown = [
        LabelledBScan(each.name, each.image, (each.labels == value).astype(np.uint8))
        for each in found
        if (each.labels == value).any()
    ]
    training = [each for each in shown if not _validates(each)]
    order = np.random.default_rng(trial.seed).permutation(len(training))
    return Ground(
        _schema(trial.eyes, {1: name}),
        [training[i] for i in order[: trial.bscans]],
        spread([each for each in shown if _validates(each)], _JUDGING),
        _bscans(data / "octrima", _LAST_SUBJECT),
        by_piece=True,
    )


def _validates(bscan: LabelledBScan) -> bool:
    """Whether a patient is one of those by whom lesions are judged, and nobody learns from."""
    return bscan.name.split("_")[0][-1] in "05"


def _schema(name: str, classes: dict[int, str], *, one_piece: bool = False) -> LabelSchema:
    shape = {"components": 1, "holes": 0} if one_piece else {}
    background = {"value": 0, "name": "background", "short": "BG", "color": "#000000"}
    named = [
        {"value": value, "name": text, "short": f"C{value}", "color": "#ff8800", **shape}
        for value, text in classes.items()
    ]
    union = {"name": "all", "values": list(classes), **shape}
    unions = [union] if len(classes) > 1 else []
    return LabelSchema.model_validate(
        {"name": name, "classes": [background, *named], "unions": unions}
    )


@cache
def _bscans(folder: Path, pattern: str = "*") -> tuple[LabelledBScan, ...]:
    """Return the B-scans of a folder with `images` and `masks` that have a mask."""
    images = {path.stem: path for path in (folder / "images").iterdir()}
    return tuple(
        LabelledBScan(mask.stem, _grey(images[mask.stem]), np.asarray(read_labels(mask), np.uint8))
        for mask in sorted((folder / "masks").glob(f"{pattern}.png"))
        if mask.stem in images
    )


@cache
def _without_masks(folder: Path) -> tuple[npt.NDArray[np.uint8], ...]:
    images = sorted((folder / "images").iterdir())
    return tuple(_grey(path) for path in images if not (folder / "masks" / path.name).exists())


def _grey(path: Path) -> npt.NDArray[np.uint8]:
    return normalised(as_grey(read_picture(path)))
