"""What a program of a virtual container is called with."""

import copy
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from swarmlab.runtime.base import Output
from swarmlab.runtime.virtual.files.access import User
from swarmlab.runtime.virtual.files.sockets import SOCKET_GROUP
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.signals import Signals


class Context:
    """One run of one program: its arguments, its streams and the container around it."""

    def __init__(
        self,
        machine: Machine,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        user: User,
        output: Output,
        stdin: AsyncIterator[bytes],
        signals: Signals,
        ready: Callable[[], None] = lambda: None,
        is_main: bool = False,
        has_terminal: bool = False,
        inside_shell: bool = False,
    ) -> None:
        """`is_main`: the container's first process. `has_terminal`: its input is keys, its output is for a screen.

        `inside_shell`: a script has called it.
        """
        self.machine = machine
        self.is_main = is_main
        self.has_terminal = has_terminal
        self.inside_shell = inside_shell
        #: The number of the process in the container.
        self.pid = 1
        self.argv = tuple(argv)
        self.env = env
        self.cwd = cwd
        self.user = user
        self.stdin = stdin
        self.signals = signals
        self._output = output
        self.ready = ready

    async def output(self, stream: str, data: bytes) -> None:
        """Write to `stdout` or `stderr`, once the container is not paused."""
        await self.machine.thawed()
        await self._output(stream, data)

    async def out(self, data: str | bytes) -> None:
        """Write to standard output."""
        await self.output("stdout", data if isinstance(data, bytes) else data.encode())

    async def err(self, data: str | bytes) -> None:
        """Write to standard error."""
        await self.output("stderr", data if isinstance(data, bytes) else data.encode())

    def with_input(self, stdin: AsyncIterator[bytes]) -> "Context":
        """The same, reading something else."""
        other = copy.copy(self)
        other.stdin = stdin
        return other

    def with_output(self, output: Output) -> "Context":
        """The same, writing elsewhere."""
        other = copy.copy(self)
        other._output = output
        return other

    def with_argv(self, argv: Sequence[str]) -> "Context":
        """The same surroundings for another command line."""
        other = copy.copy(self)
        other.argv = tuple(argv)
        return other

    def with_env(self, env: Mapping[str, str]) -> "Context":
        """The same with other variables."""
        other = copy.copy(self)
        other.env = env
        return other

    def socket(self, name: str) -> Path:
        """Where a Unix socket at which somebody listens really is. Raises FileNotFoundError, PermissionError."""
        path = self.path(name)
        if (real := self.machine.socket(path)) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        guarded = self.machine.root.is_socket(self.machine.root.followed(path))
        if guarded and self.user.uid and self.user.gid != SOCKET_GROUP:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real

    def as_user(self, user: User, cwd: str) -> "Context":
        """The same for somebody else, in another directory."""
        other = copy.copy(self)
        other.user, other.cwd = user, cwd
        return other

    def path(self, name: str) -> str:
        """An absolute path inside the container."""
        return os.path.normpath(os.path.join(self.cwd, name))


#: A program: takes its context and returns its exit code.
Program = Callable[[Context], Awaitable[int]]
