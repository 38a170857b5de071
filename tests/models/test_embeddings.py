"""The embedding caches: what they keep, what they drop, and that nothing in them fails."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_octsam.models.embeddings import EmbeddingCache, RecentEmbeddings, embedding_key
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding
from napari_octsam.models.tiny.network import TinyNetwork
from tests.running import fork_context

KB = 1024


def make_embedding(seed: int = 0, kilobytes: int = 4) -> Embedding:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(1, kilobytes, 16, 16, generator=generator)  # 1 KB a channel
    return Embedding({"image": image, "stride8": image[:, :1] * 2}, (496, 768))


def same(a: Embedding, b: Embedding) -> bool:
    return a.shape == b.shape and all(
        torch.equal(a.features[name], b.features[name]) for name in a.features | b.features
    )


def test_disk_cache_gives_back_what_it_was_given(tmp_path: Path) -> None:
    embedding = make_embedding()
    EmbeddingCache(tmp_path / "new", 1 << 20).put("key", embedding)
    found = EmbeddingCache(tmp_path / "new", 1 << 20).get("key")
    assert found is not None
    assert same(found, embedding)
    assert EmbeddingCache(tmp_path, 1 << 20).get("other") is None


@pytest.mark.parametrize("damage", ["empty", "truncated", "noise", "header only", "not one image"])
def test_damaged_file_is_a_miss_and_goes(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = EmbeddingCache(tmp_path, 1 << 20)
    cache.put("key", make_embedding())
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    if damage == "not one image":
        cache.put("other", Embedding({"image": torch.zeros(2, 4)}, (8, 8)))
        content = (tmp_path / "other.safetensors").read_bytes()
    damaged = {"empty": b"", "truncated": content[:-100], "noise": os.urandom(5000)}
    path.write_bytes(damaged.get(damage, content if damage == "not one image" else content[:300]))
    assert cache.get("key") is None
    assert not path.exists()
    assert str(path) in caplog.text


def test_size_cap_drops_what_was_unused_for_longest(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, 40 * KB)
    for seed, key in enumerate("abc"):
        cache.put(key, make_embedding(seed, 10))
        old = time.time() - 100 + seed
        os.utime(tmp_path / f"{key}.safetensors", (old, old))
    assert cache.get("a") is not None  # and so it is no longer the oldest
    cache.put("d", make_embedding(3, 10))
    assert {path.stem for path in tmp_path.iterdir()} == {"c", "a", "d"}


def test_not_every_embedding_has_the_folder_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []

    def watched(folder: Path, pattern: str) -> Iterator[Path]:
        looks.append(folder)
        return iter(sorted(each for each in folder.iterdir() if each.match(pattern)))

    monkeypatch.setattr(Path, "glob", watched)
    cache = EmbeddingCache(tmp_path, 1000 * KB)
    for number in range(200):
        cache.put(f"{number:03}", make_embedding(number, 9))
    kept = list(tmp_path.iterdir())
    assert sum(path.stat().st_size for path in kept) <= 1000 * KB
    assert (tmp_path / "199.safetensors") in kept
    assert len(looks) < 60


def test_half_written_files_of_a_crash_are_swept(tmp_path: Path) -> None:
    abandoned, in_work = tmp_path / ".a.0000.safetensors", tmp_path / ".b.0000.safetensors"
    for path in (abandoned, in_work):
        path.write_bytes(bytes(100 * KB))
    os.utime(abandoned, (0, 0))
    EmbeddingCache(tmp_path, 10 * KB).put("key", make_embedding())
    assert not abandoned.exists()
    assert in_work.exists()


def test_full_disk_turns_the_cache_off_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    cache = EmbeddingCache(tmp_path, 1 << 20, warnings.append)
    cache.put("kept", make_embedding())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    cache.put("a", make_embedding())
    monkeypatch.undo()
    cache.put("b", make_embedding())
    assert len(warnings) == 1
    assert "No space left on device" in warnings[0]
    assert cache.get("b") is None
    assert cache.get("kept") is not None
    assert [path.stem for path in tmp_path.iterdir()] == ["kept"]


def test_folder_that_cannot_be_made_turns_the_cache_off(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    warnings: list[str] = []
    cache = EmbeddingCache(tmp_path / "file" / "embeddings", 1 << 20, warnings.append)
    cache.put("a", make_embedding())
    assert len(warnings) == 1
    assert cache.get("a") is None


def churn(folder: Path, begun: Event) -> None:
    """Put and get in a cache that has room for two of five embeddings."""

    def complain(warning: str) -> None:
        raise AssertionError(warning)

    cache = EmbeddingCache(folder, 30 * KB, complain)
    begun.set()
    for step in range(200):
        wanted = step % 5
        cache.put(f"key{wanted}", make_embedding(wanted, 10))
        found = cache.get(f"key{(wanted + 1) % 5}")
        assert found is None or same(found, make_embedding((wanted + 1) % 5, 10))


@pytest.mark.slow("may start the server that forks processes, which imports torch")
def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    context = fork_context()
    begun = context.Event()
    other = context.Process(target=churn, args=(tmp_path, begun))
    other.start()
    assert begun.wait(60)
    churn(tmp_path, begun)
    other.join()
    assert other.exitcode == 0
    assert not list(tmp_path.glob(".*"))


def test_key_depends_on_what_the_embedding_depends_on_and_no_more() -> None:
    torch.manual_seed(0)
    network = TinyNetwork()
    header = Header(name="a", architecture="octsam-tiny", profile="octsam-tiny")
    model = Model(network, header, torch.device("cpu"))
    grey = np.arange(64 * 96, dtype=np.uint8).reshape(64, 96)
    key = embedding_key(model, grey)

    tuned = TinyNetwork()
    tuned.load_state_dict(network.state_dict())
    with torch.no_grad():
        tuned.mask_decoder.own_tokens.weight += 1
    renamed = header.model_copy(update={"name": "b"})
    assert embedding_key(Model(tuned, renamed, torch.device("cpu")), grey.copy()) == key

    other_encoder = TinyNetwork()
    other_encoder.load_state_dict(network.state_dict())
    with torch.no_grad():
        next(other_encoder.image_encoder.parameters()).view(-1)[0] += 1e-3
    others = {
        embedding_key(model, grey.T),
        embedding_key(model, grey + 1),
        embedding_key(model, grey.reshape(96, 64)),
        embedding_key(replace(model, network=other_encoder), grey),
        embedding_key(replace(model, precision="bfloat16"), grey),
        embedding_key(replace(model, header=header.model_copy(update={"profile": "sam"})), grey),
        embedding_key(
            replace(model, header=header.model_copy(update={"pseudocolor": "jet"})), grey
        ),
    }
    assert len(others | {key}) == 8


def test_recent_embeddings_drop_what_was_unused_for_longest() -> None:
    recent = RecentEmbeddings(max_bytes=25 * KB)
    recent.put("a", make_embedding(0, 10))
    recent.put("b", make_embedding(1, 10))
    assert recent.get("a") is not None
    recent.put("c", make_embedding(2, 10))
    assert recent.get("b") is None
    assert recent.get("a") is not None
    assert recent.get("c") is not None
    recent.put("large", make_embedding(3, 100))
    assert recent.get("large") is not None
    assert recent.get("a") is None
