"""One thing that is mounted at a path of its own, as a container's shell sees it: nothing is beside or below it."""

import errno
import time
from collections.abc import Sequence
from typing import NoReturn

from swarmlab.runtime.virtual.files.foreignfs import Stat


class Alone:
    """See `foreignfs.Files`: it is at `/`. What it is, and what may be done with it, others say."""

    def __init__(self, kind: str, size: int, mode: int) -> None:
        """`kind`, `size` and `mode` are those of a `Stat`."""
        self._stat = Stat(kind, size, mode, time.time_ns())

    def mkdir(self, path: str, parents: bool) -> None:
        """See `Files.mkdir`."""
        raise OSError(errno.EEXIST, "")

    def remove(self, path: str, recursive: bool) -> NoReturn:
        """See `Files.remove`: something is mounted there."""
        raise OSError(errno.EBUSY, "")

    def stat(self, path: str) -> Stat:
        """See `Files.stat`."""
        if path != "/":
            raise OSError(errno.ENOTDIR, "")
        return self._stat

    def list(self, path: str) -> Sequence[tuple[str, Stat]]:
        """See `Files.list`."""
        raise OSError(errno.ENOTDIR, "")

    def exists(self, path: str) -> bool:
        """See `Files.exists`."""
        return path == "/"

    def rename(self, old: str, new: str) -> None:
        """See `Files.rename`."""
        self.remove(old, False)

    def symlink(self, target: str, path: str) -> None:
        """See `Files.symlink`."""
        self.mkdir(path, False)

    def read_link(self, path: str) -> str:
        """See `Files.read_link`."""
        raise OSError(errno.EINVAL, "")
