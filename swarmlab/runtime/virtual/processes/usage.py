"""What real processes have used of this machine, as the system tells."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import psutil

_SECOND = 1_000_000_000


class Spent(NamedTuple):
    """Processor time in nanoseconds, and bytes that came from and went to a disk."""

    user: int = 0
    system: int = 0
    read: int = 0
    written: int = 0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def at_least(self, other: "Spent") -> "Spent":
        """Of each the more: what is spent never gets less, though processes end."""
        return Spent(*map(max, zip(self, other, strict=True)))


def spent(pid: int) -> Spent:
    """What a process has used, with those of its children that have ended; nothing when it is gone."""
    user = system = read = written = 0
    with contextlib.suppress(OSError, psutil.Error):
        process = psutil.Process(pid)
        times = process.cpu_times()
        user = int((times.user + getattr(times, "children_user", 0)) * _SECOND)
        system = int((times.system + getattr(times, "children_system", 0)) * _SECOND)
        if hasattr(process, "io_counters"):
            counters = process.io_counters()
            read, written = counters.read_bytes, counters.write_bytes
    return Spent(user, system, read, written)


def own_memory(pid: int) -> int:
    """The bytes that a process shares with no other, as far as the system tells at no cost."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        with contextlib.suppress(psutil.Error):
            return int(psutil.Process(pid).memory_info().rss)
    return 0
