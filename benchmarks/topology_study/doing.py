"""Doing a trial: fine-tune, then judge on the held-out subject."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from benchmarks.topology_study.outcomes import FIGURES, Outcome
from benchmarks.topology_study.subjects import SCHEMA, Subjects
from benchmarks.topology_study.trials import Start, Trial
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.metrics import mean_known
from napari_octsam.evaluation.prompted import judge_model
from napari_octsam.evaluation.prompting import FirstPrompt, Prompting
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.model import Model
from napari_octsam.models.tiny.decoder import TinyMaskDecoder
from napari_octsam.training.loop import FineTuning

__all__ = ["do_trial"]


def do_trial(trial: Trial, subjects: Subjects, embeddings: Path) -> Outcome:
    """Fine-tune as the trial says, and judge the weights of the last step.

    Parameters
    ----------
    embeddings
        Folder for those of the image encoder, which all trials share.
    """
    model = _starting_model(trial.start, trial.seed)
    chosen = _chosen(subjects.training, trial)
    started = time.perf_counter()
    if chosen:
        run = FineTuning(model, chosen, [], SCHEMA, trial.config(), embeddings)
        for _ in run.run():
            pass
    seconds = time.perf_counter() - started
    figures: dict[str, dict[str, dict[str, float]]] = {
        kind: _judge(model, subjects.held_out, kind) for kind in get_args(FirstPrompt)
    }
    names = tuple(bscan.name for bscan in chosen)
    return Outcome(trial=trial, learnt_from=names, figures=figures, seconds=seconds)


def _starting_model(start: Start, seed: int) -> Model:
    model = load_model("octsam-tiny", device="cpu")
    if start == "fresh decoder":
        torch.manual_seed(seed)
        network = model.network
        network.mask_decoder = TinyMaskDecoder(network.config.embed_dim)  # type: ignore[attr-defined]
    return model


def _chosen(bscans: Sequence[LabelledBScan], trial: Trial) -> list[LabelledBScan]:
    """Return the trial's B-scans: those of fewer are among those of more."""
    order = np.random.default_rng(trial.seed).permutation(len(bscans))
    return [bscans[i] for i in order[: trial.bscans]]


def _judge(
    model: Model, bscans: Sequence[LabelledBScan], kind: FirstPrompt
) -> dict[str, dict[str, float]]:
    scores = [judged.score for judged in judge_model(model, bscans, SCHEMA, Prompting(kind))]
    return {
        layer.short: {
            key: mean_known([s.metrics[key] for s in scores if s.class_value == layer.value])
            for key in FIGURES
        }
        for layer in SCHEMA.foreground
    }
