"""Parts of a container's files that are kept elsewhere: on this machine, or in a file system of their own."""

import os
import posixpath
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from bashkit import FileSystem

from swarmlab.images import Image, resolved
from swarmlab.runtime.base import File, Mount
from swarmlab.runtime.virtual.files.contents import DIRECTORIES
from swarmlab.runtime.virtual.files.foreignfs import file_system
from swarmlab.runtime.virtual.files.quota import Quota
from swarmlab.runtime.virtual.files.realtree import RealTree

#: What a new file system in memory has by itself.
_UNWANTED = ("/dev", "/home", "/tmp")  # noqa: S108  (inside the container)


def empty() -> FileSystem:
    """A file system in memory with nothing in it."""
    fs = FileSystem()
    for path in _UNWANTED:
        if fs.exists(path):
            fs.remove(path, recursive=True)
    return fs


class Place:
    """A directory of a container: a real one when it has a `source`, else one in memory.

    No path, nor any link, leads out of a real one.
    """

    def __init__(
        self,
        target: str,
        source: Path | None,
        quota: Quota,
        *,
        read_only: bool = False,
        mounted: Callable[[], Path | None] = lambda: None,
    ) -> None:
        """`quota` says how much may be written to a real one; for `mounted` see `RealTree`."""
        self.target = target
        self.source = source
        self.read_only = read_only
        self._quota = quota
        self._mounted = mounted
        self._memory = empty()
        #: The file system of its real directory, and what that was when it was made: making one takes a while.
        self._real: tuple[FileSystem, Path, Path | None] | None = None

    def holds(self, path: str) -> bool:
        """Whether a path (absolute, normal) is at or below it."""
        return path == self.target or path.startswith(self.target.rstrip("/") + "/")

    def inner(self, path: str) -> str:
        """A path as its file system calls it."""
        return "/" + path[len(self.target) :].lstrip("/")

    @property
    def fs(self) -> FileSystem:
        """Its file system. A real directory that has been taken away looks empty, as an unmounted one does."""
        if self.source is None:
            return self._memory
        if not os.path.isdir(self.source):
            return empty()
        mounted = self._mounted()
        if self._real is None or self._real[1:] != (self.source, mounted):
            self._real = file_system(self._tree(self.source, mounted)), self.source, mounted
        return self._real[0]

    def touch(self, path: str, moment: int | None, *, create: bool) -> bool:
        """See `RealTree.touch`; False when it is in memory."""
        if self.source is None or not self.source.is_dir():
            return False
        self._tree(self.source, self._mounted()).touch(self.inner(path), moment, create=create)
        return True

    def _tree(self, source: Path, mounted: Path | None) -> RealTree:
        return RealTree(source, self._quota, is_whole=self.target == "/", mounted=mounted)

    def clear(self) -> None:
        """Begin anew with nothing in it, if it is in memory."""
        self._memory = empty()

    def end(self) -> None:
        """The container has ended."""

    def make_real(self, source: Path) -> None:
        """Keep it in a real directory from now on, what is in it included."""
        source.mkdir(parents=True, exist_ok=True, mode=0o700)
        real = file_system(RealTree(source, self._quota, is_whole=False))
        _copy(self._memory, real, "/")
        self.source = source


class BoundFile:
    """A single file of this machine that a container sees.

    A container has a copy of one that it may write, and `sync` carries what has changed on one side over to the other.
    What it wrote to the copy of one that is read-only, which its shells do not see, is undone.
    """

    def __init__(self, target: str, source: Path, *, read_only: bool) -> None:
        self.target = target
        self.source = source
        self.read_only = read_only
        self._stamp: tuple[int, int] | None = None
        self._content = b""

    def read(self) -> bytes:
        """The file's content. Raises FileNotFoundError."""
        return self.source.read_bytes()

    def look(self) -> File:
        """The file as it is now, with its permissions. Raises OSError."""
        found = self.source.stat()
        return File(self.target, self.read(), found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))

    def sync(self, fs: FileSystem, path: str) -> None:
        """Make the copy at `path` and the file the same again; whoever changed the file last wins."""
        with suppress(OSError, RuntimeError):
            found = self.source.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._content, self._stamp = self.read(), stamp
                fs.write_file(path, self._content)
                return
            copy = bytes(fs.read_file(path)) if fs.exists(path) else None
            if copy == self._content:
                return
            if self.read_only or copy is None:
                fs.write_file(path, self._content)
                return
            self.source.write_bytes(copy)
            found = self.source.stat()
            self._content, self._stamp = copy, (found.st_mtime_ns, found.st_size)


class Mounts:
    """What the engine mounts in a container. Paths are absolute and normal."""

    def __init__(self, mounts: Sequence[Mount]) -> None:
        self._mounts = mounts
        #: Where they are.
        self.targets = frozenset(mount.target for mount in mounts)
        #: The files of this machine that are mounted alone, by where.
        self.files = {
            mount.target: BoundFile(mount.target, mount.source, read_only=mount.read_only)
            for mount in mounts
            if mount.source is not None and mount.source.is_file()
        }
        #: The sockets, likewise.
        self.sockets = {mount.target: mount.source for mount in mounts if mount.socket and mount.source is not None}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._mounts)

    def directories(self) -> Iterator[Mount]:
        """All but single files and sockets."""
        return (mount for mount in self._mounts if mount.target not in self.files and not mount.socket)

    def are_at(self, path: str) -> bool:
        """Whether something is mounted exactly there."""
        return path in self.targets

    def are_below(self, path: str) -> bool:
        """Whether anything is mounted there or further down."""
        return any(f"{target}/".startswith(f"{path.rstrip('/')}/") for target in self.targets)

    def hold(self, path: str) -> bool:
        """Whether a path is at or in something mounted."""
        return any(path == target or path.startswith(f"{target}/") for target in self.targets)

    def make_folders(self, fs: FileSystem) -> None:
        """Make what they are mounted on: a directory, or the one that a single file or a socket is in."""
        directories = {mount.target for mount in self.directories()}
        for target in self.targets:
            fs.mkdir(target if target in directories else posixpath.dirname(target), recursive=True)
        for target in self.sockets:
            # So that its directory has the name; `Kept` knows what is there.
            fs.write_file(target, b"")

    def misfits(self, image: Image, extra: Collection[str]) -> list[Mount]:
        """Directories whose target is a file of the image, or one of `extra`, and files whose target is a directory."""
        found = []
        for mount in self._mounts:
            target = resolved(mount.target, image.links.get)
            if mount.target not in self.files and not mount.socket:
                if target in image.files or target in extra:
                    found.append(mount)
            elif target in DIRECTORIES or target in image.tree().directories or _has_below(image, target):
                found.append(mount)
        return found

    def populate(self, image: Image) -> None:
        """Give empty volumes what the image has in their place (MB: daemon/create_unix.go). Raises OSError."""
        for mount in self._mounts:
            if not mount.copy or mount.source is None or any(mount.source.iterdir()):
                continue
            prefix = mount.target.rstrip("/") + "/"
            tree = image.tree()
            for path, mode in sorted(tree.directories.items()):
                if path.startswith(prefix):
                    real = mount.source / path[len(prefix) :]
                    real.mkdir(parents=True, exist_ok=True)
                    real.chmod(mode | 0o700)
            for path, source in tree.files.items():
                if path.startswith(prefix):
                    real = mount.source / path[len(prefix) :]
                    real.parent.mkdir(parents=True, exist_ok=True)
                    real.write_bytes(source.read_bytes())
                    real.chmod(tree.modes.get(path, 0o644))
            for path, target in tree.links.items():
                # One that leads out of the volume would lead somewhere on this machine.
                if path.startswith(prefix) and resolved(path, tree.links.get).startswith(prefix) and target[0] != "/":
                    real = mount.source / path[len(prefix) :]
                    real.parent.mkdir(parents=True, exist_ok=True)
                    real.symlink_to(target)


def _has_below(image: Image, path: str) -> bool:
    return any(known.startswith(f"{path}/") for part in (image.files, image.links) for known in part)


def _copy(source: FileSystem, target: FileSystem, path: str) -> None:
    for entry in source.read_dir(path):
        below = f"{path.rstrip('/')}/{entry['name']}"
        if entry["metadata"]["file_type"] == "directory":
            target.mkdir(below, recursive=True)
            _copy(source, target, below)
        else:
            target.write_file(below, bytes(source.read_file(below)))
