"""Swarm time as real time times a speed that may change while the lab runs."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from swarmlab.clock.base import SECOND, Timer

#: Calls are made for so long at a stretch, in real nanoseconds; then everything else on the event loop has its turn.
STRETCH = SECOND // 100


class _ScaledTimer:
    """A deferred call whose due instant is in swarm time, so that a change of speed moves it in real time."""

    __slots__ = ("callback", "clock", "due", "handle")

    def __init__(self, clock: "ScaledClock", due: int, callback: Callable[[], None]) -> None:
        self.clock = clock
        self.due = due
        self.callback: Callable[[], None] | None = callback
        self.handle: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """Ask the event loop for a call when the due instant comes at the present speed."""
        seconds = max(0, self.due - self.clock.now()) / SECOND / self.clock.speed
        self.handle = self.clock.loop.call_later(seconds, self._fire)

    def cancel(self) -> None:
        """See `Timer.cancel`."""
        self.callback = None
        if self.handle is not None:
            self.handle.cancel()
            self.clock.timers.discard(self)

    def _fire(self) -> None:
        # Thousands of timers may be due at once: they wait in line like every other call.
        self.clock.timers.discard(self)
        self.clock.call_soon(self._call)

    def _call(self) -> None:
        if self.callback is not None:
            self.callback()


class ScaledClock:
    """Swarm time that runs `speed` times as fast as real time, on an asyncio event loop.

    The loop is the one that runs when the first deferred call is made. Calls are made in the order in which they became
    due, and never so many at a stretch that others on the event loop have to wait long. At speed 1 swarm time is the
    machine's time; after a change of speed it goes on from the instant it had, so it never jumps.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be positive, not {speed}")
        self.speed = speed
        self.timers: set[_ScaledTimer] = set()
        self._swarm_base = time.time_ns()
        self._real_base = time.monotonic_ns()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: deque[Callable[[], None]] = deque()
        self._awake = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that makes the deferred calls."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def now(self) -> int:
        """See `Clock.now`."""
        return self._swarm_base + int((time.monotonic_ns() - self._real_base) * self.speed)

    def advance_to(self, instant: int) -> None:
        """Jump forward to `instant` (Unix nanoseconds) if it lies ahead; a restored lab must not live before its
        journal.
        """
        self._swarm_base += max(0, instant - self.now())

    def set_speed(self, speed: float) -> None:
        """Change the speed from now on. Waits in progress end earlier or later accordingly.

        Raises ValueError when `speed` is not positive.
        """
        if speed <= 0:
            raise ValueError(f"speed must be positive, not {speed}")
        self._swarm_base, self._real_base = self.now(), time.monotonic_ns()
        self.speed = speed
        for timer in list(self.timers):
            if timer.handle is not None:
                timer.handle.cancel()
            timer.arm()

    def call_soon(self, callback: Callable[[], None]) -> None:
        """See `Clock.call_soon`."""
        self._ready.append(callback)
        if not self._awake:
            self._awake = True
            self.loop.call_soon(self._run_ready)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """See `Clock.call_later`."""
        timer = _ScaledTimer(self, self.now() + int(seconds * SECOND), callback)
        self.timers.add(timer)
        timer.arm()
        return timer

    def _run_ready(self) -> None:
        end = time.monotonic_ns() + STRETCH
        try:
            while self._ready and time.monotonic_ns() < end:
                self._ready.popleft()()
        finally:
            # Also after a call that raised: the event loop reports it, the next ones are made all the same.
            self._awake = bool(self._ready)
            if self._awake:
                self.loop.call_soon(self._run_ready)

    async def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        done = self.loop.create_future()
        timer = self.call_later(seconds, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            timer.cancel()
