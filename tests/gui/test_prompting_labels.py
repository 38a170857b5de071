"""Labels layers are chosen, opened from files, and committed to by what their values mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

pytest.importorskip("napari")
from napari.layers import Labels
from PIL import Image as Picture
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QDialogButtonBox, QMessageBox

from napari_octsam.core.classes import bundled_schema
from napari_octsam.gui.layers.layer_schema import labels_colormap, schema_of, show_schema
from napari_octsam.gui.prompting import class_panel, labels_choice
from tests.gui.prompting_parts import (
    INSIDE,
    NSR,
    PATIENCE,
    bscan,
    choose_image,
    close,
    draw_box,
    names,
    wait_for_prediction,
)

OCT14, LAYERS7, AMD = map(bundled_schema, ("oct14", "layers7", "amd"))


def choose_labels(widget: Any, name: str) -> None:
    combo = widget.layers.labels
    combo.setCurrentText(name)
    combo.activated.emit(combo.currentIndex())


def commit(widget: Any, qtbot: Any) -> None:
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()


def add_labels(viewer: Any, name: str, value: int = 0, schema: Any = None) -> Labels:
    labels = viewer.add_labels(bscan(), name=name)
    labels.data[40:50] = value
    if schema is not None:
        show_schema(labels, schema)
    return labels


def answer_with(monkeypatch: pytest.MonkeyPatch, button: Any) -> None:
    monkeypatch.setattr(class_panel.QMessageBox, "question", lambda *_: button)


# Choosing


def test_a_chosen_layer_brings_its_schema_for_this_start_and_the_next(
    open_prompt: Any, open_widget: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    add_labels(viewer, "layers", 1, LAYERS7)
    choose_labels(widget, "layers")
    assert widget.session.schema == LAYERS7
    assert widget.layers.labels.currentText() == "layers"
    assert widget.classes.schemas.currentText() == "layers7"
    commit(widget, qtbot)
    assert "pixels of layers." in widget.message.text()
    close(widget)
    widget.session.close()
    assert open_widget(viewer).session.schema == LAYERS7


def test_where_prompts_wait_the_person_is_asked_and_may_refuse(
    open_prompt: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, widget = open_prompt(bscan())
    add_labels(viewer, "layers", 1, LAYERS7)
    draw_box(widget)
    answer_with(monkeypatch, QMessageBox.StandardButton.No)
    choose_labels(widget, "layers")
    assert widget.session.schema == OCT14
    assert widget.prompter.committer.target is None
    assert widget.layers.labels.currentText() == "a new layer"
    answer_with(monkeypatch, QMessageBox.StandardButton.Yes)
    choose_labels(widget, "layers")
    assert widget.session.schema == LAYERS7
    assert len(widget.prompter.drawing.shapes.data) == 0


def test_a_layer_that_says_nothing_and_fits_is_taken_and_told_of(open_prompt: Any) -> None:
    viewer, widget = open_prompt(bscan())
    mine = add_labels(viewer, "mine", 6)
    choose_labels(widget, "mine")
    assert schema_of(mine) == OCT14
    assert "mine does not say what its values mean: they are taken as oct14" in (
        widget.message.text()
    )
    assert widget.layers.question.isHidden()
    coloured = viewer.add_labels(bscan(), name="coloured", colormap=labels_colormap(AMD))
    colors = coloured.colormap
    choose_labels(widget, "coloured")
    assert coloured.colormap == colors
    assert widget.message.text() == ""


def test_a_layer_that_fits_not_is_never_renamed_but_asked_about(open_prompt: Any) -> None:
    viewer, widget = open_prompt(bscan())
    names_of_two = {"index": [1, 2], "name": ["neurosensory retina", "RPE-drusen complex"]}
    mine = viewer.add_labels(bscan(), name="mine", features=names_of_two)
    choose_labels(widget, "mine")
    question = widget.layers.question
    assert 'mine calls the value 1 "neurosensory retina"' in question.text
    assert list(question.answers) == ["Use amd", "Map its values …", "Leave it"]
    assert list(mine.features["name"]) == names_of_two["name"]
    assert widget.layers.labels.currentText() == "a new layer"
    question.answers["Leave it"].click()
    assert question.isHidden()
    assert schema_of(mine) is None
    mine.data[:2] = 1
    choose_labels(widget, "mine")
    question.answers["Map its values …"].click()
    assert [combo.currentData() for combo in question.value_map.combos.values()] == [0, 2]
    question.value_map.reject()
    question.answers["Use amd"].click()
    assert widget.session.schema == schema_of(mine) == AMD
    assert widget.prompter.committer.target is mine
    assert question.isHidden()


def test_values_are_mapped_in_one_step_that_can_be_undone(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    volume = np.zeros((2, 60, 80), np.uint16)
    volume[0, 10], volume[1, 10], volume[1, 20] = 77, 300, 255
    before = volume.copy()
    mine = viewer.add_labels(
        volume, name="mine", features={"index": [77], "note": ["thin"], "name": ["fluid"]}
    )
    choose_labels(widget, "mine")
    assert "does not know: 77, 300" in widget.layers.question.text
    widget.layers.question.answers["Map its values …"].click()
    dialog = widget.layers.question.value_map
    assert list(dialog.combos) == [0, 77, 300]
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    assert not ok.isEnabled()
    for value, to in ((77, 3), (300, 6)):
        dialog.combos[value].setCurrentIndex(dialog.combos[value].findData(to))
    ok.click()
    expected = np.where(before == 77, 3, np.where(before == 300, 6, before))
    assert np.array_equal(mine.data, expected)
    assert schema_of(mine) == OCT14
    assert mine.features.set_index("index")["note"][3] == "thin"
    assert widget.prompter.committer.target is mine
    widget.undo.click()
    assert np.array_equal(mine.data, before)
    assert schema_of(mine) is None
    assert list(mine.features["name"]) == ["fluid"]
    assert widget.prompter.committer.target is None
    widget.redo.click()
    assert np.array_equal(mine.data, expected)
    assert schema_of(mine) == OCT14


def test_a_layer_that_was_taken_wrongly_can_be_said_to_be_of_another_schema(
    open_prompt: Any,
) -> None:
    viewer, widget = open_prompt(bscan())
    mine = add_labels(viewer, "mine", 1)
    choose_labels(widget, "mine")
    widget.choice.ask_about(mine)
    widget.layers.question.answers["Use layers7"].click()
    assert widget.session.schema == schema_of(mine) == LAYERS7


def test_a_question_goes_with_its_layer_and_with_another_schema(open_prompt: Any) -> None:
    viewer, widget = open_prompt(bscan())
    for gone in (lambda: viewer.layers.remove("mine"), lambda: widget.classes.use_schema(AMD)):
        add_labels(viewer, "mine", 77)
        choose_labels(widget, "mine")
        assert not widget.layers.question.isHidden()
        gone()
        assert widget.layers.question.isHidden()


def test_a_question_about_a_layer_of_one_image_is_none_about_another(open_prompt: Any) -> None:
    viewer, widget = open_prompt(bscan())
    viewer.add_image(bscan(), name="other")
    add_labels(viewer, "mine", 77)
    choose_labels(widget, "mine")
    choose_image(widget, "other")
    assert widget.layers.question.isHidden()


def test_an_image_that_sinks_takes_labels_of_all_its_schemas_along(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    commit(widget, qtbot)
    widget.classes.use_schema(AMD)
    draw_box(widget, value=1)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    viewer.add_image(bscan(), name="other")
    viewer.layers.move(viewer.layers.index("other"), 0)
    choose_image(widget, "other")
    order = names(viewer)
    assert order.index("other") > order.index("scan labels [1]") > order.index("scan labels")


def test_a_large_layer_is_read_beside_the_window_and_commits_wait(
    open_prompt: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels_choice, "_AT_ONCE", 0)
    viewer, widget = open_prompt(bscan())
    mine = add_labels(viewer, "mine", 6)
    draw_box(widget)
    wait_for_prediction(qtbot, widget)
    choose_labels(widget, "mine")
    widget.commit.click()
    assert "mine is still being read" in widget.message.text()
    assert not mine.data[INSIDE].any()
    qtbot.waitUntil(lambda: widget.prompter.committer.target is mine, timeout=PATIENCE)
    widget.commit.click()
    assert (mine.data[INSIDE] == NSR).all()
    add_labels(viewer, "gone", 6)
    choose_labels(widget, "gone")
    viewer.layers.remove("gone")
    qtbot.waitUntil(lambda: not widget.prompter.committer.held, timeout=PATIENCE)
    assert widget.prompter.committer.target is mine


# Committing


def test_a_layer_of_another_schema_is_refused_by_name(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    mine = add_labels(viewer, "mine")
    choose_labels(widget, "mine")
    show_schema(mine, LAYERS7)
    commit(widget, qtbot)
    assert "mine is labelled with layers7, not with oct14" in widget.message.text()
    assert not mine.data.any()
    assert len(widget.prompter.drawing.shapes.data) == 1


def test_another_schema_has_its_own_layer_of_the_image(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    viewer.add_image(bscan(), name="other")
    mine = add_labels(viewer, "mine")
    choose_labels(widget, "mine")
    commit(widget, qtbot)
    widget.classes.use_schema(AMD)
    assert widget.prompter.committer.target is None
    draw_box(widget, value=1)
    wait_for_prediction(qtbot, widget)
    widget.commit.click()
    second = widget.prompter.committer.target
    assert second is not mine
    assert schema_of(second) == AMD
    for schema, target in ((OCT14, mine), (AMD, second)):
        widget.classes.use_schema(schema)
        assert widget.prompter.committer.target is target
        choose_image(widget, "other")
        assert widget.prompter.committer.target is None
        choose_image(widget, "scan")
        assert widget.prompter.committer.target is target


def test_labels_that_an_image_has_are_written_to_and_told_of(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    mine = add_labels(viewer, "mine", 0, OCT14)
    commit(widget, qtbot)
    assert "pixels of mine. scan has these labels already" in widget.message.text()
    assert (mine.data[INSIDE] == NSR).all()
    assert widget.layers.labels.currentText() == "mine"
    choose_labels(widget, "a new layer")
    commit(widget, qtbot)
    assert widget.prompter.committer.target.name == "scan labels"


def test_of_several_labels_the_person_chooses(open_prompt: Any, qtbot: Any) -> None:
    viewer, widget = open_prompt(bscan())
    for name in ("one", "two"):
        add_labels(viewer, name, 0, OCT14)
    commit(widget, qtbot)
    assert "scan has labels already, one and two: choose" in widget.message.text()
    for name in ("one", "two"):
        viewer.layers.remove(name)
    add_labels(viewer, "unsaid", 6)
    widget.commit.click()
    assert "scan has labels already, unsaid: choose" in widget.message.text()
    choose_labels(widget, "unsaid")
    widget.commit.click()
    assert "pixels of unsaid" in widget.message.text()


def test_a_new_layer_lies_above_older_labels_and_hidden_truth_is_not_written_to(
    open_prompt: Any, qtbot: Any
) -> None:
    viewer, widget = open_prompt(bscan())
    add_labels(viewer, "fluid", 0, AMD)
    truth = add_labels(viewer, "truth", 0, OCT14)
    truth.visible = False
    commit(widget, qtbot)
    order = names(viewer)
    assert order.index("scan labels") > max(order.index("fluid"), order.index("truth"))
    assert not truth.data.any()


# Opening masks


def three_channels(path: Path, values: np.ndarray) -> None:
    iio.imwrite(path, np.stack([values] * 3, -1))


def palette(path: Path, values: np.ndarray) -> None:
    picture = Picture.fromarray(values, "P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(path)


def one_bit(path: Path, values: np.ndarray) -> None:
    Picture.fromarray(values.astype(bool)).save(path)


def whole_floats(path: Path, values: np.ndarray) -> None:
    iio.imwrite(path, values.astype(np.float32))


MASKS = [
    ("a.png", three_channels),
    ("a.png", palette),
    ("a.png", one_bit),
    ("a.tif", whole_floats),
]


@pytest.mark.parametrize(("file", "write"), MASKS)
def test_masks_that_are_dropped_open_as_labels_of_the_image(
    open_prompt: Any, qtbot: Any, tmp_path: Path, file: str, write: Any
) -> None:
    _, widget = open_prompt(bscan(), scale=(4, 12))
    values = bscan()
    values[20:30] = 1
    write(tmp_path / file, values)
    dropped = QMimeData()
    dropped.setUrls([QUrl.fromLocalFile(str(tmp_path / file))])
    event = QDropEvent(
        QPointF(1, 1),
        Qt.DropAction.CopyAction,
        dropped,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    widget.layers.labels_row.dropEvent(event)
    qtbot.waitUntil(lambda: widget.prompter.committer.target is not None, timeout=PATIENCE)
    labels = widget.prompter.committer.target
    assert labels.name == "a"
    assert np.array_equal(labels.data, values)
    assert (labels.scale == (4, 12)).all()
    assert schema_of(labels) == OCT14
    commit(widget, qtbot)
    assert "pixels of a." in widget.message.text()


def test_several_masks_find_their_images_and_what_cannot_be_read_is_told(
    open_prompt: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer, widget = open_prompt(bscan())
    viewer.add_image(bscan(), name="other")
    for name, shape in (("other", (60, 80)), ("odd", (5, 6)), ("mine", (60, 80))):
        iio.imwrite(tmp_path / f"{name}.png", np.ones(shape, np.uint8))
    iio.imwrite(
        tmp_path / "photo.png", np.random.default_rng(0).integers(0, 9, (9, 9, 3), np.uint8)
    )
    paths = sorted(tmp_path.glob("*.png"))
    widget.layers.labels_row.open(paths)
    qtbot.waitUntil(lambda: widget.prompter.committer.target is not None, timeout=PATIENCE)
    assert widget.prompter.committer.target.name == "mine"
    told = widget.message.text()
    assert "odd (5 x 6) lies on no open image." in told
    assert "Values taken as oct14: odd, other [1]." in told
    assert "photo.png is a colour picture" in told
    choose_image(widget, "other")
    assert widget.prompter.committer.target.name == "other [1]"
    assert schema_of(viewer.layers["odd"]) == OCT14
    widget.layers.labels_row.open([tmp_path / "photo.png"])
    qtbot.waitUntil(lambda: widget.message.text().startswith(str(tmp_path)), timeout=PATIENCE)


@pytest.mark.usefixtures("plugin_settings")
def test_the_file_menu_opens_masks(
    make_napari_viewer: Any, npe2pm: Any, qtbot: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    import napari
    from napari._app_model import get_app_model
    from npe2 import PluginManifest

    import napari_octsam

    npe2pm.register(PluginManifest.from_file(Path(napari_octsam.__file__).with_name("napari.yaml")))
    viewer = make_napari_viewer()
    assert napari.current_viewer() is viewer
    viewer.add_image(bscan(), name="scan")
    iio.imwrite(tmp_path / "mask.png", np.ones((60, 80), np.uint8))
    monkeypatch.setattr(
        "qtpy.QtWidgets.QFileDialog.getOpenFileNames",
        lambda *_: ([str(tmp_path / "mask.png")], ""),
    )
    command = "napari-octsam.open_as_labels"
    groups = get_app_model().menus.get_menu("napari/file/io_utilities")
    assert command in [item.command.id for item in groups]
    get_app_model().commands.execute_command(command).result()
    qtbot.waitUntil(lambda: "mask" in viewer.layers, timeout=PATIENCE)
    assert isinstance(viewer.layers["mask"], Labels)
