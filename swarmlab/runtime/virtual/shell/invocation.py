"""What a command line means in a container: a program of swarmlab's, a shell that is talked to, or a script."""

import os
import posixpath
import re
import shlex
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from swarmlab.images import is_binary
from swarmlab.runtime.base import CANNOT_RUN, Output, StartError
from swarmlab.runtime.streams import no_input
from swarmlab.runtime.virtual.context import Context, Program
from swarmlab.runtime.virtual.files.access import User
from swarmlab.runtime.virtual.files.applets import BIN, is_busybox_itself
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.programs import ENTRYPOINTS, PROGRAMS, REAL, SERVERS
from swarmlab.runtime.virtual.programs.environment import environment
from swarmlab.runtime.virtual.programs.python import interpreter_of, is_script
from swarmlab.runtime.virtual.programs.venv import environment_of
from swarmlab.runtime.virtual.shell.complaints import MISUSE
from swarmlab.runtime.virtual.shell.interactive import interact
from swarmlab.runtime.virtual.shell.jobs import with_live_jobs
from swarmlab.runtime.virtual.shell.names import command_exists
from swarmlab.runtime.virtual.shell.scripts import prepared
from swarmlab.runtime.virtual.shell.shell import Shell
from swarmlab.runtime.virtual.shell.terminal import Terminal
from swarmlab.runtime.virtual.signals import Signals, signal_number

#: A word that may stand anywhere in a script.
_PLAIN = re.compile(r"[\w./-]+")
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
#: Commands that only print their environment.
_PRINTS = frozenset({("env",), ("printenv",)})
#: Options with which a shell reads its commands from its input.
_TALKS = frozenset({"-i", "-l", "-s", "--login"})
#: Letters of options that a shell with `-c` may have: it is no other shell for `-i` and `-l`.
_SETTINGS = frozenset("aCcefiloux")
_HANDS_OVER = re.compile(rb'#!/bin/sh\nexec ([\w.-]+) "\$@"\n')
_TRAPS = re.compile(r"\btrap\b\s+(?P<action>'[^']*'|\"[^\"]*\"|\S+)\s+(?P<signals>[^;&|\n]*)")


class Invocation:
    """A command as it will run: what was found for it, and in which surroundings."""

    def __init__(self, machine: Machine, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, user: User) -> None:
        """Find the program. Raises StartError (without the text before `exec:`) when there is none."""
        self.machine = machine
        self.cwd = cwd
        self.user = user
        self.argv, self.program = _find(machine, tuple(argv), cwd, env.get("PATH", ""))
        if self.program is None and self.argv in _PRINTS:
            self.program = environment
        elif self.program is None and machine.is_busybox and self._lacks_script():
            text = f"{posixpath.basename(self.argv[0])}: can't open '{self.argv[1]}': No such file or directory\n"
            self.program = _complaining(text, MISUSE)
        # A shell counts how deep it is.
        self.env = env if posixpath.basename(self.argv[0]) not in _SHELLS else {"SHLVL": "1", **env}

    def _lacks_script(self) -> bool:
        """Whether it is a shell that is given a file, which is not there."""
        if posixpath.basename(self.argv[0]) not in _SHELLS or self.argv[1:2] in ((), ("",)) or self.argv[1][0] in "-+":
            return False
        path, root = posixpath.normpath(posixpath.join(self.cwd, self.argv[1])), self.machine.root
        return not root.exists(path) and not root.is_directory(path)

    @property
    def is_server(self) -> bool:
        """Whether the program says when it is ready."""
        return self.program is not None and self.argv[0] in SERVERS

    def script(self) -> str:
        """What the shell runs; `sh -c` is unwrapped, so that the script's traps are the shell's own."""
        options, words = _options(self.argv)
        if words:
            text, arguments = words[0], shlex.join(words[2:])
            if len(words) > 1 and _PLAIN.fullmatch(words[1]):
                text = prepared(text, {"$0": words[1]}, is_busybox=False)
            text = f"set {shlex.join(options)}; {text}" if options else text
            return f"set -- {arguments}; {text}" if arguments else text
        is_shell = posixpath.basename(self.argv[0]) in _SHELLS
        if file := self.file:
            # Its jobs are to be seen, and its traps to be the shell's own.
            arguments = shlex.join(self.argv[2 if is_shell else 1 :])
            return f"set -- {arguments}; {self.machine.root.read(file).decode('utf-8', 'surrogateescape')}"
        first = posixpath.basename(self.argv[0]) if is_shell else self.argv[0]
        return shlex.join((first, *self.argv[1:]))

    @property
    def file(self) -> str:
        """The file whose text the shell runs as its own; empty when there is none, or when it may as well run it."""
        name = self.argv[0] if posixpath.basename(self.argv[0]) not in _SHELLS else "".join(self.argv[1:2])
        if name[:1] == "-" or "/" not in name or self.program is not None:
            return ""
        path = posixpath.normpath(posixpath.join(self.cwd, name))
        if not self.machine.root.exists(path):
            return ""
        return path if with_live_jobs(self.machine.root.read(path).decode("utf-8", "replace")).has_jobs else ""

    @property
    def wants_terminal(self) -> bool:
        """Whether it is a real process that can have a real terminal."""
        return self.program is not None and posixpath.basename(self.argv[0]) in REAL and hasattr(os, "openpty")

    @property
    def talks(self) -> bool:
        """Whether it is a shell that reads its commands from its input."""
        return posixpath.basename(self.argv[0]) in _SHELLS and _TALKS.issuperset(self.argv[1:])

    def context(
        self,
        output: Output,
        *,
        stdin: AsyncIterator[bytes],
        signals: Signals,
        ready: Callable[[], None] = lambda: None,
        is_main: bool = False,
        has_terminal: bool = False,
    ) -> Context:
        """What its program gets."""
        return Context(
            self.machine, self.argv, env=self.env, cwd=self.cwd, user=self.user, output=output, stdin=stdin,
            signals=signals, ready=ready, is_main=is_main,
            has_terminal=has_terminal,
        )  # fmt: skip

    async def run(self, context: Context, terminal: Terminal | None = None) -> int:
        """Run to the end and return the exit code. Cancelling kills."""
        if self.program is not None:
            return await self.program(context)
        if self.talks and context.stdin is not no_input:
            return await interact(context, terminal)
        script = self.script()
        return await (await Shell.made(context, script)).run(script, self.file)


async def carry_out(context: Context) -> int:
    """Run what a command line means in its container, as a process in place of the one that asks. Raises StartError."""
    invocation = Invocation(context.machine, context.argv, env=context.env, cwd=context.cwd, user=context.user)
    inner = invocation.context(context.output, stdin=context.stdin, signals=context.signals)
    inner.pid = context.pid
    return await invocation.run(inner)


def traps(machine: Machine, argv: Sequence[str], name: str) -> str | None:
    """What a script seems to do at a signal: by its text, since a running shell cannot be asked."""
    files = [word for word in argv if word.startswith("/") and machine.root.exists(word)]
    texts = [*argv, *(machine.root.read(path).decode("utf-8", "replace") for path in files)]
    known = {name, name.removeprefix("SIG"), str(signal_number(name))}
    found = (trap for text in texts for trap in _TRAPS.finditer(text))
    return next((trap["action"] for trap in found if not known.isdisjoint(trap["signals"].split())), None)


def _options(argv: Sequence[str]) -> tuple[list[str], Sequence[str]]:
    """What `sh -c` is to be set to, its text and the words behind it; no words for any other command."""
    options: list[str] = []
    position, has_text = 1, False
    while posixpath.basename(argv[0]) in _SHELLS and position < len(argv) and argv[position][:1] == "-":
        letters = argv[position][1:]
        if not letters or not _SETTINGS.issuperset(letters):
            return [], ()
        position += 1
        has_text = has_text or "c" in letters
        options += [f"-{letter}" for letter in letters if letter not in "cilo"]
        if "o" in letters:
            options += ["-o", *argv[position : position + 1]]
            position += 1
    return options, argv[position:] if has_text else ()


def _find(
    machine: Machine, argv: tuple[str, ...], cwd: str, search: str = ""
) -> tuple[tuple[str, ...], Program | None]:
    """The command line to run and the program for it, None for the shell.

    `search` are directories (`PATH`). Those that are no usual ones, as a virtual environment's, come first; without any
    of the usual ones no command is found there.
    """
    name = argv[0] if argv else ""
    if "/" in name:
        path = posixpath.normpath(posixpath.join(cwd, name))
        base = posixpath.basename(path)
        there = machine.root.exists(path)
        known = posixpath.dirname(path) in BIN and command_exists(machine, base)
        if known and not (there and not _stands_for(machine.root.read(path), base)):
            # A shell says what it was called by.
            return (name if base in _SHELLS else base, *argv[1:]), PROGRAMS.get(base)
        if there:
            return _file(machine, path, argv)
        if machine.root.is_directory(path):
            raise StartError(f'exec: "{name}": permission denied: unknown', CANNOT_RUN)
        raise StartError(f'exec: "{name}": stat {name}: no such file or directory: unknown')
    for directory in search.split(":") if name else ():
        if directory.startswith("/") and directory not in BIN and machine.root.exists(path := f"{directory}/{name}"):
            return _file(machine, path, argv)
    usual = not search or not frozenset(search.split(":")).isdisjoint(BIN)
    if usual and command_exists(machine, name):
        return argv, PROGRAMS.get(name)
    for directory in BIN if usual else ():
        if name and machine.root.exists(path := f"{directory}/{name}") and machine.root.executable(path):
            return _file(machine, path, argv)
    raise StartError(f'exec: "{name}": executable file not found in $PATH: unknown')


def _stands_for(data: bytes, name: str) -> bool:
    """Whether a file is no more than a command of the shell: one that hands over to it, or a real machine's."""
    if is_busybox_itself(data):
        return True
    match = _HANDS_OVER.fullmatch(data)
    return is_binary(data) if match is None else match[1].decode() == name


def _file(machine: Machine, path: str, argv: tuple[str, ...]) -> tuple[tuple[str, ...], Program | None]:
    if not machine.root.executable(path):
        raise StartError(f'exec: "{argv[0]}": permission denied: unknown', CANNOT_RUN)
    if is_binary(machine.root.read(path)):
        raise StartError(f'exec: "{argv[0]}": exec format error: unknown', CANNOT_RUN)
    # A file that only hands over to a program of ours costs no shell.
    match = _HANDS_OVER.fullmatch(machine.root.read(path))
    if match is not None and (entrypoint := ENTRYPOINTS.get(match[1].decode())) is not None:
        return _find(machine, entrypoint(argv[1:]), "/")
    if match is not None and (program := PROGRAMS.get(name := match[1].decode())) is not None:
        # What is in a virtual environment has to know it.
        return (path if environment_of(machine, path) else name, *argv[1:]), program
    if is_script(machine.root.read(path)):
        interpreter = interpreter_of(machine.root.read(path))
        return _find(machine, (*interpreter, path, *argv[1:]), "/")
    if (complaint := _without_interpreter(machine, argv[0], machine.root.read(path))) is not None:
        return argv, complaint
    return (path, *argv[1:]), None


def _without_interpreter(machine: Machine, name: str, data: bytes) -> Program | None:
    """What a script comes to whose first line names no program, or one that is not there (`bash`, `sh` and a CR)."""
    if data[:2] != b"#!":
        return _complaining(f"exec {name}: exec format error\n", 1)
    words = data[2:].partition(b"\n")[0].decode("utf-8", "replace").strip(" \t").split(" ")
    if words[0] and not _is_there(machine, words[0]):
        return _complaining(f"exec {name}: no such file or directory\n", 1)
    if posixpath.basename(words[0]) == "env" and len(words) > 1 and not command_exists(machine, words[1]):
        told = f"can't execute '{words[1]}'" if machine.is_busybox else f"‘{words[1]}’"
        return _complaining(f"env: {told}: No such file or directory\n", 127)
    return None


def _is_there(machine: Machine, path: str) -> bool:
    folder, base = posixpath.split(path)
    return machine.root.exists(path) or (folder in BIN and command_exists(machine, base))


def _complaining(text: str, code: int) -> Program:
    async def complain(context: Context) -> int:
        await context.err(text)
        return code

    return complain
