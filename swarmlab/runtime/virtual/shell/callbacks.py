"""What the shell's interpreter calls: programs, input and output of a script, and what it is to run next."""

import asyncio
import contextlib
import posixpath
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from bashkit import CommandContext

from swarmlab.runtime.virtual.context import Context, Program
from swarmlab.runtime.virtual.processes.receiver import Receiver
from swarmlab.runtime.virtual.programs import PROGRAMS
from swarmlab.runtime.virtual.programs.diff import diff
from swarmlab.runtime.virtual.programs.kill import kill
from swarmlab.runtime.virtual.shell.jobs import with_live_jobs
from swarmlab.runtime.virtual.shell.marks import MARK, Marks
from swarmlab.runtime.virtual.shell.runaways import Run
from swarmlab.runtime.virtual.shell.scripts import missing, prepared

_NOT_FOUND = re.compile(rb"^(?:bash|sh): (?:line \d+: )+([^\n]*?): command not found(?:\. [^\n]*)?$", re.MULTILINE)
#: What brings further commands, as Python's modules pip and venv do, too.
_BRINGERS = frozenset({"pip", "pip3"})
#: The status of a command that a broken pipe has ended.
_BROKEN_PIPE = 141
#: What is typed to leave a shell.
_EXIT = re.compile(r"\s*(?:exit|logout)(?:\s+(\d+))?\s*")

#: A command of the interpreter's; its exit code.
Callback = Callable[[CommandContext], Awaitable[int]]
#: Gives the next of several scripts, or None when there are no more, and the status that it finds; it is told the last
#: one's.
Reader = Callable[[int], Awaitable[tuple[str | None, int]]]


class Callbacks:
    """What a shell's own commands share. It does not know the shell: an interpreter is never collected in a circle."""

    def __init__(self, context: Context) -> None:
        self._context = context
        #: Set when the script has come to its end, whether it has read everything that it is fed or not.
        self.ended = asyncio.Event()
        #: Whether jobs go on and the script has ended, and what it was run for.
        self.is_left = False
        #: The status of the script, or of the last one of several; None when it ended before it got there.
        self.step: int | None = None
        #: What the shell runs now: complaints tell what was meant. And where the next of several scripts comes from.
        self.script = ""
        self.read: Reader | None = None
        self.directory = context.cwd
        self.has_prompt = False
        self.run = Run()
        #: Makes the shell know the commands in these directories (`PATH`).
        self.learn: Callable[[str], None] = lambda search: None
        self.marks = {"stdout": Marks(), "stderr": Marks()}

    def called(self, file: str) -> str:
        """What a script finds in `$0`."""
        return file or (self._context.argv[0] if _is_shell(self._context.argv[0]) else "sh")

    def prepared(self, script: str, file: str = "") -> str:
        """A script as the interpreter is to be given it, but for its jobs."""
        words = {"$0": self.called(file)}
        if not self._context.is_main:
            words["$$"] = str(self._context.pid)
        return prepared(script, words, is_busybox=self._context.machine.is_busybox)

    def own(self) -> dict[str, Callback]:
        """The commands that only the shell's own additions to scripts call, by name."""
        return {
            ".diff": self.command(diff),
            ".kill": self.command(kill),
            ".missing": self.missing,
            ".stdin": self.feed,
            ".done": self.done,
            ".out": self.show,
            ".to": self.write,
            ".known": self.known,
            ".next": self.following,
            ".was": self.note,
        }

    def command(self, program: Program) -> Callback:
        """A program as the interpreter calls it."""

        async def call(inner: CommandContext) -> int:
            async def output(stream: str, data: bytes) -> None:
                await (inner.stdout if stream == "stdout" else inner.stderr).write(data)

            outer = self._context
            # A loop of commands sees what changes outside, and is seen.
            outer.machine.root.sync()
            receiver = Receiver()
            title, now = " ".join((inner.name, *inner.argv)), outer.machine.clock.now()
            with (
                outer.signals.within() as signals,
                outer.machine.pids.running(outer.user.name, now, title, receiver.deliver, outer.pid) as pid,
            ):
                context = Context(
                    outer.machine, (inner.name, *inner.argv), env=inner.env, cwd=inner.cwd, user=outer.user,
                    output=output, stdin=inner.stdin, signals=signals, inside_shell=True,
                )  # fmt: skip
                context.pid = pid
                receiver.work = work = asyncio.ensure_future(program(context))
                # Its container's end waits until it has cleaned up, even where the script that called it is gone.
                outer.machine.adopt(work)
                try:
                    with self.run.waiting():
                        code = await work
                except asyncio.CancelledError:
                    if not receiver.code:
                        raise
                    code = receiver.code
                except BrokenPipeError:
                    # Nobody reads any more what it writes: `df | head -1`.
                    code = _BROKEN_PIPE
                finally:
                    work.cancel()
            await outer.machine.thawed()
            if posixpath.basename(inner.name) in _BRINGERS or inner.argv[:1] == ["-m"]:
                self.learn(inner.env.get("PATH", ""))
            return code

        return call

    async def missing(self, inner: CommandContext) -> int:
        """A command that the image lacks; a package may have brought it since the script began."""
        name = inner.argv[0] if inner.name == ".missing" else inner.name
        if inner.name in PROGRAMS and not self._context.machine.lacks(inner.name):
            return await self.command(PROGRAMS[inner.name])(inner)
        await inner.stderr.write(f"sh: {name}: not found\n".encode())
        return 127

    async def known(self, inner: CommandContext) -> int:
        """Whether the image may have a command, as far as the interpreter cannot tell."""
        machine, name = self._context.machine, inner.argv[0] if inner.argv else ""
        return int(name == "sudo" or name in missing(machine) or machine.lacks(name))

    async def feed(self, inner: CommandContext) -> int:
        """Standard input of the whole script, as the first command of a pipeline."""
        ended: asyncio.Future[Any] = asyncio.ensure_future(self.ended.wait())
        try:
            # The reader may end before the writer: that is no error.
            with contextlib.suppress(OSError, RuntimeError):
                while (chunk := await self._next_chunk(ended)) is not None:
                    await inner.stdout.write(chunk)
        finally:
            ended.cancel()
        return 0

    async def _next_chunk(self, ended: "asyncio.Future[Any]") -> bytes | None:
        """What comes next; None at the end of the input or of the script."""
        chunk: asyncio.Future[Any] = asyncio.ensure_future(_next(self._context.stdin))
        try:
            await asyncio.wait((chunk, ended), return_when=asyncio.FIRST_COMPLETED)
            return chunk.result() if chunk.done() else None
        finally:
            chunk.cancel()

    async def show(self, inner: CommandContext) -> int:
        """What a job writes, to where the script itself writes."""
        async for chunk in inner.stdin:
            await self.output("stdout", chunk)
        return 0

    async def write(self, inner: CommandContext) -> int:
        """What a job writes, to where this command's own output goes."""
        async for chunk in inner.stdin:
            await inner.stdout.write(chunk)
        return 0

    async def output(self, stream: str, data: bytes) -> None:
        """Write for the script, as long as somebody may be listening."""
        # On standard output is what has gone there with `2>&1`.
        data = found_out(data)
        if self.has_prompt:
            data = self.marks[stream].without(data)
        if data and not self.is_left:
            await self._context.output(stream, data)

    async def following(self, inner: CommandContext) -> int:
        """The next script of a shell that is talked to."""
        assert self.read is not None
        self.directory = inner.cwd
        with self.run.waiting():
            script, self.step = await self.read(self.step or 0)
        leaves = None if script is None else _EXIT.fullmatch(script)
        if script is None or leaves is not None:
            if leaves is not None and leaves[1]:
                self.step = int(leaves[1]) & 0xFF
            script = f"exit {self.step}"
            self.ended.set()
        self.script, _ = with_live_jobs(self.prepared(script))
        await inner.stdout.write(f"(exit {self.step})\n{self.script}".encode("utf-8", "surrogateescape"))
        return 0

    async def note(self, inner: CommandContext) -> int:
        """The status of a script of several."""
        self.step = int(inner.argv[0])
        if self.has_prompt:
            for stream, marks in ((inner.stdout, self.marks["stdout"]), (inner.stderr, self.marks["stderr"])):
                await stream.write(MARK)
                await marks.arrival()
        return 0

    async def done(self, inner: CommandContext) -> int:
        """The script has come to its end with this status."""
        self.step = int(inner.argv[0])
        self.ended.set()
        return self.step


def found_out(data: bytes) -> bytes:
    """Complaints of commands that are not there, in the shell's words."""
    return _NOT_FOUND.sub(rb"sh: \1: not found", data) if b"command not found" in data else data


def _is_shell(name: str) -> bool:
    return posixpath.basename(name) in {"sh", "bash", "ash", "dash"}


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
