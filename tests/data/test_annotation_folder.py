"""Annotations as folders: whole at any time, one writer, and what is damaged by its name."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import zarr
from imagecodecs import zstd_encode
from zarr.codecs import ZstdCodec

from napari_octsam.core.annotation import BScanState, Progress
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.folder import (
    LABELS,
    AnnotationFolder,
    is_annotation,
    read_annotation,
)
from napari_octsam.data.annotations.label_store import LabelStore
from tests.annotated import annotation_of
from tests.running import forked, run_named

SHAPE = (3, 40, 60)
ANNOTATION = annotation_of(SHAPE)
RNG = np.random.default_rng(0)
BSCAN = RNG.integers(0, 8, SHAPE[1:], np.uint8)
VOLUME = RNG.integers(0, 8, SHAPE, np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "P1.octsam"


@pytest.fixture
def folder(path: Path) -> Iterator[AnnotationFolder]:
    made = AnnotationFolder.create(path, ANNOTATION, np.uint8)
    yield made
    made.close()


def chunk(path: Path, number: int) -> Path:
    """Return the file of a B-scan's labels."""
    return path / LABELS / "0" / "c" / str(number) / "0" / "0"


def described_name(folder: AnnotationFolder) -> str:
    """Return the name that programs see which read OME-Zarr."""
    attributes = zarr.open_group(folder.path / LABELS, mode="r").attrs.asdict()
    name: str = attributes["ome"]["multiscales"][0]["name"]
    return name


def files_in(path: Path) -> list[str]:
    return sorted(str(p.relative_to(path)) for p in path.rglob("*"))


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """Let no file become larger, as a full disk does."""
    import resource

    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, kept[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, ignored)


has_limits = pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size there")


@pytest.mark.parametrize("shape", [(40, 60), (3, 40, 60), (2, 3, 40, 60)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint16, np.int64])
def test_labels_are_there_again_whatever_their_shape_and_type(
    path: Path, shape: tuple[int, ...], dtype: type[np.integer]
) -> None:
    labels = RNG.integers(0, 8, shape).astype(dtype)
    annotation = annotation_of(shape)
    made = AnnotationFolder.create(path, annotation, dtype)
    assert not made.labels.read_all().any()
    for index in np.ndindex(shape[:-2]):
        made.labels.write(index, labels[index])
    made.close()

    again = AnnotationFolder(path)

    assert again.annotation == annotation
    assert again.labels.dtype == dtype
    np.testing.assert_array_equal(again.labels.read_all(), labels)
    again.close()


def test_a_folder_can_begin_with_labels(path: Path) -> None:
    made = AnnotationFolder.create(path, ANNOTATION, np.uint8, VOLUME)

    np.testing.assert_array_equal(made.labels.read_all(), VOLUME)
    made.close()


def test_a_bscan_is_a_chunk_and_the_whole_is_ome_zarr(folder: AnnotationFolder) -> None:
    folder.labels.write((1,), BSCAN)

    group = zarr.open_group(folder.path / LABELS, mode="r")
    ome = group.attrs.asdict()["ome"]
    (image,) = ome["multiscales"]
    array = group[image["datasets"][0]["path"]]
    assert ome["version"] == "0.5"
    assert [axis["name"] for axis in image["axes"]] == ["z", "y", "x"]
    assert {axis["unit"] for axis in image["axes"]} == {"micrometer"}
    assert image["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": list(ANNOTATION.scale)}
    ]
    assert [each["label-value"] for each in ome["image-label"]["colors"]] == list(range(8))
    assert isinstance(array, zarr.Array)
    np.testing.assert_array_equal(array[1], BSCAN)
    assert [chunk(folder.path, number).is_file() for number in range(3)] == [False, True, False]


def test_labels_that_are_all_gone_stay_gone(folder: AnnotationFolder) -> None:
    folder.labels.write((1,), BSCAN)
    folder.labels.write((1,), np.zeros_like(BSCAN))
    folder.labels.write((2,), np.zeros_like(BSCAN))

    assert not folder.labels.read_all().any()
    assert not chunk(folder.path, 1).exists()


def test_each_write_is_on_the_disk_when_it_returns(
    folder: AnnotationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda opened: flushed.add(os.fstat(opened).st_ino))

    folder.labels.write((1,), BSCAN)
    assert chunk(folder.path, 1).stat().st_ino in flushed
    flushed.clear()
    folder.labels.write((1,), np.zeros_like(BSCAN))
    if os.name == "posix":
        assert flushed == {chunk(folder.path, 1).parent.stat().st_ino}


def test_values_that_the_type_cannot_hold_are_refused_and_the_old_ones_stay(
    folder: AnnotationFolder,
) -> None:
    folder.labels.write((1,), BSCAN)

    for wrong in (np.full(BSCAN.shape, 300), np.full(BSCAN.shape, -1)):
        with pytest.raises(UserError, match="are uint8, which cannot hold all values from"):
            folder.labels.write((1,), wrong)
    with pytest.raises(ValueError, match="labels are 1 x 60, B-scans 40 x 60"):
        folder.labels.write((1,), BSCAN[:1])
    folder.labels.write((2,), BSCAN.astype(np.int64))

    np.testing.assert_array_equal(folder.labels.read((1,)), BSCAN)
    np.testing.assert_array_equal(folder.labels.read((2,)), BSCAN)


@has_limits
def test_a_full_disk_keeps_the_labels_and_the_record_of_before(folder: AnnotationFolder) -> None:
    folder.labels.write((1,), BSCAN)
    before = {p: p.read_bytes() for p in folder.path.rglob("*") if p.is_file()}
    changed = ANNOTATION.model_copy(update={"name": "other"})

    with small_files(100):
        with pytest.raises(UserError, match=r"Cannot write .*0: File too large"):
            folder.labels.write((1,), BSCAN[::-1])
        with pytest.raises(UserError, match=r"Cannot write .*zarr.json: File too large"):
            folder.write(changed)

    assert {p: p.read_bytes() for p in folder.path.rglob("*") if p.is_file()} == before
    assert folder.annotation == ANNOTATION
    folder.labels.write((1,), BSCAN[::-1])
    folder.write(changed)
    np.testing.assert_array_equal(folder.labels.read((1,)), BSCAN[::-1])
    assert read_annotation(folder.path) == changed
    assert described_name(folder) == "other"


@has_limits
@pytest.mark.parametrize("size", [0, 600, 2000])
def test_a_folder_is_made_as_a_whole_or_not_at_all(path: Path, size: int) -> None:
    with small_files(size), pytest.raises(UserError, match=r"Cannot write .*File too large"):
        AnnotationFolder.create(path, ANNOTATION, np.uint8, VOLUME)

    assert list(path.parent.iterdir()) == []


@has_limits
def test_a_copy_is_made_as_a_whole_or_not_at_all(folder: AnnotationFolder) -> None:
    folder.labels.write((1,), BSCAN)
    target = folder.path.with_name("copy.octsam")

    with small_files(1000), pytest.raises(UserError, match=r"Cannot write .*File too large"):
        folder.copy_to(target)
    assert list(folder.path.parent.iterdir()) == [folder.path]
    folder.copy_to(target)

    copy = AnnotationFolder(target)  # while the other is open
    assert copy.annotation == ANNOTATION
    np.testing.assert_array_equal(copy.labels.read((1,)), BSCAN)
    copy.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_it_is_for_its_user_alone_also_as_a_copy(folder: AnnotationFolder, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder.write(ANNOTATION.model_copy(update={"name": "other"}))
    folder.labels.write((1,), BSCAN)
    folder.copy_to(tmp_path / "copy.octsam")
    for root in (folder.path, tmp_path / "copy.octsam"):
        paths = [root, *root.rglob("*")]
        assert len(paths) > 6
        assert {path.name for path in paths if path.stat().st_mode & 0o077} == set()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_a_copy_of_one_that_was_open_is_closed(folder: AnnotationFolder, tmp_path: Path) -> None:
    for path in (folder.path, *folder.path.rglob("*")):
        path.chmod(0o755)
    folder.copy_to(tmp_path / "copy.octsam")
    paths = [tmp_path / "copy.octsam", *(tmp_path / "copy.octsam").rglob("*")]
    assert {path.name for path in paths if path.stat().st_mode & 0o077} == set()


def test_where_nothing_can_be_written_it_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UserError, match=r"Cannot write .*P1\.octsam.*: Read-only file system"):
        AnnotationFolder.create(path, ANNOTATION, np.uint8)
    assert list(path.parent.iterdir()) == []


def test_what_is_there_already_is_never_written_over(folder: AnnotationFolder) -> None:
    with pytest.raises(UserError, match="is there already: choose another name"):
        AnnotationFolder.create(folder.path, ANNOTATION, np.uint8)
    with pytest.raises(UserError, match="is there already: choose another name"):
        folder.copy_to(folder.path)
    with pytest.raises(UserError, match=r"must end in \.octsam"):
        folder.copy_to(folder.path.with_suffix(".zarr"))


@pytest.mark.slow("starts the process that others are forked from")
def test_a_second_process_is_told_that_it_is_open(folder: AnnotationFolder) -> None:
    def opened() -> tuple[int | None, str]:
        name = "tests.data.opening:open_annotation"
        return forked(run_named, name, folder.path, folder=folder.path.parent).end()

    code, said = opened()
    assert code == 0
    assert "is open in another napari: close it there" in said
    with pytest.raises(UserError, match="is open in another napari"):  # nor in this one
        AnnotationFolder(folder.path)

    folder.close()
    assert opened() == (0, "opened labels\n")


@pytest.mark.slow("starts the process that others are forked from")
def test_a_killed_process_leaves_it_open_to_others(path: Path) -> None:
    AnnotationFolder.create(path, ANNOTATION, np.uint8, VOLUME).close()
    holder = forked(run_named, "tests.data.opening:hold_annotation", path, folder=path.parent)
    holder.until("holding")

    holder.kill()
    holder.end()

    folder = AnnotationFolder(path)
    np.testing.assert_array_equal(folder.labels.read_all(), VOLUME)
    folder.close()


@pytest.mark.slow("kills a process at many moments")
def test_each_bscan_is_whole_whenever_its_writer_is_killed(path: Path) -> None:
    AnnotationFolder.create(path, ANNOTATION, np.uint8).close()
    name = "tests.data.opening:write_annotation_for_ever"
    for delay in np.random.default_rng(0).uniform(0, 0.1, 15):
        writer = forked(run_named, name, path, folder=path.parent)
        writer.until("writing")
        time.sleep(delay)
        writer.kill()
        writer.end()

        folder = AnnotationFolder(path)
        for number in range(SHAPE[0]):
            assert len(np.unique(folder.labels.read((number,)))) == 1
        folder.close()
        assert not [p for p in path.rglob("*") if p.name.startswith(".")]


def test_what_a_killed_process_left_half_written_goes(folder: AnnotationFolder) -> None:
    folder.labels.write((1,), BSCAN)
    whole = files_in(folder.path)
    left = [
        chunk(folder.path, 1).with_name(".0.part-0123abcd"),
        folder.path / LABELS / "0" / ".zarr.part-0123abcd.json",
        folder.path / ".annotation.part-0123abcd.json",
    ]
    for each in left:
        each.write_bytes(b"half")
    folder.close()

    again = AnnotationFolder(folder.path)

    assert files_in(folder.path) == whole
    np.testing.assert_array_equal(again.labels.read((1,)), BSCAN)
    again.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: bytes(len(content)),
        lambda content: content[:100] + bytes([content[100] ^ 1]) + content[101:],
    ],
    ids=["half", "empty", "zeros", "a bit"],
)
def test_a_damaged_bscan_is_named_and_the_others_are_read(
    folder: AnnotationFolder, damage: Callable[[bytes], bytes]
) -> None:
    for number in range(3):
        folder.labels.write((number,), VOLUME[number])
    damaged = chunk(folder.path, 1)
    damaged.write_bytes(damage(damaged.read_bytes()))

    for read in (lambda: folder.labels.read((1,)), folder.labels.read_all):
        with pytest.raises(UserError, match=r"The labels of B-scan \[1\] in .* are damaged"):
            read()
    np.testing.assert_array_equal(folder.labels.read((0,)), VOLUME[0])
    folder.labels.write((1,), BSCAN)
    np.testing.assert_array_equal(folder.labels.read((1,)), BSCAN)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"3", b"null", b"\xff", b"[" * 5000, b'{"version": 1}', b"{"]
)
def test_a_damaged_record_is_one_sentence_and_locks_nothing(
    folder: AnnotationFolder, content: bytes
) -> None:
    record = folder.path / "annotation.json"
    good = record.read_bytes()
    folder.close()
    record.write_bytes(content)

    with pytest.raises(UserError, match=r"annotation\.json is damaged"):
        AnnotationFolder(folder.path)
    record.write_bytes(good)
    AnnotationFolder(folder.path).close()


@pytest.mark.parametrize("file", ["zarr.json", "0/zarr.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"\xff", b'{"zarr_format": 3, "nod'])
def test_labels_whose_form_is_damaged_are_one_sentence_and_lock_nothing(
    folder: AnnotationFolder, file: str, content: bytes
) -> None:
    form = folder.path / LABELS / file
    good = form.read_bytes()
    folder.close()
    form.write_bytes(content)

    with pytest.raises(UserError, match=r"labels\.zarr holds no labels, or they are damaged"):
        AnnotationFolder(folder.path)
    form.write_bytes(good)
    AnnotationFolder(folder.path).close()


def test_labels_that_are_gone_are_not_made_anew(folder: AnnotationFolder) -> None:
    folder.close()
    (folder.path / LABELS).rename(folder.path.with_name("elsewhere"))

    with pytest.raises(UserError, match=r"no labels in .*P1\.octsam: labels\.zarr is gone"):
        AnnotationFolder(folder.path)
    assert not (folder.path / LABELS).exists()


def test_labels_of_another_shape_are_refused(folder: AnnotationFolder) -> None:
    folder.close()
    record = folder.path / "annotation.json"
    content = json.loads(record.read_text("utf-8"))
    content["image"]["shape"] = [4, 40, 60]
    record.write_text(json.dumps(content), "utf-8")

    with pytest.raises(UserError, match="are 3 x 40 x 60, but its image is 4 x 40 x 60"):
        AnnotationFolder(folder.path)


def test_a_newer_version_is_not_opened(folder: AnnotationFolder) -> None:
    folder.close()
    record = folder.path / "annotation.json"
    content = json.loads(record.read_text("utf-8"))
    record.write_text(json.dumps({**content, "version": 2, "of the future": 1}), "utf-8")

    with pytest.raises(UserError, match="newer napari-octsam: update this one"):
        AnnotationFolder(folder.path)


def test_a_folder_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "other.octsam"
    other.mkdir()

    assert not is_annotation(other)
    with pytest.raises(UserError, match=r"is no annotation: it has no annotation\.json"):
        AnnotationFolder(other)
    assert list(other.iterdir()) == []


def test_what_is_written_is_read(folder: AnnotationFolder) -> None:
    changed = ANNOTATION.model_copy(
        update={"name": "other", "progress": {(1,): Progress(state=BScanState.DONE)}}
    )

    folder.write(changed)

    assert is_annotation(folder.path)
    assert read_annotation(folder.path) == changed == folder.annotation
    assert described_name(folder) == "other"


def test_a_deleted_one_is_gone(folder: AnnotationFolder) -> None:
    folder.delete()

    assert not folder.path.exists()


def test_a_store_is_read_while_another_writes(folder: AnnotationFolder) -> None:
    reader = LabelStore(folder.path / LABELS)
    folder.labels.write((1,), BSCAN)

    np.testing.assert_array_equal(reader.read((1,)), BSCAN)


@pytest.mark.parametrize("unpacked", [40 * 60 - 1, 1 << 26])
def test_a_chunk_that_swells_is_refused_before_it_is_unpacked(
    folder: AnnotationFolder, monkeypatch: pytest.MonkeyPatch, unpacked: int
) -> None:
    folder.labels.write((1,), BSCAN)
    chunk(folder.path, 1).write_bytes(zstd_encode(bytes(unpacked)))
    monkeypatch.setattr(ZstdCodec, "_decode_sync", lambda *_: pytest.fail("it is unpacked"))
    with pytest.raises(UserError, match=r"B-scan \[1\].*do not unpack to a B-scan"):
        folder.labels.read((1,))
    assert not folder.labels.read((0,)).any()


def test_labels_that_are_packed_twice_or_in_large_chunks_are_refused(
    folder: AnnotationFolder,
) -> None:
    form = folder.path / LABELS / "0" / "zarr.json"
    whole = json.loads(form.read_text("utf-8"))
    zstd = whole["codecs"][-1]
    grid = {"name": "regular", "configuration": {"chunk_shape": [3, 40, 1 << 30]}}
    for change in ({"codecs": [*whole["codecs"], zstd]}, {"chunk_grid": grid}):
        form.write_text(json.dumps(whole | change), "utf-8")
        with pytest.raises(UserError, match="keeps its labels in another way"):
            LabelStore(folder.path / LABELS)
