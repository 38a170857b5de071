"""What a run says when it cannot go on, or has to go on in another way."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["fewer_at_once", "no_epoch_scores", "no_number", "no_weights", "other_base"]


def fewer_at_once(objects: int) -> str:
    """Return a sentence on memory that ran out."""
    return (
        f"Memory ran out: from now on, {objects} of a B-scan's objects are decoded at once. The "
        "result is the same; it takes longer."
    )


def no_number(epoch: int, names: Sequence[str]) -> str:
    """Return a sentence on a loss at the B-scans of these names; the epoch is counted from 0."""
    return (
        f"The loss is no number any more, in epoch {epoch + 1} at the B-scans {', '.join(names)}. "
        "Begin a new training with a lower learning rate: this one would come to the same step."
    )


def no_weights(epoch: int) -> str:
    """Return a sentence on weights that are no numbers; the epoch is counted from 0."""
    return (
        f"Weights are no numbers any more, at the end of epoch {epoch + 1}. Begin a new training "
        "with a lower learning rate."
    )


def no_epoch_scores() -> str:
    """Return a sentence on a run without a best epoch."""
    return (
        "The score of no epoch is a number: begin a new training with a lower learning "
        "rate, or look at the labels of the validation part."
    )


def other_base() -> str:
    """Return a sentence on a state that does not fit the base model."""
    return (
        "it began with another base model than that which is there now: put the first one "
        "back, or begin a new run."
    )
