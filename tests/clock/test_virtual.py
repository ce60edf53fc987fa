"""The clock that the tests of everything else stand on."""

import asyncio

import pytest

from swarmlab.clock import SECOND, VirtualClock


def test_time_passes_only_when_told() -> None:
    clock = VirtualClock(start=5)
    calls: list[int] = []
    clock.call_later(1.5, lambda: calls.append(clock.now()))
    clock.run_ready()
    assert (clock.now(), calls) == (5, [])
    clock.advance(2)
    assert (clock.now(), calls) == (5 + 2 * SECOND, [5 + 3 * SECOND // 2])


def test_calls_come_in_the_order_of_their_instants_then_of_asking() -> None:
    clock = VirtualClock()
    calls: list[str] = []
    for name, delay in (("late", 2), ("first", 1), ("second", 1), ("now", 0)):
        clock.call_later(delay, lambda name=name: calls.append(name))  # type: ignore[misc]
    clock.call_soon(lambda: calls.append("soon"))
    clock.advance(5)
    assert calls == ["soon", "now", "first", "second", "late"]


def test_a_call_asked_for_by_a_call_is_made_in_the_same_advance() -> None:
    clock = VirtualClock()
    calls: list[int] = []
    start = clock.now()
    clock.call_later(1, lambda: clock.call_later(1, lambda: calls.append(clock.now() - start)) and None)
    clock.advance(3)
    assert calls == [2 * SECOND]


def test_a_cancelled_call_is_never_made_and_cancelling_again_does_nothing() -> None:
    clock = VirtualClock()
    calls: list[str] = []
    timer = clock.call_later(1, lambda: calls.append("cancelled"))
    clock.call_later(1, lambda: calls.append("made"))
    timer.cancel()
    timer.cancel()
    clock.advance(2)
    assert calls == ["made"]


def test_a_negative_delay_counts_as_none_but_is_not_made_at_once() -> None:
    clock = VirtualClock()
    calls: list[str] = []
    clock.call_later(-3, lambda: calls.append("made"))
    assert calls == []
    clock.run_ready()
    assert calls == ["made"]


def test_next_due_ignores_cancelled_calls() -> None:
    clock = VirtualClock()
    assert clock.next_due() is None
    clock.call_later(1, lambda: None).cancel()
    clock.call_later(4, lambda: None)
    assert clock.next_due() == 4
    clock.call_soon(lambda: None)
    assert clock.next_due() == 0


def test_settle_stops_at_the_first_gap() -> None:
    clock = VirtualClock()
    calls: list[str] = []
    clock.call_later(0.5, lambda: clock.call_later(0.9, lambda: calls.append("near")) and None)
    clock.call_later(5, lambda: calls.append("far"))
    clock.settle(quiet=1)
    assert calls == ["near"]


def test_settle_gives_up_on_what_never_rests() -> None:
    clock = VirtualClock()

    def again() -> None:
        clock.call_later(0.5, again)

    again()
    with pytest.raises(TimeoutError, match="not quiescent after 10"):
        clock.settle(limit=10)


def test_sleep_is_woken_by_whoever_advances() -> None:
    async def scenario() -> list[str]:
        clock = VirtualClock()
        log: list[str] = []

        async def sleeper() -> None:
            await clock.sleep(3)
            log.append("awake")

        task = asyncio.ensure_future(sleeper())
        await asyncio.sleep(0)
        clock.advance(2.9)
        await asyncio.sleep(0)
        log.append("still asleep")
        clock.advance(0.1)
        await task
        return log

    assert asyncio.run(scenario()) == ["still asleep", "awake"]


def test_a_sleep_that_is_cancelled_leaves_no_timer() -> None:
    async def scenario() -> VirtualClock:
        clock = VirtualClock()
        task = asyncio.ensure_future(clock.sleep(3))
        await asyncio.sleep(0)
        assert clock.next_due() == 3
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return clock

    assert asyncio.run(scenario()).next_due() is None
