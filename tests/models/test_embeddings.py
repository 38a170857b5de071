"""The embedding caches: what they keep, what they drop, and that nothing in them fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_octsam.models.embeddings import (
    EmbeddingCache,
    EmbeddingForm,
    RecentEmbeddings,
    embedding_form,
    embedding_key,
)
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding
from napari_octsam.models.sam.network import SamNetwork
from napari_octsam.models.tiny.network import TinyNetwork
from tests.running import fork_context
from tests.small_sam import small_sam

KB = 1024
FORM = EmbeddingForm({"image": (1, 4, 16, 16), "stride8": (1, 1, 16, 16)}, (496, 768))


TEN = replace(FORM, features={"image": (1, 10, 16, 16), "stride8": (1, 1, 16, 16)})


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
    found = EmbeddingCache(tmp_path / "new", 1 << 20).get("key", FORM)
    assert found is not None
    assert same(found, embedding)
    assert EmbeddingCache(tmp_path, 1 << 20).get("other", FORM) is None


def features(content: bytes) -> dict[str, torch.Tensor]:
    return safetensors.torch.load(content)


def other_name(content: bytes) -> bytes:
    found = features(content)
    return safetensors.torch.save({"image": found["image"], "other": found["stride8"]})


def nan(content: bytes) -> bytes:
    return content[:-4] + np.float32(np.nan).tobytes()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[:-100],
    "too long": lambda content: content + bytes(1 << 17),
    "noise": lambda _: os.urandom(5000),
    "header only": lambda content: content[:200],
    "half of it zero": lambda content: content[: len(content) // 2] + bytes(len(content) // 2),
    "one bit": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "NaN": nan,
    "without key and hash": lambda content: safetensors.torch.save(features(content)),
    "deep JSON": lambda _: (50_000).to_bytes(8, "little") + b"[" * 50_000,
    "no JSON object": lambda _: (2).to_bytes(8, "little") + b"[]",
    "another feature": other_name,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_a_miss_and_goes(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = EmbeddingCache(tmp_path, 1 << 20)
    cache.put("key", make_embedding())
    (path,) = tmp_path.iterdir()
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert cache.get("key", FORM) is None
    assert not path.exists()
    assert str(path) in caplog.text


def test_another_bscans_file_under_the_name_is_a_miss_and_goes(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, 1 << 20)
    cache.put("key", make_embedding())
    path = tmp_path / "key.safetensors"
    path.rename(tmp_path / "other.safetensors")
    assert cache.get("other", FORM) is None
    assert not list(tmp_path.iterdir())


IMAGE = torch.zeros(1, 4, 16, 16)
DETAIL = torch.zeros(1, 1, 16, 16)


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": IMAGE},
        {"image": IMAGE, "stride8": DETAIL, "more": DETAIL.clone()},
        {"image": IMAGE.double(), "stride8": DETAIL},
        {"image": IMAGE.half(), "stride8": DETAIL},
        {"image": IMAGE.repeat(2, 1, 1, 1), "stride8": DETAIL},
        {"image": torch.zeros(1, 4, 256), "stride8": DETAIL},
        {"image": torch.zeros(1, 1, 1024, 1024), "stride8": DETAIL},
    ],
    ids=["missing", "one more", "float64", "float16", "two images", "flat", "huge"],
)
def test_a_whole_file_of_another_form_is_a_miss_and_goes(
    tmp_path: Path, wrong: dict[str, torch.Tensor]
) -> None:
    cache = EmbeddingCache(tmp_path, 1 << 30)
    cache.put("key", Embedding(wrong, FORM.shape))
    assert len(list(tmp_path.iterdir())) == 1
    assert cache.get("key", FORM) is None
    assert not list(tmp_path.iterdir())
    cache.put("key", make_embedding())
    assert cache.get("key", FORM) is not None


def test_what_is_no_number_is_not_kept(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, 1 << 20)
    embedding = make_embedding()
    embedding.features["stride8"][0, 0, 3, 3] = torch.inf
    cache.put("key", embedding)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_embeddings_are_for_their_user_alone(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path / "cache" / "embeddings", 1 << 20).put("key", make_embedding())
    modes = [path.stat().st_mode & 0o777 for path in sorted((tmp_path / "cache").rglob("*"))]
    assert modes == [0o700, 0o600]
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_a_form_is_what_the_encoder_makes() -> None:
    header = Header(name="a", architecture="octsam-tiny", profile="octsam-tiny")
    model = Model(TinyNetwork().requires_grad_(False), header, torch.device("cpu"))
    sam = Model(
        SamNetwork(small_sam()).requires_grad_(False),
        Header(name="a", architecture="vit_b", profile="sam"),
        torch.device("cpu"),
    )
    grey = np.zeros((60, 90), np.uint8)
    for each in (model, sam):
        form, embedding = embedding_form(each, grey), each.encode(grey)
        form.check(embedding.features)
        assert (form.shape, form.nbytes) == (embedding.shape, embedding.nbytes)


def test_size_cap_drops_what_was_unused_for_longest(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, 40 * KB)
    for seed, key in enumerate("abc"):
        cache.put(key, make_embedding(seed, 10))
        old = time.time() - 100 + seed
        os.utime(tmp_path / f"{key}.safetensors", (old, old))
    assert cache.get("a", TEN) is not None  # and so it is no longer the oldest
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
    assert cache.get("b", FORM) is None
    assert cache.get("kept", FORM) is not None
    assert [path.stem for path in tmp_path.iterdir()] == ["kept"]


def test_folder_that_cannot_be_made_turns_the_cache_off(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    warnings: list[str] = []
    cache = EmbeddingCache(tmp_path / "file" / "embeddings", 1 << 20, warnings.append)
    cache.put("a", make_embedding())
    assert len(warnings) == 1
    assert cache.get("a", FORM) is None


def churn(folder: Path, begun: Event) -> None:
    """Put and get in a cache that has room for two of five embeddings."""

    def complain(warning: str) -> None:
        raise AssertionError(warning)

    cache = EmbeddingCache(folder, 30 * KB, complain)
    begun.set()
    for step in range(200):
        wanted = step % 5
        cache.put(f"key{wanted}", make_embedding(wanted, 10))
        found = cache.get(f"key{(wanted + 1) % 5}", TEN)
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
