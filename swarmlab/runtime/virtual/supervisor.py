"""PID 1 of a virtual container: runs the main program and gives it signals as the kernel gives them to an init."""

import asyncio

from swarmlab.runtime.base import Output
from swarmlab.runtime.virtual.machine import Context, Machine
from swarmlab.runtime.virtual.shell import Invocation, Shell, no_input, traps_term

_KILLED = 137


class Supervisor:
    """One run of a container's main program."""

    def __init__(self, machine: Machine, invocation: Invocation) -> None:
        self._machine = machine
        self._invocation = invocation
        self._killed = False
        self._terminated = False
        self._work: asyncio.Task[int] | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    async def run(self, output: Output) -> int:
        """Run to the end; the exit code."""
        loop = asyncio.get_running_loop()
        if self._invocation.program is not None:
            shell = None
            work = self._invocation.run(output, stdin=no_input, signals=self._machine.signals, ready=self._is_ready)
        else:
            shell = self._shell(output)
            work = shell.run(self._invocation.script())
        self._work = loop.create_task(work)
        if self._killed:
            self._work.cancel()
        try:
            return await self._work
        except asyncio.CancelledError:
            if not (self._killed or self._terminated):
                # Not a signal: the lab itself is ending this task.
                raise
        if shell is not None and not self._killed:
            return await self._handle_term(shell)
        return _KILLED

    def deliver(self, name: str) -> None:
        """Give PID 1 a signal; without a handler it is ignored, all but SIGKILL."""
        if name == "SIGKILL":
            self._killed = True
            if self._work is not None:
                self._work.cancel()
        elif not self._machine.signals.deliver(name) and name == "SIGTERM" and self._may_trap():
            # A running shell cannot be asked for its traps, nor interrupted to run them: stop it, then look.
            self._terminated = True
            if self._work is not None:
                self._work.cancel()

    async def _handle_term(self, shell: Shell) -> int:
        """Run what the script trapped SIGTERM with; a handler that does not exit ends the container all the same."""
        self._work = asyncio.get_running_loop().create_task(shell.run(shell.trap("TERM")))
        try:
            return await self._work
        except asyncio.CancelledError:
            if not self._killed:
                raise
            return _KILLED

    def _may_trap(self) -> bool:
        shell = self._invocation.program is None and not self._terminated
        return shell and traps_term(self._machine, self._invocation.argv)

    def _shell(self, output: Output) -> Shell:
        invocation = self._invocation
        return Shell(
            Context(
                self._machine,
                invocation.argv,
                env=invocation.env,
                cwd=invocation.cwd,
                user=invocation.user,
                output=output,
                stdin=no_input,
                signals=self._machine.signals,
            )
        )

    def _is_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)
