"""Labels are on the disk soon after each edit, and come back with all that belongs to them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import tifffile

pytest.importorskip("napari")
from napari.components import ViewerModel
from napari.layers import Labels
from npe2 import PluginManifest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

import napari_octsam
from napari_octsam.core.annotation import BScanState, SetBy
from napari_octsam.core.classes import bundled_schema
from napari_octsam.data.annotations.drafts import Draft, drafts
from napari_octsam.data.annotations.folder import AnnotationFolder
from napari_octsam.data.annotations.saved import open_saved
from napari_octsam.data.annotations.tiff_export import write_tiff
from napari_octsam.gui.annotations.files import get_reader
from napari_octsam.gui.annotations.keeper import Keeper, keeper_of
from napari_octsam.gui.annotations.kept import KeptLabels
from napari_octsam.gui.layers.layer_schema import schema_of, show_schema
from napari_octsam.gui.prompting.prompt_widget import PromptWidget
from tests.gui.prompting_parts import NSR, PATIENCE, RPE, close, draw_box, wait_for_prediction

OpenPrompt = Callable[..., tuple[ViewerModel, PromptWidget]]
VOLUME = np.arange(3 * 60 * 80, dtype=np.uint16).reshape(3, 60, 80)


def labelled(viewer: ViewerModel, keeper: Keeper, name: str = "scan labels") -> KeptLabels:
    """Add an empty labels layer to a viewer with an image."""
    image = viewer.layers[0]
    labels = viewer.add_labels(np.zeros(image.data.shape, np.uint8), name=name, scale=image.scale)
    kept = keeper.of(labels)
    assert kept is not None
    return kept


def wait_until_kept(qtbot: Any, kept: KeptLabels) -> None:
    qtbot.waitUntil(lambda: kept.path is not None and not kept.is_pending, timeout=PATIENCE)


def leave(widget: PromptWidget) -> None:
    """Close the widget, then what lives as long as its window."""
    close(widget)
    widget.session.close()


def copy_of(kept: KeptLabels) -> AnnotationFolder:
    """Open a copy of its folder as it is now: nobody has had time to close it."""
    assert kept.path is not None
    copy = Path(mkdtemp(dir=kept.path.parent.parent)) / kept.path.name
    shutil.copytree(kept.path, copy)
    return AnnotationFolder(copy)


def on_disk(kept: KeptLabels) -> np.ndarray:
    return copy_of(kept).labels.read_all()


def labelled_and_left(open_prompt: OpenPrompt, qtbot: Any, folder: Path) -> Path:
    """Label a volume in a file, and close the window."""
    file = folder / "P012.tif"
    tifffile.imwrite(file, VOLUME, photometric="minisblack")
    viewer, widget = open_prompt()
    viewer.open(str(file), plugin="napari")
    kept = labelled(viewer, widget.keeper)
    kept.labels.paint((1, 20, 20), NSR)
    wait_until_kept(qtbot, kept)
    leave(widget)
    return file


def only_draft() -> Draft:
    (draft,) = drafts()
    return draft


@pytest.fixture
def volume(open_prompt: OpenPrompt) -> tuple[ViewerModel, PromptWidget, KeptLabels]:
    viewer, widget = open_prompt(VOLUME, scale=(0.03, 0.004, 0.011))
    kept = labelled(viewer, widget.keeper)
    widget.prompter.committer.target = kept.labels
    return viewer, widget, kept


@pytest.mark.parametrize("way", ["brush", "fill", "polygon", "erase", "undo", "redo", "script"])
def test_whatever_changes_labels_is_on_the_disk_soon(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels], qtbot: Any, way: str
) -> None:
    _, _, kept = volume
    labels = kept.labels
    labels.paint((1, 20, 20), 3)
    match way:
        case "fill":
            labels.fill((1, 0, 0), 5)
        case "polygon":
            labels.paint_polygon([(1, 5, 5), (1, 5, 40), (1, 30, 40)], 4)
        case "erase":
            labels.paint((1, 20, 20), 0)
        case "undo" | "redo":
            wait_until_kept(qtbot, kept)
            labels.paint((2, 30, 30), 6)
            wait_until_kept(qtbot, kept)
            labels.undo()
            if way == "redo":
                wait_until_kept(qtbot, kept)
                labels.redo()
        case "script":
            labels.data[0, :9] = 7
            labels.refresh()
    wait_until_kept(qtbot, kept)
    assert (on_disk(kept) == labels.data).all()
    assert labels.data.any() == (way != "erase")


def test_looking_through_a_volume_writes_nothing(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels], qtbot: Any
) -> None:
    viewer, _, kept = volume
    for i in range(3):
        viewer.dims.set_point(0, i * 0.03)
    qtbot.waitUntil(lambda: not kept.is_pending, timeout=PATIENCE)
    assert kept.path is None
    assert not drafts()


def test_each_bscan_says_who_did_it(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels], qtbot: Any
) -> None:
    _, _, kept = volume
    by_model = SetBy(kind="model", model="octsam-tiny")
    kept.labels.data[0] = 2
    kept.set_state((0,), BScanState.AUTOMATIC, by_model)
    kept.labels.paint((1, 20, 20), 3)
    kept.set_state((2,), BScanState.DONE)
    wait_until_kept(qtbot, kept)
    folder = copy_of(kept)
    found = folder.annotation.progress
    assert {i: each.state for i, each in found.items()} == {
        (0,): BScanState.AUTOMATIC,
        (1,): BScanState.CORRECTED,
        (2,): BScanState.DONE,
    }
    assert [found[i,].by.model for i in range(3)] == ["octsam-tiny", "", ""]
    kept.labels.paint((0, 30, 30), 3)
    wait_until_kept(qtbot, kept)
    assert kept.progress[0,].state is BScanState.CORRECTED
    kept.set_state((0,), BScanState.AUTOMATIC, by_model)  # and nothing is written
    wait_until_kept(qtbot, kept)
    kept.labels.paint((0, 40, 40), 3)
    wait_until_kept(qtbot, kept)
    assert kept.progress[0,].state is BScanState.CORRECTED
    kept.labels.undo()  # what the model did is there again, and a person has looked at it
    kept.labels.paint((1, 20, 20), 0)
    kept.labels.paint((2, 20, 20), 1)
    qtbot.waitUntil(lambda: (1,) not in kept.progress, timeout=PATIENCE)
    assert kept.progress[2,].state is BScanState.DONE


def test_a_stroke_just_after_a_model_is_the_persons(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels], qtbot: Any
) -> None:
    viewer, _, kept = volume
    viewer.dims.set_point(0, 0)
    kept.labels.data[0] = 2
    kept.set_state((0,), BScanState.AUTOMATIC, SetBy(kind="model", model="octsam-tiny"))
    kept.labels.paint((0, 20, 20), 3)
    wait_until_kept(qtbot, kept)
    assert kept.progress[0,].state is BScanState.CORRECTED


def test_a_commit_and_its_undo_are_kept(open_prompt: OpenPrompt, qtbot: Any) -> None:
    viewer, widget = open_prompt(VOLUME)
    viewer.dims.set_point(0, 0)
    draw_box(widget, np.array([[0, 10, 10], [0, 10, 50], [0, 30, 50], [0, 30, 10]], float), RPE)
    wait_for_prediction(qtbot, widget)
    widget.prompter.commit()
    kept = widget.keeper.of(widget.prompter.committer.target)
    assert kept is not None
    wait_until_kept(qtbot, kept)
    assert (on_disk(kept) == kept.labels.data).all()
    assert kept.labels.data.any()
    widget.prompter.undo()
    qtbot.waitUntil(lambda: not kept.progress, timeout=PATIENCE)
    folder = copy_of(kept)
    assert not folder.labels.read_all().any()
    assert [p.kind for p in folder.annotation.prompts] == ["rectangle"]


def test_what_was_kept_comes_back_with_image_schema_states_and_prompts(
    open_prompt: OpenPrompt, qtbot: Any, tmp_path: Path
) -> None:
    file = tmp_path / "P012.tif"
    tifffile.imwrite(file, VOLUME, photometric="minisblack")
    viewer, widget = open_prompt()
    widget.session.schema = bundled_schema("layers7")
    image = viewer.open(str(file), plugin="napari")[0]
    image.scale = (0.03, 0.004, 0.011)
    image.units = ("mm", "mm", "mm")
    viewer.scene.camera.zoom = 1000  # a window fits it, and a box of no size is none
    draw_box(widget, np.array([[1, 9, 9], [1, 9, 30], [1, 20, 30], [1, 20, 9]], float), 4)
    labels = viewer.add_labels(
        np.zeros(VOLUME.shape, np.uint8), name="mine", scale=image.scale, units=image.units
    )
    widget.prompter.committer.target = labels
    kept = widget.keeper.of(labels)
    assert kept is not None
    labels.paint((2, 30, 30), 7)
    kept.set_state((0,), BScanState.DONE)
    wait_until_kept(qtbot, kept)
    expected = labels.data.copy()
    leave(widget)

    draft = only_draft()
    assert draft.annotation.image.path == str(file)
    assert draft.picture is not None
    _, other = open_prompt()
    other.annotation._open(draft.path)
    qtbot.waitUntil(lambda: other.prompter.shown.image is not None, timeout=PATIENCE)
    target = other.prompter.committer.target
    assert isinstance(target, Labels)
    assert (target.data == expected).all()
    assert target.name == "mine"
    assert np.allclose(target.scale, (0.03, 0.004, 0.011))
    assert [str(unit) for unit in target.units] == ["millimeter"] * 3
    assert other.session.schema == bundled_schema("layers7")
    assert other.prompter.shown.image.source.path == str(file)
    found = other.keeper.of(target)
    assert found is not None
    assert {i: each.state for i, each in found.progress.items()} == {
        (0,): BScanState.DONE,
        (2,): BScanState.CORRECTED,
    }
    shapes = other.prompter.drawing.shapes
    assert shapes is not None
    assert list(shapes.features["class"]) == [4]
    assert np.allclose(shapes.data[0][:, 1:], [[9, 9], [9, 30], [20, 30], [20, 9]])
    target.paint((0, 5, 5), 1)
    wait_until_kept(qtbot, found)
    assert found.path == draft.path
    assert len(list(draft.path.parent.iterdir())) == 1


def test_an_annotation_goes_where_the_person_says_and_is_kept_there(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels], qtbot: Any, tmp_path: Path
) -> None:
    _, _, kept = volume
    kept.labels.paint((1, 20, 20), 3)
    wait_until_kept(qtbot, kept)
    before = kept.path
    place = tmp_path / "P012.octsam"
    kept.place(place).result()
    assert before is not None
    assert not before.exists()
    assert kept.is_placed
    kept.labels.paint((2, 20, 20), 3)
    wait_until_kept(qtbot, kept)
    assert kept.path == place
    assert (on_disk(kept) == kept.labels.data).all()
    assert not drafts()


def test_a_folder_that_is_deleted_under_napari_is_made_up_for(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels], qtbot: Any, tmp_path: Path
) -> None:
    _, _, kept = volume
    kept.labels.paint((1, 20, 20), 3)
    place = tmp_path / "P012.octsam"
    kept.place(place).result()
    shutil.rmtree(place)
    kept.labels.paint((2, 20, 20), 3)
    qtbot.waitUntil(lambda: kept.path != place and not kept.is_pending, timeout=PATIENCE)
    assert not kept.is_placed
    assert (on_disk(kept) == kept.labels.data).all()
    assert not place.exists()


def test_a_second_window_is_told_and_keeps_its_own(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels],
    open_prompt: OpenPrompt,
    qtbot: Any,
    tmp_path: Path,
) -> None:
    _, _, kept = volume
    kept.labels.paint((1, 20, 20), 3)
    place = tmp_path / "P012.octsam"
    kept.place(place).result()
    _, other = open_prompt(VOLUME)
    told: list[str] = []
    other.keeper.told.connect(told.append)
    other.annotation._open(place)
    assert "is open in another napari" in told[0]
    second = other.keeper.kept[-1]
    second.labels.paint((0, 20, 20), 3)
    wait_until_kept(qtbot, second)
    assert second.path != place
    assert not on_disk(kept)[0].any()


def test_a_full_disk_is_told_and_made_up_for(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels],
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_octsam.gui.annotations import kept as kept_module

    _, widget, kept = volume
    kept.labels.paint((1, 20, 20), 3)
    wait_until_kept(qtbot, kept)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_module, "_RETRY", 50)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        kept.labels.paint((2, 20, 20), 3)
        qtbot.waitUntil(lambda: bool(kept.problem), timeout=PATIENCE)
        assert "No space left on device" in kept.problem
        assert "Not on the disk" in widget.annotation.status.text()
    qtbot.waitUntil(lambda: not kept.problem and not kept.is_pending, timeout=PATIENCE)
    assert (on_disk(kept) == kept.labels.data).all()


def test_closing_the_window_writes_what_is_not_written_yet(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels],
) -> None:
    _, widget, kept = volume
    kept.labels.paint((1, 20, 20), 3)
    expected = kept.labels.data.copy()
    leave(widget)
    folder = AnnotationFolder(only_draft().path)
    assert (folder.labels.read_all() == expected).all()


def test_a_layer_that_is_deleted_stays_on_the_disk(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels],
) -> None:
    viewer, widget, kept = volume
    kept.labels.paint((1, 20, 20), NSR)
    viewer.layers.remove(kept.labels)
    assert widget.keeper.of(kept.labels) is None
    assert only_draft().annotation.name == "scan labels"


def test_not_now_is_remembered_and_discarding_deletes(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels], qtbot: Any
) -> None:
    viewer, _, kept = volume
    kept.labels.paint((1, 20, 20), NSR)
    viewer.layers.remove(kept.labels)
    from napari_octsam.gui.annotations.recovery import RecoveryDialog

    dialog = RecoveryDialog(drafts())
    qtbot.addWidget(dialog)
    assert dialog.rows.count() == 1
    dialog.later_button.click()
    assert only_draft().is_postponed
    only_draft().discard()
    assert not drafts()


def test_an_image_that_moved_is_asked_for(
    open_prompt: OpenPrompt, qtbot: Any, tmp_path: Path
) -> None:
    file = labelled_and_left(open_prompt, qtbot, tmp_path)
    file.unlink()
    _, other = open_prompt()
    told: list[str] = []
    other.keeper.told.connect(told.append)
    other.annotation._open(only_draft().path)
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    assert f"is not at {file} any more" in told[0]
    assert other.keeper.kept[0].labels.data[1, 20, 20] == NSR


def test_another_picture_of_the_same_name_and_size_is_told(
    open_prompt: OpenPrompt, qtbot: Any, tmp_path: Path
) -> None:
    file = labelled_and_left(open_prompt, qtbot, tmp_path)
    tifffile.imwrite(file, VOLUME[::-1], photometric="minisblack")
    _, other = open_prompt()
    told: list[str] = []
    other.keeper.told.connect(told.append)
    other.annotation._open(only_draft().path)
    qtbot.waitUntil(lambda: bool(told), timeout=PATIENCE)
    assert told == [
        "P012 is not the picture that scan labels was labelled on: look whether they belong "
        "together."
    ]


@pytest.mark.usefixtures("plugin_settings")
def test_napari_saves_labels_as_an_annotation_and_goes_on_there(
    make_napari_viewer: Any, npe2pm: Any, qtbot: Any, tmp_path: Path
) -> None:
    npe2pm.register(PluginManifest.from_file(Path(napari_octsam.__file__).with_name("napari.yaml")))
    viewer = make_napari_viewer()
    keeper = keeper_of(viewer)
    viewer.add_image(VOLUME, name="scan")
    kept = labelled(viewer, keeper)
    kept.labels.paint((1, 20, 20), NSR)
    place = tmp_path / "P012.octsam"
    assert kept.labels.save(str(place), plugin="napari-octsam") == [str(place)]
    kept.labels.paint((2, 20, 20), NSR)
    wait_until_kept(qtbot, kept)
    assert kept.path == place
    assert (on_disk(kept) == kept.labels.data).all()
    keeper.session.close()


def test_napari_reads_annotations_and_nothing_else(
    volume: tuple[ViewerModel, PromptWidget, KeptLabels], qtbot: Any, tmp_path: Path
) -> None:
    _, widget, kept = volume
    kept.labels.paint((1, 20, 20), NSR)
    place = tmp_path / "P012.octsam"
    kept.place(place).result()
    close(widget)
    (tmp_path / "other.octsam").mkdir()
    assert get_reader(str(tmp_path / "other.octsam")) is None
    reader = get_reader(str(place))
    assert reader is not None
    ((data, arguments, kind),) = reader(str(place))
    assert kind == "labels"
    assert (data == kept.labels.data).all()
    assert arguments["name"] == "scan labels"


@pytest.mark.parametrize(
    ("answers", "closes", "left"),
    [
        (["Cancel"], False, 1),
        (["Keep"], True, 1),
        (["Discard …", "No"], False, 1),
        (["Discard …", "Yes"], True, 0),
    ],
)
def test_a_window_with_labels_without_a_place_asks(
    open_in_window: OpenPrompt, qtbot: Any, answers: list[str], closes: bool, left: int
) -> None:
    viewer, widget = open_in_window(VOLUME)
    kept = labelled(viewer, widget.keeper)
    kept.labels.paint((1, 20, 20), NSR)
    wait_until_kept(qtbot, kept)
    window = widget.window()
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # the fixture closes it too
    window.show()
    qtbot.waitUntil(widget.isVisible, timeout=PATIENCE)
    answering = QTimer(interval=10)
    answering.timeout.connect(lambda: _answer(answers))
    answering.start()
    assert window.close() == closes
    answering.stop()
    assert not answers
    leave(widget)
    assert len(drafts()) == left


def _answer(answers: list[str]) -> None:
    box = QApplication.activeModalWidget()
    if isinstance(box, QMessageBox) and answers:
        buttons = {button.text().replace("&", ""): button for button in box.buttons()}
        if answers[0] in buttons:
            buttons[answers.pop(0)].click()


def test_an_exported_tiff_says_its_schema_when_it_is_opened_as_labels(
    open_prompt: OpenPrompt, qtbot: Any, tmp_path: Path
) -> None:
    _, widget = open_prompt(VOLUME)
    kept = labelled(widget.viewer, widget.keeper)
    show_schema(kept.labels, bundled_schema("layers7"))
    kept.labels.paint((1, 20, 20), 7)
    kept.place(tmp_path / "P012.octsam").result()
    write_tiff(open_saved(tmp_path / "P012.octsam"), tmp_path / "labels.tif")
    widget.layers.labels_row.open([tmp_path / "labels.tif"])
    qtbot.waitUntil(lambda: "labels" in widget.viewer.layers, timeout=PATIENCE)
    opened = widget.viewer.layers["labels"]
    assert schema_of(opened) == bundled_schema("layers7")
    assert (opened.data == kept.labels.data).all()
