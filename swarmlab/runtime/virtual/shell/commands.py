"""Commands that run in a container beside its main program."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from swarmlab.clock import Clock
from swarmlab.runtime.base import Output, Process
from swarmlab.runtime.streams import no_input
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.processes.receiver import Receiver
from swarmlab.runtime.virtual.shell.invocation import Invocation
from swarmlab.runtime.virtual.shell.terminal import Terminal
from swarmlab.runtime.virtual.signals import Signals

_KILLED = 137
_INTERRUPTED = 130


class Commands:
    """Those of one container."""

    def __init__(self, machine: Machine, clock: Clock) -> None:
        self._machine = machine
        self._clock = clock
        self._running: dict[int, Process] = {}

    def processes(self) -> Sequence[Process]:
        """Those that run now."""
        return tuple(self._running.values())

    async def run(
        self,
        invocation: Invocation,
        command: Sequence[str],
        output: Output,
        *,
        stdin: AsyncIterator[bytes],
        tty: bool,
        started: Callable[[int], None],
    ) -> int:
        """Run one to its end; its exit code. See `Container.exec`."""
        pid = self._machine.processes.next_pid()
        now, name, title = self._clock.now(), invocation.user.name, " ".join(command)
        self._running[pid] = Process(pid, name, now, title)
        started(pid)
        receiver = Receiver()
        try:
            with self._machine.pids.running(name, now, title, receiver.deliver) as inside:
                return await self._run(invocation, output, stdin, tty, receiver, inside)
        finally:
            del self._running[pid]

    async def _run(
        self,
        invocation: Invocation,
        output: Output,
        stdin: AsyncIterator[bytes],
        tty: bool,
        receiver: Receiver,
        pid: int,
    ) -> int:
        loop = asyncio.get_running_loop()
        real = tty and invocation.wants_terminal
        terminal = Terminal(output) if tty and not real else None
        typing = None
        interrupted = False
        if terminal is not None:
            if stdin is not no_input:
                typing = loop.create_task(terminal.type(stdin))
            # Where nobody types there is a terminal all the same, whose input does not end.
            stdin, output = terminal.lines, terminal.write
        context = invocation.context(output, stdin=stdin, signals=Signals(), has_terminal=real)
        context.pid = pid
        work = receiver.work = loop.create_task(invocation.run(context, terminal))
        receiver.signals = context.signals
        self._machine.adopt(work)

        async def interrupt() -> None:
            nonlocal interrupted
            interrupted = not context.signals.deliver("SIGINT")
            if interrupted:
                work.cancel()

        if terminal is not None and not (invocation.talks and invocation.program is None):
            terminal.interrupted = interrupt
        try:
            return await work
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is None or caller.cancelling():
                raise
            # Nobody cancelled the call: Ctrl-C did, or the container has ended and its commands with it.
            return _INTERRUPTED if interrupted else receiver.code or _KILLED
        finally:
            work.cancel()
            if typing is not None:
                typing.cancel()
