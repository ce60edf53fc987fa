"""Who may do what with a container's files, and whose new ones are: the file systems beneath know neither."""

import errno
import os
import posixpath
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from bashkit import FileSystem

from swarmlab.images import Owner
from swarmlab.runtime.virtual.files.foreignfs import Stat

_READ, _WRITE, _SEARCH = 4, 2, 1
_STICKY = 0o1000
_T = TypeVar("_T")

#: What file systems in memory say, and what it is called elsewhere.
_WORDS = {
    "not found": errno.ENOENT,
    "already exists": errno.EEXIST,
    "not a directory": errno.ENOTDIR,
    "is a directory": errno.EISDIR,
    "not empty": errno.ENOTEMPTY,
}


class User(NamedTuple):
    """Who a command runs as inside the container."""

    name: str
    uid: int
    gid: int
    home: str
    #: Numbers of further groups.
    groups: tuple[int, ...] = ()


class Owners:
    """Whose the files of a container are. Paths are normal, and no link leads to another."""

    def __init__(self, image: Callable[[str], Owner]) -> None:
        """`image` tells whose a file of the image is."""
        self._image = image
        self._given: dict[str, Owner] = {}

    def __bool__(self) -> bool:
        """Whether anything was given away."""
        return bool(self._given)

    def of(self, path: str) -> Owner:
        """User and group of what is at a path."""
        return self._given[path] if path in self._given else self._image(path)

    def given(self, path: str) -> Owner | None:
        """Whom it was given to, None when it was not."""
        return self._given.get(path)

    def give(self, path: str, owner: Owner) -> None:
        """What is at a path belongs to somebody else now."""
        self._given[path] = owner

    def moved(self, old: str, new: str) -> None:
        """What was at a path, and below it, is somewhere else now."""
        self._given[new] = self.of(old)
        for path in [path for path in self._given if path.startswith(f"{old}/")]:
            self._given[new + path[len(old) :]] = self._given.pop(path)
        self._given.pop(old, None)

    def changed(self) -> list[str]:
        """The paths of what belongs to somebody else than in the image, whether it is still there or not."""
        return [path for path, owner in self._given.items() if owner != self._image(path)]


class Personal:
    """A container's own files as one user meets them. See `Files`; what is mounted is not looked at here."""

    def __init__(self, fs: FileSystem, owners: Owners, user: User) -> None:
        self._fs = fs
        self._owners = owners
        self._user = user

    def read(self, path: str) -> bytes:
        """See `Files.read`."""
        self._search(path)
        self._need(path, _READ)
        return bytes(_done(lambda: self._fs.read_file(path)))

    def write(self, path: str, data: bytes) -> None:
        """See `Files.write`."""
        self._put(path, lambda: self._fs.write_file(path, data))

    def append(self, path: str, data: bytes) -> None:
        """See `Files.append`."""
        self._put(path, lambda: self._fs.append_file(path, data))

    def mkdir(self, path: str, parents: bool) -> None:
        """See `Files.mkdir`."""
        made, folder = [], path
        while not self._there(folder):
            made.append(folder)
            folder = posixpath.dirname(folder)
        if made and (parents or len(made) == 1):
            self._search(made[-1])
            self._need(folder, _WRITE | _SEARCH)
        _done(lambda: self._fs.mkdir(path, recursive=parents))
        self._own(*made)

    def remove(self, path: str, recursive: bool) -> None:
        """See `Files.remove`."""
        if self._there(path):
            self._taken_from(path)
            if recursive:
                self._empties(path)
        _done(lambda: self._fs.remove(path, recursive=recursive))

    def stat(self, path: str) -> Stat:
        """See `Files.stat`."""
        self._search(path)
        return _stat(_done(lambda: self._fs.stat(path)))

    def list(self, path: str) -> Sequence[tuple[str, Stat]]:
        """See `Files.list`."""
        self._search(path)
        self._need(path, _READ)
        return [(each["name"], _stat(each["metadata"])) for each in _done(lambda: self._fs.read_dir(path))]

    def exists(self, path: str) -> bool:
        """See `Files.exists`."""
        try:
            self._search(path)
        except PermissionError:
            return False
        return bool(self._fs.exists(path))

    def rename(self, old: str, new: str) -> None:
        """See `Files.rename`."""
        self._taken_from(old)
        if self._there(new):
            self._taken_from(new)
        else:
            self._put_into(new)
        _done(lambda: self._fs.rename(old, new))
        self._owners.moved(old, new)

    def copy(self, source: str, target: str) -> None:
        """See `Files.copy`."""
        self._search(source)
        self._need(source, _READ)
        self._put(target, lambda: self._fs.copy(source, target))

    def symlink(self, target: str, path: str) -> None:
        """See `Files.symlink`."""
        self._put_into(path)
        _done(lambda: self._fs.symlink(target, path))
        self._own(path)

    def read_link(self, path: str) -> str:
        """See `Files.read_link`."""
        self._search(path)
        return str(_done(lambda: self._fs.read_link(path)))

    def chmod(self, path: str, mode: int) -> None:
        """See `Files.chmod`."""
        self._search(path)
        if self._user.uid and self._there(path) and self._owners.of(path)[0] != self._user.uid:
            raise _refused(errno.EPERM)
        _done(lambda: self._fs.chmod(path, mode))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _put(self, path: str, work: Callable[[], object]) -> None:
        new = not self._there(path)
        if new:
            self._put_into(path)
        else:
            self._search(path)
            self._need(path, _WRITE)
        _done(work)
        if new:
            self._own(path)

    def _own(self, *paths: str) -> None:
        for path in paths:
            self._owners.give(path, (self._user.uid, self._user.gid))

    def _put_into(self, path: str) -> None:
        self._search(path)
        self._need(posixpath.dirname(path), _WRITE)

    def _taken_from(self, path: str) -> None:
        """Whether something may be removed from its directory."""
        self._put_into(path)
        folder = posixpath.dirname(path)
        mine = self._user.uid in {0, self._owners.of(path)[0], self._owners.of(folder)[0]}
        if not mine and self._fs.stat(folder)["mode"] & _STICKY:
            raise _refused(errno.EPERM)

    def _empties(self, path: str) -> None:
        """Whether everything in a directory may be removed."""
        if self._user.uid and self._fs.stat(path)["file_type"] == "directory":
            for each in self._fs.read_dir(path):
                self._need(path, _WRITE | _SEARCH)
                self._empties(posixpath.join(path, each["name"]))

    def _search(self, path: str) -> None:
        """Whether a path may be walked to its last part. Raises OSError."""
        while self._user.uid and (path := posixpath.dirname(path)) != "/":
            self._need(path, _SEARCH)

    def _need(self, path: str, bits: int) -> None:
        """Raises OSError when the user may not do this; nobody minds what is not there, or a device."""
        if not self._user.uid or path.startswith("/dev/") or not self._there(path):
            return
        uid, gid = self._owners.of(path)
        shift = 6 if uid == self._user.uid else 3 if gid in {self._user.gid, *self._user.groups} else 0
        if self._fs.stat(path)["file_type"] != "symlink" and bits & ~(int(self._fs.stat(path)["mode"]) >> shift):
            raise _refused(errno.EACCES)

    def _there(self, path: str) -> bool:
        try:
            self._fs.stat(path)
        except (RuntimeError, OSError):
            return False
        return True


def _done(work: Callable[[], _T]) -> _T:
    """Do something with a file system; what it complains of is an OSError."""
    try:
        return work()
    except RuntimeError as error:
        text = str(error).removeprefix("io error: ")
        number = next((number for words, number in _WORDS.items() if words in text), None)
        raise OSError(text) if number is None else OSError(number, os.strerror(number)) from None


def _refused(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _stat(found: dict[str, object]) -> Stat:
    size, mode, modified = found["size"], found["mode"], found["modified"]
    assert isinstance(size, int)
    assert isinstance(mode, int)
    assert isinstance(modified, float)
    return Stat(str(found["file_type"]), size, mode, int(modified * 1_000_000_000))
