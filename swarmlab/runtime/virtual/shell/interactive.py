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
    shell = await Shell.made(context.with_input(no_input), None, has_prompt=terminal is not None)
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
        #: The shell's work, and whether it runs what was typed and does not wait for more.
        self._work: asyncio.Task[int] | None = None
        self._is_busy = False

    async def run(self) -> int:
        while True:
            self._work = asyncio.ensure_future(self._shell.talk(self._next, self._status))
            try:
                return await self._work
            except asyncio.CancelledError:
                caller = asyncio.current_task()
                if caller is None or caller.cancelling():
                    raise
                # Ctrl-C has ended the command; the shell goes on.
                self._status = _INTERRUPTED
            finally:
                self._work.cancel()

    async def _next(self, status: int) -> tuple[str | None, int]:
        """See `shell.Reader`."""
        self._status, self._is_busy = status, False
        try:
            await self._ask()
            async for line in self._context.stdin:
                self._typed += line.decode("utf-8", "replace")
                if not (line.endswith(b"\n") and _is_unfinished(self._typed)) and await self._is_script():
                    return self._taken(), self._status
                await self._ask()
            # The last line of a script may lack its end.
            script = self._taken() if self._typed and await self._is_script() else None
            return script, self._status
        finally:
            self._is_busy = True

    async def _is_script(self) -> bool:
        """Whether what was typed can be run; if not, say why."""
        if error := _syntax_error(self._typed):
            self._typed = ""
            self._status = MISUSE
            await self._context.err(f"sh: {complaint(error)}\n")
        return not error

    def _taken(self) -> str:
        script, self._typed = self._typed, ""
        return script

    async def interrupt(self) -> None:
        """Ctrl-C: end the command that runs, or forget what was typed."""
        await self._context.out("\n")
        if self._is_busy and self._work is not None:
            self._work.cancel()
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
