"""PID 1 of a virtual container: runs the main program and gives it signals as the kernel gives them to an init."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator

from swarmlab.runtime.base import Output
from swarmlab.runtime.streams import no_input
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.shell.invocation import Invocation, traps
from swarmlab.runtime.virtual.shell.shell import Shell
from swarmlab.runtime.virtual.shell.terminal import Terminal

_KILLED = 137
#: Handlers that change nothing in the script.
_HARMLESS = re.compile(r"(?:(?:echo|printf)\b[^;&|`$]*|:|true)?")
#: What ends a program that has no handler for it, and is not PID 1.
_FATAL = frozenset({"SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE"})


class Supervisor:
    """One run of a container's main program."""

    def __init__(
        self,
        machine: Machine,
        invocation: Invocation,
        stdin: AsyncIterator[bytes] = no_input,
        terminal: Terminal | None = None,
        *,
        has_terminal: bool = False,
        init: bool = False,
    ) -> None:
        """`terminal` is one that we play, `has_terminal` says that the program is to have a real one.

        With `init` the program is a child of PID 1: signals have their usual effects on it.
        """
        self._machine = machine
        self.invocation = invocation
        self._stdin = stdin
        self._terminal = terminal
        self._has_terminal = has_terminal
        self._init = init
        self._killed = False
        self._code = _KILLED
        #: The signal that the script's trap is to be run for.
        self._trapped = ""
        self._context: Context | None = None
        self._work: asyncio.Task[int] | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    async def run(self, output: Output) -> int:
        """Run to the end; the exit code."""
        loop = asyncio.get_running_loop()
        shell = None
        invocation = self.invocation
        context = invocation.context(
            output, stdin=self._stdin, signals=self._machine.signals, ready=self._is_ready, is_main=True,
            has_terminal=self._has_terminal,
        )  # fmt: skip
        if invocation.program is not None or (invocation.talks and self._stdin is not no_input):
            work = invocation.run(context, self._terminal)
        else:
            # What is fed runs in a shell below, whose traps cannot be asked for: a script with traps gets no input.
            script = invocation.script()
            shell = await Shell.made(context.with_input(no_input) if self._may_trap("SIGTERM") else context, script)
            work = shell.run(script, invocation.file)
        self._context = context
        self._work = loop.create_task(work)
        if self._killed or self._trapped:
            self._work.cancel()
        try:
            return await self._work
        except asyncio.CancelledError:
            if not (self._killed or self._trapped):
                # Not a signal: the lab itself is ending this task.
                raise
        if shell is not None and not self._killed:
            return await self._handle(shell)
        return self._code

    def deliver(self, name: str) -> bool:
        """Give the program a signal, and tell whether it may end by it.

        As PID 1 it ignores what it has no handler for, all but SIGKILL.
        """
        if name == "SIGKILL":
            self._end(_KILLED)
        elif self._machine.signals.deliver(name):
            return True
        elif (words := self._harmless_trap(name)) is not None:
            # The script goes on.
            if words and self._context is not None:
                self._machine.background(self._say(words, self._context))
            return False
        elif self._may_trap(name):
            # A running shell cannot be asked for its traps, nor interrupted to run them: stop it, then look.
            self._trapped = name
            if self._work is not None:
                self._work.cancel()
        elif self._init and name in _FATAL and not self.invocation.is_server:
            self._end(128 + signal.Signals[name])
        else:
            return False
        return True

    def _harmless_trap(self, name: str) -> str | None:
        """What a script says at a signal that does not end it: nothing, or what it echoes; None for other handlers."""
        if self.invocation.program is not None or self._trapped:
            return None
        action = (traps(self._machine, self.invocation.argv, name) or "exit").strip("'\"")
        return action if _HARMLESS.fullmatch(action) else None

    @staticmethod
    async def _say(words: str, context: Context) -> None:
        await (await Shell.made(context.with_input(no_input), words)).run(words)

    def _end(self, code: int) -> None:
        self._killed = True
        self._code = code
        if self._work is not None:
            self._work.cancel()

    async def _handle(self, shell: Shell) -> int:
        """Run what the script trapped a signal with; a handler that does not exit ends the container all the same."""
        self._work = asyncio.get_running_loop().create_task(shell.handle(self._trapped.removeprefix("SIG")))
        try:
            return await self._work
        except asyncio.CancelledError:
            if not self._killed:
                raise
            return _KILLED

    def _may_trap(self, name: str) -> bool:
        """Whether a script has a handler for a signal; for others than SIGTERM one that ends the script."""
        if self.invocation.program is not None or self._trapped:
            return False
        action = traps(self._machine, self.invocation.argv, name)
        return action is not None and (name == "SIGTERM" or "exit" in action)

    def _is_ready(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)
