"""One model's labels as prompts for another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED, bundled_schema
from napari_octsam.core.decoded import LogitWindow
from napari_octsam.core.labelling import Labelling
from napari_octsam.core.named_prompts import labelling_of_masks, prompts_of_labels

LAYERS = bundled_schema("layers7")
OCT14 = bundled_schema("oct14")


class Drawn:
    """An answer with one mask, as `DecodedObject` has it at the B-scan's resolution."""

    def __init__(self, mask: npt.NDArray[np.bool_], logit: float = 4.0) -> None:
        self._logits = np.where(mask, logit, -4.0).astype(np.float32)

    def window(self) -> LogitWindow:
        return LogitWindow(0, 0, self._logits)


def layers() -> npt.NDArray[np.uint8]:
    """Two layers, and a vitreous and a choroid that are background."""
    labels = np.zeros((60, 80), np.uint8)
    labels[20:30], labels[30:40] = 1, 2
    return labels


def named(labels: npt.NDArray[np.uint8]) -> Labelling:
    none = np.empty((0, labels.shape[1]), np.float32)
    return Labelling(labels, np.full(labels.shape, 0.7, np.float32), none, none)


def test_each_piece_is_asked_for_by_a_box_and_points_and_what_is_around_is_not() -> None:
    labels = np.full((60, 80), 12, np.uint8)  # vitreous
    labels[20:40], labels[40:] = 2, 0  # retina, and what is below
    labels[25:32, 10:20] = labels[25:32, 50:60] = 3  # two cysts
    prompts = prompts_of_labels(labels, OCT14)
    assert sorted(prompt.class_value for prompt in prompts) == [2, 3, 3]
    for prompt in prompts:
        assert prompt.box is not None
        for point in prompt.points:
            assert labels[int(point.row), int(point.col)] == prompt.class_value
    assert prompts_of_labels(np.zeros((60, 80), np.uint8), LAYERS) == ()


def test_the_masks_become_labels_and_what_no_mask_covers_is_left_to_the_person() -> None:
    labels = layers()
    prompts = prompts_of_labels(labels, LAYERS)
    assert [prompt.class_value for prompt in prompts] == [1, 2]
    first = labels == 1
    first[:, 40:] = False  # the model finds half of the layer
    found = labelling_of_masks(named(labels), prompts, [Drawn(first), Drawn(labels == 2)], LAYERS)
    assert (found.labels[first] == 1).all()
    assert (found.labels[labels == 2] == 2).all()
    assert (found.labels[20:28, 40:] == NOT_LABELLED).all()
    assert (found.labels[:20] == 0).all()
    assert (found.confidence[20:28, 40:] == 0).all()
    assert (found.confidence[:18] == np.float32(0.7)).all()
    assert (found.confidence[first] > 0.9).all()


def test_a_mask_does_not_leave_its_box() -> None:
    labels = layers()
    labels[labels == 2] = 0
    prompts = prompts_of_labels(labels, LAYERS)
    everywhere = Drawn(np.ones(labels.shape, bool))
    found = labelling_of_masks(named(labels), prompts, [everywhere], LAYERS)
    rows = np.flatnonzero((found.labels == 1).any(axis=1))
    assert (rows[0], rows[-1]) == (18, 31)
