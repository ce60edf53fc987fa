"""Real time times a speed. `time` is replaced, so nothing here waits."""

import asyncio
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest

from swarmlab.clock import SECOND, ScaledClock
from swarmlab.clock.scaled import STRETCH


class FakeTime:
    """The machine's time, by hand."""

    def __init__(self) -> None:
        self.real = 1_000 * SECOND

    def time_ns(self) -> int:
        return self.real + 77 * SECOND

    def monotonic_ns(self) -> int:
        return self.real


class FakeLoop:
    """An event loop by hand; delays are kept in real seconds."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.timers: list[tuple[float, Callable[[], None], FakeHandle]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> "FakeHandle":
        handle = FakeHandle()
        self.timers.append((delay, callback, handle))
        return handle

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def turn(self) -> None:
        """Make the calls that are due at the beginning of the turn."""
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()

    def live(self) -> list[tuple[float, Callable[[], None]]]:
        return [(delay, callback) for delay, callback, handle in self.timers if not handle.cancelled]


class FakeHandle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def time() -> Iterator[FakeTime]:
    fake = FakeTime()
    with patch("swarmlab.clock.scaled.time", fake):
        yield fake


def scaled(speed: float, loop: FakeLoop | None = None) -> ScaledClock:
    clock = ScaledClock(speed)
    clock._loop = loop  # type: ignore[assignment]
    return clock


@pytest.mark.parametrize("speed", [0, -1])
def test_the_speed_is_positive(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be positive"):
        ScaledClock(speed)
    with pytest.raises(ValueError, match="speed must be positive"):
        ScaledClock().set_speed(speed)


def test_swarm_time_is_real_time_at_speed_one(time: FakeTime) -> None:
    clock = scaled(1)
    time.real += 3 * SECOND
    assert clock.now() == time.time_ns()


def test_swarm_time_runs_faster_and_a_change_of_speed_never_jumps(time: FakeTime) -> None:
    clock = scaled(10)
    start = clock.now()
    time.real += SECOND
    assert clock.now() - start == 10 * SECOND
    clock.set_speed(0.5)
    assert clock.now() - start == 10 * SECOND
    time.real += 2 * SECOND
    assert clock.now() - start == 11 * SECOND


def test_a_wait_is_shorter_in_real_time(time: FakeTime) -> None:
    loop = FakeLoop()
    scaled(10, loop).call_later(5, lambda: None)
    assert [delay for delay, _ in loop.live()] == [0.5]


def test_a_change_of_speed_moves_waits_in_progress(time: FakeTime) -> None:
    loop = FakeLoop()
    clock = scaled(1, loop)
    clock.call_later(10, lambda: None)
    time.real += 4 * SECOND
    clock.set_speed(3)
    assert [delay for delay, _ in loop.live()] == [pytest.approx(2)]


def test_a_wait_that_ended_is_not_armed_again(time: FakeTime) -> None:
    loop = FakeLoop()
    clock = scaled(1, loop)
    calls: list[str] = []
    clock.call_later(1, lambda: calls.append("made"))
    cancelled = clock.call_later(1, lambda: calls.append("cancelled"))
    cancelled.cancel()
    [(_, fire)] = loop.live()
    fire()
    clock.set_speed(2)
    loop.turn()
    assert (calls, len(loop.timers), clock.timers) == (["made"], 2, set())


def test_a_wait_can_be_cancelled_until_its_call_is_made(time: FakeTime) -> None:
    loop = FakeLoop()
    clock = scaled(1, loop)
    calls: list[str] = []
    clock.call_later(1, lambda: calls.append("first"))
    second = clock.call_later(1, lambda: calls.append("second"))
    for _, fire in loop.live():
        fire()
    second.cancel()
    loop.turn()
    assert calls == ["first"]


def test_calls_are_made_in_order_and_give_way_to_others_in_time(time: FakeTime) -> None:
    loop = FakeLoop()
    clock = scaled(1, loop)
    calls: list[int] = []

    def work(number: int) -> None:
        calls.append(number)
        time.real += STRETCH // 2

    for number in range(5):
        clock.call_soon(lambda number=number: work(number))  # type: ignore[misc]
    turns = []
    while loop.soon:
        loop.turn()
        turns.append(list(calls))
    assert turns == [[0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4]]


def test_a_call_that_raises_does_not_keep_the_next_ones_from_being_made(time: FakeTime) -> None:
    loop = FakeLoop()
    clock = scaled(1, loop)
    calls: list[str] = []
    clock.call_soon(lambda: calls.remove("never there"))
    clock.call_soon(lambda: calls.append("made"))
    with pytest.raises(ValueError, match="not in list"):
        loop.turn()
    loop.turn()
    assert (calls, loop.soon) == (["made"], [])


def test_advance_to_jumps_forward_only(time: FakeTime) -> None:
    clock = scaled(1)
    start = clock.now()
    clock.advance_to(start + 5)
    clock.advance_to(start - 5)
    assert clock.now() == start + 5


def test_sleep_and_calls_on_a_real_loop() -> None:
    async def scenario() -> tuple[list[str], int]:
        clock = ScaledClock(1000)
        log: list[str] = []
        clock.call_soon(lambda: log.append("soon"))
        before = clock.now()
        await clock.sleep(1)
        log.append("slept")
        return log, clock.now() - before

    log, passed = asyncio.run(scenario())
    assert log == ["soon", "slept"]
    assert passed >= SECOND
