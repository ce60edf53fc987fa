"""A directory of this machine as a container's shell sees it; neither a path nor a link leads out of it."""

import errno
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from swarmlab.runtime.virtual.files.foreignfs import Stat
from swarmlab.runtime.virtual.files.quota import Quota

#: Larger files are nothing to read into memory at once.
_MAX_READ = 64 << 20


class RealTree:
    """See `foreignfs.Files`. What is written counts against a quota."""

    def __init__(self, root: Path, quota: Quota, *, is_whole: bool, mounted: Path | None = None) -> None:
        """`is_whole`: it is all of the container's files, so that absolute links of the container lead into it.

        Links into the directory `mounted` stand for files that are mounted, and cannot be written.
        """
        self._root = os.path.realpath(root)
        self._mounted = None if mounted is None else os.path.realpath(mounted)
        self._quota = quota
        self._is_whole = is_whole

    def read(self, path: str) -> bytes:
        """See `Files.read`."""
        with open(self._followed(path), "rb") as file:
            if os.fstat(file.fileno()).st_size > _MAX_READ:
                raise OSError(errno.EFBIG, "")
            return file.read()

    def write(self, path: str, data: bytes) -> None:
        """See `Files.write`."""
        self._put(path, data, os.O_TRUNC)

    def append(self, path: str, data: bytes) -> None:
        """See `Files.append`."""
        self._put(path, data, os.O_APPEND)

    def mkdir(self, path: str, parents: bool) -> None:
        """See `Files.mkdir`."""
        real = self._followed(path)
        if parents:
            os.makedirs(real, exist_ok=True)
        else:
            os.mkdir(real)

    def remove(self, path: str, recursive: bool) -> None:
        """See `Files.remove`."""
        real = self._at(path)
        if self._is_mounted(os.path.realpath(real)):
            raise OSError(errno.EBUSY, "")
        if not stat.S_ISDIR(os.lstat(real).st_mode):
            os.unlink(real)
        elif recursive:
            shutil.rmtree(real)
        else:
            os.rmdir(real)

    def stat(self, path: str) -> Stat:
        """See `Files.stat`."""
        real = self._at(path)
        return self._stat(real, os.lstat(real))

    def list(self, path: str) -> Sequence[tuple[str, Stat]]:
        """See `Files.list`."""
        with os.scandir(self._followed(path)) as entries:
            return sorted((each.name, self._stat(each.path, each.stat(follow_symlinks=False))) for each in entries)

    def exists(self, path: str) -> bool:
        """See `Files.exists`."""
        try:
            return os.path.exists(self._followed(path))
        except OSError:
            return False

    def rename(self, old: str, new: str) -> None:
        """See `Files.rename`."""
        os.rename(self._at(old), self._at(new))

    def copy(self, source: str, target: str) -> None:
        """See `Files.copy`."""
        real = self._at(source)
        found = os.lstat(real)
        if stat.S_ISLNK(found.st_mode):
            self.symlink(self.read_link(source), target)
        elif stat.S_ISDIR(found.st_mode):
            raise OSError(errno.EISDIR, "")
        else:
            self._quota.take(self._root, found.st_size)
            self._own(into := self._followed(target))
            shutil.copyfile(real, into)
            os.chmod(into, stat.S_IMODE(found.st_mode))

    def symlink(self, target: str, path: str) -> None:
        """See `Files.symlink`."""
        real = self._at(path)
        if target.startswith("/"):
            if not self._is_whole:
                # Real processes that see the directory would follow it on this machine.
                raise OSError(errno.EPERM, "")
            os.symlink(self._root + target, real)
            return
        if not _is_within(os.path.realpath(os.path.join(os.path.dirname(real), target)), self._root):
            raise OSError(errno.EPERM, "")
        os.symlink(target, real)

    def read_link(self, path: str) -> str:
        """See `Files.read_link`."""
        target = os.readlink(self._at(path))
        if _is_within(target, self._root) and not self._is_mounted(target):
            return target[len(self._root) :] or "/"
        if target.startswith("/"):
            raise OSError(errno.EINVAL, "")
        return target

    def chmod(self, path: str, mode: int) -> None:
        """See `Files.chmod`."""
        real = self._followed(path)
        # The lab itself has to get at everything.
        os.chmod(real, mode & 0o7777 | (0o700 if os.path.isdir(real) else 0o600))

    def touch(self, path: str, moment: int | None, *, create: bool) -> None:
        """Set the time of a file (Unix nanoseconds, by default now), and make it if it is not there."""
        real = self._followed(path)
        if not os.path.exists(real):
            if not create:
                return
            self._put(path, b"", 0)
        os.utime(real, None if moment is None else (moment / 1e9, moment / 1e9))

    def _put(self, path: str, data: bytes, how: int) -> None:
        real = self._followed(path)
        if self._is_mounted(real):
            raise OSError(errno.EROFS, "")
        self._own(real)
        descriptor = os.open(real, os.O_WRONLY | os.O_CREAT | how, 0o644)
        try:
            view = memoryview(data)
            full: OSError | None = None
            try:
                self._quota.take(self._root, len(data))
            except OSError as error:
                # As much as there is room for is written all the same.
                full, view = error, view[: self._quota.room(self._root)]
            while view:
                view = view[os.write(descriptor, view) :]
            if full is not None:
                raise full
        finally:
            os.close(descriptor)

    def _stat(self, real: str, found: os.stat_result) -> Stat:
        mode, when = stat.S_IMODE(found.st_mode), found.st_mtime_ns
        if stat.S_ISDIR(found.st_mode):
            return Stat("directory", 0, mode, when)
        if stat.S_ISLNK(found.st_mode):
            target = os.readlink(real)
            if self._is_mounted(target):
                return self._stat(target, os.stat(target))
            if not target.startswith("/") or _is_within(target, self._root):
                return Stat("symlink", found.st_size, mode, when)
            # None of the container's: the shim of Python programs keeps Unix sockets elsewhere.
        return Stat("file" if stat.S_ISREG(found.st_mode) else "fifo", found.st_size, mode, when)

    def _is_mounted(self, real: str) -> bool:
        return self._mounted is not None and _is_within(real, self._mounted)

    def _own(self, real: str) -> None:
        """Give a file that is shared by a hard link to whoever is about to write it."""
        try:
            found = os.lstat(real)
        except FileNotFoundError:
            return
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            aside = f"{real}.swarmlab"
            shutil.copy2(real, aside)
            os.replace(aside, real)

    def _at(self, path: str) -> str:
        """Where a path is on this machine, a link at its end not followed."""
        folder, name = os.path.split(os.path.normpath(path))
        return os.path.join(self._within(folder), name) if name else self._root

    def _followed(self, path: str) -> str:
        """Where a path leads to."""
        return self._within(path)

    def _within(self, path: str) -> str:
        real = os.path.realpath(self._root + os.path.normpath(f"/{path}"))
        if not _is_within(real, self._root) and not self._is_mounted(real):
            raise OSError(errno.EACCES, "")
        return real


def _is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")
