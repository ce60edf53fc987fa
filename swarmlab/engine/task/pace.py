"""What engines need for the containers of tasks, in swarm time, beside what the containers' programs need."""

import asyncio
import heapq
import itertools
import random
from typing import NamedTuple

from swarmlab.clock import SECOND, Clock, Timer


class Pace(NamedTuple):
    """Seconds of swarm time that a step takes of an engine that does nothing else.

    `prepare` makes a container; `start` sets up its namespaces, mounts and processes, and `network` is what each
    overlay network (the ingress network is one) adds to it; `stop` takes a container down that was told to stop; `end`
    is until the engine has noticed that a program ended by itself.

    Steps at the same time share the machine: each other one makes a step `sharing` times its time slower, and one that
    begins later needs `turn` times its time more for each that is under way already, as engines do some of it one by
    one. No two steps take exactly as long: each needs up to `spread` times its time more or less.
    """

    prepare: float
    start: float
    network: float
    stop: float
    end: float
    sharing: float
    turn: float
    spread: float


#: As measured on real engines with two processors. Without it a task would never be seen STARTING, and an update would
#: have no moment at which a replica is missing.
REAL_PACE = Pace(prepare=0.013, start=0.19, network=0.16, stop=0.05, end=0.08, sharing=0.45, turn=0.08, spread=0.15)
INSTANT = Pace(prepare=0, start=0, network=0, stop=0, end=0, sharing=0, turn=0, spread=0)
#: More than so many others make no step slower: what a crowd costs is the machine's, not the swarm's.
_CROWD = 9


class Machine:
    """The machine of one engine: steps that are under way at the same time go forward equally, and so slower."""

    def __init__(self, clock: Clock, pace: Pace) -> None:
        self._clock = clock
        self._pace = pace
        self._random = random.Random()  # noqa: S311  (what a step needs, not secrets)
        #: How far a step has come (seconds of work) that is under way since the machine exists.
        self._done = 0.0
        self._since = clock.now()
        #: The steps under way by how far `_done` is at their end.
        self._steps: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: Timer | None = None

    async def work(self, seconds: float) -> None:
        """Return when a step is done that takes about so many seconds on a machine that does nothing else."""
        if seconds <= 0:
            return
        self._go_on()
        seconds = self.about(seconds) * (1 + self._pace.turn * min(len(self._steps), _CROWD))
        step = (self._done + seconds, next(self._order), asyncio.get_running_loop().create_future())
        heapq.heappush(self._steps, step)
        self._plan()
        try:
            await step[2]
        finally:
            if step in self._steps:
                # Given up on the way: the others have the machine for themselves from now on.
                self._go_on()
                self._steps.remove(step)
                heapq.heapify(self._steps)
                self._plan()

    def about(self, seconds: float) -> float:
        """What a step needs this time that needs so many seconds in general."""
        return seconds * (1 + self._pace.spread * self._random.uniform(-1, 1))

    def _slowness(self) -> float:
        """How many seconds a second of work takes now."""
        return 1 + self._pace.sharing * min(max(len(self._steps) - 1, 0), _CROWD)

    def _go_on(self) -> None:
        now = self._clock.now()
        self._done += (now - self._since) / SECOND / self._slowness()
        self._since = now

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._steps:
            self._timer = self._clock.call_later((self._steps[0][0] - self._done) * self._slowness(), self._finish)

    def _finish(self) -> None:
        self._timer = None
        self._go_on()
        # The clock counts whole nanoseconds: what lacks less than that is done.
        while self._steps and self._steps[0][0] <= self._done + 1 / SECOND:
            future = heapq.heappop(self._steps)[2]
            if not future.done():
                future.set_result(None)
        self._plan()
