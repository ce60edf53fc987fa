"""A shell that is talked to: it reads commands line by line, from a terminal or from a pipe."""

import asyncio
import re

from bashkit import Bash, BashError

from swarmlab.runtime.streams import no_input
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.shell.complaints import MISUSE, complaint
from swarmlab.runtime.virtual.shell.shell import Shell
from swarmlab.runtime.virtual.shell.terminal import Terminal

_UNFINISHED = ("unexpected end of file", "unexpected EOF")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
_INTERRUPTED = 130


async def interact(context: Context, terminal: Terminal | None) -> int:
    """Run commands until the input ends or one of them is `exit`; the exit code of the last one.

    Commands that run get no input of their own: the lines are the shell's.
    """
    shell = await Shell.made(context.with_input(no_input), None)
    session = _Session(shell, context, terminal)
    if terminal is not None:
        terminal.interrupted = session.interrupt
    return await session.run()


class _Session:
    def __init__(self, shell: Shell, context: Context, terminal: Terminal | None) -> None:
        self._shell = shell
        self._context = context
        self._terminal = terminal
        self._prompt = "# " if context.user.uid == 0 else "$ "
        self._typed = ""
        self._status = 0
        self._running: asyncio.Task[tuple[int, bool]] | None = None

    async def run(self) -> int:
        await self._ask()
        async for line in self._context.stdin:
            self._typed += line.decode("utf-8", "replace")
            if line.endswith(b"\n") and _is_unfinished(self._typed):
                await self._ask()
                continue
            if await self._carry_out():
                return self._status
            await self._ask()
        # The last line of a script may lack its end.
        await self._carry_out()
        return self._status

    async def _carry_out(self) -> bool:
        """Run what was typed; whether that was the end of the shell."""
        script, self._typed = self._typed, ""
        error = _syntax_error(script)
        if error:
            await self._context.err(f"sh: {complaint(error)}\n")
            self._status = MISUSE
            return False
        self._running = asyncio.ensure_future(self._shell.step(script, self._status))
        try:
            self._status, ended = await self._running
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is None or caller.cancelling():
                raise
            self._status = _INTERRUPTED
            return False
        finally:
            self._running.cancel()
            self._running = None
        return ended

    async def interrupt(self) -> None:
        """Ctrl-C: end the command that runs, or forget what was typed."""
        await self._context.out("\n")
        if self._running is not None:
            self._running.cancel()
        else:
            self._typed = ""
            self._status = _INTERRUPTED
            await self._ask()

    async def _ask(self) -> None:
        if self._terminal is not None:
            await self._terminal.ask("> " if self._typed else f"{self._shell.directory} {self._prompt}")


def _syntax_error(script: str) -> str:
    """What is wrong with a script, in the interpreter's words; empty when nothing is."""
    try:
        _READER.analyze(script)
    except BashError as error:
        return str(error)
    return ""


def _is_unfinished(script: str) -> bool:
    """Whether a command goes on in the next line."""
    if script.endswith("\\\n") or any(text in _syntax_error(script) for text in _UNFINISHED):
        return True
    if "((" in script:
        # Shifts look like here-documents.
        return False
    lines = script.splitlines()
    return any(word not in (line.strip() for line in lines) for _, word in _HEREDOC.findall(script))


#: Only asked about scripts; it runs none.
_READER = Bash()
