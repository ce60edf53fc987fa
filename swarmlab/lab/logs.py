"""The log of a lab's process: written with a bounded size, and read by `swarmlab logs`."""

import logging
import logging.handlers
import os
import time
from collections.abc import Iterator
from pathlib import Path

#: The log is at most this long, in bytes, and so is each of the older ones kept.
LOG_SIZE = 1_000_000
LOGS_KEPT = 2
_POLL = 0.2


class _Rotating(logging.handlers.RotatingFileHandler):
    """A rotating log that takes the process's standard output and error along."""

    def doRollover(self) -> None:  # noqa: N802
        """See RotatingFileHandler."""
        super().doRollover()
        self.take_output()

    def take_output(self) -> None:
        """Send what the process, or Python when it dies, writes by itself to the present log."""
        assert self.stream is not None
        os.dup2(self.stream.fileno(), 1)
        os.dup2(self.stream.fileno(), 2)


def log_to(path: Path) -> logging.Logger:
    """Send this process's log, and whatever else it writes, to a file; return the root logger."""
    logging.Formatter.converter = time.gmtime
    handler = _Rotating(path, maxBytes=LOG_SIZE, backupCount=LOGS_KEPT, encoding="utf-8")
    handler.setFormatter(
        logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    )
    handler.take_output()
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    return root


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of the log, without line ends; an older log is read when the present one is short."""
    found: list[str] = []
    for file in (path, *(path.with_name(f"{path.name}.{n}") for n in range(1, LOGS_KEPT + 1))):
        if len(found) >= lines or not file.exists():
            break
        found = file.read_text("utf-8", errors="replace").splitlines() + found
    return found[-lines:] if lines else []


def follow(path: Path) -> Iterator[str]:
    """What is written to the log from now on, in pieces, for ever. A new log is begun when the present one is full."""
    file = path.open(encoding="utf-8", errors="replace")
    try:
        file.seek(0, os.SEEK_END)
        while True:
            if text := file.read():
                yield text
            elif path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                file.close()
                file = path.open(encoding="utf-8", errors="replace")
            else:
                time.sleep(_POLL)
    finally:
        file.close()
