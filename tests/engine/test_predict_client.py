"""The engine as a real process with a real, small model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Prompt
from napari_octsam.engine.errors import EngineDied, EngineFault
from napari_octsam.engine.predict.client import EngineClient
from napari_octsam.engine.predict.messages import (
    BScan,
    Decode,
    Download,
    Encode,
    Encoded,
    Label,
    Labelled,
    LoadedModel,
    LoadModel,
    Name,
    Prediction,
    Progress,
)
from napari_octsam.engine.process import WAITING, process_environment
from tests.running import forked

needs_sigstop = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP")

PROMPTS = (Prompt(1, Box(10, 5, 30, 60)), Prompt(2, Box(35, 5, 50, 60)))


def bscan(seed: int) -> BScan:
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 96), np.uint8)
    return BScan(pixels, f"B-scan {seed}")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    client = EngineClient(tmp_path_factory.mktemp("engine"))
    yield client
    client.shutdown()


@pytest.fixture
def engine(client: EngineClient, tiny_checkpoint: Path) -> EngineClient:
    """An engine with a model."""
    client.submit(LoadModel(str(tiny_checkpoint), device="cpu")).result(60)
    return client


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[EngineClient]:
    """An engine of the test's own, not started yet."""
    client = EngineClient(tmp_path / "cache")
    yield client
    client.shutdown()


class Encoding:
    """Holds the engine's process still once it has begun to encode."""

    def __init__(self, client: EngineClient, scan: BScan, background: bool = False) -> None:
        self.pid = client.pid
        self.stages: list[str] = []
        self._begun = threading.Event()
        self.future: Future[Any] = client.submit(
            Encode(scan), on_progress=self._note, background=background
        )
        assert self._begun.wait(30)

    def _note(self, progress: Progress) -> None:
        self.stages.append(progress.stage)
        if not self._begun.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self._begun.set()

    def go_on(self) -> None:
        time.sleep(0.2)  # what was sent meanwhile is in the pipe
        os.kill(self.pid, signal.SIGCONT)


def gone(pid: int, seconds: float = 60.0) -> bool:
    def is_gone() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    return holds(is_gone, seconds)


def holds(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.real_process
@pytest.mark.slow("a real process imports torch")
def test_starts_on_first_use_without_waiting_and_says_what_it_does(
    fresh: EngineClient, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "embeddings").touch()  # where the folder should be
    states: list[str] = []
    warnings: list[str] = []
    fresh.state_changed.connect(states.append)
    fresh.warned.connect(warnings.append)
    assert fresh.pid is None
    early = fresh.submit(Encode(bscan(0)))
    loading = fresh.submit(LoadModel(str(tiny_checkpoint), device="cpu"))
    decoding = fresh.submit(Decode(bscan(0), PROMPTS))
    assert not any(future.done() for future in (early, loading, decoding))
    with pytest.raises(UserError, match="No model is loaded"):
        early.result(60)
    assert isinstance(loading.result(60), LoadedModel)
    assert isinstance(decoding.result(60), Prediction)
    assert fresh.pid is not None
    assert states == ["starting", "idle", "loading", "idle", "encoding", "decoding", "idle"]

    # A cache that cannot be written is a warning only.
    assert fresh.submit(Decode(bscan(1), PROMPTS)).result(60)
    assert len(warnings) == 1


def test_a_bscan_is_labelled_by_a_schema_that_the_model_names(engine: EngineClient) -> None:
    stages: list[str] = []
    found = engine.submit(
        Label(bscan(40), bundled_schema("layers7")),
        on_progress=lambda progress: stages.append(progress.stage),
    ).result(60)

    assert isinstance(found, Labelled)
    assert found.model == "random tiny"
    assert {found.labels.shape, found.confidence.shape} == {(64, 96)}
    assert {str(found.labels.dtype), str(found.confidence.dtype)} == {"uint8"}
    assert found.confidence.max() <= 100
    assert found.boundaries.shape == found.boundary_confidence.shape == (8, 96)
    assert 0 <= found.mean_confidence <= 1
    assert "labelling" in stages
    fluid = engine.submit(Label(bscan(40), bundled_schema("fluid"))).result(60)
    assert fluid.boundaries.shape == (0, 96)

    named = engine.submit(Name(bscan(40), bundled_schema("layers7"))).result(60)
    assert named.by_column.shape == (96, 8, 64)
    assert str(named.probabilities.dtype) == "float16"
    assert np.mean(named.labels == found.labels) > 0.9

    with pytest.raises(UserError, match="does not name pixels by the schema organoid"):
        engine.submit(Label(bscan(40), bundled_schema("organoid"))).result(60)


def test_bscans_labelled_side_by_side_have_the_labels_of_each_alone(engine: EngineClient) -> None:
    layers = bundled_schema("layers7")
    alone = [engine.submit(Label(bscan(seed), layers)).result(60) for seed in range(50, 52)]
    told: list[Progress] = []
    background = [
        engine.submit(Label(bscan(seed), layers), on_progress=told.append, background=True)
        for seed in (*range(52, 58), 50, 51)
    ]
    asked = engine.submit(Decode(bscan(60), PROMPTS)).result(60)
    found = [future.result(60) for future in background]

    assert isinstance(asked, Prediction)
    assert all(each.labels.shape == (64, 96) for each in found)
    for one, other in zip(alone, found[-2:], strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
    encoding = [each for each in told if each.stage == "encoding"]
    assert all(each.done <= each.total for each in encoding)


@pytest.mark.slow("where it is the first to fork, it waits until torch is there to fork from")
def test_encode_then_decode(engine: EngineClient) -> None:
    events: list[Progress] = []
    encoded = engine.submit(Encode(bscan(1)), on_progress=events.append).result(60)
    assert isinstance(encoded, Encoded)
    assert encoded.origin == "encoder"
    assert encoded.seconds > 0
    assert {event.stage for event in events} == {"encoding"}
    assert 0 < events[-1].total == events[-1].done
    assert engine.submit(Encode(bscan(1))).result(60).origin == "memory"

    prediction = engine.submit(Decode(bscan(1), PROMPTS)).result(60)
    assert prediction.shape == (64, 96)
    assert len(prediction.objects) == len(PROMPTS)
    assert prediction.encode_seconds == 0
    assert prediction.decode_seconds > 0
    told = engine.submit(Decode(bscan(1), PROMPTS, bundled_schema())).result(60)
    assert len(told.objects) == len(PROMPTS)


def test_decode_encodes_first_where_needed(engine: EngineClient) -> None:
    stages: list[str] = []
    prediction = engine.submit(
        Decode(bscan(2), PROMPTS), on_progress=lambda event: stages.append(event.stage)
    ).result(60)
    assert prediction.encode_seconds > 0
    assert stages[0] == "encoding"
    assert stages[-1] == "decoding"


def test_failed_load_keeps_the_model(engine: EngineClient, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing\.safetensors"):
        engine.submit(LoadModel(str(tmp_path / "missing.safetensors"))).result(60)
    stages: set[str] = set()
    encoding = engine.submit(Encode(bscan(3)), on_progress=lambda event: stages.add(event.stage))
    assert encoding.result(60).origin == "encoder"
    assert stages == {"encoding"}


def test_fault_is_one_sentence_and_its_traceback_in_the_log(engine: EngineClient) -> None:
    with pytest.raises(EngineFault, match=r"while decoding.*engine\.log") as caught:
        engine.submit(Decode(bscan(1), ("no prompt",))).result(60)  # type: ignore[arg-type]
    log = Path(str(caught.value).rpartition(" ")[2])
    assert "Traceback" in log.read_text()
    assert engine.submit(Encode(bscan(1))).result(60).origin == "memory"


def test_request_that_cannot_be_pickled_fails_alone(engine: EngineClient) -> None:
    with pytest.raises(Exception, match="pickle"):
        engine.submit(Encode(BScan(lambda: None))).result(60)  # type: ignore[arg-type]
    assert engine.submit(Encode(bscan(1))).result(60)


def test_unknown_download_is_refused_while_the_engine_encodes(engine: EngineClient) -> None:
    encoding = engine.submit(Encode(bscan(4)))
    with pytest.raises(UserError, match="no-such-model"):
        engine.submit(Download("no-such-model")).result(60)
    assert encoding.result(60)


@needs_sigstop
def test_cancel_stops_a_running_encode(engine: EngineClient) -> None:
    encoding = Encoding(engine, bscan(5))
    assert encoding.future.cancel()
    assert wait([encoding.future], timeout=60).done
    with pytest.raises(CancelledError):
        encoding.future.result()
    encoding.go_on()
    assert engine.submit(Encode(bscan(1))).result(60)
    assert engine.submit(Encode(bscan(5))).result(60).origin == "encoder"
    assert engine.state == "idle"


@needs_sigstop
def test_foreground_request_preempts_a_background_encode(engine: EngineClient) -> None:
    order: list[str] = []
    background = Encoding(engine, bscan(6), background=True)
    foreground = engine.submit(Decode(bscan(7), PROMPTS))
    background.future.add_done_callback(lambda _: order.append("background"))
    foreground.add_done_callback(lambda _: order.append("foreground"))
    background.go_on()
    assert background.future.result(60).origin == "encoder"
    assert order == ["foreground", "background"]
    assert "waiting" in background.stages


@needs_sigstop
def test_death_fails_what_is_pending_and_the_next_request_starts_anew(
    engine: EngineClient, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(tiny_checkpoint.read_bytes())
    engine.submit(LoadModel(str(moved), device="cpu")).result(60)
    assert engine.submit(Encode(bscan(8))).result(60)
    encoding = Encoding(engine, bscan(9))
    waiting = engine.submit(Encode(bscan(10)))
    old = encoding.pid
    deaths: list[str] = []
    engine.died.connect(deaths.append)
    os.kill(old, signal.SIGKILL)
    with pytest.raises(EngineDied, match=r"SIGKILL.*while encoding.*try again.*engine\.log"):
        encoding.future.result(2)
    with pytest.raises(EngineDied, match="while waiting"):
        waiting.result(2)
    assert engine.pid is None
    assert engine.state == "stopped"
    assert len(deaths) == 1
    assert "SIGKILL" in deaths[0]

    moved.unlink()
    with pytest.raises(UserError, match=r"moved\.safetensors"):
        engine.submit(Encode(bscan(9))).result(60)
    moved.write_bytes(tiny_checkpoint.read_bytes())
    stages: list[str] = []
    again = engine.submit(Encode(bscan(9)), on_progress=lambda event: stages.append(event.stage))
    assert again.result(60).origin == "encoder"
    assert stages[0] == "loading"
    assert engine.pid != old
    assert engine.submit(Encode(bscan(8))).result(60).origin == "disk"


@pytest.mark.parametrize(
    ("chosen", "found"),
    [({}, ("PASSIVE", "10000")), ({"OMP_WAIT_POLICY": "ACTIVE"}, ("ACTIVE", None))],
)
def test_the_engines_threads_wait_as_the_person_chose(
    monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], found: tuple[str, str | None]
) -> None:
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    environment = process_environment()
    assert tuple(environment.get(name) for name in WAITING) == found


def test_shutdown_ends_the_process_and_refuses_what_comes_later(fresh: EngineClient) -> None:
    pending = fresh.submit(Encode(bscan(0)))
    assert holds(lambda: fresh.pid is not None)
    pid = fresh.pid
    fresh.shutdown()
    assert gone(pid, 0)
    assert pending.cancelled()
    fresh.shutdown()
    with pytest.raises(EngineDied, match="shut down"):
        fresh.submit(Encode(bscan(0))).result(1)
    assert holds(lambda: fresh.state == "stopped")


@pytest.mark.slow("a real process starts a real engine, which imports torch")
def test_engine_dies_with_napari_even_while_it_computes(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    script = tmp_path / "unguarded.py"  # and so must not be imported by the engine
    script.write_text(
        textwrap.dedent(
            f"""
            import sys, time
            from pathlib import Path
            import numpy as np
            from napari_octsam.engine.predict.client import EngineClient
            from napari_octsam.engine.predict.messages import BScan, Encode, LoadModel

            client = EngineClient(Path({str(tmp_path)!r}))
            client.submit(LoadModel({str(tiny_checkpoint)!r}, device="cpu")).result()
            for seed in range(1000):
                pixels = np.random.default_rng(seed).integers(0, 255, (64, 96), np.uint8)
                client.submit(Encode(BScan(pixels)))
            print(client.pid, flush=True)
            time.sleep(60)
            """
        )
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not gone(pid, 0)
    parent.kill()
    rest, _ = parent.communicate()
    assert gone(pid)
    assert not rest


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("engine.predict.client", {"torch", "triton", "safetensors", "napari", "qtpy"}),
        ("engine.train.client", {"torch", "triton", "safetensors", "napari", "qtpy"}),
    ],
)
def test_the_napari_side_imports_only_its_own(module: str, unwanted: set[str]) -> None:
    code = f"import sys, napari_octsam.{module}; print(*{unwanted!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.split()


def imported_of(unwanted: set[str]) -> None:
    """Print which of some modules the engine brings."""
    import napari_octsam.engine.predict.worker  # noqa: F401

    print(*unwanted & set(sys.modules))


def test_the_engine_imports_only_its_own(tmp_path: Path) -> None:
    unwanted = {"napari", "qtpy", "PyQt6", "PySide6"}
    assert forked(imported_of, unwanted, folder=tmp_path).end() == (0, "\n")


def test_the_model_before_comes_back_without_being_loaded_again(
    engine: EngineClient, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(tiny_checkpoint.read_bytes())
    for path in (tiny_checkpoint, copy):
        engine.submit(LoadModel(str(path), device="cpu")).result(60)
    status = copy.stat()
    copy.write_bytes(b"no checkpoint".ljust(status.st_size))
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    engine.submit(LoadModel(str(tiny_checkpoint), device="cpu")).result(60)
    assert engine.submit(LoadModel(str(copy), device="cpu")).result(60).name == "random tiny"

    copy.write_bytes(b"another file")
    with pytest.raises(UserError):
        engine.submit(LoadModel(str(copy), device="cpu")).result(60)
