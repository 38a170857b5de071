"""Labels that were changed while a run stood still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from napari_octsam.data.dataset import fingerprint, listed
from napari_octsam.data.pairs import LabelledBScan

__all__ = ["label_hashes", "relabelled", "relabelled_note"]


def label_hashes(bscans: Iterable[LabelledBScan]) -> dict[str, str]:
    """Return a hash of the labels of each B-scan, by its name."""
    return {bscan.name: fingerprint(bscan.labels) for bscan in bscans}


def relabelled(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the B-scans whose hash is another now."""
    return tuple(name for name in now if name in before and before[name] != now[name])


def relabelled_note(names: Sequence[str], *, judged_by: bool) -> str:
    """Return a sentence for the person.

    Parameters
    ----------
    names
        Of the B-scans whose labels have changed; one at least.
    judged_by
        Whether they say which epoch is best.
    """
    note = (
        f"The labels of {listed(names)} have changed since the run was last saved; it goes on "
        "with them as they are now."
    )
    if judged_by:
        note += " Scores before and after do not compare: the best model is chosen anew."
    return note
