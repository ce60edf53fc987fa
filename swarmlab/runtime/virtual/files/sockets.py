"""A Unix socket as a container's shell sees it: it is there, and can be neither read, written nor removed."""

import errno
from typing import NoReturn

from swarmlab.runtime.virtual.files.alone import Alone

#: Who may use an engine's socket: root, and the machine's group `docker`, by its usual number on Debian.
SOCKET_MODE = 0o660
SOCKET_GROUP = 999


class SocketFile(Alone):
    """See `foreignfs.Files`: the socket is at `/`."""

    def __init__(self) -> None:
        super().__init__("fifo", 0, SOCKET_MODE)

    def read(self, path: str) -> NoReturn:
        """See `Files.read`: only who connects gets anything."""
        raise OSError(errno.ENXIO, "")

    def write(self, path: str, data: bytes) -> None:
        """See `Files.write`."""
        self.read(path)

    def append(self, path: str, data: bytes) -> None:
        """See `Files.append`."""
        self.read(path)

    def copy(self, source: str, target: str) -> None:
        """See `Files.copy`."""
        self.read(source)

    def chmod(self, path: str, mode: int) -> None:
        """See `Files.chmod`: it is not the container's."""
        raise OSError(errno.EPERM, "")
