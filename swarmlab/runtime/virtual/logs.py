"""What a container wrote: lines with the instant and the stream, kept for `docker logs`."""

import asyncio
from collections.abc import AsyncIterator

from swarmlab.clock import SECOND, Clock
from swarmlab.runtime.base import LogLine

#: Lines and bytes kept for one container; the oldest lines go first.
CAPACITY, MAX_BYTES = 50_000, 16 << 20

#: Docker cuts longer lines into pieces of this many bytes.
_LONGEST = 16 * 1024


class LogBuffer:
    """The lines of one container over all its runs.

    They are read at the pace of whoever reads, as Docker's log files are: a reader holds nothing but its place, and one
    that is too slow loses what had to go meanwhile.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: list[LogLine] = []
        self._dropped = 0
        self._size = 0
        self._partial: dict[str, bytes] = {}
        self._open = False
        self._changed: asyncio.Event | None = None

    def open(self) -> None:
        """A run begins: `read(follow=True)` waits for its lines."""
        self._open = True

    def close(self) -> None:
        """The run has ended: an unfinished line is kept as it is, and followers end."""
        for stream, rest in self._partial.items():
            self._append(stream, rest)
        self._partial.clear()
        self._open = False
        self._wake()

    def write(self, stream: str, data: bytes) -> None:
        """Add bytes to `stdout` or `stderr`; a line is kept once it is complete (or too long)."""
        if not data:
            return
        *lines, rest = (self._partial.pop(stream, b"") + data).split(b"\n")
        for line in lines:
            self._append(stream, line + b"\n")
        while len(rest) >= _LONGEST:
            self._append(stream, rest[:_LONGEST])
            rest = rest[_LONGEST:]
        if rest:
            self._partial[stream] = rest
        self._wake()

    async def read(
        self, *, since: int = 0, until: int = 0, tail: int | None = None, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """See `Container.logs`. Instants in Unix nanoseconds, 0 for no bound."""
        end = self._dropped + len(self._lines)
        at = self._first(since, until, tail)
        while (at := max(at, self._dropped)) < end:
            line = self._lines[at - self._dropped]
            at += 1
            if line.time >= since and (not until or line.time <= until):
                yield line
        timer = None
        if follow and until:
            timer = self._clock.call_later((until - self._clock.now()) / SECOND, self._wake)
        try:
            while follow:
                at = max(at, self._dropped)
                if at < self._dropped + len(self._lines):
                    line = self._lines[at - self._dropped]
                    at += 1
                    if until and line.time > until:
                        return
                    if line.time >= since:
                        yield line
                    continue
                if not self._open or (until and self._clock.now() >= until):
                    return
                self._changed = self._changed or asyncio.Event()
                await self._changed.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _first(self, since: int, until: int, tail: int | None) -> int:
        """Where to begin for the last `tail` lines of those times."""
        if tail is None:
            return self._dropped
        at = len(self._lines)
        while at and tail:
            at -= 1
            time = self._lines[at].time
            tail -= time >= since and (not until or time <= until)
        return self._dropped + at

    def _append(self, stream: str, data: bytes) -> None:
        self._lines.append(LogLine(self._clock.now(), stream, data))
        self._size += len(data)
        if len(self._lines) > CAPACITY or self._size > MAX_BYTES:
            # A tenth at a time, so that the cost of moving the rest is rare.
            gone = max(1, len(self._lines) // 10)
            self._size -= sum(len(line.data) for line in self._lines[:gone])
            del self._lines[:gone]
            self._dropped += gone

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None
