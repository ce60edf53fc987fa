"""A clock for tests: time passes only when the test says so, and then at once."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable

from swarmlab.clock.base import SECOND, Timer

_EPOCH = 1_700_000_000 * SECOND


class _VirtualTimer:
    __slots__ = ("callback", "due", "order")

    def __init__(self, due: int, order: int, callback: Callable[[], None]) -> None:
        self.due = due
        self.order = order
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: "_VirtualTimer") -> bool:
        return (self.due, self.order) < (other.due, other.order)

    def cancel(self) -> None:
        """See `Timer.cancel`."""
        self.callback = None


class VirtualClock:
    """Time that stands still until `advance` or `settle` is called. Needs no event loop.

    Deferred calls are made in the order of their due instants, ties in the order in which they were asked for, so a run
    is the same every time.
    """

    def __init__(self, start: int = _EPOCH) -> None:
        self._now = start
        self._order = 0
        self._ready: deque[Callable[[], None]] = deque()
        self._timers: list[_VirtualTimer] = []

    def now(self) -> int:
        """See `Clock.now`."""
        return self._now

    def call_soon(self, callback: Callable[[], None]) -> None:
        """See `Clock.call_soon`."""
        self._ready.append(callback)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """See `Clock.call_later`."""
        self._order += 1
        timer = _VirtualTimer(self._now + max(0, int(seconds * SECOND)), self._order, callback)
        heapq.heappush(self._timers, timer)
        return timer

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`; the coroutine is woken by whoever advances the clock on the same event loop."""
        done = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            timer.cancel()

    def run_ready(self) -> None:
        """Make every call that is due at the present instant, and those that these ask for."""
        while True:
            while self._ready:
                self._ready.popleft()()
            if not self._timers or self._timers[0].due > self._now:
                return
            callback = heapq.heappop(self._timers).callback
            if callback is not None:
                callback()

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, making every call that becomes due on the way at its own instant."""
        end = self._now + int(seconds * SECOND)
        self.run_ready()
        while self._timers and self._timers[0].due <= end:
            self._now = max(self._now, self._timers[0].due)
            self.run_ready()
        self._now = end

    def next_due(self) -> float | None:
        """Seconds until the next deferred call, or None when nothing waits for time to pass."""
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if self._ready:
            return 0.0
        return max(0, self._timers[0].due - self._now) / SECOND if self._timers else None

    def settle(self, limit: float = 60.0, quiet: float = 1.0) -> None:
        """Advance until nothing is due within `quiet` seconds (heartbeats and long delays do not count as work).

        Raises TimeoutError when that has not happened after `limit` seconds of swarm time.
        """
        end = self._now + int(limit * SECOND)
        self.run_ready()
        while (due := self.next_due()) is not None and due <= quiet:
            if self._now >= end:
                raise TimeoutError(f"not quiescent after {limit} s of swarm time")
            self.advance(due)
