"""Running scripts inside a container."""

import asyncio
import contextlib
import posixpath
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from bashkit import Bash, CommandContext, ExecutionProfile

from swarmlab.runtime.streams import no_input
from swarmlab.runtime.virtual.context import Context, Program
from swarmlab.runtime.virtual.files.applets import BIN
from swarmlab.runtime.virtual.files.full import full
from swarmlab.runtime.virtual.files.stackguard import GUARD
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.processes.receiver import Receiver
from swarmlab.runtime.virtual.programs import MOUNTED, OWN, PROGRAMS
from swarmlab.runtime.virtual.programs.diff import diff
from swarmlab.runtime.virtual.programs.kill import kill
from swarmlab.runtime.virtual.programs.python import is_script, script
from swarmlab.runtime.virtual.shell.complaints import MISUSE, complaint, is_syntax_error
from swarmlab.runtime.virtual.shell.dialect import NOT_READ, busybox, ends_script, plain
from swarmlab.runtime.virtual.shell.names import is_no_script
from swarmlab.runtime.virtual.shell.nesting import may_nest
from swarmlab.runtime.virtual.shell.scripts import leaves_jobs, prelude, prepared

#: Seconds of real time for an interpreter to notice that it is cancelled.
_PATIENCE = 1.0

_NOT_FOUND = re.compile(rb"^bash: line \d+: ([^\n]*?): command not found(?:\. [^\n]*)?$", re.MULTILINE)

#: A script that calls itself, as it is found missing in the end.
_MISSING = re.compile(rb"^(\S+: line \d+): \S+: No such file or directory$", re.MULTILINE)
_NOT_CREATED = re.compile(rb"^bash: line \d+: ([^\n]*?): filesystem is read-only$", re.MULTILINE)
_READ_ONLY = re.compile(rb"(?:io error: )?filesystem is read-only")

#: The status of a command that a broken pipe has ended.
_BROKEN_PIPE = 141
#: Seconds for the interpreter to end by itself, when its script has.
_LAST_WORDS = 0.1
#: For ever, as the shell counts seconds and commands; a container's life has no such limits.
_NO_LIMIT = 10**12


class _Commands:
    """What a shell's own commands share. It does not know the shell: an interpreter is never collected in a circle."""

    def __init__(self, context: Context) -> None:
        self._context = context
        #: Set when the script has come to its end, whether it has read everything that it is fed or not.
        self.ended = asyncio.Event()
        #: The status of the last step, None when the script ended before it got there.
        self.step: int | None = None

    def command(self, program: Program) -> Callable[[CommandContext], Awaitable[int]]:
        async def call(inner: CommandContext) -> int:
            async def output(stream: str, data: bytes) -> None:
                await (inner.stdout if stream == "stdout" else inner.stderr).write(data)

            outer = self._context
            context = Context(
                outer.machine, (inner.name, *inner.argv), env=inner.env, cwd=inner.cwd, user=outer.user, output=output,
                stdin=inner.stdin, signals=outer.signals, inside_shell=True,
            )  # fmt: skip
            # A loop of commands sees what changes outside, and is seen.
            outer.machine.root.sync()
            receiver = Receiver()
            title = " ".join(context.argv)
            now = outer.machine.clock.now()
            with outer.machine.pids.running(outer.user.name, now, title, receiver.deliver, outer.pid) as context.pid:
                receiver.work = asyncio.ensure_future(program(context))
                try:
                    code = await receiver.work
                except asyncio.CancelledError:
                    if not receiver.code:
                        raise
                    code = receiver.code
                except BrokenPipeError:
                    # Nobody reads any more what it writes: `df | head -1`.
                    code = _BROKEN_PIPE
                finally:
                    receiver.work.cancel()
            await outer.machine.thawed()
            return code

        return call

    async def missing(self, inner: CommandContext) -> int:
        """A command that the image lacks; a package may have brought it since the script began."""
        name = inner.argv[0] if inner.name == ".missing" else inner.name
        if inner.name in PROGRAMS and not self._context.machine.lacks(inner.name):
            return await self.command(PROGRAMS[inner.name])(inner)
        await inner.stderr.write(f"sh: {name}: not found\n".encode())
        return 127

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

    async def done(self, inner: CommandContext) -> int:
        """The script has come to its end with this status."""
        self.step = int(inner.argv[0])
        self.ended.set()
        return self.step


class Shell:
    """One bash interpreter in a container, made when it is needed and dropped with the command."""

    @classmethod
    async def made(cls, context: Context, script: str | None) -> "Shell":
        """A shell in this container, for a script; None if that is not known yet."""
        if "python" in _own(context.machine):
            # Its files are real from the beginning: what a script writes Python sees, and the other way round.
            await asyncio.to_thread(context.machine.root.make_all_real)
        nests = script is None or may_nest(script, partial(is_no_script, context.machine))
        return cls(context, watched=nests)

    def __init__(self, context: Context, *, watched: bool) -> None:
        """To be called by `made` only. See `RootFs.mount_in`."""
        self._context = context
        machine = context.machine
        self._bash = Bash(
            username=context.user.name,
            hostname=machine.hostname,
            cwd=context.cwd,
            env=context.env,
            profile=ExecutionProfile.Interactive,
            timeout_seconds=_NO_LIMIT,
            max_commands=_NO_LIMIT,
            max_loop_iterations=_NO_LIMIT,
        )
        self._commands = commands = _Commands(context)
        own = _own(machine)
        machine.root.mount_in(self._bash, context.user, watched=watched)
        self._bash.mount("/proc", machine.root.proc)
        root = machine.root
        careful = watched or root.mounts or root.is_all_real or root.is_personal(context.user)
        for name, program in {**PROGRAMS, **(MOUNTED if careful else {})}.items():
            if name in OWN and name not in own:
                continue
            self._bash.add_command(name, commands.command(program))
        self._bash.add_command(".diff", commands.command(diff))
        self._bash.add_command(".kill", commands.command(kill))
        for name in filter(machine.lacks, {*machine.absent, *PROGRAMS}):
            self._bash.add_command(name, commands.missing)
        for path in machine.root.glob(f"{BIN[1]}/*") if "python" in own else ():
            # Commands that packages have brought; the shell would read them as scripts of its own.
            if is_script(machine.root.read(path)):
                self._bash.add_command(posixpath.basename(path), commands.command(script(path)))
        self._bash.add_command("sudo", commands.missing)
        self._bash.add_command(".missing", commands.missing)
        self._bash.add_command(".stdin", commands.feed)
        self._bash.add_command(".done", commands.done)
        #: Whether an error has ended the script, and not a command that failed.
        self._ended = False
        self._steps = 0

    @property
    def directory(self) -> str:
        """The working directory as a prompt shows it."""
        home, directory = self._context.user.home, self._bash.shell_state().cwd
        return (
            f"~{directory.removeprefix(home)}" if directory == home or directory.startswith(f"{home}/") else directory
        )

    async def step(self, script: str, status: int) -> tuple[int, bool]:
        """Run a script after others, `status` being the last one's; its exit code and whether it ended the shell."""
        self._commands.step = None
        code = await self.run(f"(exit {status})\n{script}\n.done $?")
        step = self._commands.step
        return (code, True) if step is None else (step, False)

    async def run(self, script: str) -> int:
        """Run a script; its exit code. When cancelled the script has ended, and its traps can be asked for."""
        machine = self._context.machine
        self._ended = False

        async def stdout(data: bytes) -> None:
            if _NOT_FOUND.search(data):
                # What has gone there with `2>&1`.
                data = _NOT_FOUND.sub(rb"sh: \1: not found", data)
            await self._context.output("stdout", data)

        refused = GUARD.refused

        async def stderr(data: bytes) -> None:
            if GUARD.refused != refused:
                # The interpreter has one reason only for a script that it cannot read.
                data = _MISSING.sub(rb"\1: can't fork: Resource temporarily unavailable", data)
            data = plain(_NOT_FOUND.sub(rb"sh: \1: not found", data))
            data = _NOT_CREATED.sub(rb"sh: can't create \1: Read-only file system", data)
            data = full(_READ_ONLY.sub(rb"Read-only file system", data))
            if machine.is_busybox:
                self._ended = self._ended or ends_script(data)
                data = busybox(data, script, words["$0"])
                self._ended = self._ended or NOT_READ in data
            await self._context.output("stderr", data)

        words = {"$0": self._context.argv[0] if _is_shell(self._context.argv[0]) else "sh"}
        if not self._context.is_main:
            words["$$"] = str(self._context.pid)
        script = prepared(script, words, is_busybox=machine.is_busybox)
        leaves = self._context.is_main and leaves_jobs(script)
        if not self._steps:
            script = f"{prelude(machine)}; {script}"
            if "USER" not in self._context.env:
                # The interpreter sets it; a container's environment has no such variable.
                script = f"unset USER; {script}"
        self._steps += 1
        if self._context.stdin is not no_input:
            script = f".stdin | {{ (\n{script}\n)\n.done $?; }}"
        elif leaves:
            script = f"( {script}\n)\n.done $?"
        work = asyncio.ensure_future(self._bash.execute(script, capture=0, stdout=stdout, stderr=stderr))
        ended = asyncio.ensure_future(self._commands.ended.wait())
        try:
            await asyncio.wait((work, ended) if leaves else (work,), return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not (await asyncio.wait((work,), timeout=_LAST_WORDS))[0]:
                # The interpreter would wait for its background jobs; a container's first process does not.
                await self._stop(work)
                assert self._commands.step is not None
                return self._commands.step
            result = work.result()
        except asyncio.CancelledError:
            await self._stop(work)
            raise
        finally:
            ended.cancel()
            self._context.machine.root.sync()
        if result.error:
            await self._context.err(f"sh: {complaint(result.error)}\n")
            return MISUSE if is_syntax_error(result.error) else result.exit_code
        return MISUSE if self._ended and result.exit_code == 1 else result.exit_code

    async def _stop(self, work: "asyncio.Future[Any]") -> None:
        # Asking first lets the interpreter finish the write it is in; it takes about a millisecond.
        self._bash.cancel()
        if not (await asyncio.wait((work,), timeout=_PATIENCE))[0]:
            work.cancel()
        self._bash.clear_cancel()

    def trap(self, name: str) -> str:
        """What the script wants done at a signal; only to be asked when the script no longer runs."""
        return self._bash.shell_state().traps.get(name, "")


def _is_shell(name: str) -> bool:
    return posixpath.basename(name) in {"sh", "bash", "ash", "dash"}


def _own(machine: Machine) -> list[str]:
    """Programs that its image has and not every other."""
    return [name for name in OWN if any(machine.root.exists(f"{directory}/{name}") for directory in BIN)]


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
