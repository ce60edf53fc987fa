"""Starting the background process of a lab, and seeing it end."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

from swarmlab.lab.client import NotRunningError, ask
from swarmlab.lab.errors import LabError
from swarmlab.lab.folder import Folder, Settings, remove_sockets
from swarmlab.lab.locks import Lock, held, signed

#: What starts a daemon; the lab's home and name follow. `-P` keeps a learner's files out of the daemon's imports.
COMMAND: tuple[str, ...] = (sys.executable, "-P", "-u", "-m", "swarmlab.lab.daemon")
#: How long a daemon may take to become ready, and to end its containers, in seconds.
START_LIMIT = 60.0
STOP_LIMIT = 30.0
_LOG_LINES = 12
_RETRY = 0.02


def running(folder: Folder) -> bool:
    """Whether a daemon lives for this lab, be it ready or not."""
    return held(folder.lock)


def launch(folder: Folder) -> None:
    """Start the daemon and return when it is ready. Raises LabError with the end of its log when it fails."""
    log_before = folder.log.stat().st_size if folder.log.exists() else 0
    reader, writer = os.pipe()
    try:
        with folder.log.open("ab") as log:
            folder.log.chmod(0o600)
            process = subprocess.Popen(
                [*COMMAND, str(folder.home), folder.name, str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(writer,),
                start_new_session=True,
                cwd=folder.path,
            )
        os.close(writer)
        # What was started goes on in a child of its own and ends at once: nobody is left to collect.
        process.wait()
        problem = _outcome(reader)
    except OSError as error:
        raise LabError(f"Cannot start the lab: {error}") from None
    finally:
        os.close(reader)
    if problem is not None:
        if running(folder):
            end(folder)
        raise LabError("\n".join([problem, *_last_lines(folder, log_before)]))


def end(folder: Folder) -> bool:
    """End the daemon: ask, then signal, then kill. Return whether it ended in order. Raises LabError."""
    settings = folder.settings()
    try:
        ask(settings.control, "POST", "/shutdown", timeout=5.0)
    except (NotRunningError, LabError):
        _signal(folder, signal.SIGTERM)
    orderly = _released(folder, STOP_LIMIT)
    if not orderly:
        _signal(folder, signal.SIGKILL)
        if not _released(folder, 5.0):
            raise LabError(f'The lab "{folder.name}" (process {signed(folder.lock)}) cannot be ended.')
    remove_sockets(settings)
    return orderly


def answer(folder: Folder, settings: Settings) -> dict[str, Any] | None:
    """The status that the daemon gives, None when there is no daemon; wait for one that is just starting or ending.

    Raises LabError when it lives but does not answer.
    """
    give_up = time.monotonic() + START_LIMIT
    while running(folder):
        try:
            return ask(settings.control, "GET", "/status", timeout=START_LIMIT)
        except NotRunningError:
            if time.monotonic() >= give_up:
                raise
            time.sleep(_RETRY)
    return None


def _outcome(reader: int) -> str | None:
    """What went wrong with the start, or None. The daemon writes one line, or dies and so closes the pipe."""
    text = b""
    give_up = time.monotonic() + START_LIMIT
    while select.select([reader], [], [], max(0.0, give_up - time.monotonic()))[0]:
        part = os.read(reader, 4096)
        if not part:
            break
        text += part
        if text.endswith(b"\n"):
            break
    else:
        return f"The lab was not ready within {START_LIMIT:g} seconds."
    if not text:
        return "The lab ended while it was starting. The end of its log:"
    error = json.loads(text)["error"]
    return None if error is None else f"The lab could not start: {error}"


def _released(folder: Folder, timeout: float) -> bool:
    lock = Lock(folder.lock)
    if not lock.acquire(timeout):
        return False
    lock.release()
    return True


def _signal(folder: Folder, number: signal.Signals) -> None:
    """Signal the daemon. Its id is that of the lock's holder as long as the lock is held, so it hits nobody else."""
    pid = signed(folder.lock)
    if pid is not None and running(folder):
        os.kill(pid, number)


def _last_lines(folder: Folder, offset: int) -> list[str]:
    """The end of what was written to the log after `offset`."""
    with folder.log.open("rb") as log:
        log.seek(0, os.SEEK_END)
        # A smaller file is a new one: the log was rotated meanwhile.
        log.seek(offset if offset <= log.tell() else 0)
        return log.read().decode(errors="replace").splitlines()[-_LOG_LINES:]
