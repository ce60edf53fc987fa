"""Real processes of virtual containers, and the promise that none of them outlives the lab."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from swarmlab.runtime.virtual.files.quota import Quota
from swarmlab.runtime.virtual.processes import leftovers
from swarmlab.runtime.virtual.processes.pipereader import PipeReader
from swarmlab.runtime.virtual.processes.usage import Spent, spent
from swarmlab.runtime.virtual.processes.watch import Watch

#: Reads `+ GROUP` and `- GROUP` from the lab; when the lab is gone, however it went, it kills the groups that are left.
#: A shell because it starts in a millisecond and needs a megabyte.
GUARD = """
trap '' HUP INT TERM QUIT
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null
"""

#: Rows and columns of a terminal.
_SCREEN = 24, 80
_FOR_ALL = frozenset({"SIGKILL", "SIGSTOP", "SIGCONT"})
#: Signals that a container may be sent.
_HELD = frozenset(
    getattr(signal, name) for name in ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)


class Child:
    """A real process in a process group of its own."""

    def __init__(
        self,
        host: "ProcessHost",
        popen: "subprocess.Popen[bytes]",
        directory: Path,
        on_output: Callable[[str, bytes], None],
        terminal: "_TerminalEnds | None" = None,
    ) -> None:
        """`terminal` is what is to be kept of its terminal until it has ended, if it has one."""
        loop = asyncio.get_running_loop()
        self._host = host
        self.directory = directory
        self._popen = popen
        self._terminal = terminal
        self._exit: asyncio.Future[int] = loop.create_future()
        #: What it has used, once it has ended.
        self.spent = Spent()
        self._drained: list[asyncio.Future[None]] = []
        self._readers: list[PipeReader] = []
        self._pipes = asyncio.gather(
            *(
                self._connect(pipe, stream, on_output)
                for stream, pipe in (("stdout", popen.stdout), ("stderr", popen.stderr))
                if pipe is not None
            )
        )
        self._watch(loop)

    @property
    def exited(self) -> "asyncio.Future[int]":
        """Done with the exit code when the process has ended, whatever of its output is still to be read."""
        return self._exit

    @property
    def pid(self) -> int:
        """The process id on this machine."""
        return self._popen.pid

    def hold(self, held: bool) -> None:
        """Let the process wait when it writes, as at a full pipe, or go on. One that has ended is read to its end."""
        if held and self._exit.done():
            return
        for reader in self._readers:
            reader.hold(held)

    def signal(self, name: str) -> None:
        """Send a signal by name to the process; to its whole group what no process can handle."""
        if self._exit.done():
            return
        with contextlib.suppress(ProcessLookupError):
            if name in _FOR_ALL and hasattr(os, "killpg"):
                os.killpg(self.pid, signal.Signals[name])
            else:
                self._popen.send_signal(signal.Signals[name])

    def handles(self, name: str) -> bool:
        """Whether it has a handler for a signal; True where the system does not tell."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return True
        caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
        return bool(int(caught, 16) >> (signal.Signals[name] - 1) & 1)

    def write(self, data: bytes) -> None:
        """Give it input. May block; to be called in a thread. Raises OSError once it reads no more."""
        assert self._popen.stdin is not None
        if self._terminal is not None:
            self._terminal.wait_until_its_own()
        self._popen.stdin.write(data)
        self._popen.stdin.flush()

    def close_input(self) -> None:
        """Its input has ended."""
        if self._popen.stdin is not None:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()

    async def wait(self) -> int:
        """Return the exit code (128 + signal number when a signal ended it), once its output has been read."""
        code = await asyncio.shield(self._exit)
        await asyncio.shield(self._pipes)
        await asyncio.gather(*self._drained)
        return code

    async def _connect(self, pipe: object, stream: str, on_output: Callable[[str, bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        drained: asyncio.Future[None] = loop.create_future()
        self._drained.append(drained)
        _, reader = await loop.connect_read_pipe(lambda: PipeReader(stream, on_output, drained), pipe)
        self._readers.append(reader)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if hasattr(os, "pidfd_open"):
            descriptor = os.pidfd_open(self.pid)

            def readable() -> None:
                loop.remove_reader(descriptor)
                os.close(descriptor)
                self._reap()

            loop.add_reader(descriptor, readable)
        else:
            threading.Thread(target=self._wait_in_thread, args=(loop,), daemon=True).start()

    def _wait_in_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        """Where the system has no descriptors for processes, a thread waits, but the loop's own thread reaps."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._popen.wait()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._reap)

    def _reap(self) -> None:
        # The guard must forget the group while the number cannot have been given to anybody else: before wait().
        self._host.forget(self)
        self.spent = spent(self.pid)
        self._host.watch.disk.note(self.pid)
        code = self._popen.wait()
        self.close_input()
        if self._terminal is not None:
            self._terminal.close()
            self._terminal = None
        if not self._exit.done():
            self._exit.set_result(code if code >= 0 else 128 - code)
        self.hold(False)


#: By so much programs that may be anything are nicer than the lab, and how nice a process can be.
_NICER, _NICEST = 10, 19


class ProcessHost:
    """Starts processes and makes sure that they end with the lab, even when it is killed.

    Two nets: a guard process that outlives the lab just long enough to kill what is left, and for the case that the
    guard is killed too, what `leftovers` writes down, which the next host on the same state looks at.
    """

    def __init__(self, state: Path, quota: Quota | None = None) -> None:
        """`state` holds a directory a container. What an earlier host left running there is killed now.

        `quota` says how much the processes' files may have on the disk; by default it counts what is in `state`.
        """
        self.state = state
        self._guard: subprocess.Popen[bytes] | None = None
        self._children: set[Child] = set()
        self._pids = itertools.count(1000)
        self.watch = Watch(quota or Quota((state,)))
        leftovers.kill_left_behind(state)
        _ignore_for_itself_only()

    def spawn(
        self,
        argv: Sequence[str],
        *,
        executable: Path,
        directory: Path,
        env: Mapping[str, str],
        descriptors: Sequence[int] = (),
        on_output: Callable[[str, bytes], None],
        cwd: Path | None = None,
        has_input: bool = False,
        has_terminal: bool = False,
        hold_signals: bool = True,
        is_anything: bool = False,
    ) -> Child:
        """Start a process for the container that has this `directory`, a folder of the state directory.

        It works in `cwd`, by default that directory. It has an empty input, or one for `Child.write`. It inherits
        `descriptors` under their own numbers, and with `hold_signals` blocked signals: one that comes before the
        program is prepared for it waits, where it would otherwise kill. (That is only for programs that unblock them.)
        With `has_terminal` input and output are a terminal of its own; what comes of it is all `stdout`. `is_anything`:
        it is whatever a learner has written, so it is nicer than the lab. Raises OSError when the program cannot be
        started.
        """
        if has_terminal:
            made = {**env, leftovers.MARK: str(directory)}
            popen, terminal = _on_terminal([str(executable), *argv[1:]], cwd or directory, made)
            return self._started(popen, directory, on_output, terminal, is_anything=is_anything)
        with _signals_held() if hold_signals else contextlib.nullcontext():
            popen = subprocess.Popen(
                list(argv),
                executable=executable,
                cwd=cwd or directory,
                env={**env, leftovers.MARK: str(directory)},
                stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=descriptors,
                process_group=None if sys.platform == "win32" else 0,
            )
        return self._started(popen, directory, on_output, is_anything=is_anything)

    def _started(
        self,
        popen: "subprocess.Popen[bytes]",
        directory: Path,
        on_output: Callable[[str, bytes], None],
        terminal: "_TerminalEnds | None" = None,
        *,
        is_anything: bool,
    ) -> Child:
        self._tell(f"+ {popen.pid}\n")
        # Where memory runs out faster than anybody can look, the kernel is to choose a container, and not the lab.
        with contextlib.suppress(OSError):
            Path(f"/proc/{popen.pid}/oom_score_adj").write_text("1000")
        if is_anything:
            # Nor are many busy programs to keep the lab from answering: where processors are short, it goes first.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, popen.pid, min(os.getpriority(os.PRIO_PROCESS, 0) + _NICER, _NICEST))
        leftovers.remember(directory, popen.pid)
        child = Child(self, popen, directory, on_output, terminal)
        self._children.add(child)
        return child

    def next_pid(self) -> int:
        """A number to show for a program that is no process."""
        return next(self._pids)

    def forget(self, child: Child) -> None:
        """A child has ended and is about to be reaped."""
        self._tell(f"- {child.pid}\n")
        leftovers.forget(child.directory, child.pid)
        self._children.discard(child)

    async def close(self) -> None:
        """Kill every child and end the guard."""
        for child in (children := list(self._children)):
            child.signal("SIGKILL")
        await asyncio.gather(*(child.wait() for child in children))
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            # It only has to read the end of its input and go through an empty list.
            self._guard.wait()
            self._guard = None

    def _tell(self, line: str) -> None:
        if sys.platform == "win32":
            return
        if self._guard is None:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", GUARD],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                bufsize=0,
            )
        if self._guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.write(line.encode())


class _TerminalEnds:
    """What belongs to the terminal of a process, beside the end that is its streams."""

    def __init__(self, slave: int, opened: IO[bytes]) -> None:
        """`slave` is kept open, so that there is no end before the process has ended; `opened` ends once it has it."""
        self._slave = slave
        self._opened = opened

    def wait_until_its_own(self) -> None:
        """Return once it is the terminal of the process: before, Ctrl-C would interrupt nobody. May block."""
        with contextlib.suppress(ValueError):
            self._opened.read()

    def close(self) -> None:
        """The process has ended."""
        os.close(self._slave)
        self._opened.close()


def _on_terminal(
    argv: Sequence[str], directory: Path, env: Mapping[str, str]
) -> tuple["subprocess.Popen[bytes]", _TerminalEnds]:
    """A process whose controlling terminal is a new one, with our end as its streams, and what else it needs."""
    import termios

    master, slave = os.openpty()
    termios.tcsetwinsize(slave, _SCREEN)
    # The first terminal that the leader of a session opens becomes its own.
    script = 'exec <>"$0" >&0 2>&1 && exec "$@"'
    popen = subprocess.Popen(
        ["/bin/sh", "-c", script, os.ttyname(slave), *argv],
        cwd=directory,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert popen.stdout is not None
    opened = popen.stdout
    popen.stdin = os.fdopen(os.dup(master), "wb", buffering=0)
    popen.stdout = os.fdopen(master, "rb", buffering=0)
    return popen, _TerminalEnds(slave, opened)


def _ignore_for_itself_only() -> None:
    """Let processes have signals that this one was started to ignore, as `command &` and `nohup` in scripts do it."""
    for number in _HELD:
        # Only the main thread may; elsewhere nobody runs a lab in earnest.
        with contextlib.suppress(ValueError):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, _nothing)


def _nothing(number: int, frame: object) -> None:
    """Handle a signal by doing nothing: unlike being ignored that is not inherited."""


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Block the signals that a container may be sent, so that a process started meanwhile begins with them blocked."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
