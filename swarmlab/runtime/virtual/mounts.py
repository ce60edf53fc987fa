"""Parts of a container's files that are kept elsewhere: on this machine, or in a file system of their own."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bashkit import FileSystem

from swarmlab.runtime.virtual.foreignfs import file_system
from swarmlab.runtime.virtual.quota import Quota
from swarmlab.runtime.virtual.realtree import RealTree

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
        if not self.source.is_dir():
            return empty()
        return file_system(self._tree(self.source))

    def touch(self, path: str, moment: int | None, *, create: bool) -> bool:
        """See `RealTree.touch`; False when it is in memory."""
        if self.source is None or not self.source.is_dir():
            return False
        self._tree(self.source).touch(self.inner(path), moment, create=create)
        return True

    def _tree(self, source: Path) -> RealTree:
        return RealTree(source, self._quota, is_whole=self.target == "/", mounted=self._mounted())

    def clear(self) -> None:
        """Begin anew with nothing in it, if it is in memory."""
        self._memory = empty()

    def make_real(self, source: Path) -> None:
        """Keep it in a real directory from now on, what is in it included."""
        source.mkdir(parents=True, exist_ok=True, mode=0o700)
        real = file_system(RealTree(source, self._quota, is_whole=False))
        _copy(self._memory, real, "/")
        self.source = source


class BoundFile:
    """A single file of this machine that a container sees.

    A shell's file system mounts directories only, so the container has a copy, and `sync` carries what has changed on
    one side over to the other. What a container wrote to one that is read-only is undone.
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


def _copy(source: FileSystem, target: FileSystem, path: str) -> None:
    for entry in source.read_dir(path):
        below = f"{path.rstrip('/')}/{entry['name']}"
        if entry["metadata"]["file_type"] == "directory":
            target.mkdir(below, recursive=True)
            _copy(source, target, below)
        else:
            target.write_file(below, bytes(source.read_file(below)))
