"""What a container wrote: lines with the instant and the stream, kept for `docker logs`."""

import asyncio
from collections.abc import AsyncIterator

from swarmlab.clock import SECOND, Clock
from swarmlab.runtime.base import LogLine

#: Lines kept for one container; the oldest go first.
CAPACITY = 50_000

#: Docker cuts longer lines into pieces of this many bytes.
_LONGEST = 16 * 1024


class LogBuffer:
    """The lines of one container over all its runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: list[LogLine] = []
        self._dropped = 0
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
        old = [line for line in self._lines if line.time >= since and (not until or line.time <= until)]
        for line in old if tail is None else old[len(old) - min(tail, len(old)) :]:
            yield line
        timer = None
        if follow and until:
            timer = self._clock.call_later((until - self._clock.now()) / SECOND, self._wake)
        try:
            while follow:
                end = max(end, self._dropped)
                for line in self._lines[end - self._dropped :]:
                    end += 1
                    if until and line.time > until:
                        return
                    if line.time >= since:
                        yield line
                if end < self._dropped + len(self._lines):
                    continue
                if not self._open or (until and self._clock.now() >= until):
                    return
                self._changed = self._changed or asyncio.Event()
                await self._changed.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _append(self, stream: str, data: bytes) -> None:
        self._lines.append(LogLine(self._clock.now(), stream, data))
        if len(self._lines) > CAPACITY:
            # A tenth at a time, so that the cost of moving the rest is rare.
            del self._lines[: CAPACITY // 10]
            self._dropped += CAPACITY // 10

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None
