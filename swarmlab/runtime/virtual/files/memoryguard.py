"""Keeps files in memory from using up the machine's: each container has a bound, but there may be many of them."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import psutil

from swarmlab.runtime.virtual.machine import Machine

#: Seconds of real time between two looks at the lab's own size.
_PAUSE = 2.0
#: The part of the machine's memory that the lab's process may have, and how many bytes of files are worth a death.
MOST, _MUCH = 0.4, 16 << 20


class MemoryGuard:
    """Kills the container that has most in memory, when the lab's own process has grown too large."""

    def __init__(self, machines: Callable[[], Iterable[Machine]], size: Callable[[], int] | None = None) -> None:
        """`machines` are those of containers that run; `size` tells how many bytes the process has."""
        self._machines = machines
        self._size = size or _own_size
        self._most = int(psutil.virtual_memory().total * MOST)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            with contextlib.suppress(RuntimeError, OSError):
                self.look()

    def look(self) -> None:
        """Look once."""
        if self._size() <= self._most:
            return
        used = {machine: machine.root.used_memory() for machine in self._machines()}
        most = max(used, key=used.__getitem__, default=None)
        if most is not None and used[most] >= _MUCH:
            most.unloads = True
            most.run_out_of_memory(
                f"the lab needs too much memory; this container, which has files of {used[most] >> 20} MB in memory, "
                "is killed"
            )


def _own_size() -> int:
    return int(psutil.Process().memory_info().rss)
