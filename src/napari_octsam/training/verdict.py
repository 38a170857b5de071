"""What a training has come to, in a sentence for the person. Nothing here needs torch."""

from __future__ import annotations

from napari_octsam.training.events import Mixed

__all__ = ["mixing_note", "verdict"]


def mixing_note(mixed: Mixed) -> str:
    """Return a sentence on how far the weights went back to those of before."""
    share = f"{100 * mixed.share:.0f} % of the way from what it knew to what it has learnt"
    parts = [
        f"score {mixed.score:.3f}" if mixed.score is not None else "",
        f"layers of phantoms {mixed.remembered:.3f}" if mixed.remembered is not None else "",
    ]
    told = ", ".join(part for part in parts if part)
    return f"Kept: {share}{f' ({told})' if told else ''}."


def verdict(before: float | None, after: float) -> str:
    """Return a sentence on whether a model has become better; the scores are as of an epoch.

    Parameters
    ----------
    before
        None where no B-scan was held back.
    """
    if before is None:
        return (
            "No B-scan was held back, so nobody can say whether the model has become better: "
            "that needs three labelled B-scans."
        )
    if after <= before:
        return (
            f"The model did not become better: its score is {after:.3f}, and was {before:.3f}. "
            "Keep the one that it began with, or label more B-scans."
        )
    return f"The score went from {before:.3f} to {after:.3f}."
