"""How long it takes to encode a B-scan."""

from __future__ import annotations

import torch

from benchmarks.peer import Peer, random_vit_b
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.samples import TINY, sample_bscan
from benchmarks.timing import Spread, in_turn, pairwise, timed
from benchmarks.wording import counted, duration_spread, ratio_spread
from napari_octsam.models.checkpoints.load import load_model

__all__ = ["TARGETS", "measure"]

_OURS = Target(name="vit_b encoding / SamPredictor.set_image", limit=0.5)
_TINY_OURS = Target(name="octsam-tiny encoding / our vit_b encoding", limit=0.05)
_TINY_THEIRS = Target(name="octsam-tiny encoding / SamPredictor.set_image", limit=0.1)

TARGETS = (_OURS, _TINY_OURS, _TINY_THEIRS)


def measure(run: Run) -> Findings:
    """Encode one B-scan by turns with SamPredictor, our vit_b and octsam-tiny."""
    checkpoint = random_vit_b(run)
    grey = sample_bscan().pixels
    peer = Peer(checkpoint)
    vit_b, tiny = load_model(checkpoint, device="cpu"), load_model(TINY, device="cpu")
    taken = in_turn(
        {
            "theirs": timed(lambda: peer.encode(grey)),
            "vit_b": timed(lambda: vit_b.encode(grey)),
            "tiny": timed(lambda: tiny.encode(grey)),
        },
        run.repeats(full=7, quick=2),
    )
    ours = pairwise(taken["vit_b"], taken["theirs"])
    tiny_theirs = pairwise(taken["tiny"], taken["theirs"])
    tiny_ours = pairwise(taken["tiny"], taken["vit_b"])
    times = {name: duration_spread(Spread.of(seconds)) for name, seconds in taken.items()}
    table = Table(
        title="Encoding a B-scan of {} x {}".format(*grey.shape),
        columns=("", "time", "/ SamPredictor", "/ our vit_b"),
        rows=(
            ("SamPredictor.set_image, vit_b, float32", times["theirs"], "1", ""),
            (f"ours, vit_b, {vit_b.precision}", times["vit_b"], ratio_spread(ours), "1"),
            (
                f"ours, octsam-tiny, {tiny.precision}",
                times["tiny"],
                ratio_spread(tiny_theirs),
                ratio_spread(tiny_ours),
            ),
        ),
        notes=(
            f"The same random weights of vit_b; {torch.get_num_threads()} threads; "
            f"{counted(len(taken['theirs']), 'round')} by turns; medians, in brackets the lowest "
            "and the highest; ratios round by round.",
        ),
    )
    return Findings(
        tables=(table,),
        measured={
            _OURS.name: ours.median,
            _TINY_OURS.name: tiny_ours.median,
            _TINY_THEIRS.name: tiny_theirs.median,
        },
    )
