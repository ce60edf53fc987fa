"""What happens on an engine, for `docker events` (MB: daemon/events)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping

import msgspec

from swarmlab.clock import Clock

#: So many past events are kept (MB: daemon/events/events.go, eventsLimit).
_LIMIT = 256
#: A subscriber that is so many events behind misses those that come next (MB: bufferSize; pubsub waits 100 ms before).
_BACKLOG = 1024


class Event(msgspec.Struct, frozen=True):
    """One event. `time_ns` is Unix nanoseconds of swarm time, `scope` is `local` or `swarm`."""

    type: str
    action: str
    actor_id: str
    attributes: Mapping[str, str]
    scope: str
    time_ns: int


class Events:
    """The last events of an engine, and those who wait for the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._past: deque[Event] = deque(maxlen=_LIMIT)
        self._subscribers: set[asyncio.Queue[Event | None]] = set()

    def publish(
        self, kind: str, action: str, actor_id: str, attributes: Mapping[str, str], scope: str = "local", at: int = 0
    ) -> None:
        """Something happened at `at` (Unix nanoseconds; now when 0)."""
        event = Event(kind, action, actor_id, attributes, scope, at or self._clock.now())
        self._past.append(event)
        for queue in self._subscribers:
            if not queue.full():
                queue.put_nowait(event)

    def past(self) -> tuple[Event, ...]:
        """The last events, oldest first."""
        return tuple(self._past)

    async def subscribe(self, since: int = 0, until: int = 0) -> AsyncIterator[Event]:
        """Events from `since` (0: from now) to `until` (0: for ever), both in Unix nanoseconds."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(_BACKLOG)
        self._subscribers.add(queue)
        timer = None
        try:
            if since or until:
                for event in list(self._past):
                    if event.time_ns >= since and (not until or event.time_ns <= until):
                        yield event
            if until:
                left = (until - self._clock.now()) / 1_000_000_000
                if left <= 0:
                    return
                timer = self._clock.call_later(left, lambda: _end(queue))
            while (coming := await queue.get()) is not None:
                yield coming
        finally:
            self._subscribers.discard(queue)
            if timer is not None:
                timer.cancel()


def _end(queue: "asyncio.Queue[Event | None]") -> None:
    """Nothing more comes; a queue without room has at least one event too many."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(None)
