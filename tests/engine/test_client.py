"""The client on its own, with a process that has no torch and so starts in a moment."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from napari_octsam.core.errors import UserError
from napari_octsam.engine.client import Client
from napari_octsam.engine.errors import EngineDied, EngineFault
from napari_octsam.engine.process import EngineProcess, _open_log
from napari_octsam.engine.state import Pending, Role, State

pytestmark = pytest.mark.real_process  # that of `echo` starts in a moment

Make = Callable[..., "Client[Any, Any, Any]"]


def doing(state: State[Any, Any], pending: Pending[Any, Any] | None) -> str:
    return f"while {state.phase}" if pending is None else f"while {pending.event}"


def noting(phases: list[str]) -> Callable[[State[Any, Any], State[Any, Any]], None]:
    def note(before: State[Any, Any], after: State[Any, Any]) -> None:
        if after.phase != before.phase:
            phases.append(after.phase)

    return note


@pytest.fixture
def phases() -> list[str]:
    """Each new phase of the processes that `make` makes."""
    return []


@pytest.fixture
def make(tmp_path: Path, phases: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # the tests' own modules too
    clients: list[Client[Any, Any, Any]] = []

    def make(*arguments: str) -> Client[Any, Any, Any]:
        def launch() -> EngineProcess:
            return EngineProcess("tests.engine.echo", arguments, tmp_path, "echo.log")

        clients.append(Client("echo", launch, doing, "Try again.", noting(phases)))
        return clients[-1]

    yield make
    for client in clients:
        client.end()
        assert client.wait(60)
        assert client.state.process is None
        assert not client.state.pending


@pytest.fixture
def client(make: Make) -> Client[Any, Any, Any]:
    return make()


class Waiting:
    """A request at which the process waits until it is steered, cancelled or killed."""

    def __init__(self, client: Client[Any, Any, Any]) -> None:
        self.events: list[object] = []
        self._begun = threading.Event()
        self.future = client.submit(("wait",), on_event=self._note)
        assert self._begun.wait(60)

    def _note(self, event: object) -> None:
        self.events.append(event)
        self._begun.set()


def kill(client: Client[Any, Any, Any]) -> None:
    assert client.pid is not None
    os.kill(client.pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def test_starts_once_with_the_first_request(
    client: Client[Any, Any, Any], phases: list[str]
) -> None:
    assert client.pid is None
    futures = [client.submit(("say", number)) for number in range(20)]
    assert [future.result(60) for future in futures] == list(range(20))
    assert phases == ["starting", "ready"]


def test_all_events_come_in_order_and_before_the_answer(client: Client[Any, Any, Any]) -> None:
    told: list[object] = []
    future = client.submit(("count", 1000), on_event=told.append)
    future.add_done_callback(lambda done: told.append(f"answer {done.result()}"))
    future.result(60)
    assert told == [*range(1000), "answer 1000"]


def test_a_listener_that_fails_ends_nothing(client: Client[Any, Any, Any]) -> None:
    assert client.submit(("count", 2), on_event=lambda event: 1 / 0).result(60) == 2
    assert client.submit(("say", 1)).result(60) == 1


def test_a_callback_may_submit(client: Client[Any, Any, Any]) -> None:
    chained: Future[Future[Any]] = Future()
    first = client.submit(("say", 1))
    first.add_done_callback(lambda _: chained.set_result(client.submit(("say", 2))))
    assert chained.result(60).result(60) == 2


def test_failures_say_whose_they_are(client: Client[Any, Any, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file nowhere"):
        client.submit(("read", "nowhere")).result(60)
    with pytest.raises(EngineFault, match=r"^The echo failed: no juggle\. Its log") as caught:
        client.submit(("juggle",)).result(60)
    assert str(caught.value).endswith(str(tmp_path / "echo.log"))
    assert "Traceback" in (tmp_path / "echo.log").read_text("utf-8")


def test_what_cannot_be_pickled_fails_alone(client: Client[Any, Any, Any]) -> None:
    with pytest.raises(Exception, match="pickle"):
        client.submit(("say", lambda: None)).result(60)
    assert client.submit(("say", 1)).result(60) == 1


def test_warnings_are_told(client: Client[Any, Any, Any]) -> None:
    warnings: list[str] = []
    client.warned.connect(warnings.append)
    client.submit(("warn", "The disk is full.")).result(60)
    assert warnings == ["The disk is full."]


def test_cancel_stops_what_runs_and_drops_what_waits(client: Client[Any, Any, Any]) -> None:
    running = Waiting(client)
    behind, last = client.submit(("say", 1)), client.submit(("say", 2))
    assert behind.cancel()
    assert running.future.cancel()
    assert wait([running.future, behind], timeout=60).done
    with pytest.raises(CancelledError):
        running.future.result()
    assert last.result(60) == 2


class Asleep:
    """A request in which the process hears nothing."""

    def __init__(self, client: Client[Any, Any, Any], seconds: float = 600) -> None:
        begun = threading.Event()
        self.future = client.submit(("sleep", seconds), on_event=lambda _: begun.set())
        assert begun.wait(60)


def test_cancel_ends_a_process_that_does_not_stop(
    client: Client[Any, Any, Any], phases: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "text"
    file.write_text("here")
    client.submit(("read", str(file)), role="sets up").result(60)
    deaths: list[str] = []
    client.died.connect(deaths.append)
    stuck = Asleep(client)
    behind = client.submit(("say", 1)), client.submit(("text",), role="relies on it")
    process = client.state.process
    assert process is not None
    cancelled = time.monotonic()
    assert stuck.future.cancel()
    process.end(60)

    assert time.monotonic() - cancelled < 60, "the client ended it, this test did not"
    assert [each.result(30) for each in behind] == [1, "here"]
    assert phases == ["starting", "ready", "stopped", "starting", "ready"]
    assert deaths == []


def test_cancel_leaves_what_helps_another_request(make: Make) -> None:
    client = make()
    client._helps = lambda one, other: one[0] == "sleep" and other[0] == "say"
    helping = Asleep(client, 4)
    pid = client.pid
    behind = client.submit(("say", 1))
    assert helping.future.cancel()

    assert behind.result(30) == 1
    assert client.pid == pid


def test_steering_reaches_the_request_that_runs(client: Client[Any, Any, Any]) -> None:
    first = Waiting(client)
    later = client.submit(("wait",))
    client.steer(first.future, "pause")
    client.steer(first.future, "go on")
    client.steer(first.future, "end")
    client.steer(later, "end")
    assert first.future.result(60) == ["pause", "go on"]
    assert first.events == ["waiting", "pause", "go on"]
    client.steer(first.future, "too late")
    assert later.result(60) == []


def test_a_steer_that_follows_at_once_is_not_lost(client: Client[Any, Any, Any]) -> None:
    future = client.submit(("wait",))
    client.steer(future, "end")
    assert future.result(60) == []


@pytest.mark.skipif(os.name != "posix", reason="names of signals")
def test_death_fails_what_is_pending_and_the_next_request_starts_anew(
    client: Client[Any, Any, Any], phases: list[str], tmp_path: Path
) -> None:
    running = Waiting(client)
    behind = client.submit(("say", 1))
    deaths: list[str] = []
    client.died.connect(deaths.append)
    kill(client)
    for future, event in ((running.future, "waiting"), (behind, None)):
        with pytest.raises(EngineDied) as caught:
            future.result(60)
        assert str(caught.value) == (
            "The echo was stopped by SIGKILL, as happens when memory runs out, "
            f"while {event}. Try again. Its log is {tmp_path / 'echo.log'}"
        )
    assert client.pid is None
    assert client.submit(("say", 2)).result(60) == 2
    assert phases == ["starting", "ready", "stopped", "starting", "ready"]
    assert len(deaths) == 1
    assert "while ready" in deaths[0]


def test_a_death_is_told_also_where_nobody_waits_for_an_answer(
    client: Client[Any, Any, Any],
) -> None:
    deaths: list[str] = []
    client.died.connect(deaths.append)
    running = Waiting(client)
    running.future.cancel()
    kill(client)
    assert client.wait(60)
    assert len(deaths) == 1


def test_an_exit_code_is_part_of_the_sentence(client: Client[Any, Any, Any]) -> None:
    with pytest.raises(EngineDied, match="The echo stopped with exit code 3 while None"):
        client.submit(("exit", 3)).result(60)


def test_a_new_process_is_set_up_as_the_one_before(
    client: Client[Any, Any, Any], tmp_path: Path
) -> None:
    file, missing = tmp_path / "text", tmp_path / "missing"
    with pytest.raises(UserError, match="Nothing is read"):
        client.submit(("text",), role="relies on it").result(60)
    file.write_text("before")
    assert client.submit(("read", str(file)), role="sets up").result(60) == "before"
    with pytest.raises(UserError):
        client.submit(("read", str(missing)), role="sets up").result(60)
    file.write_text("after")
    assert client.submit(("text",), role="relies on it").result(60) == "before"

    kill(client)
    assert client.wait(60)
    events: list[object] = []
    assert client.submit(("say", 1)).result(60) == 1  # needs nothing
    futures = [
        client.submit(("text",), on_event=events.append, role="relies on it") for _ in range(3)
    ]
    assert [future.result(60) for future in futures] == ["after"] * 3
    assert events == ["reading"]


def test_where_the_set_up_fails_so_does_what_relies_on_it(
    client: Client[Any, Any, Any], tmp_path: Path
) -> None:
    file = tmp_path / "text"
    file.write_text("here")
    client.submit(("read", str(file)), role="sets up").result(60)
    file.unlink()
    kill(client)
    assert client.wait(60)
    with pytest.raises(UserError, match="There is no file"):
        client.submit(("text",), role="relies on it").result(60)
    file.write_text("again")
    assert client.submit(("text",), role="relies on it").result(60) == "again"


@pytest.mark.parametrize(
    ("error", "died"), [(OSError("no memory"), True), (UserError("no"), False)]
)
def test_a_process_that_cannot_start_fails_what_waits_for_it(error: Exception, died: bool) -> None:
    def launch() -> EngineProcess:
        raise error

    phases: list[str] = []
    client: Client[Any, Any, Any] = Client("echo", launch, doing, "Try again.", noting(phases))
    deaths: list[str] = []
    client.died.connect(deaths.append)
    expected = EngineDied if died else UserError
    with pytest.raises(expected, match=r"The echo cannot start: no memory|^no$"):
        client.submit(("say", 1)).result(60)
    assert client.wait(60)
    assert phases == ["starting", "stopped"]
    assert len(deaths) == died


def test_a_process_may_serve_one_request_and_end(make: Make) -> None:
    client = make("once")
    deaths: list[str] = []
    client.died.connect(deaths.append)
    for number in range(2):
        assert client.submit(("say", number)).result(60) == number
        assert client.wait(60)
    assert not deaths


def test_a_process_that_is_left_gives_its_answer_and_ends(client: Client[Any, Any, Any]) -> None:
    deaths: list[str] = []
    client.died.connect(deaths.append)
    running = Waiting(client)
    client.leave()
    assert running.future.result(60) == ["left"]
    assert client.wait(60)
    with pytest.raises(EngineDied, match="The echo has been shut down"):
        client.submit(("say", 1)).result(1)
    assert not deaths


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_end_kills_what_does_not_end(client: Client[Any, Any, Any], seconds: float) -> None:
    begun = threading.Event()
    sleeping = client.submit(("sleep", 60), on_event=lambda event: begun.set())
    assert begun.wait(60)
    os.kill(client.pid, signal.SIGSTOP) if os.name == "posix" else None  # type: ignore[arg-type]
    client.end(seconds)
    with pytest.raises(EngineDied):
        sleeping.result(60)


def test_a_process_that_nobody_wants_any_more_when_it_starts_is_ended(
    client: Client[Any, Any, Any],
) -> None:
    future = client.submit(("sleep", 60))
    client.end()
    with pytest.raises(EngineDied):
        future.result(60)


def test_nothing_hangs_or_is_lost_whenever_the_process_is_killed(
    client: Client[Any, Any, Any], phases: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "text"
    file.write_text("text")
    client.submit(("read", str(file)), role="sets up").result(60)
    deaths: list[str] = []
    client.died.connect(deaths.append)
    enough = threading.Event()
    threads = [Asking(client, seed, enough) for seed in range(3)]
    for thread in threads:
        thread.start()
    assert threads[0].answered.wait(60)
    kills = 0
    while kills < 15:
        time.sleep(random.random() / 5)
        process = client.state.process
        if process is not None:
            process.end()
            kills += 1
    enough.set()
    for thread in threads:
        thread.join(60)

    futures = [future for thread in threads for future in thread.futures]
    assert not wait(futures, timeout=60).not_done
    with suppress(EngineDied):  # of the last kill
        client.submit(("say", 1)).result(20)
    assert client.submit(("text",), role="relies on it").result(20) == "text"
    errors = [future.exception() for future in futures if not future.cancelled()]
    assert {type(error) for error in errors} <= {type(None), EngineDied}
    assert None in errors
    assert 0 < len(deaths) <= kills
    follows = {"stopped": {"starting"}, "starting": {"ready", "stopped"}, "ready": {"stopped"}}
    assert all(later in follows[phase] for phase, later in pairwise(["stopped", *phases]))
    assert phases[-1] == "ready"


class Asking(threading.Thread):
    """Asks, cancels and steers at random."""

    def __init__(self, client: Client[Any, Any, Any], seed: int, enough: threading.Event) -> None:
        super().__init__(daemon=True)
        self.futures: list[Future[Any]] = []
        self.answered = threading.Event()
        self._client = client
        self._chance = random.Random(seed)
        self._enough = enough

    def run(self) -> None:
        while not self._enough.is_set():
            verb = self._chance.choice(["text", "count", "wait"])
            role: Role = "relies on it" if verb == "text" else "stands alone"
            future = self._client.submit((verb, 3), role=role)
            self.futures.append(future)
            future.add_done_callback(self._note)
            if verb == "wait":
                self._client.steer(future, "end")
            if self._chance.random() < 0.3:
                self._chance.choice(self.futures).cancel()
            time.sleep(self._chance.random() / 200)

    def _note(self, future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.answered.set()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_a_log_is_for_its_user_alone(tmp_path: Path) -> None:
    with _open_log(tmp_path / "cache", "engine.log"):
        modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "cache").glob("**/*")]
    assert modes == [0o600]
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
