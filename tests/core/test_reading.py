from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_octsam.core.classes import load_schema
from napari_octsam.core.config import TrainConfig, read_settings
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompt_files import load_prompts
from napari_octsam.core.reading import check_regular, parse_json, read_bytes, read_json, read_toml
from napari_octsam.data.annotations.folder import RECORD, read_annotation
from napari_octsam.data.prepared import DATASET_FILE, open_prepared
from napari_octsam.data.split.grouping import read_groups
from napari_octsam.data.split.split import read_split
from napari_octsam.training.run.metrics_files import read_metrics

DEEP = 100_000
HOSTILE_JSON = {
    "deep lists": "[" * DEEP,
    "deep and whole": "[" * DEEP + "]" * DEEP,
    "deep objects": '{"a":' * DEEP,
    "deeper than any record": '{"a":' * 100 + "1" + "}" * 100,
    "a long number": '{"a": ' + "9" * 5000 + "}",
    "half a letter": '{"a": "\\ud800"}',
    "no utf-8": b'{"a": "\xff"}',
    "nothing": "",
}
HOSTILE_TOML = {
    "deep lists": "a = " + "[" * 20_000,
    "deep tables": "[" + ".".join("a" * 20_000) + "]",
    "deeper than any record": "a" + ".a" * 100 + " = 1",
    "a long number": "a = " + "9" * 5000,
    "a long hex number": "seed = 0x" + "f" * 5000,
    "no utf-8": b'a = "\xff"',
    "too long": "#" * 100_000,
}


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_json_that_cannot_be_held_is_a_value_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(written(tmp_path / "a.json", HOSTILE_JSON[name]))


@pytest.mark.parametrize("name", HOSTILE_TOML)
def test_toml_that_cannot_be_held_is_refused_soon(tmp_path: Path, name: str) -> None:
    begun = time.monotonic()
    with pytest.raises((ValueError, OSError)):
        TrainConfig.model_validate(read_toml(written(tmp_path / "a.toml", HOSTILE_TOML[name])))
    assert time.monotonic() - begun < 30


def test_a_mark_of_the_byte_order_is_left_out() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        check_regular(tmp_path)
    with pytest.raises(OSError, match="no file can have this name"):
        check_regular(tmp_path / "a\0b")
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="pipe or a device"):
            read_bytes(tmp_path / "pipe")


def test_a_size_is_looked_at_before_it_is_paid_for(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(OSError, match="more than"):
        read_json(path)


def read_record(path: Path) -> None:
    read_annotation(path.parent)


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "prompts": ("prompts.json", load_prompts),
    "schema": ("schema.toml", load_schema),
    "settings in TOML": ("settings.toml", lambda path: read_settings(path, TrainConfig)),
    "settings in JSON": ("settings.json", lambda path: read_settings(path, TrainConfig)),
    "annotation": (RECORD, read_record),
    "split": ("split.json", read_split),
    "data set": (DATASET_FILE, lambda path: open_prepared(path.parent)),
    "groups": ("groups.csv", read_groups),
    "figures": ("metrics.json", lambda path: read_metrics(path.parent)),
}


@pytest.mark.parametrize("kind", [kind for kind in READERS if kind != "groups"])
@pytest.mark.parametrize("name", HOSTILE_JSON | HOSTILE_TOML)
def test_every_reader_refuses_in_a_sentence(tmp_path: Path, kind: str, name: str) -> None:
    file, read = READERS[kind]
    content = HOSTILE_TOML if file.endswith(".toml") else HOSTILE_JSON | HOSTILE_TOML
    with pytest.raises(UserError) as caught:
        read(written(tmp_path / file, content.get(name, HOSTILE_TOML["deep lists"])))
    assert len(str(caught.value)) < 1000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes in folders")
@pytest.mark.parametrize("kind", READERS)
def test_no_reader_waits_for_a_pipe(tmp_path: Path, kind: str) -> None:
    file, read = READERS[kind]
    os.mkfifo(tmp_path / file)
    with pytest.raises(UserError):
        read(tmp_path / file)
