"""A virtual container seen from inside: what its programs may use."""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from swarmlab.clock import Clock
from swarmlab.images import uses_busybox
from swarmlab.network import Egress, Ports, Sandbox, egress, passage
from swarmlab.runtime.base import Usage
from swarmlab.runtime.virtual.files.files import RootFs
from swarmlab.runtime.virtual.files.mounttable import MountEntry
from swarmlab.runtime.virtual.files.private import private_folder
from swarmlab.runtime.virtual.files.users import Users
from swarmlab.runtime.virtual.processes.leftovers import kill_marked
from swarmlab.runtime.virtual.processes.pids import Pids
from swarmlab.runtime.virtual.processes.process import Child, ProcessHost
from swarmlab.runtime.virtual.processes.usage import Spent, own_memory, spent
from swarmlab.runtime.virtual.signals import Signals

if TYPE_CHECKING:
    from swarmlab.runtime.virtual.context import Program
    from swarmlab.runtime.virtual.processes.bridge import Bridge

#: The longest path of a Unix socket that every system accepts, in bytes, and the longest name of one here.
LONGEST_SOCKET = 103
_LONGEST_NAME = ".s.PGSQL.65535"
#: The memory of a small program in a container of a real engine, for those that are none of their own here.
_PROGRAM = 400 << 10


#: Commands of one family of images only.
_ALPINE, _DEBIAN = (
    frozenset({"apk", "crontab", "httpd", "killall", "logger", "netstat", "sysctl", "telnet", "usleep"}),
    frozenset({"apt", "apt-get", "groupadd", "useradd"}),
)


class UnknownHostError(Exception):
    """Raised when a name means nothing inside the container."""


#: Parameters that Docker sets in every container, and one that people look at (moby: daemon/oci_linux.go).
_SYSCTLS = {
    "net.core.somaxconn": "4096",
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0\t2147483647",
}


class Machine:
    """The services of one container: clock, files, ports and real processes."""

    def __init__(
        self,
        *,
        container_id: str,
        hostname: str,
        clock: Clock,
        root: RootFs,
        directory: Path,
        processes: ProcessHost,
        absent: frozenset[str] = frozenset(),
        sandboxes: Callable[[], Sandbox],
        exchange: Callable[[], str],
        memory: int = 0,
        mounts: Sequence[MountEntry] = (),
        ulimits: Sequence[tuple[str, int, int]] = (),
        sysctls: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`memory` is the container's limit in bytes, 0 for none; `ulimits` are names with soft and hard limits.

        `sysctls` are the kernel's parameters that the container has set.
        """
        self.container_id = container_id
        self.hostname = hostname
        self.clock = clock
        self.root = root
        self.users = Users(root)
        self.directory = directory
        self.processes = processes
        self.absent = absent
        self.mounts = mounts
        self.ulimits = ulimits
        #: The kernel's parameters that programs may read, by their names with dots.
        self.sysctls = {**_SYSCTLS, "kernel.hostname": hostname, **sysctls}
        self.pids = Pids()
        self.signals = Signals()
        self.memory = memory
        #: Whether the program was killed because it had used up the container's memory, and what kills it.
        self.oom_killed = False
        self._overran = False
        #: Whether its main program runs.
        self.running = False
        #: Whether its files are to be moved from memory to the disk when it has ended.
        self.unloads = False
        #: What programs in this process say that they use, in bytes, and what real ones have used so far.
        self._said = 0
        self._spent = Spent()
        #: Whether real processes that may make others have been started.
        self.has_natives = False
        self.kill: Callable[[], None] = lambda: None
        #: Runs whatever a context's command line means; programs do not know the shell, which knows them.
        self.carry_out: Program
        #: Called when its main program starts.
        self.begun: Callable[[], None] = lambda: None
        #: Writes to the container's output what the lab has to say about it.
        self.report: Callable[[str], None] = lambda text: None
        #: Answers questions of real processes, once there are any that ask.
        self.bridge: Bridge | None = None
        #: Unix sockets that listen: where they really are, by their paths in the container.
        self.sockets: dict[str, Path] = {
            root.followed(path, last=False): socket for path, socket in root.mounts.sockets.items()
        }
        self._sandboxes = sandboxes
        self._exchange = exchange
        self._daemons: set[asyncio.Task[Any]] = set()
        self._children: list[Child] = []
        self._thawed = asyncio.Event()
        self._thawed.set()

    def lacks(self, command: str) -> bool:
        """Whether an image has no such command, though others have; a file may bring it all the same."""
        if command in self.absent or command in (_DEBIAN if self.is_busybox else _ALPINE):
            return not any(self.root.exists(f"{directory}/{command}") for directory in ("/usr/local/bin", "/usr/bin"))
        return False

    @property
    def is_busybox(self) -> bool:
        """Whether the image's tools are BusyBox's."""
        return uses_busybox(self.absent)

    @property
    def sandbox(self) -> Sandbox:
        """The container's network; another container may share it."""
        sandbox = self._sandboxes()
        sandbox.hosts = lambda: self._text("/etc/hosts")
        sandbox.resolv = lambda: self._text("/etc/resolv.conf")
        sandbox.musl = self.root.exists("/etc/alpine-release")
        return sandbox

    @property
    def ports(self) -> Ports:
        """Where the ports that listen really are."""
        return self.sandbox.ports

    def listen(self, port: int, address: tuple[str, int]) -> None:
        """Say that the container's `port` is really at `address`. Raises OSError (EADDRINUSE) when it is taken."""
        self.claim(port)
        self.ports[port] = address

    def claim(self, port: int) -> None:
        """Raise OSError (EADDRINUSE) when something listens at a port already."""
        if port in self.ports or self.sandbox.taken(port):
            raise OSError(errno.EADDRINUSE, "Address already in use")

    def close_port(self, port: int) -> None:
        """The container's `port` no longer listens."""
        self.ports.pop(port, None)
        self.sandbox.told.pop(port, None)

    def socket(self, path: str) -> Path | None:
        """Where a Unix socket at which somebody listens really is, by its path in the container."""
        return self.sockets.get(path) or self.sockets.get(self.root.followed(path, last=False))

    async def resolve(self, host: str) -> list[str]:
        """The addresses of a name; empty when it means nothing inside the container."""
        return await self.sandbox.resolve(host)

    @asynccontextmanager
    async def connection(self, address: str, port: int) -> AsyncIterator[tuple[str, int]]:
        """Where on this machine a program of ours connects to, to get to an address.

        Raises OSError as connect() does: ECONNREFUSED, ENETUNREACH at once, EHOSTUNREACH, ETIMEDOUT after a while.
        """
        route = await self.sandbox.reach(address, port, self.clock)
        async with passage(route) as real:
            yield real

    @asynccontextmanager
    async def reached(self, host: str, port: int) -> AsyncIterator[tuple[str, tuple[str, int]]]:
        """The address that `host` stands for, and where a program here connects to, to get to its `port`.

        Raises UnknownHostError, and OSError as `connection` does.
        """
        if not (addresses := await self.resolve(host)):
            raise UnknownHostError(host)
        async with self.connection(addresses[0], port) as real:
            yield addresses[0], real

    @property
    def short_directory(self) -> Path:
        """A directory for Unix sockets, whose paths must be short: in the lab's state unless that lies too deep."""
        name = f"{hashlib.sha256(self.container_id.encode()).hexdigest()[:12]}.s"
        place = self.processes.state / name
        if len(os.fsencode(place / _LONGEST_NAME)) > LONGEST_SOCKET:
            place = private_folder(self.processes.state) / name
        return place

    def egress(self, host: str, port: int) -> Egress:
        """A way out for a real process."""
        return egress(self.sandbox, self.clock, host, port)

    def exchange(self) -> str:
        """What a shim of a real process is told of the way into the container's network; see `network.Exchange`."""
        return self._exchange()

    def _text(self, path: str) -> str:
        try:
            return self.root.read(path).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def use_memory(self, amount: int) -> None:
        """The container's programs use so many bytes; beyond its limit they are killed, as the kernel does."""
        self._said = amount
        if self.memory and amount > self.memory:
            self.run_out_of_memory()

    def run_out_of_memory(self, reason: str = "") -> None:
        """Kill the container's programs for what they use; a reason that is not its own limit is told."""
        if self.oom_killed:
            return
        self.oom_killed = True
        if reason:
            self.report(f"swarmlab: {reason}\n")
        self.kill()

    def usage(self, programs: int) -> Usage:
        """What its programs use; `programs` is how many of them there are, with those in this process."""
        members = self.processes.watch.members(self)
        now = reduce(Spent.plus, (*(child.spent for child in self._children), *map(spent, members)), Spent())
        self._spent = self._spent.at_least(now)
        simulated = max(0, programs - len(members))
        memory = sum(map(own_memory, members)) or self._said
        return Usage(len(members) + simulated, memory + simulated * _PROGRAM, *self._spent)

    def overrun(self, reason: str) -> None:
        """The container's real processes are a danger to this machine: kill them all and say why."""
        if self._overran:
            return
        self._overran = True
        self.report(f"swarmlab: {reason}\n")
        for child in self._children:
            child.signal("SIGKILL")
        self.kill()

    def child_pids(self) -> list[int]:
        """The real processes that were started for it; each leads a process group."""
        return [child.pid for child in self._children if not child.exited.done()]

    def background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a daemon until it ends or the container does."""
        self.adopt(asyncio.get_running_loop().create_task(work))

    def adopt(self, task: "asyncio.Task[Any]") -> None:
        """Cancel a task when the container ends."""
        self._daemons.add(task)
        task.add_done_callback(self._daemons.discard)

    def begin(self) -> None:
        """The main program starts."""
        self.running = True
        self.begun()

    async def shut_down(self) -> None:
        """The main program has ended: end the daemons, close the ports and forget the signal handlers."""
        self.running = False
        for task in (daemons := tuple(self._daemons)):
            # One that cleans up already is left to it.
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*daemons, return_exceptions=True)
        if self.bridge is not None:
            self.bridge.close()
            self.bridge = None
        if self.has_natives:
            self.has_natives = self._overran = False
            self.processes.watch.discard(self)
            await asyncio.to_thread(kill_marked, self.directory)
        self.root.stop()
        if self.unloads:
            self.unloads = False
            await asyncio.to_thread(self.root.unload)
        self.ports.clear()
        self.signals = Signals()
        self._children.clear()
        self._said, self._spent = 0, Spent()

    def spawn(self, argv: Sequence[str], **options: Any) -> Child:
        """Start a real process that belongs to the container; see `ProcessHost.spawn`."""
        child = self.processes.spawn(argv, **options)
        self._children.append(child)
        return child

    @property
    def frozen(self) -> bool:
        """Whether the container is paused."""
        return not self._thawed.is_set()

    def freeze(self) -> None:
        """Stop real processes; programs in this process stop where they next write, or come back from waiting."""
        self._thawed.clear()
        for child in self._children:
            child.signal("SIGSTOP")

    def thaw(self) -> None:
        """Let everything go on."""
        self._thawed.set()
        for child in self._children:
            child.signal("SIGCONT")

    async def thawed(self) -> None:
        """Return as soon as the container is not paused."""
        await self._thawed.wait()
