"""Bounds what real processes write. None asks before it writes, so it is measured, and who has written is held back."""

import asyncio
import contextlib
import resource
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swarmlab.runtime.virtual.files.quota import STEP, Quota

if TYPE_CHECKING:
    from swarmlab.runtime.virtual.machine import Machine

#: With less than this free on a disk the container is killed that has written most there, if that matters.
_LEAST_FREE, _MUCH = 1 << 30, 200 << 20
#: Who has written less, in bytes, since it was measured last is not held back.
_NOTEWORTHY = 1 << 20
#: Seconds of real time between two measurements of folders that are full.
_PAUSE = 2.0
#: What is said, with how much there may be.
_FULL = "the lab's containers and volumes have {} on this machine's disk, as much as they may have together; "


class DiskGuard:
    """Looks at what the real processes of containers have written.

    When a lab has as much as it may have, files of those who wrote it do not grow any more (writing fails with "File
    too large"), until there is room again; where the system cannot do that they are killed.
    """

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        #: What each process had written at the last look, and what each container has since the last measurement.
        self._written: dict[int, int] = {}
        self._grown: dict[Machine, int] = {}
        #: Bytes until the next measurement; what ended processes wrote counts, too.
        self._next = STEP
        self._unmeasured = 0
        #: Containers that are held back: the limits of their processes before that, by number.
        self._held: dict[Machine, dict[int, tuple[int, int]]] = {}
        self._measured = 0.0

    async def look(self, members: "Mapping[Machine, Sequence[int]]") -> None:
        """Look at all processes of the containers that have any."""
        now = {pid: written(pid) for pids in members.values() for pid in pids}
        for machine, pids in members.items():
            grown = sum(max(0, now[pid] - self._written.get(pid, 0)) for pid in pids)
            self._grown[machine] = self._grown.get(machine, 0) + grown
            self._unmeasured += grown
        self._written = now
        self._held = {machine: limits for machine, limits in self._held.items() if machine in members}
        if self._unmeasured >= self._next or (self._held and time.monotonic() - self._measured > _PAUSE):
            left = await asyncio.to_thread(self._quota.left)
            self._measured = time.monotonic()
            self._judge(left)
        for machine, limits in list(self._held.items()):
            is_new = not limits
            if not _hold(members[machine], limits):
                del self._held[machine]
                machine.overrun(f"{self._full()}this container, which goes on writing, is killed")
            elif is_new:
                machine.report(
                    f"swarmlab: {self._full()}this container's programs can write no more until there is room\n"
                )
        self._save_disks(members)

    def note(self, pid: int) -> None:
        """A process has ended, and is not reaped yet: what it wrote since the last look is not to be forgotten."""
        self._unmeasured += max(0, written(pid) - self._written.pop(pid, 0))

    def _judge(self, left: int) -> None:
        self._unmeasured, grown = 0, self._grown
        self._grown = {}
        self._next = min(STEP, max(left, _NOTEWORTHY))
        if left > 0:
            for limits in self._held.values():
                _release(limits)
            self._held = {}
            return
        for machine, amount in grown.items():
            if amount >= _NOTEWORTHY and machine not in self._held:
                self._held[machine] = {}

    def _full(self) -> str:
        return _FULL.format(f"{self._quota.most / (1 << 30):.1f} GB")

    def _save_disks(self, members: "Mapping[Machine, Sequence[int]]") -> None:
        """Kill who has written most before a disk is full, also one of the user's that is bound."""
        full: dict[str, bool] = {}
        suspects: list[Machine] = []
        for machine in members:
            for place in _places(machine):
                if place not in full:
                    with contextlib.suppress(OSError):
                        full[place] = shutil.disk_usage(place).free < _LEAST_FREE
                if full.get(place) and machine not in suspects:
                    suspects.append(machine)
        amounts = {machine: sum(self._written.get(pid, 0) for pid in members[machine]) for machine in suspects}
        most = max(amounts, key=amounts.__getitem__, default=None)
        if most is not None and amounts[most] >= _MUCH:
            size = f"{amounts[most] >> 20} MB"
            most.overrun(f"this machine's disk is nearly full; this container, which has written {size}, is killed")


def _places(machine: "Machine") -> Iterator[str]:
    yield str(machine.processes.state)
    for mount in machine.root.mounts.directories():
        if mount.source is not None and not mount.read_only:
            yield str(mount.source)


def written(pid: int) -> int:
    """The bytes that a process has written, to wherever; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("wchar:")), 0)


def _hold(pids: Sequence[int], limits: dict[int, tuple[int, int]]) -> bool:
    """Let no file of these processes grow; what they start has this limit, too. False when the system refuses."""
    for pid in pids:
        if pid not in limits:
            try:
                before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
            except ProcessLookupError:
                continue
            except (AttributeError, OSError):
                # PostgreSQL, started by root, is another user's.
                return False
            limits[pid] = before
    return True


def _release(limits: Mapping[int, tuple[int, int]]) -> None:
    usual = max(limits.values(), default=(0, 0))
    for pid, before in limits.items():
        # A child of one that was held back was held back from its beginning.
        with contextlib.suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before if before[0] else (usual[0], before[1]))
