from collections.abc import Callable
from functools import partial

import pytest

from swarmlab.clock import SECOND, VirtualClock
from swarmlab.engine.container.restarts import Restarts


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def restarts(clock: VirtualClock) -> Restarts:
    return Restarts(clock)


@pytest.fixture
def pause(clock: VirtualClock, restarts: Restarts) -> Callable[[int], float]:
    """Plans a restart after a run of so many seconds, and returns how many seconds later it came."""

    def planned(ran: int) -> float:
        began, started = clock.now(), list[int]()
        restarts.plan("box", ran * SECOND, lambda: started.append(clock.now()))
        clock.advance(100)
        return (started[0] - began) / SECOND

    return planned


def test_each_pause_is_twice_the_last_up_to_a_minute(pause: Callable[[int], float]) -> None:
    assert [pause(1) for _ in range(12)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60])


def test_a_long_run_begins_anew(pause: Callable[[int], float], restarts: Restarts) -> None:
    assert [pause(1), pause(1), pause(10), pause(9)] == pytest.approx([0.1, 0.2, 0.1, 0.2])
    restarts.forget("box")
    assert pause(1) == pytest.approx(0.1)


def test_what_is_cancelled_does_not_come(clock: VirtualClock, restarts: Restarts) -> None:
    started: list[str] = []
    for name in ("one", "two", "three"):
        restarts.plan(name, 0, partial(started.append, name))
    assert restarts.cancel("one")
    assert not restarts.cancel("one")
    clock.advance(1)
    assert started == ["two", "three"]
    restarts.plan("two", 0, lambda: started.append("again"))
    restarts.clear()
    clock.advance(100)
    assert started == ["two", "three"]
