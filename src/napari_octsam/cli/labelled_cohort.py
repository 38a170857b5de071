"""Many pictures are labelled: each by itself, known again by its content."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple

from napari_octsam.cli.cohort import begun_workers, worked_through
from napari_octsam.cli.console import note, phases_bar, working
from napari_octsam.cli.models import download_if_needed
from napari_octsam.cohorts.kept import content_key
from napari_octsam.core.automatic import doubts_about

if TYPE_CHECKING:
    from napari_octsam.cohorts.work import Outcome, Workers
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.models.model import Model

__all__ = ["Asked", "How", "label_all"]

_OnBScan = Callable[[int, int], None]

How = Literal["labelled", "kept", "other"]
"""What became of a picture: it was labelled, or has the labels that it would get, or others."""

_LOADING = Lock()  # a worker of a cluster may have several threads


@dataclass(frozen=True, slots=True)
class Asked:
    """How pictures are labelled.

    Parameters
    ----------
    namer
        A model that names pixels for one that does not.
    weights
        Hashes of the models' files, "" where there is none.
    """

    schema: LabelSchema
    model: str
    namer: str | None
    profile: str | None
    device: str
    overwrite: bool
    weights: tuple[str, ...] = ()


class _Labelled(NamedTuple):
    how: How
    doubts: str = ""  # a sentence


@dataclass(frozen=True, slots=True, eq=False)
class _Models:
    model: Model
    helper: Model | None
    schema: LabelSchema


def label_all(
    wanted: Mapping[Path, Path], asked: Asked, processes: int | None, scheduler: str | None
) -> tuple[Counter[How], list[str]]:
    """Label pictures into the files of their labels, and tell of doubts.

    Returns
    -------
    How many became what, and what was wrong with those that could not be labelled.
    """
    left = sum(asked.overwrite or not labels.is_file() for labels in wanted.values())
    asked = _known(asked, download=left > 0)
    most = _tried(asked, on_cluster=scheduler is not None) if left else None
    done: Counter[How] = Counter()
    failed = []
    with begun_workers(left, processes, scheduler, most) as workers:
        for outcome in _outcomes(wanted, asked, workers):
            if outcome.reason:
                failed.append(f"{outcome.name}: {outcome.reason}")
                continue
            how, doubts = outcome.value
            done[how] += 1
            if doubts:
                note(f"{outcome.name}: {doubts}")
    return done, failed


def _known(asked: Asked, *, download: bool) -> Asked:
    """Return what is asked, with models that are known in any folder and by their content."""
    from napari_octsam.models.checkpoints.registry import absolute_name

    model, namer = absolute_name(asked.model), asked.namer and absolute_name(asked.namer)
    names = [model, namer] if namer else [model]
    if download:
        for name in names:
            download_if_needed(name)
    return replace(
        asked, model=model, namer=namer, weights=tuple(_weights_hash(name) for name in names)
    )


def _weights_hash(name: str) -> str:
    from napari_octsam.models.checkpoints.registry import REGISTRY, local_path

    path = local_path(name) if name in REGISTRY else Path(name)
    is_there = path is not None and os.path.isfile(path)  # noqa: PTH113  (Path's own raises)
    return content_key(path) if path is not None and is_there else ""


def _tried(asked: Asked, *, on_cluster: bool) -> int | None:
    """Load the models once here, and return how many processes may label unasked.

    A cluster's machines have devices of their own: so here it is the processor.
    """
    with working(f"Loading {asked.model}"):
        model = _loaded(replace(asked, device="cpu") if on_cluster else asked).model
    if model.note:
        note(model.note)
    return None if model.device.type == "cpu" else 1


def _outcomes(wanted: Mapping[Path, Path], asked: Asked, workers: Workers) -> Iterator[Outcome]:
    """Yield what becomes of each picture; of a few, each B-scan is told of."""
    from napari_octsam.cohorts.here import Here
    from napari_octsam.cohorts.work import Task, work_through

    if not isinstance(workers, Here):
        tasks = [
            Task(str(picture), partial(_label_file, picture.absolute(), labels.absolute(), asked))
            for picture, labels in wanted.items()
        ]
        yield from worked_through("Labelling", tasks, workers)
        return
    with phases_bar("Labelling") as show:

        def task(number: int, picture: Path, labels: Path) -> Task:
            text = f"image {number} of {len(wanted)}"

            def on_bscan(done: int, total: int) -> None:
                show(picture.name, done, total, text)

            return Task(str(picture), partial(_label_file, picture, labels, asked, on_bscan))

        numbered = enumerate(wanted.items(), start=1)
        yield from work_through((task(number, *each) for number, each in numbered), workers)


def _loaded(asked: Asked) -> _Models:
    """Return the models, which are loaded once in each process."""
    with _LOADING:
        return _load(asked)


@lru_cache(maxsize=1)
def _load(asked: Asked) -> _Models:
    from napari_octsam.models.checkpoints.load import load_model  # torch, once all is right
    from napari_octsam.models.named_schemas import known_as, named_schema

    model = load_model(asked.model, asked.profile, device=asked.device)
    is_helped = asked.namer is not None and known_as(model.header, asked.schema) is None
    helper = load_model(asked.namer, device=asked.device) if asked.namer and is_helped else None
    schema, _ = named_schema((helper or model).header, asked.schema)
    return _Models(model, helper, schema)


def _ignore(_done: int, _total: int) -> None:
    """Tell nobody of a B-scan."""


def _label_file(
    picture: Path, labels: Path, asked: Asked, on_bscan: _OnBScan = _ignore
) -> _Labelled:
    """Label a picture, where it has no labels yet; runs in any process."""
    from napari_octsam.data.annotations.description import description_in

    key = content_key(picture, asked.schema, asked.weights, asked.profile)
    if labels.is_file() and not asked.overwrite:
        said = description_in(labels)
        return _Labelled("kept" if said is not None and said.made_of == key else "other")
    labels.parent.mkdir(parents=True, exist_ok=True)
    return _Labelled("labelled", _label(_loaded(asked), picture, labels, key, on_bscan))


def _label(models: _Models, picture: Path, output: Path, made_of: str, on_bscan: _OnBScan) -> str:
    """Label a picture, and return what is doubtful."""
    from napari_octsam.cli.prediction import label_picture
    from napari_octsam.data.annotations.of_picture import description_of
    from napari_octsam.data.annotations.tiff_export import write_described_tiff
    from napari_octsam.data.pictures import open_picture
    from napari_octsam.models.prompted_labels import label_with

    label = partial(label_with, models.model, models.helper, schema=models.schema)
    labels, doubtful = label_picture(label, open_picture(picture), on_bscan)
    described = description_of(picture, labels.ndim, models.schema)
    write_described_tiff(output, labels, described.model_copy(update={"made_of": made_of}))
    return doubts_about(doubtful) if doubtful else ""
