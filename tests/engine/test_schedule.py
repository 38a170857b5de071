"""The order of the engine's work."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octsam.core.classes import bundled_schema
from napari_octsam.engine.predict.messages import BScan, Decode, Encode, Label
from napari_octsam.engine.predict.schedule import Cancelled, Preempted, Schedule
from napari_octsam.engine.wire import Call

HERE = BScan(np.zeros((8, 8), np.uint8))
ELSEWHERE = BScan(np.ones((8, 8), np.uint8))


def schedule_with(*calls: Call) -> Schedule:
    schedule = Schedule()
    for call in calls:
        schedule.add(call)
    return schedule


def test_foreground_goes_first_and_each_queue_keeps_its_order() -> None:
    calls = [Call(i, Encode(HERE), background=i in (1, 2)) for i in (1, 2, 3, 4)]
    schedule = schedule_with(*calls)
    assert [schedule.take()[0].id for _ in calls] == [3, 4, 1, 2]


def test_background_call_yields_and_comes_back_first() -> None:
    running, next_ = (Call(i, Encode(HERE), background=True) for i in (1, 2))
    schedule = schedule_with(running, next_)
    assert schedule.take() == [running]
    schedule.check(running)
    schedule.add(Call(3, Decode(ELSEWHERE, ())))
    with pytest.raises(Preempted):
        schedule.check(running)
    schedule.put_back(running)
    assert [schedule.take()[0].id for _ in range(3)] == [3, 1, 2]


def test_labellings_in_the_background_are_taken_together_and_nothing_else_is() -> None:
    layers = bundled_schema("layers7")
    one, two, three = (Call(i, Label(HERE, layers), background=True) for i in (1, 2, 3))
    helped = Call(4, Label(HERE, layers, namer="octsam-tiny"), background=True)
    schedule = schedule_with(one, two, three, helped, Call(5, Encode(HERE), background=True))
    schedule.add(Call(6, Label(HERE, layers)))
    taken = [[call.id for call in schedule.take(2)] for _ in range(5)]
    assert taken == [[6], [1, 2], [3], [4], [5]]


def test_foreground_call_does_not_yield() -> None:
    running = Call(1, Encode(HERE))
    schedule = schedule_with(running)
    schedule.take()
    schedule.add(Call(2, Decode(ELSEWHERE, ())))
    schedule.check(running)


@pytest.mark.parametrize("cancelled", [False, True])
def test_encode_goes_on_for_a_decode_that_needs_it(cancelled: bool) -> None:
    running = Call(1, Encode(HERE), background=True)
    schedule = schedule_with(running)
    schedule.take()
    if cancelled:
        schedule.cancel(1)
    schedule.add(Call(2, Decode(BScan(HERE.pixels.copy()), ())))
    schedule.check(running)
    schedule.cancel(2)  # now nobody needs it
    if cancelled:
        with pytest.raises(Cancelled):
            schedule.check(running)


def test_cancelled_foreground_call_interrupts_nothing() -> None:
    running = Call(1, Encode(HERE), background=True)
    schedule = schedule_with(running)
    schedule.take()
    schedule.add(Call(2, Decode(ELSEWHERE, ())))
    schedule.cancel(2)
    schedule.check(running)


def test_cancel_forgets_what_waits_and_leaves_what_is_done() -> None:
    done, waiting = Call(1, Encode(HERE)), Call(2, Encode(HERE), background=True)
    schedule = schedule_with(done, waiting, Call(3, Encode(ELSEWHERE), background=True))
    schedule.take()
    schedule.finish(done)
    assert not schedule.cancel(1)
    schedule.check(done)
    assert schedule.cancel(2)
    assert not schedule.cancel(2)
    assert schedule.take()[0].id == 3
