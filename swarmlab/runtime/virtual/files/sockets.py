"""A Unix socket as a container's shell sees it: it is there, and can be neither read, written nor removed."""

import errno
import time
from collections.abc import Sequence
from typing import NoReturn

from swarmlab.runtime.virtual.files.foreignfs import Stat

#: Who may use an engine's socket: root, and the machine's group `docker`, by its usual number on Debian.
SOCKET_MODE = 0o660
SOCKET_GROUP = 999


class SocketFile:
    """See `foreignfs.Files`: the socket is at `/`."""

    def __init__(self) -> None:
        self._made = time.time_ns()

    def read(self, path: str) -> NoReturn:
        """See `Files.read`: only who connects gets anything."""
        raise OSError(errno.ENXIO, "")

    def write(self, path: str, data: bytes) -> None:
        """See `Files.write`."""
        self.read(path)

    def append(self, path: str, data: bytes) -> None:
        """See `Files.append`."""
        self.read(path)

    def mkdir(self, path: str, parents: bool) -> None:
        """See `Files.mkdir`."""
        raise OSError(errno.EEXIST, "")

    def remove(self, path: str, recursive: bool) -> None:
        """See `Files.remove`: something is mounted there."""
        raise OSError(errno.EBUSY, "")

    def stat(self, path: str) -> Stat:
        """See `Files.stat`."""
        if path != "/":
            raise OSError(errno.ENOTDIR, "")
        return Stat("fifo", 0, SOCKET_MODE, self._made)

    def list(self, path: str) -> Sequence[tuple[str, Stat]]:
        """See `Files.list`."""
        raise OSError(errno.ENOTDIR, "")

    def exists(self, path: str) -> bool:
        """See `Files.exists`."""
        return path == "/"

    def rename(self, old: str, new: str) -> None:
        """See `Files.rename`."""
        self.remove(old, False)

    def copy(self, source: str, target: str) -> None:
        """See `Files.copy`."""
        self.read(source)

    def symlink(self, target: str, path: str) -> None:
        """See `Files.symlink`."""
        self.mkdir(path, False)

    def read_link(self, path: str) -> str:
        """See `Files.read_link`."""
        raise OSError(errno.EINVAL, "")

    def chmod(self, path: str, mode: int) -> None:
        """See `Files.chmod`: it is not the container's."""
        raise OSError(errno.EPERM, "")
