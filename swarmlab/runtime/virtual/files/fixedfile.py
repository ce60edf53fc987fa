"""A config or a secret as a container's shell sees it: a file that is mounted read-only, alone."""

import errno
import os
import time
from collections.abc import Sequence
from typing import NoReturn

from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.files.access import User
from swarmlab.runtime.virtual.files.foreignfs import Stat

_READ = 4


class FixedFile:
    """See `foreignfs.Files`: the file is at `/`."""

    def __init__(self, file: File, user: User) -> None:
        """`user` is who looks at it."""
        self._file = file
        self._user = user
        self._made = time.time_ns()

    def read(self, path: str) -> bytes:
        """See `Files.read`."""
        self.stat(path)
        file, user = self._file, self._user
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

    def mkdir(self, path: str, parents: bool) -> None:
        """See `Files.mkdir`."""
        raise OSError(errno.EEXIST, "")

    def remove(self, path: str, recursive: bool) -> NoReturn:
        """See `Files.remove`: it is mounted there."""
        raise OSError(errno.EBUSY, "")

    def stat(self, path: str) -> Stat:
        """See `Files.stat`."""
        if path != "/":
            raise OSError(errno.ENOTDIR, "")
        return Stat("file", len(self._file.data), self._file.mode, self._made)

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
        """See `Files.copy`: there is nothing else to copy from or to."""
        self.write(target, b"")

    def symlink(self, target: str, path: str) -> None:
        """See `Files.symlink`."""
        self.mkdir(path, False)

    def read_link(self, path: str) -> str:
        """See `Files.read_link`."""
        raise OSError(errno.EINVAL, "")

    def chmod(self, path: str, mode: int) -> None:
        """See `Files.chmod`."""
        self.write(path, b"")
