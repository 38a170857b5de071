"""Doing a trial: learn, then judge by B-scans that were not learnt from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import numpy as np
import torch

from benchmarks.learning_curve.eyes import LAYERS, Ground, ground_of
from benchmarks.learning_curve.outcomes import Outcome
from benchmarks.learning_curve.trials import Trial
from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.masks import Mask
from napari_octsam.core.regions import pieces
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.metrics import boundary_error, dice, mean_known
from napari_octsam.evaluation.prompting import FirstPrompt, class_prompt
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import known_as
from napari_octsam.models.network import Embedding
from napari_octsam.topology.metrics import betti_error
from napari_octsam.training.events import StepDone
from napari_octsam.training.loop import FineTuning

__all__ = ["do_trial", "two_cores"]

_LARGEST = 4  # pieces of a class that are asked for

Figures = dict[str, float]


def do_trial(trial: Trial, data: Path) -> Outcome:
    """Learn as the trial says, and judge."""
    ground = ground_of(trial, data)
    model = load_model("octsam-tiny", device="cpu", precision="float32")
    begun, steps = two_cores(), 0
    if trial.bscans:
        model, steps = _learnt(model, trial, ground)
    seconds = two_cores() - begun
    return Outcome(
        trial=trial,
        learnt_from=tuple(each.name for each in ground.training),
        steps=steps,
        seconds=seconds,
        figures=_judged(model, ground),
        healthy=_layers(model, ground.healthy) if ground.healthy else None,
    )


def two_cores() -> float:
    """Return the seconds that this process would have taken on two cores of its own."""
    return time.process_time() / 2


def _learnt(model: Model, trial: Trial, ground: Ground) -> tuple[Model, int]:
    """Return the model after it has learnt, and in how many steps.

    As users have it, one B-scan is held back from three on; in fixed steps, none.
    """
    torch.manual_seed(trial.seed)  # fresh heads
    bscans = ground.training
    hold = trial.way != "fixed steps" and len(bscans) > 2
    held_back = [bscans[len(bscans) // 2]] if hold else []
    training = [each for each in bscans if each not in held_back]
    with TemporaryDirectory() as folder:
        run = FineTuning(
            *(model, training, held_back, ground.schema, trial.config(), Path(folder)),
            clock=two_cores,
            unlabelled=ground.unlabelled,
        )
        steps = sum(isinstance(event, StepDone) for event in run.run())
    run.model.network.load_state_dict(run.best_weights)  # type: ignore[attr-defined]
    return run.model, steps


def _judged(model: Model, ground: Ground) -> dict[str, Figures]:
    """Return the figures of all ways, means over B-scans and classes."""
    found: dict[str, list[Figures]] = {
        "unasked": [],
        **{kind: [] for kind in get_args(FirstPrompt)},
    }
    for bscan in ground.judging:
        embedding = model.encode(bscan.image)
        for way, masks in _masks(model, bscan, embedding, ground):
            counted = bscan.labels != NOT_LABELLED
            found[way] += [_compared(mask, truth, counted) for mask, truth in masks]
    return {way: _means(each) for way, each in found.items() if each}


def _masks(
    model: Model, bscan: LabelledBScan, embedding: Embedding, ground: Ground
) -> Iterator[tuple[str, list[tuple[Mask, Mask]]]]:
    """Yield each way with what the model finds, and the truth."""
    values = [c.value for c in ground.schema.foreground if (bscan.labels == c.value).any()]
    truths = {value: bscan.labels == value for value in values}
    yield "unasked", list(_named(model, embedding, truths, ground))
    asked = [
        (value, part)
        for value, truth in truths.items()
        for part in (_large_pieces(truth) if ground.by_piece else [truth])
    ]
    for kind in get_args(FirstPrompt):
        prompts = [class_prompt(part, value, kind) for value, part in asked]
        objects = model.decode(embedding, prompts, ground.schema)
        found = (each.window().mask(embedding.shape) for each in objects)
        yield kind, [(mask, part) for mask, (_, part) in zip(found, asked, strict=True)]


def _named(
    model: Model, embedding: Embedding, truths: dict[int, Mask], ground: Ground
) -> Iterator[tuple[Mask, Mask]]:
    """Yield what is named unasked: by the schema, or before that by a class of the same name."""
    if known_as(model.header, ground.schema) is not None:
        found = model.label(embedding, ground.schema).plain.labels
        yield from ((found == value, truth) for value, truth in truths.items())
        return
    called = {c.name: c.value for c in LAYERS.classes}
    found = model.label(embedding, LAYERS).plain.labels
    for value, truth in truths.items():
        if (known := called.get(ground.schema[value].name)) is not None:
            yield found == known, truth


def _large_pieces(mask: Mask) -> list[Mask]:
    return sorted(pieces(mask), key=np.count_nonzero, reverse=True)[:_LARGEST]


def _compared(mask: Mask, truth: Mask, counted: Mask) -> Figures:
    return {
        "dice": dice(mask, truth, counted),
        "boundary_error_px": mean_known(boundary_error(mask, truth, counted)),
        "betti_error": float(sum(betti_error(mask & counted, truth))),
    }


def _means(figures: Sequence[Figures]) -> Figures:
    found = {key: mean_known([each[key] for each in figures]) for key in figures[0]}
    return {key: value for key, value in found.items() if not np.isnan(value)}


def _layers(model: Model, bscans: Sequence[LabelledBScan]) -> float:
    """Return how good the layers are that were known before, named unasked."""
    each = []
    for bscan in bscans:
        found = model.label(model.encode(bscan.image), LAYERS).plain.labels
        values = [c.value for c in LAYERS.foreground if (bscan.labels == c.value).any()]
        each.append(np.mean([dice(found == value, bscan.labels == value) for value in values]))
    return float(np.mean(each))
