"""The original project's loss from the parts that it was made of, on the recorded cases."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch_topological.nn import CubicalComplex, WassersteinDistance
from torch_topological.nn.data import batch_iter

from benchmarks.oracles.cases import ORIGINAL_CASES, OriginalCase

__all__ = ["original_loss"]


def original_loss(logits: torch.Tensor, truth: torch.Tensor, side: int = 50) -> torch.Tensor:
    """Return 0.1 times the distance in dimension 1 at 50 x 50, of (B, N, H, W) masks.

    Another `side` than the original's is for comparing the cost.
    """
    complexes = CubicalComplex(dim=2, superlevel=False)
    distance = WassersteinDistance(q=2)
    predicted, true = (
        batch_iter(
            complexes(
                F.interpolate(maps, (side, side), mode="bilinear", align_corners=True).squeeze()
            ),
            dim=1,
        )
        for maps in (logits.sigmoid(), truth)
    )
    each = [distance(ours, theirs) for ours, theirs in zip(predicted, true, strict=True)]
    return 0.1 * torch.stack(each).mean()


def _record(case: OriginalCase) -> dict[str, Any]:
    logits = torch.from_numpy(case.logits()).requires_grad_()
    loss = original_loss(logits, torch.from_numpy(case.truth()))
    loss.backward()
    assert logits.grad is not None
    gradient = logits.grad.numpy().ravel()
    where = np.flatnonzero(gradient)
    sample = where[:: max(len(where) // 200, 1)]
    return {
        "seed": case.seed,
        "loss": loss.item(),
        "pixels_with_gradient": len(where),
        "gradient_norm": float(np.linalg.norm(gradient)),
        "gradient": {int(i): float(gradient[i]) for i in sample},
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(
        json.dumps([_record(case) for case in ORIGINAL_CASES], indent=1) + "\n", "utf-8"
    )
