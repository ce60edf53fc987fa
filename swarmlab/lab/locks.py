"""Locks that the system releases when their holder dies, however it dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from swarmlab.lab.errors import LabError

_RETRY = 0.01


class Lock:
    """A file that one process at a time can hold. It holds the holder's process id, for those who wait for it.

    The id stays in the file when the holder dies before `release`: that is how a crash is told from an orderly end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self, timeout: float | None = 0.0) -> bool:
        """Whether the lock is ours now; wait at most `timeout` seconds for it (None: as long as it takes)."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                held = _try(descriptor)
                if held and _same(descriptor, self.path):
                    self._file = descriptor
                    return True
            finally:
                if self._file is None:
                    os.close(descriptor)
            # A file that was deleted while we waited for it is nobody's lock any more: try the new one at once.
            if not held:
                if end is not None and time.monotonic() >= end:
                    return False
                time.sleep(_RETRY)

    def sign(self) -> None:
        """Note the process id of the holder, which must be this process."""
        assert self._file is not None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self, *, delete: bool = False) -> None:
        """Give the lock back and forget the process id; with `delete` the file as well."""
        assert self._file is not None
        os.ftruncate(self._file, 0)
        if delete:
            self.path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def __enter__(self) -> "Lock":
        self.acquire(None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release(delete=True)


def held(path: Path) -> bool:
    """Whether some process holds the lock."""
    with _opened(path) as descriptor:
        return descriptor is not None and not _try(descriptor)


def signed(path: Path) -> int | None:
    """The process id of the holder, or of one that died without releasing the lock; None if it was released."""
    with _opened(path) as descriptor:
        text = os.pread(descriptor, 20, 0) if descriptor is not None else b""
    return int(text) if text.isdigit() else None


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except PermissionError as error:
        raise LabError(f"The lab belongs to somebody else: {error}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one that the path leads to."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
