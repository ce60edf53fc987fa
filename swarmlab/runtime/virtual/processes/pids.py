"""The processes of one container as they are seen from inside: its PID namespace."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

#: The number of the first process that comes after the container's own, and what others are apart: runc needs some.
_FIRST, _STEP = 7, 6


class Inside(NamedTuple):
    """A process: `started` is Unix nanoseconds of swarm time, `deliver` gives it a signal by name, as from inside."""

    pid: int
    parent: int
    user: str
    started: int
    command: str
    deliver: Callable[[str], None]


class Pids:
    """Those that run, the first one being the container's own."""

    def __init__(self) -> None:
        self._running: dict[int, Inside] = {}
        self._numbers = itertools.count(_FIRST, _STEP)
        #: Who has sent the last signal, 0 when it came from outside.
        self.sender = 0

    def __iter__(self) -> Iterator[Inside]:
        return iter(tuple(self._running[pid] for pid in sorted(self._running)))

    def find(self, pid: int) -> Inside | None:
        """The one with this number."""
        return self._running.get(pid)

    def begin(self, shown: Sequence[tuple[str, str]], started: int, deliver: Callable[[str], None]) -> None:
        """The container starts, with its main program and children of it: users and titles. Only it gets signals."""
        self._running = {
            pid: Inside(pid, int(pid > 1), user, started, title, deliver if pid == 1 else lambda name: None)
            for pid, (user, title) in enumerate(shown, 1)
        }
        self._numbers = itertools.count(_FIRST, _STEP)

    @contextmanager
    def running(
        self, user: str, started: int, command: str, deliver: Callable[[str], None], parent: int = 0
    ) -> Iterator[int]:
        """Something runs beside it; its number."""
        pid = next(self._numbers)
        self._running[pid] = Inside(pid, parent, user, started, command, deliver)
        try:
            yield pid
        finally:
            self._running.pop(pid, None)
