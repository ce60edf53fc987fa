"""One virtual container: its life, its signals, its health and its output."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import IO

from swarmlab.clock import Clock
from swarmlab.runtime.base import (
    CANNOT_START,
    Attachment,
    Change,
    ContainerConfig,
    File,
    LogLine,
    Mount,
    Output,
    PathStat,
    ProbeResult,
    Process,
    StartError,
    Told,
    Usage,
)
from swarmlab.runtime.health import HealthMonitor, probe_command
from swarmlab.runtime.streams import Broadcast, Pipe, no_input
from swarmlab.runtime.virtual.files.archive import Archive
from swarmlab.runtime.virtual.logs import LogBuffer
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.processes.supervisor import Supervisor
from swarmlab.runtime.virtual.shell.commands import Commands
from swarmlab.runtime.virtual.shell.invocation import carry_out
from swarmlab.runtime.virtual.shell.surroundings import Surroundings
from swarmlab.runtime.virtual.shell.terminal import Terminal
from swarmlab.runtime.virtual.signals import signal_name
from swarmlab.runtime.virtual.waiting import wait_at_most

_CREATE_FAILED = (
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
)
_KILLED = 137
#: What a real engine needs at least to send SIGKILL once it has given a container up, in seconds.
_SECOND_SIGNAL = 0.1
#: What the engine adds to that reason, whatever was to be done (MB: daemon/errors.go).
_NO_DIRECTORY = (
    "not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? "
    "Check if the specified host path exists and is the expected type"
)
_EXEC_FAILED = "OCI runtime exec failed: exec failed: unable to start container process: "


class _Attachment:
    """See `Attachment`."""

    def __init__(self, output: Broadcast) -> None:
        self._output = output
        self._pipe = output.attach()

    def __aiter__(self) -> AsyncIterator[tuple[str, bytes]]:
        return self._pipe

    def close(self) -> None:
        """See `Attachment.close`."""
        self._output.detach(self._pipe)


class VirtualContainer:
    """A container whose programs run in this process, or beside it for servers that are real. See `Container`."""

    def __init__(self, config: ContainerConfig, machine: Machine, clock: Clock, forget: Callable[[], None]) -> None:
        self.config = config
        self._machine = machine
        self._surroundings = Surroundings(machine, config)
        self._archive = Archive(machine.root)
        self._clock = clock
        self._forget = forget
        self._logs = LogBuffer(clock)
        self._output = Broadcast()
        self._stdin: Pipe[bytes] = Pipe()
        self._commands = Commands(machine, clock)
        self._started = 0
        self._main: Supervisor | None = None
        self._exit: asyncio.Future[int] | None = None
        self._pid = 0
        self._helpers: tuple[int, ...] = ()
        #: Users and titles of what `_pid` and `_helpers` number.
        self._shown: list[tuple[str, str]] = []
        self._removed = False
        #: Signals that came while it was paused.
        self._waiting: list[str] = []
        self._changed = asyncio.Event()
        self._monitor: HealthMonitor | None = None
        self._told: Told | None = None
        machine.kill = self._kill_if_running
        machine.report = self._report
        machine.carry_out = carry_out
        if config.healthcheck is not None and probe_command(config.healthcheck):
            self._monitor = HealthMonitor(clock, config.healthcheck, self._probe, self._notify, self._tell)

    @property
    def pid(self) -> int:
        """See `Container.pid`. Programs inside this process have made-up numbers, unique in the lab's lifetime."""
        return self._pid if self._running else 0

    @property
    def health(self) -> str:
        """See `Container.health`."""
        return self._monitor.status if self._monitor is not None and self._exit is not None else ""

    @property
    def failing_streak(self) -> int:
        """See `Container.failing_streak`."""
        return self._monitor.failing_streak if self._monitor is not None else 0

    def health_log(self) -> Sequence[ProbeResult]:
        """See `Container.health_log`."""
        return tuple(self._monitor.log) if self._monitor is not None else ()

    @property
    def oom_killed(self) -> bool:
        """See `Container.oom_killed`."""
        return self._machine.oom_killed

    def ports(self) -> Mapping[int, tuple[str, int]]:
        """See `Container.ports`."""
        return MappingProxyType(self._machine.ports)

    def watch_ports(self, changed: Callable[[], None]) -> Callable[[], None]:
        """See `Container.watch_ports`."""
        return self._machine.ports.watch(changed)

    def identify(self, files: Sequence[File]) -> None:
        """See `Container.identify`."""
        self._machine.root.identify(files)

    def populate(self) -> None:
        """See `Container.populate`."""
        self._machine.root.populate()

    def surround(self, variables: Sequence[str]) -> None:
        """See `Container.surround`."""
        self._surroundings.around = tuple(variables)

    async def start(self) -> None:
        """See `Container.start`."""
        if self._running or self._removed:
            raise RuntimeError("the container is running" if self._running else "the container was removed")
        self._machine.thaw()
        self._machine.root.start()
        self._machine.oom_killed = False
        try:
            invocation = self._surroundings.invocation(self.config.command, tty=self.config.tty)
        except LookupError as error:
            raise StartError(str(error), CANNOT_START) from None
        except StartError as error:
            raise StartError(_CREATE_FAILED + str(error), error.exit_code) from None
        self._machine.root.main_user = (invocation.user.uid, invocation.user.gid)
        loop = asyncio.get_running_loop()
        self._exit = loop.create_future()
        self._machine.begin()
        self._pid = self._machine.processes.next_pid()
        self._started = self._clock.now()
        self._logs.open()
        shown = self._surroundings.shown(invocation)
        self._helpers = tuple(self._machine.processes.next_pid() for _ in shown[1:])
        self._machine.pids.begin(shown, self._started, self._from_inside)
        self._shown = shown
        real = self.config.tty and invocation.wants_terminal
        terminal = Terminal(self._write) if self.config.tty and not real else None
        # The input of a terminal is open, whether anybody types or not.
        stdin: AsyncIterator[bytes] = self._stdin if self.config.open_stdin or self.config.tty else no_input
        if terminal is not None:
            self._machine.background(terminal.type(stdin))
            terminal.interrupted = self._interrupted
            stdin = terminal.lines
        self._main = Supervisor(self._machine, invocation, stdin, terminal, has_terminal=real, init=self.config.init)
        self._main.task = loop.create_task(
            self._run(self._main, self._exit, self._write if terminal is None else terminal.write)
        )
        if invocation.is_server:
            await asyncio.wait((self._main.ready, self._main.task), return_when=asyncio.FIRST_COMPLETED)
        if self._monitor is not None and self._running:
            self._monitor.start()
            self._notify()

    async def wait(self) -> int:
        """See `Container.wait`."""
        if self._exit is None:
            raise RuntimeError("the container has not been started")
        return await asyncio.shield(self._exit)

    def watch_health(self, told: Told) -> None:
        """See `Container.watch_health`."""
        self._told = told

    async def wait_healthy(self) -> bool:
        """See `Container.wait_healthy`."""
        if self._exit is None:
            raise RuntimeError("the container has not been started")
        if self._monitor is None:
            return True
        while self._running and self._monitor.status != "healthy" and not self._monitor.failed:
            await self._next_change()
        return self._running and self._monitor.status == "healthy"

    async def wait_unhealthy(self) -> None:
        """See `Container.wait_unhealthy`."""
        while self._monitor is None or not self._monitor.failed:
            await self._next_change()

    async def stop(self, grace: float, signal: str | None = None, killing: Callable[[], None] = lambda: None) -> None:
        """See `Container.stop`."""
        if not self._running or self._exit is None:
            return
        exited = self._exit
        if self._monitor is not None:
            await self._monitor.stop()
        heeded = self._send(signal or self.config.stop_signal)
        if not await wait_at_most(self._clock, exited, grace):
            killing()
            # A program that ends at once on the first signal is quicker than the second one.
            if not (heeded and grace < _SECOND_SIGNAL and await wait_at_most(self._clock, exited, _SECOND_SIGNAL)):
                self.kill()
            await asyncio.shield(exited)

    def kill(self, signal: str = "SIGKILL") -> None:
        """See `Container.kill`. Raises ValueError for an unknown signal."""
        self._send(signal)

    def _send(self, signal: str) -> bool:
        """Do what `kill` does, and tell whether the program may end by it."""
        name = signal_name(signal)
        if not self._running or self._main is None:
            raise RuntimeError("the container is not running")
        if self._machine.frozen and name != "SIGKILL":
            self._waiting.append(name)
            return False
        self.unpause()
        self._machine.pids.sender = 0
        return self._main.deliver(name)

    def _from_inside(self, name: str) -> None:
        """A signal from one of its own processes: none that the first one has no handler for reaches it."""
        if name not in {"SIGKILL", "SIGSTOP"} and self._running and self._main is not None:
            self._main.deliver(name)

    def _kill_if_running(self) -> None:
        if self._running:
            self.kill()

    def pause(self) -> None:
        """See `Container.pause`."""
        self._machine.freeze()
        if self._monitor is not None:
            self._monitor.pause()

    def unpause(self) -> None:
        """See `Container.unpause`."""
        if not self._machine.frozen:
            return
        self._machine.thaw()
        if self._monitor is not None:
            self._monitor.unpause()
        waiting, self._waiting = self._waiting, []
        for name in waiting:
            self.kill(name)

    def logs(
        self, *, since: int = 0, until: int = 0, tail: int | None = None, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """See `Container.logs`."""
        return self._logs.read(since=since, until=until, tail=tail, follow=follow)

    def attach(self) -> Attachment:
        """See `Container.attach`."""
        return _Attachment(self._output)

    async def feed(self, data: bytes) -> None:
        """See `Container.feed`."""
        if self.config.open_stdin:
            await self._stdin.write(data)

    def close_stdin(self) -> None:
        """See `Container.close_stdin`."""
        if self.config.open_stdin:
            self._stdin.close()

    def processes(self) -> Sequence[Process]:
        """See `Container.processes`."""
        if not self._running or self._main is None:
            return ()
        main = [
            Process(pid, self._surroundings.on_machine(owner), self._started, title)
            for pid, (owner, title) in zip((self._pid, *self._helpers), self._shown, strict=True)
        ]
        return (*main, *self._commands.processes())

    def limit(self, memory: int) -> None:
        """See `Container.limit`."""
        self._machine.memory = memory

    def usage(self) -> Usage:
        """See `Container.usage`."""
        return self._machine.usage(len(self.processes())) if self._running else Usage()

    def stat(self, path: str) -> PathStat:
        """See `Container.stat`."""
        return self._archive.stat(path)

    def misfits(self) -> Sequence[Mount]:
        """See `Container.misfits`."""
        return self._machine.root.misfits()

    def has_file(self, path: str) -> bool:
        """See `Container.has_file`."""
        root = self._machine.root
        return root.is_socket(root.followed(path)) or root.exists(path)

    def pack(self, path: str) -> bytes:
        """See `Container.pack`."""
        return self._archive.pack(path)

    def unpack(self, path: str, archive: IO[bytes], *, replace: bool) -> None:
        """See `Container.unpack`."""
        self._archive.unpack(path, archive, replace=replace)

    def rootfs(self) -> bytes:
        """See `Container.rootfs`."""
        return self._archive.rootfs()

    def layer(self) -> bytes:
        """See `Container.layer`."""
        return self._archive.layer()

    def changes(self) -> Sequence[Change]:
        """See `Container.changes`."""
        return self._archive.changes()

    async def exec(
        self,
        command: Sequence[str],
        output: Output,
        *,
        env: Sequence[str] = (),
        working_dir: str = "",
        user: str = "",
        stdin: AsyncIterable[bytes] | None = None,
        tty: bool = False,
        started: Callable[[int], None] = lambda pid: None,
    ) -> int:
        """See `Container.exec`."""
        if not self._running:
            raise RuntimeError("the container is not running")
        try:
            invocation = self._surroundings.invocation(command, env, working_dir, user, tty=tty)
        except LookupError as error:
            raise StartError(str(error), CANNOT_START) from None
        except StartError as error:
            raise StartError(_EXEC_FAILED + str(error), error.exit_code) from None
        if working_dir and not working_dir.startswith("/"):
            raise StartError(
                "OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown", CANNOT_START
            )
        if working_dir and not self._archive.is_directory(working_dir):
            why = _NO_DIRECTORY if self._archive.is_beyond_file(working_dir) else "no such file or directory: unknown"
            reason = f'chdir to cwd ("{working_dir}") set in config.json failed: {why}'
            raise StartError(_EXEC_FAILED + reason, CANNOT_START)
        chunks = no_input if stdin is None else aiter(stdin)
        return await self._commands.run(invocation, command, output, stdin=chunks, tty=tty, started=started)

    async def remove(self) -> None:
        """See `Container.remove`."""
        if self._running:
            self.kill()
            await self.wait()
        if not self._removed:
            self._removed = True
            self._machine.root.forget()
            self._logs = LogBuffer(self._clock)
            self._forget()

    @property
    def _running(self) -> bool:
        return self._exit is not None and not self._exit.done()

    async def _run(self, main: Supervisor, exited: "asyncio.Future[int]", output: Output) -> None:
        """The container's life from start to exit; whatever happens, `exited` gets a code."""
        code = _KILLED
        try:
            code = await main.run(output)
        except Exception as error:
            # A program of ours that breaks must not take the engine with it: the container fails and says why.
            self._logs.write("stderr", f"{self.config.command[0]}: {type(error).__name__}: {error}\n".encode())
            code = 1
        finally:
            with contextlib.suppress(Exception):
                await self._machine.shut_down()
            if self._monitor is not None:
                await self._monitor.stop()
            self._logs.close()
            self._output.end()
            self._stdin.drop()
            self._stdin = Pipe()
            exited.set_result(code)
            self._notify()

    async def _write(self, stream: str, data: bytes) -> None:
        self._logs.write(stream, data)
        await self._output.write(stream, data)

    def _report(self, text: str) -> None:
        """Say something that is not the program's own, to those who look now and those who look later."""
        self._machine.background(self._write("stderr", text.encode()))

    async def _interrupted(self) -> None:
        if self._main is not None:
            self._main.deliver("SIGINT")

    async def _probe(self, command: tuple[str, ...], write: Callable[[bytes], None]) -> int:
        async def output(stream: str, data: bytes) -> None:
            write(data)

        return await self.exec(command, output)

    def _tell(self, action: str, **attributes: str) -> None:
        if self._told is not None:
            self._told(action, **attributes)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _next_change(self) -> None:
        await self._changed.wait()
