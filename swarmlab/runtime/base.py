"""What an engine asks of a container runtime, and what the runtime tells it.

The shape follows the Docker daemon's use of containerd: a container is created from a complete configuration, started,
waited for, signalled and removed. `virtual` implements it with programs that run in or beside this process.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import msgspec

from swarmlab.images import Image
from swarmlab.objects.container import HealthConfig

#: Where a command's output goes: called with `stdout` or `stderr` and the bytes; awaiting it applies back-pressure.
Output = Callable[[str, bytes], Awaitable[None]]


class File(msgspec.Struct, frozen=True):
    """A file put into a container before it starts: a config (in its file system) or a secret (in a tmpfs)."""

    path: str
    data: bytes
    uid: int = 0
    gid: int = 0
    mode: int = 0o444
    secret: bool = False


class Mount(msgspec.Struct, frozen=True):
    """Something mounted at `target`: a directory or file of this machine, or without `source` an empty tmpfs.

    With `socket` the source is a Unix socket, at which somebody listens who is not the container's. With `copy` a
    directory that is empty gets what the image has in its place. `options` of a tmpfs are as the kernel shows them:
    `size=980k`, `mode=700`.
    """

    target: str
    source: Path | None = None
    read_only: bool = False
    copy: bool = False
    options: tuple[str, ...] = ()
    socket: bool = False


class ContainerConfig(msgspec.Struct, frozen=True):
    """Everything the runtime needs to know of a container. Image defaults have been merged in by the engine."""

    id: str
    name: str
    #: By name or id.
    image: str
    hostname: str
    command: tuple[str, ...]
    env: tuple[str, ...] = ()
    working_dir: str = "/"
    user: str = ""
    #: Further groups of the user, by name or number.
    groups: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"
    tty: bool = False
    open_stdin: bool = False
    healthcheck: HealthConfig | None = None
    files: tuple[File, ...] = ()
    labels: Mapping[str, str] = {}
    memory: int = 0
    mounts: tuple[Mount, ...] = ()
    read_only: bool = False
    #: Names with soft and hard limits, as Docker has them.
    ulimits: tuple[tuple[str, int, int], ...] = ()
    #: Parameters of the kernel's that it has set, by their names with dots.
    sysctls: Mapping[str, str] = {}
    #: Whether PID 1 is Docker's own init (tini), which starts the program and hands signals on to it.
    init: bool = False


#: Exit codes for a program that is not there, for one that is and cannot be run, and for anything else that is wrong.
NOT_THERE, CANNOT_RUN, CANNOT_START = 127, 126, 128


class StartError(Exception):
    """Raised when a program cannot be started; the text is the one runc or dockerd would give.

    `exit_code` is what the container then has: 127 when there is no such program, 126 when it is none.
    """

    def __init__(self, text: str, exit_code: int = NOT_THERE) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class LogLine(NamedTuple):
    """One line a container wrote. `time` is in Unix nanoseconds of swarm time, `data` keeps its newline if any."""

    time: int
    stream: str
    data: bytes


class ProbeResult(NamedTuple):
    """One run of a health check. `start` and `end` are Unix nanoseconds of swarm time; exit code -1 is no result."""

    start: int
    end: int
    exit_code: int
    output: str


class Told(Protocol):
    """Hears what events tell."""

    def __call__(self, action: str, **attributes: str) -> None:
        """Hear of an action, in the words of Docker's events, with its own attributes."""


class Process(NamedTuple):
    """A process of a container. `started` is Unix nanoseconds of swarm time."""

    pid: int
    user: str
    started: int
    command: str


class Usage(NamedTuple):
    """What a container uses: processes, bytes of memory, and since its start nanoseconds of processor time
    in user and kernel mode and bytes that came from and went to a disk.
    """

    processes: int = 0
    memory: int = 0
    user: int = 0
    system: int = 0
    read: int = 0
    written: int = 0


class PathStat(NamedTuple):
    """What is at a path: `kind` is `file`, `directory`, `socket` or `link` (to `target`).

    `modified` is Unix nanoseconds.
    """

    name: str
    kind: str
    size: int
    mode: int
    modified: int
    target: str = ""


class Change(NamedTuple):
    """Something that is not as the image has it: changed (0), added (1) or deleted (2)."""

    kind: int
    path: str


class Attachment(Protocol):
    """What the main program writes from now on, in pieces: (`stdout` or `stderr`, bytes), to the end of its run.

    The program waits for a reader that is slow, as at a full pipe.
    """

    def __aiter__(self) -> AsyncIterator[tuple[str, bytes]]: ...

    def close(self) -> None:
        """Nobody reads any more."""


class Container(Protocol):
    """A container that the runtime has created. Methods raise RuntimeError when called in a state that forbids them."""

    config: ContainerConfig

    @property
    def pid(self) -> int:
        """A process id for `docker inspect` and `docker top`; 0 when the container does not run."""

    @property
    def health(self) -> str:
        """`""` without a health check, else `starting`, `healthy` or `unhealthy`."""

    @property
    def failing_streak(self) -> int:
        """How many probes have failed in a row."""

    @property
    def oom_killed(self) -> bool:
        """Whether its last run ended because it had used up its memory."""

    def health_log(self) -> Sequence[ProbeResult]:
        """The last five probes, oldest first."""

    def identify(self, files: Sequence[File]) -> None:
        """Write files that only this container has and that are not of its own, such as /etc/hosts."""

    def populate(self) -> None:
        """Give empty volumes what the image has in their place; for a container that has just been made."""

    def surround(self, variables: Sequence[str]) -> None:
        """Give its program and its commands these variables (`NAME=value`), from its next start; its own come first."""

    async def start(self) -> None:
        """Start the main program; return when it runs. Raises StartError. A stopped container can be started again."""

    async def wait(self) -> int:
        """Return the exit code once the main program has ended (128 + signal number when a signal ended it)."""

    def watch_health(self, told: Told) -> None:
        """Call `told` from now on with what events tell of health checks: their commands, and each new status."""

    async def wait_healthy(self) -> bool:
        """Return True once healthy, False once the main program has ended or the container is unhealthy.

        Returns True at once when there is no health check.
        """

    async def wait_unhealthy(self) -> None:
        """Return once the health check has failed for good. Never returns without a health check."""

    async def stop(self, grace: float, signal: str | None = None, killing: Callable[[], None] = lambda: None) -> None:
        """Send the stop signal, wait at most `grace` seconds of swarm time, then kill; return when it has ended.

        `killing` is called before it is killed.

        As in a real PID 1, a program that installs no handler ignores SIGTERM and so lasts for the whole grace period.
        """

    def kill(self, signal: str = "SIGKILL") -> None:
        """Deliver a signal by name. SIGKILL ends the container at once."""

    def pause(self) -> None:
        """Let nothing in it go on until `unpause`; signals but SIGKILL wait as well."""

    def unpause(self) -> None:
        """Let it all go on."""

    def limit(self, memory: int) -> None:
        """From now on it may use so many bytes of memory; 0 for as many as there are."""

    def ports(self) -> Mapping[int, tuple[str, int]]:
        """Where the container's listening TCP ports really are: {port inside: (host, port) to connect to}."""

    def watch_ports(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` whenever `ports` changes; what is returned ends that."""

    def logs(
        self, *, since: int = 0, until: int = 0, tail: int | None = None, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """The lines written so far, the last `tail` of them, and with `follow` those to come until it ends."""

    def attach(self) -> Attachment:
        """Listen to the main program; before the start as well."""

    async def feed(self, data: bytes) -> None:
        """Give the main program input (keys, if it has a terminal), once it has room; lost without `open_stdin`."""

    def close_stdin(self) -> None:
        """The main program's input has ended."""

    def processes(self) -> Sequence[Process]:
        """What runs in the container, the main program first."""

    def usage(self) -> Usage:
        """What it uses now; nothing when it does not run."""

    def stat(self, path: str) -> PathStat:
        """What is at a path; `link/` is what the link leads to. Raises FileNotFoundError, NotADirectoryError."""

    def misfits(self) -> Sequence[Mount]:
        """Mounted directories where the image or the engine has a file, and mounted files where it has a directory."""

    def has_file(self, path: str) -> bool:
        """Whether a file or a socket is at a path; tells sooner than `stat`, which takes a look at the whole image."""

    def pack(self, path: str) -> bytes:
        """A file or a directory with everything in it, as a tar archive. Raises what `stat` raises."""

    def unpack(self, path: str, archive: IO[bytes], *, replace: bool) -> None:
        """Extract a tar archive (compressed or not) into a directory.

        Without `replace` a directory takes no file's place, nor a file a directory's. Raises FileNotFoundError,
        NotADirectoryError, FileExistsError, PermissionError for what is read-only, OSError (EBUSY) for a file that is
        mounted, and tarfile.TarError for what is no archive.
        """

    def rootfs(self) -> bytes:
        """All files as a tar archive, without what the engine puts in: configs, secrets, the container's names."""

    def layer(self) -> bytes:
        """What `changes` are, as a layer for an image (a tar archive); empty when nothing has changed."""

    def changes(self) -> Sequence[Change]:
        """What is not as the image has it, by path."""

    async def exec(
        self,
        command: Sequence[str],
        output: Output,
        *,
        env: Sequence[str] = (),
        working_dir: str = "",
        user: str = "",
        stdin: AsyncIterable[bytes] | None = None,
        tty: bool = False,
        started: Callable[[int], None] = lambda pid: None,
    ) -> int:
        """Run a command in the running container and return its exit code; cancelling the call kills the command.

        `env` is added to the container's, empty `working_dir` and `user` are the container's own. Without `stdin` the
        command reads an empty one. With `tty` the input is keys and the output (all `stdout`) is for a screen.
        `started` is called with the process id. Raises StartError when the command cannot be started.
        """

    async def remove(self) -> None:
        """Kill it if it runs and forget its files and logs."""


class Runtime(Protocol):
    """Creates containers. One for each engine of a lab."""

    def create(self, config: ContainerConfig) -> Container:
        """A new container that has not been started. Raises KeyError when the image is not in the catalogue."""

    def prepare(self, image: Image) -> None:
        """Containers of this image are to be expected: do in the background what the first would have to wait for."""

    async def close(self) -> None:
        """End every container and free what they hold."""
