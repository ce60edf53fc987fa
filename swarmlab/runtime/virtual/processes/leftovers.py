"""What a lab that was killed may have left running, and how it is found again.

Each process of a container has a file `DIRECTORY/pids/PID` with the instant of its start. That finds the process even
when it has overwritten its environment, as PostgreSQL and nginx do; its descendants are found below it, and those that
have lost their parents by a variable of the environment.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from swarmlab.runtime.virtual.files.private import remove_private_folders

#: The variable that says which container's directory a process belongs to.
MARK = "SWARMLAB_CONTAINER"
PIDS = "pids"
#: What the names of directories end in that are being removed.
GONE = ".gone"

#: Seconds by which the system's account of a process's start may change, as when the machine's clock is set.
_TOLERANCE = 2.0
#: Seconds that killed processes are given to be gone before the next look.
_BREATH = 0.01


def remember(directory: Path, pid: int) -> None:
    """A process of the container with this directory has been started."""
    pids = directory / PIDS
    pids.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(psutil.Error):
        (pids / str(pid)).write_text(f"{psutil.Process(pid).create_time()}\n")


def forget(directory: Path, pid: int) -> None:
    """It has ended."""
    with contextlib.suppress(OSError):
        (directory / PIDS / str(pid)).unlink()


def kill_left_behind(state: Path) -> None:
    """Kill everything that runs for a container whose directory is in `state`, and remove what is left of it."""
    for file in state.glob(f"*/{PIDS}/*"):
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int(file.name))
            if abs(process.create_time() - float(file.read_text())) < _TOLERANCE:
                for one in [process, *process.children(recursive=True)]:
                    one.kill()
    if any(state.glob(f"*/{PIDS}")):
        kill_marked(state)
    for directory in (*(pids.parent for pids in state.glob(f"*/{PIDS}")), *state.glob("*.s"), *state.glob(f"*{GONE}")):
        shutil.rmtree(directory, ignore_errors=True)
    remove_private_folders(state)


def kill_marked(directory: Path) -> None:
    """Kill every process marked with `directory` or one below it, until there is none. Blocks for some milliseconds."""
    for _ in range(100):
        found = list(_marked(directory))
        if not found:
            return
        # Stopped first, so that none makes another one while its siblings are killed.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for one in found:
                with contextlib.suppress(psutil.Error):
                    one.send_signal(number)
        # Not waited for: the exit codes of this process's own children belong to whoever started them.
        time.sleep(_BREATH)


def _marked(directory: Path) -> Iterator[psutil.Process]:
    own = os.getpid()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mark = "" if process.pid == own else process.environ().get(MARK, "")
            if mark and Path(mark).is_relative_to(directory) and process.status() != psutil.STATUS_ZOMBIE:
                yield process
