"""Looks after real processes: a container that makes too many, needs too much memory or fills the disk is killed.

One look at the machine's processes serves all containers of an engine.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import psutil

from swarmlab.runtime.virtual.files.diskguard import DiskGuard
from swarmlab.runtime.virtual.files.quota import Quota
from swarmlab.runtime.virtual.processes.leftovers import MARK
from swarmlab.runtime.virtual.processes.usage import own_memory

if TYPE_CHECKING:
    from swarmlab.runtime.virtual.machine import Machine

#: So many processes one container may have.
MOST_PROCESSES = 256
#: The part of the machine's memory that a container without a limit may have, and the part that is to be left free.
MOST_MEMORY, LEAST_MEMORY = 0.5, 0.04
#: Seconds of real time between two looks.
_PAUSE = 0.5
#: For how long, in seconds, one look at the machine's process groups serves all containers.
_MOMENT = 0.3
#: Who needs less memory, in bytes, is not killed for the machine's sake.
_MUCH = 200 << 20


class Watch:
    """Watches the containers that have real processes, as long as there are any."""

    def __init__(self, quota: Quota) -> None:
        """`quota` says how much the containers' files may have."""
        self.disk = DiskGuard(quota)
        self._machines: set[Machine] = set()
        self._task: asyncio.Task[None] | None = None
        #: Whose each process is; told by the mark in its environment where its process group does not tell.
        self._owners: dict[int, Machine | None] = {}
        #: How many more processes each container may have.
        self._room: dict[Machine, int] = {}
        #: The machine's processes by their groups, and when that was.
        self._groups: dict[int, list[int]] = {}
        self._looked = 0.0

    def add(self, machine: "Machine") -> None:
        """A container has real processes from now on."""
        self._machines.add(machine)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def discard(self, machine: "Machine") -> None:
        """It has none any more."""
        self._machines.discard(machine)
        self._room.pop(machine, None)
        if not self._machines and self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            found = self._look()
            await self.disk.look(found)
            self._save_memory(found)
            for machine, members in found.items():
                self._room[machine] = MOST_PROCESSES - len(members)
                if self._room[machine] < 0:
                    _overrun(machine)

    def _save_memory(self, found: "dict[Machine, list[int]]") -> None:
        """Kill who needs more memory than he may have, and before the machine has none left who needs most."""
        used = {machine: sum(map(own_memory, members)) for machine, members in found.items()}
        machine_has = psutil.virtual_memory()
        for machine, amount in used.items():
            machine.use_memory(amount)
            if not machine.memory and amount > machine_has.total * MOST_MEMORY:
                machine.run_out_of_memory(
                    f"a container without a limit of its own uses {amount >> 20} MB, more than half of this machine's "
                    "memory; it is killed"
                )
        if used and machine_has.available < machine_has.total * LEAST_MEMORY:
            most = max(used, key=used.__getitem__)
            if used[most] >= _MUCH:
                most.run_out_of_memory(
                    f"this machine's memory is nearly used up; this container, which uses {used[most] >> 20} MB, "
                    "is killed"
                )

    def admits(self, machine: "Machine") -> bool:
        """Whether a container may have another process. If not it is killed.

        Between two looks processes are counted as they come, those that end only by the next look.
        """
        if machine not in self._machines:
            # It has ended, and its last processes are being killed.
            return False
        if not self._room.get(machine):
            self._room[machine] = max(0, MOST_PROCESSES - len(self._look().get(machine, ())))
        if not self._room[machine]:
            _overrun(machine)
            return False
        self._room[machine] -= 1
        return True

    def members(self, machine: "Machine") -> list[int]:
        """A container's real processes; one that has come in the last moment may not be among them."""
        if machine in self._machines:
            return self._look().get(machine, [])
        leaders = machine.child_pids()
        if leaders and time.monotonic() - self._looked > _MOMENT:
            self._looked = time.monotonic()
            self._groups = {}
            for pid in psutil.pids():
                with contextlib.suppress(OSError):
                    self._groups.setdefault(os.getpgid(pid), []).append(pid)
        return [pid for leader in leaders for pid in self._groups.get(leader, [leader])]

    def _look(self) -> "dict[Machine, list[int]]":
        """The processes of each container."""
        groups = {pid: machine for machine in self._machines for pid in machine.child_pids()}
        marks = {str(machine.directory): machine for machine in self._machines}
        found: dict[Machine, list[int]] = {}
        owners: dict[int, Machine | None] = {}
        for pid in psutil.pids():
            with contextlib.suppress(OSError, psutil.Error):
                owner = groups.get(os.getpgid(pid))
                if owner is None:
                    # A process has the mark from its beginning; who had none at the last look never gets one.
                    known = pid in self._owners
                    owner = self._owners[pid] if known else _owner(psutil.Process(pid), marks, owners)
                owners[pid] = owner
                if owner is not None:
                    found.setdefault(owner, []).append(pid)
        self._owners = owners
        return found


def _owner(
    process: psutil.Process, marks: "Mapping[str, Machine]", owners: "Mapping[int, Machine | None]"
) -> "Machine | None":
    """Whose a process is that no process group tells of: PostgreSQL's write their titles over the mark."""
    return marks.get(process.environ().get(MARK, "")) or owners.get(process.ppid())


def _overrun(machine: "Machine") -> None:
    machine.overrun(f"more than {MOST_PROCESSES} processes in one container; all of them are killed")
