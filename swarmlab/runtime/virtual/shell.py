"""Running a command inside a container: directly when swarmlab has the program, else in the container's shell."""

import asyncio
import contextlib
import functools
import posixpath
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from bashkit import Bash, CommandContext, ExecutionProfile

from swarmlab.runtime.base import Output, StartError
from swarmlab.runtime.virtual.files import BIN
from swarmlab.runtime.virtual.machine import Context, Machine, Program, Signals, User
from swarmlab.runtime.virtual.programs import PROGRAMS, SERVERS

#: Commands that exist only inside a shell: an exec of one finds no file.
_SHELL_ONLY = frozenset(
    [
        ".", ":", "alias", "bg", "bind", "break", "builtin", "caller", "cd", "compgen", "complete", "continue",
        "declare", "dirs", "disown", "eval", "exec", "exit", "export", "fc", "fg", "getopts", "hash", "help",
        "history", "jobs", "let", "local", "logout", "mapfile", "popd", "pushd", "read", "readonly", "return",
        "set", "shift", "shopt", "source", "suspend", "times", "trap", "type", "typeset", "ulimit", "umask",
        "unalias", "unset", "wait", "case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if",
        "in", "select", "then", "until", "while", "{", "}", "[[", "]]", "!",
    ]
)  # fmt: skip

#: Seconds of real time for an interpreter to notice that it is cancelled.
_PATIENCE = 1.0

_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_HANDS_OVER = re.compile(rb'#!/bin/sh\nexec ([\w.-]+) "\$@"\n')
_TRAPS_TERM = re.compile(r"\btrap\b.*\b(?:(?:SIG)?TERM|15)\b")
_NOT_FOUND = re.compile(rb"^bash: line \d+: ([^\n]*?): command not found(?:\. Did you mean: [^\n]*)?$", re.MULTILINE)

#: For ever, as the shell counts seconds and commands; a container's life has no such limits.
_NO_LIMIT = 10**12


class Invocation:
    """A command as it will run: what was found for it, and in which surroundings."""

    def __init__(self, machine: Machine, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, user: User) -> None:
        """Find the program. Raises StartError (without the text before `exec:`) when there is none."""
        self.machine = machine
        self.env = env
        self.cwd = cwd
        self.user = user
        self.argv, self.program = _find(machine, tuple(argv), cwd)

    @property
    def is_server(self) -> bool:
        """Whether the program says when it is ready."""
        return self.program is not None and self.argv[0] in SERVERS

    def script(self) -> str:
        """What the shell runs; `sh -c` is unwrapped, so that the script's traps are the shell's own."""
        if len(self.argv) >= 3 and posixpath.basename(self.argv[0]) in _SHELLS and self.argv[1] == "-c":
            arguments = shlex.join(self.argv[4:])
            return f"set -- {arguments}; {self.argv[2]}" if arguments else self.argv[2]
        return shlex.join(self.argv)

    async def run(
        self, output: Output, *, stdin: AsyncIterator[bytes], signals: Signals, ready: Callable[[], None] = lambda: None
    ) -> int:
        """Run to the end and return the exit code. Cancelling kills."""
        context = Context(
            self.machine, self.argv, env=self.env, cwd=self.cwd, user=self.user, output=output, stdin=stdin,
            signals=signals, ready=ready,
        )  # fmt: skip
        if self.program is not None:
            return await self.program(context)
        return await Shell(context).run(self.script())


class Shell:
    """One bash interpreter in a container, made when it is needed and dropped with the command."""

    def __init__(self, context: Context) -> None:
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
        machine.root.mount_in(self._bash)
        for name, program in PROGRAMS.items():
            self._bash.add_command(name, self._command(program))
        for name in machine.absent:
            self._bash.add_command(name, _missing)
        self._bash.add_command(".stdin", self._feed)

    async def run(self, script: str) -> int:
        """Run a script; its exit code. When cancelled the script has ended, and its traps can be asked for."""

        async def stdout(data: bytes) -> None:
            await self._context.output("stdout", data)

        async def stderr(data: bytes) -> None:
            await self._context.output("stderr", _NOT_FOUND.sub(rb"sh: \1: not found", data))

        if "USER" not in self._context.env:
            # The interpreter sets it; a container's environment has no such variable.
            script = f"unset USER; {script}"
        if self._context.stdin is not no_input:
            script = f".stdin | {{ {script}\n}}"
        work = asyncio.ensure_future(self._bash.execute(script, capture=0, stdout=stdout, stderr=stderr))
        try:
            result = await asyncio.shield(work)
        except asyncio.CancelledError:
            # Asking first lets the interpreter finish the write it is in; it takes about a millisecond.
            self._bash.cancel()
            if not (await asyncio.wait((work,), timeout=_PATIENCE))[0]:
                work.cancel()
            self._bash.clear_cancel()
            raise
        return result.exit_code

    def trap(self, name: str) -> str:
        """What the script wants done at a signal; only to be asked when the script no longer runs."""
        return self._bash.shell_state().traps.get(name, "")

    def _command(self, program: Program) -> Callable[[CommandContext], Awaitable[int]]:
        async def call(inner: CommandContext) -> int:
            async def output(stream: str, data: bytes) -> None:
                await (inner.stdout if stream == "stdout" else inner.stderr).write(data)

            outer = self._context
            context = Context(
                outer.machine, (inner.name, *inner.argv), env=inner.env, cwd=inner.cwd, user=outer.user, output=output,
                stdin=inner.stdin, signals=outer.signals,
            )  # fmt: skip
            return await program(context)

        return call

    async def _feed(self, inner: CommandContext) -> int:
        """Standard input of the whole script, as the first command of a pipeline."""
        # The reader may end before the writer: that is no error.
        with contextlib.suppress(OSError, RuntimeError):
            async for chunk in self._context.stdin:
                await inner.stdout.write(chunk)
        return 0


async def _missing(inner: CommandContext) -> int:
    await inner.stderr.write(f"sh: {inner.name}: not found\n".encode())
    return 127


class _NoInput:
    """An empty standard input."""

    def __aiter__(self) -> "_NoInput":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


no_input: AsyncIterator[bytes] = _NoInput()


def traps_term(machine: Machine, argv: Sequence[str]) -> bool:
    """Whether a script seems to handle SIGTERM: by its text, since a running shell cannot be asked."""
    files = [word for word in argv if word.startswith("/") and machine.root.exists(word)]
    texts = [*argv, *(machine.root.read(path).decode("utf-8", "replace") for path in files)]
    return any(_TRAPS_TERM.search(text) for text in texts)


def _find(machine: Machine, argv: tuple[str, ...], cwd: str) -> tuple[tuple[str, ...], Program | None]:
    """The command line to run and the program for it, None for the shell."""
    name = argv[0] if argv else ""
    if "/" in name:
        path = posixpath.normpath(posixpath.join(cwd, name))
        if machine.root.exists(path):
            return _file(machine, path, argv)
        base = posixpath.basename(path)
        if posixpath.dirname(path) in BIN and _command_exists(machine, base):
            return (base, *argv[1:]), PROGRAMS.get(base)
        raise StartError(f'exec: "{name}": stat {name}: no such file or directory: unknown')
    if _command_exists(machine, name):
        return argv, PROGRAMS.get(name)
    for directory in BIN:
        if name and machine.root.exists(path := f"{directory}/{name}") and machine.root.executable(path):
            return _file(machine, path, argv)
    raise StartError(f'exec: "{name}": executable file not found in $PATH: unknown')


def _file(machine: Machine, path: str, argv: tuple[str, ...]) -> tuple[tuple[str, ...], Program | None]:
    if not machine.root.executable(path):
        raise StartError(f'exec: "{argv[0]}": permission denied: unknown')
    # A file that only hands over to a program of ours costs no shell.
    match = _HANDS_OVER.fullmatch(machine.root.read(path))
    if match is not None and (program := PROGRAMS.get(name := match[1].decode())) is not None:
        return (name, *argv[1:]), program
    return (path, *argv[1:]), None


def _command_exists(machine: Machine, name: str) -> bool:
    if not name or name in machine.absent or name in _SHELL_ONLY:
        return False
    return name in PROGRAMS or _is_builtin(name)


@functools.cache
def _is_builtin(name: str) -> bool:
    return Bash().execute_sync(f"type -t {shlex.quote(name)}").exit_code == 0
