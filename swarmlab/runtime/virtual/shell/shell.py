"""Running scripts inside a container."""

import asyncio
import posixpath
import re
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

from bashkit import Bash, ExecResult, ExecutionProfile

from swarmlab.runtime.streams import no_input
from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.files.applets import BIN
from swarmlab.runtime.virtual.files.full import full
from swarmlab.runtime.virtual.files.stackguard import GUARD
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.programs import MOUNTED, OWN, PROGRAMS
from swarmlab.runtime.virtual.programs.python import is_script, script
from swarmlab.runtime.virtual.programs.venv import environment_of
from swarmlab.runtime.virtual.shell.callbacks import Callbacks, Reader, found_out
from swarmlab.runtime.virtual.shell.complaints import MISUSE, complaint, is_syntax_error
from swarmlab.runtime.virtual.shell.dialect import NOT_READ, about_exec, busybox, ends_script, plain
from swarmlab.runtime.virtual.shell.echo import echo
from swarmlab.runtime.virtual.shell.jobs import with_live_jobs
from swarmlab.runtime.virtual.shell.names import is_no_script
from swarmlab.runtime.virtual.shell.nesting import may_nest
from swarmlab.runtime.virtual.shell.runaways import RUNAWAYS
from swarmlab.runtime.virtual.shell.scripts import JOBS_ENDED, has_traps, prelude
from swarmlab.runtime.virtual.waiting import wait_at_most

#: Seconds of real time for an interpreter to notice that it is cancelled.
_PATIENCE = 1.0

#: How a script that is called as a file complains, counting from 0, and how the same complains as the shell's own.
_LINE = re.compile(rb"^bash: line (\d+): ", re.MULTILINE)

#: A script that calls itself, as it is found missing in the end.
_MISSING = re.compile(rb"^(\S+: line \d+): \S+: No such file or directory$", re.MULTILINE)
_NOT_CREATED = re.compile(
    rb"^bash: line \d+: ([^\n]*?): (?:filesystem is read-only|Read-only file system)$", re.MULTILINE
)
_READ_ONLY = re.compile(rb"(?:io error: )?filesystem is read-only")

#: What a shell does that is talked to. The outer loop goes on when `break` is typed.
_TALK = 'builtin shopt -s expand_aliases; while :; do while :; do eval "$(.next)"; .was $?; done; done'
#: Seconds for the interpreter to end by itself, when the script of a container's first process has.
_LAST_WORDS = 0.1
#: Seconds of swarm time for which what jobs write is still shown when the script of an exec has ended
#: (MB: daemon/monitor.go).
_LAST_OUTPUT = 2.0
#: The exit code of a shell whose stack is full: SIGSEGV ends it.
_OVERFLOWN = 139
#: Directories of commands that a script names, and whether they seem to come into PATH.
_FOLDERS = re.compile(r"(:)?((?:/[\w.+-]+)+/bin)\b(:|/activate)?")
#: For ever, as the shell counts seconds and commands; a container's life has no such limits.
_NO_LIMIT = 10**12


class Shell:
    """One bash interpreter in a container, made when it is needed and dropped with the command."""

    @classmethod
    async def made(cls, context: Context, script: str | None, *, has_prompt: bool = False) -> "Shell":
        """A shell in this container, for a script; None if that is not known yet, and one may be talked to."""
        if "python" in _own(context.machine):
            # Its files are real from the beginning: what a script writes Python sees, and the other way round.
            await asyncio.to_thread(context.machine.root.make_all_real)
        nests = script is None or may_nest(script, partial(is_no_script, context.machine))
        shell = cls(context, watched=nests)
        shell._commands.has_prompt = has_prompt
        # Environments are called by their paths, and come into PATH later.
        shell._named = _named(script or "", context.user.home)
        shell._learn(context.env.get("PATH", ""))
        return shell

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
        self._commands = commands = Callbacks(context)
        own = _own(machine)
        machine.root.mount_in(self._bash, context.user, watched=watched)
        self._bash.mount("/proc", machine.root.proc)
        root = machine.root
        careful = watched or root.mounts or root.fixed or root.is_all_real or root.is_personal(context.user)
        for name, program in {**PROGRAMS, **(MOUNTED if careful else {})}.items():
            if name in OWN and name not in own:
                continue
            self._bash.add_command(name, commands.command(program))
        for name in filter(machine.lacks, {*machine.absent, *PROGRAMS}):
            self._bash.add_command(name, commands.missing)
        self._has_python = "python" in own
        #: Directories of commands that the script names, and whether they come into PATH.
        self._named: Sequence[tuple[str, bool]] = ()
        # An interpreter is never collected in a circle.
        itself = weakref.ref(self)
        commands.learn = lambda search: None if (shell := itself()) is None else shell._learn(search)
        self._bash.add_command("sudo", commands.missing)
        for name, callback in commands.own().items():
            self._bash.add_command(name, callback)
        #: Whether an error has ended the script, and not a command that failed.
        self._ended = False
        self._has_begun = False

    def _learn(self, search: str) -> None:
        """Know the commands that packages have brought: the interpreter would read them as scripts of its own.

        `search` are directories (`PATH`), the first of which has a command if several have it.
        """
        machine = self._context.machine
        root = machine.root
        learned: set[str] = set()
        folders = [*((folder, True) for folder in (BIN[1], *search.split(":"))), *self._named]
        for folder, is_searched in folders if self._has_python else ():
            usual = folder in BIN and folder != BIN[1]
            for path in root.glob(f"{folder}/*") if folder.startswith("/") and not usual else ():
                name, data = posixpath.basename(path), root.read(path)
                if is_script(data):
                    command = self._commands.command(script(path))
                    names = {path, name} if is_searched else {path}
                    for known in names - learned:
                        self._bash.add_command(known, command)
                    learned |= names
                elif name in PROGRAMS and environment_of(machine, path):
                    self._bash.add_command(path, self._commands.command(PROGRAMS[name]))

    @property
    def directory(self) -> str:
        """The working directory as a prompt shows it."""
        home, directory = self._context.user.home, self._commands.directory
        return (
            f"~{directory.removeprefix(home)}" if directory == home or directory.startswith(f"{home}/") else directory
        )

    async def talk(self, read: Reader, status: int) -> int:
        """Run scripts one after another until one ends the shell; its exit code.

        `status` is what `read` is told at first.
        """
        self._commands.step, self._commands.read = status, read
        try:
            return await self._execute(_TALK, "", leaves=True)
        finally:
            self._commands.read = None

    async def run(self, script: str, file: str = "") -> int:
        """Run a script, which may be a file's; its exit code. When cancelled its traps can be asked for."""
        script, has_jobs = with_live_jobs(self._commands.prepared(script, file))
        if has_jobs:
            self._bash.add_command("echo", self._commands.command(echo))
        self._commands.script = script
        # The traps of a container's first process are to be the interpreter's own.
        leaves = has_jobs and not (self._context.is_main and has_traps(script))
        if self._context.stdin is not no_input:
            script = f".stdin | {{ (\n{script}\n)\n.done $?; }}"
        elif leaves:
            script = f"( {script}\n)\n.done $?"
        return await self._execute(script, file, leaves=leaves)

    async def _execute(self, script: str, file: str, *, leaves: bool) -> int:
        """Have the interpreter run something, which may leave jobs and tells when it has ended; its exit code."""
        machine = self._context.machine
        self._ended = False
        begin = prelude(machine)
        if "USER" not in self._context.env:
            # The interpreter sets it; a container's environment has no such variable.
            begin = f"unset USER; {begin}"
        if not self._has_begun:
            script = f"{begin}; {script}"
            self._has_begun = True

        async def stdout(data: bytes) -> None:
            await self._commands.output("stdout", data)

        refused = GUARD.refused

        async def stderr(data: bytes) -> None:
            if GUARD.refused != refused:
                # The interpreter has one reason only for a script that it cannot read.
                data = _MISSING.sub(rb"\1: can't fork: Resource temporarily unavailable", data)
            if file:
                data = _LINE.sub(lambda found: b"%s: line %d: " % (file.encode(), int(found[1]) - 1), data)
            data = plain(found_out(data))
            data = _NOT_CREATED.sub(rb"sh: can't create \1: Read-only file system", data)
            data = full(_READ_ONLY.sub(rb"Read-only file system", data))
            if machine.is_busybox:
                self._ended = self._ended or ends_script(data)
                data = busybox(data, self._commands.script, self._commands.called(file))
                data = about_exec(data, self._commands.script, machine.root.read)
                self._ended = self._ended or NOT_READ in data
            await self._commands.output("stderr", data)

        async def watched() -> ExecResult:
            with RUNAWAYS.watched(self._commands.run, self._bash.cancel):
                return await self._bash.execute(script, capture=0, stdout=stdout, stderr=stderr)

        work = asyncio.ensure_future(watched())
        ended = asyncio.ensure_future(self._commands.ended.wait())
        try:
            await asyncio.wait((work, ended) if leaves else (work,), return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and not await self._end(work):
                assert self._commands.step is not None
                return self._commands.step
            result = work.result()
        except asyncio.CancelledError:
            await self._stop(work)
            raise
        finally:
            ended.cancel()
            machine.root.sync()
        if self._commands.run.is_ended:
            return _OVERFLOWN
        if result.error:
            await self._context.err(f"sh: {complaint(result.error)}\n")
            return MISUSE if is_syntax_error(result.error) else result.exit_code
        return MISUSE if self._ended and result.exit_code == 1 else result.exit_code

    async def _end(self, work: "asyncio.Future[Any]") -> bool:
        """The script has ended; whether its jobs have soon after it. The interpreter would wait for them."""
        if self._context.is_main:
            # No process outlives its container's first one.
            if not (await asyncio.wait((work,), timeout=_LAST_WORDS))[0]:
                await self._stop(work)
                return False
            return True
        if not await wait_at_most(self._context.machine.clock, work, _LAST_OUTPUT):
            self._commands.is_left = True
            self._context.machine.background(self._go_on(work))
            return False
        return True

    async def _go_on(self, work: "asyncio.Future[Any]") -> None:
        """Let jobs run until they or the container end."""
        try:
            await asyncio.wait((work,))
        finally:
            await self._stop(work)

    async def _stop(self, work: "asyncio.Future[Any]") -> None:
        # Asking first lets the interpreter finish the write it is in; it takes about a millisecond.
        self._bash.cancel()
        if not (await asyncio.wait((work,), timeout=_PATIENCE))[0]:
            work.cancel()
        self._bash.clear_cancel()

    async def handle(self, name: str) -> int:
        """Do what the script wanted done at a signal, when it no longer runs; the exit code, which is the shell's."""
        self._commands.script = self._commands.prepared(self._bash.shell_state().traps.get(name, ""))
        self._commands.ended.clear()
        return await self._execute(f"( {JOBS_ENDED}; {self._commands.script}\n)\n.done $?", "", leaves=True)


def _named(script: str, home: str) -> list[tuple[str, bool]]:
    """The directories of commands that a script names, and whether it puts them into PATH."""
    text = re.sub(r"~(?=/)|\$HOME\b|\$\{HOME\}", lambda _: home.rstrip("/"), script)
    return [(found[2], bool(found[1] or found[3])) for found in _FOLDERS.finditer(text)]


def _own(machine: Machine) -> list[str]:
    """Programs that its image has and not every other."""
    return [name for name in OWN if any(machine.root.exists(f"{directory}/{name}") for directory in BIN)]
