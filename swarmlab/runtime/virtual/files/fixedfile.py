"""A file that is mounted read-only and alone (config, secret, one of this machine), as a container's shell sees it."""

import errno
import os
from collections.abc import Callable
from typing import NoReturn

from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.files.access import User
from swarmlab.runtime.virtual.files.alone import Alone
from swarmlab.runtime.virtual.files.foreignfs import Stat

_READ = 4


class FixedFile(Alone):
    """See `foreignfs.Files`: the file is at `/`."""

    def __init__(self, look: Callable[[], File], user: User) -> None:
        """`look` gives the file as it is now, or raises OSError; `user` is who looks at it."""
        file = look()
        super().__init__("file", len(file.data), file.mode)
        self._look = look
        self._user = user

    def stat(self, path: str) -> Stat:
        """See `Files.stat`."""
        found, now = super().stat(path), self._look()
        return found._replace(size=len(now.data), mode=now.mode)

    def read(self, path: str) -> bytes:
        """See `Files.read`."""
        self.stat(path)
        file, user = self._look(), self._user
        shift = 6 if file.uid == user.uid else 3 if file.gid in {user.gid, *user.groups} else 0
        if user.uid and not file.mode >> shift & _READ:
            raise OSError(errno.EACCES, "")
        return file.data

    def write(self, path: str, data: bytes) -> NoReturn:
        """See `Files.write`."""
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def append(self, path: str, data: bytes) -> NoReturn:
        """See `Files.append`."""
        self.write(path, data)

    def copy(self, source: str, target: str) -> None:
        """See `Files.copy`: there is nothing else to copy from or to."""
        self.write(target, b"")

    def chmod(self, path: str, mode: int) -> None:
        """See `Files.chmod`."""
        self.write(path, b"")
