"""What a commit writes, what it leaves alone, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

pytest.importorskip("napari")

from napari_octsam.core.masks import Overlap
from tests.gui.prompting_parts import (
    BOX,
    INSIDE,
    NSR,
    PATIENCE,
    RPE,
    SRF,
    PromptEngine,
    bscan,
    draw_box,
    preview,
    wait_for_prediction,
)


def test_a_box_is_previewed_and_committed_as_one_undo_step(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    assert (preview(widget)[INSIDE] == NSR).all()

    widget.commit.click()

    labels = widget.prompter.committer.target
    assert labels is not None
    assert labels.name == "scan labels"
    assert (labels.data[INSIDE] == NSR).all()
    assert (labels.data != 0).sum() == 21 * 41
    assert len(widget.prompter.drawing.shapes.data) == 0
    assert "1 object committed" in widget.message.text()
    labels.undo()
    assert not labels.data.any()


@pytest.mark.parametrize(
    ("overlap", "survivors"),
    [
        (Overlap.KEEP, {SRF, RPE}),
        (Overlap.REPLACE, set()),
        (Overlap.REPLACE_CLASSES, {RPE}),
    ],
)
def test_the_overlap_policy_decides_what_a_commit_may_touch(
    open_prompt: Any, qtbot: Any, overlap: Overlap, survivors: set[int]
) -> None:
    viewer, widget = open_prompt(bscan())
    mine = bscan()
    mine[12, 12], mine[14, 14] = SRF, RPE
    labels = viewer.add_labels(mine, name="mine")
    widget.layers.labels.setCurrentText("mine")
    widget.layers.labels.activated.emit(widget.layers.labels.currentIndex())
    widget.masks.overlap.setCurrentIndex(widget.masks.overlap.findData(overlap))
    widget.prompter.committer.replaceable = frozenset({SRF})
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert set(np.unique(labels.data[INSIDE])) == {NSR} | survivors


def test_preserve_labels_holds_whatever_the_policy(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    mine = bscan()
    mine[12, 12] = SRF
    labels = viewer.add_labels(mine)
    labels.preserve_labels = True
    widget.prompter.committer.target = labels
    widget.prompter.committer.overlap = Overlap.REPLACE
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert labels.data[12, 12] == SRF
    assert labels.data[13, 13] == NSR


def test_nothing_to_change_keeps_the_prompts(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    labels = viewer.add_labels(np.full((60, 80), SRF, np.uint8))
    widget.prompter.committer.target = labels
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert "Nothing is changed" in widget.message.text()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_labels_that_do_not_line_up_are_refused(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan(), scale=(4, 12))
    labels = viewer.add_labels(bscan(), name="unscaled")
    widget.prompter.committer.target = labels
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert "unscaled does not lie pixel for pixel on scan" in widget.message.text()
    assert not labels.data.any()
    assert len(widget.prompter.drawing.shapes.data) == 1


@pytest.mark.parametrize("kind", ["read-only", "dask", "zarr"])
def test_labels_that_cannot_be_written_to_are_refused(
    open_prompt: Any, qtbot: Any, tmp_path: Path, kind: str
) -> None:
    viewer, widget = open_prompt(bscan())
    array = bscan()
    array.flags.writeable = False
    if kind == "dask":
        array = pytest.importorskip("dask.array").from_array(array)
    if kind == "zarr":
        zarr.save_array(tmp_path / "fixed.zarr", array)
        array = zarr.open_array(tmp_path / "fixed.zarr", mode="r")
    labels = viewer.add_labels(array, name="fixed")
    widget.prompter.committer.target = labels
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert "fixed cannot be written to" in widget.message.text()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_a_commit_in_a_flipped_scaled_volume_writes_its_bscan_only(
    open_prompt: Any, qtbot: Any
) -> None:
    volume = np.zeros((5, 60, 80), np.uint16)
    viewer, widget = open_prompt(volume, scale=(50, -4, 12), translate=(0, 99, 7))
    viewer.dims.set_current_step(0, 3)
    draw_box(widget, np.insert(BOX, 0, 3, axis=1))
    wait_for_prediction(qtbot, widget)
    shown = widget.prompter.preview.layer
    assert shown.data.shape == (1, 60, 80)
    assert shown.data_to_world((0, 10, 20)) == pytest.approx(
        viewer.layers["scan"].data_to_world((3, 10, 20))
    )
    widget.commit.click()
    labels = widget.prompter.committer.target
    assert (labels.data[(3, *INSIDE)] == NSR).all()
    assert set(np.unique(np.nonzero(labels.data)[0])) == {3}


def test_a_commit_shows_a_hidden_labels_layer(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    labels = viewer.add_labels(bscan(), name="mine", visible=False)
    widget.prompter.committer.target = labels
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    assert labels.visible
    labels.visible = False
    widget.undo.click()
    assert labels.visible
    assert not labels.data.any()


def test_the_preview_is_never_a_target(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    combo = widget.layers.labels
    assert [combo.itemText(i) for i in range(combo.count())] == ["a new layer"]


def test_a_commit_says_what_it_left_and_why(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    draw_box(widget)
    draw_box(widget, BOX + 500)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    qtbot.waitUntil(lambda: "outside the B-scan" in widget.message.text(), timeout=PATIENCE)
    assert widget.message.text().startswith("1 object committed: 861 pixels of scan labels.")
    assert "1 prompt was left. The box (510, 510)" in widget.message.text()


def test_the_first_commit_says_how_to_save(open_prompt: Any, qtbot: Any) -> None:
    _, widget = open_prompt(bscan())
    hint = "Save as … chooses where"
    for shift, is_told in ((0, True), (20, False)):
        draw_box(widget, BOX + shift)
        wait_for_prediction(qtbot, widget)
        widget.commit.click()
        assert (hint in widget.message.text()) is is_told


def test_commit_is_grey_without_prompts(open_prompt: Any, qtbot: Any, engine: PromptEngine) -> None:
    viewer, widget = open_prompt(np.zeros((3, 60, 80), np.uint8))
    viewer.dims.set_point(0, 1)
    assert not widget.commit.isEnabled()
    assert "nothing to commit" in widget.commit.toolTip()

    engine.hold = True
    draw_box(widget, np.insert(BOX, 0, 1, axis=1))
    assert widget.commit.isEnabled()
    qtbot.waitUntil(lambda: bool(engine.held), timeout=PATIENCE)
    widget.commit.click()
    assert widget.commit.isEnabled()  # it waits for the masks
    engine.release()
    qtbot.waitUntil(lambda: not widget.commit.isEnabled(), timeout=PATIENCE)

    widget.undo.click()
    assert widget.commit.isEnabled()
    viewer.dims.set_point(0, 2)
    assert not widget.commit.isEnabled()
    viewer.dims.set_point(0, 1)
    assert widget.commit.isEnabled()
