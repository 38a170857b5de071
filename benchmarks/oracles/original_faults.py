"""What goes wrong in the original project's loss, as its parts do it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch_topological
from torch_topological.nn import CubicalComplex, WassersteinDistance
from torch_topological.nn.data import batch_iter

from benchmarks.oracles.cases import ORIGINAL_CASES, OriginalCase, wide_ring
from benchmarks.oracles.original_loss import original_loss

_WITH_OUR_GUDHI = """
import gudhi, sys
sys.path.append(sys.argv[1])
from torch_topological.nn import CubicalComplex
import torch
CubicalComplex(dim=2)(torch.zeros(3, 3))
"""


def _tensors(case: OriginalCase) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(case.logits()), torch.from_numpy(case.truth())


def _feature_dimension_two() -> str:
    """Return the error of the loss's own default, `feat_d=2`."""
    maps = torch.rand(1, 9, 9)
    diagrams = list(batch_iter(CubicalComplex(dim=2)(maps), dim=2))
    try:
        WassersteinDistance(q=2)(diagrams[0], diagrams[0])
    except AttributeError as error:
        return str(error)
    return ""


def _later_gudhi() -> str:
    """Return the error with the gudhi that is installed beside this project."""
    folder = str(Path(torch_topological.__file__).parents[1])
    command = [sys.executable, "-c", _WITH_OUR_GUDHI, folder]
    done = subprocess.run(command, env={}, capture_output=True, text=True)
    return next((line for line in done.stderr.splitlines() if line.startswith("TypeError")), "")


def _bars_of_a_wide_ring() -> list[list[float]]:
    found = CubicalComplex(dim=2)(torch.from_numpy(wide_ring()))
    return [bar for each in found if each.dimension == 1 for bar in each.diagram.tolist()]


def _gradient_at_the_optimum() -> bool:
    """Return whether it is a number where nothing is wrong."""
    truth = torch.zeros(1, 2, 50, 50, dtype=torch.float64)
    truth[..., 10:40, 10:40], truth[..., 20:30, 20:30] = 1, 0
    logits = ((truth - 0.5) * 2000).requires_grad_()
    original_loss(logits, truth).backward()
    return bool(torch.isfinite(logits.grad).all()) if logits.grad is not None else False


def _split() -> dict[str, Any]:
    """Return the loss of a batch, and the mean of those of its samples."""
    logits, truth = _tensors(ORIGINAL_CASES[0])
    each = [original_loss(a[None], b[None]) for a, b in zip(logits, truth, strict=True)]
    return {
        "whole": original_loss(logits, truth).item(),
        "parts": float(np.mean([loss.item() for loss in each])),
    }


def _padding() -> dict[str, Any]:
    """Return the loss of masks, and with one more that only pads."""
    logits, truth = _tensors(ORIGINAL_CASES[3])
    padded = truth.clone()
    padded[:, 2] = 0
    return {
        "real": original_loss(logits[:, :2], truth[:, :2]).item(),
        "padded": original_loss(logits, padded).item(),
    }


if __name__ == "__main__":
    faults = {
        "feature dimension 2": _feature_dimension_two(),
        "later gudhi": _later_gudhi(),
        "bars of a wide ring": _bars_of_a_wide_ring(),
        "finite at the optimum": _gradient_at_the_optimum(),
        "split": _split(),
        "padding": _padding(),
    }
    Path(sys.argv[1]).write_text(json.dumps(faults, indent=1) + "\n", "utf-8")
