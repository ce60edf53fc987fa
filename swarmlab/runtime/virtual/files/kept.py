"""Where each path of a virtual container is kept, and whose what is there is."""

import os
import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from bashkit import Bash, FileSystem

from swarmlab.images import ROOT, Image, Owner, resolved
from swarmlab.runtime.base import File, Mount
from swarmlab.runtime.virtual.files.access import Owners, Personal, User
from swarmlab.runtime.virtual.files.contents import DIRECTORIES
from swarmlab.runtime.virtual.files.fixedfile import FixedFile
from swarmlab.runtime.virtual.files.foreignfs import file_system
from swarmlab.runtime.virtual.files.inmemory import build
from swarmlab.runtime.virtual.files.mounts import Mounts, Place, empty
from swarmlab.runtime.virtual.files.sockets import SOCKET_GROUP, SocketFile
from swarmlab.runtime.virtual.files.times import Times
from swarmlab.runtime.virtual.files.tmpfs import Tmpfs


class Kept:
    """A container's paths: in memory once somebody looks, in a directory of this machine, or in a tmpfs."""

    def __init__(
        self,
        image: Image,
        extra: Mapping[str, File],
        mounts: Sequence[Mount],
        directory: Path,
        *,
        read_only: bool,
        working_dir: str = "",
    ) -> None:
        """`extra` is what the engine puts in, by path; with `read_only` only mounts are written.

        `directory` is where files are that real processes see, and `working_dir` a directory that is made.
        """
        self._image = image
        self._extra = dict(extra)
        self._directory = directory
        self._read_only = read_only
        self._working_dir = posixpath.normpath(working_dir) if working_dir else "/"
        self._memory: FileSystem | None = None
        self._owners = Owners(self._unchanged_owner)
        self._times = Times(image)
        #: The paths of configs and secrets, each of which is mounted read-only.
        self.fixed: frozenset[str] = frozenset()
        #: Who the main program runs as: real processes do not tell whose the files are that they make.
        self.main_user: Owner = ROOT
        #: Whether the container has ever been started: nothing is mounted before.
        self.has_begun = False
        #: Makes what is at /proc, which is kept nowhere.
        self.make_proc: Callable[[], FileSystem] = empty
        self._proc: FileSystem | None = None
        self.mounts = Mounts(mounts)
        #: What is kept elsewhere, the longest path first; those that were exported are in the container's directory.
        self._places: list[Place] = []

    @property
    def mounted(self) -> Collection[str]:
        """The paths of what the engine puts in or mounts: none of it is the container's own."""
        return self.mounts.targets | self._extra.keys()

    @property
    def bound_files(self) -> Collection[str]:
        """The paths of single files that are mounted, those that every container has among them."""
        return self.mounts.files.keys() | (self._extra.keys() - {"/.dockerenv"})

    def is_of_image(self, path: str) -> bool:
        """Whether there is something at a path in the image."""
        image = self._image
        return path in DIRECTORIES or path in image.files or path in image.links or path in image.tree().directories

    def beneath(self, path: str) -> bytes | None:
        """The image's file at a path, whatever is mounted there; None when it has none."""
        source = self._image.files.get(path)
        return source.read_bytes() if source is not None else None

    @property
    def is_all_real(self) -> bool:
        """Whether the whole root file system is real."""
        return any(place.target == "/" for place in self._places)

    def mount_in(self, shell: Bash, user: User, *, watched: bool) -> None:
        """Give a shell the container's files, as a user may see them; with `watched` not without `foreignfs`."""
        self.sync()
        personal = watched or self.is_personal(user)
        shell.mount(
            "/", empty() if self.is_all_real else self._seen_by(user, self.memory, personal), read_only=self._read_only
        )
        for place in reversed(self._places):
            own = personal and place.target == "/"
            shell.mount(place.target, self._seen_by(user, place.fs, own), read_only=place.read_only)
        for path in self.mounts.sockets:
            shell.mount(self.followed(path, last=False), self._socket)
        for path, look in self._unchanging():
            with suppress(OSError):
                shell.mount(self.followed(path, last=False), file_system(FixedFile(look, user)))

    def _unchanging(self) -> Iterator[tuple[str, Callable[[], File]]]:
        """The single files that no command writes: where they are, and what tells how they are now."""
        for path in self.fixed:
            yield path, partial(self._extra.__getitem__, path)
        for path, bound in self.mounts.files.items():
            if bound.read_only:
                yield path, bound.look

    def is_personal(self, user: User) -> bool:
        """Whether it matters who somebody is: not to root, where everything is root's."""
        return bool(user.uid or self._owners or self._image.tree().owners)

    def personal(self, path: str, user: User) -> tuple[FileSystem, str]:
        """The same as `at`, as a user may see it."""
        path = self.followed(path, last=False)
        place = self._place(path)
        own = place is None or place.target == "/"
        fs, inner = self.at(path)
        return self._seen_by(user, fs, own), inner

    def _seen_by(self, user: User, fs: FileSystem, own: bool) -> FileSystem:
        """A file system, or the container's own as a user may see it."""
        return file_system(Personal(fs, self._owners, user)) if own else fs

    @cached_property
    def _socket(self) -> FileSystem:
        """What is at the path of a socket."""
        return file_system(SocketFile())

    def is_socket(self, path: str) -> bool:
        """Whether a socket is mounted at a path."""
        return self.socket(path) is not None

    def socket(self, path: str) -> Path | None:
        """Where the socket really is that is mounted at a path."""
        mounted = self.mounts.sockets.items()
        return next((real for at, real in mounted if path in (at, self.followed(at, last=False))), None)

    def sync(self) -> None:
        """Carry over what has changed in files that are bound one by one, here or on this machine."""
        for bound in self.mounts.files.values():
            if self._memory is not None or self._place(bound.target) is not None:
                bound.sync(*self.at(bound.target))

    def is_read_only(self, path: str) -> bool:
        """Whether nothing may be written at a path."""
        if path in self.fixed:
            return True
        if (bound := self.mounts.files.get(path)) is not None:
            return bound.read_only
        place = self._place(path)
        return place.read_only if place is not None else self._read_only

    @property
    def memory(self) -> FileSystem:
        """The file system in memory, made at the first call."""
        if self._memory is None:
            self._memory = build(self._image, self._extra)
            self._times.begin(self._memory)
            self.mounts.make_folders(self._memory)
            self._memory.mkdir(self.followed(self._working_dir), recursive=True)
            self.sync()
        return self._memory

    def of_image(self, path: str) -> bytes | None:
        """What a file of the image holds, whatever is there now; None when it has no such file."""
        source = self._image.files.get(path)
        return source.read_bytes() if source is not None else None

    def at(self, path: str) -> tuple[FileSystem, str]:
        """Where a path is kept: the file system, and its path in there."""
        path = self.followed(path, last=False)
        if self.is_socket(path):
            return self._socket, "/"
        place = self._place(path)
        return (self.memory, path) if place is None else (place.fs, place.inner(path))

    def followed(self, path: str, *, last: bool = True) -> str:
        """Where a path leads; without `last` a link at its end is not followed. One that leads nowhere is itself."""
        path = posixpath.normpath(path)
        if self._memory is None and not self._image.links and not self._places:
            return path
        try:
            return resolved(path, self._target_of, last=last)
        except OSError:
            return path

    def _target_of(self, path: str) -> str | None:
        """The target of a link as the container calls it, None for anything else."""
        place = self._place(path)
        if place is None and self._memory is None:
            return self._image.links.get(path)
        if place is not None and place.source is not None and not os.path.islink(f"{place.source}{place.inner(path)}"):
            # Nearly everything is none, and the machine says so sooner than the shell's file system.
            return None
        fs, inner = (self.memory, path) if place is None else (place.fs, place.inner(path))
        try:
            return str(fs.read_link(inner)) if fs.stat(inner)["file_type"] == "symlink" else None
        except RuntimeError:
            return None

    def seen(self, path: str) -> tuple[FileSystem, str]:
        """The same for who looks from inside, where there is a /proc."""
        if path == "/proc" or path.startswith("/proc/"):
            return self.proc, path[len("/proc") :] or "/"
        return self.at(path)

    @property
    def proc(self) -> FileSystem:
        """What is at /proc."""
        if self._proc is None:
            self._proc = self.make_proc()
        return self._proc

    def is_merged(self, path: str, names: Collection[str]) -> bool:
        """Whether a directory that has these names in it lies in several layers, the container's own one among them."""
        tree = self._image.tree()
        below = path.rstrip("/") + "/"
        known = (*tree.files, *tree.links, *tree.directories, *DIRECTORIES)
        before = {each[len(below) :].partition("/")[0] for each in known if each.startswith(below)}
        is_the_images = bool(before) or path in tree.directories or path in DIRECTORIES
        own = any(posixpath.dirname(each) == path for each in self._extra)
        return path in tree.merged or (is_the_images and (own or not before >= set(names)))

    def owner(self, path: str) -> tuple[int, int]:
        """User and group of what is at a path: by `chown`, or of a config or tmpfs, else root's."""
        path = self.followed(path, last=False)
        if self.is_socket(path):
            return 0, SOCKET_GROUP
        file = self._extra.get(path)
        if (tmpfs := self.tmpfs(path)) is not None:
            return self._owners.given(path) or tmpfs.owner
        if file is not None:
            return self._owners.given(path) or (file.uid, file.gid)
        return self._owners.of(path)

    def _unchanged_owner(self, path: str) -> Owner:
        """Whose what is at a path is that nobody has made in a shell, nor given away."""
        tree = self._image.tree()
        if path in tree.owners or not self.is_all_real:
            return tree.owners.get(path, ROOT)
        is_the_images = any(path in part for part in (tree.files, tree.links, tree.directories, DIRECTORIES))
        return ROOT if is_the_images else self.main_user

    def give(self, path: str, uid: int, gid: int) -> None:
        """What is at a path belongs to somebody else now."""
        self._owners.give(self.followed(path, last=False), (uid, gid))

    def given(self) -> list[str]:
        """The paths of what does not belong to whom it does in the image, or did."""
        return self._owners.changed()

    def modified(self, path: str, found: Mapping[str, Any]) -> float:
        """When what is at a path was last modified, Unix seconds; `found` is what its file system tells of it."""
        path = self.followed(path, last=False)
        if path in self._extra or self._place(path) is not None or path == "/proc" or path.startswith("/proc/"):
            return float(found["modified"])
        if found["file_type"] == "directory" and path in self._given_something():
            return self._times.built
        return self._times.of(self.memory, path, found)

    def _given_something(self) -> Collection[str]:
        """The directories into which the engine has put files, mount points, or directories for these."""
        tree, found = self._image.tree(), set()
        for path in self.mounted:
            found.add(folder := posixpath.dirname(path))
            while folder not in DIRECTORIES and folder not in tree.directories and folder != "/":
                found.add(folder := posixpath.dirname(folder))
        return found

    def tmpfs(self, path: str) -> Tmpfs | None:
        """What is mounted at a path, if it is a tmpfs."""
        place = self._place(path)
        return place if isinstance(place, Tmpfs) and place.target == path else None

    def is_real(self, path: str) -> bool:
        """Whether real processes see this path."""
        place = self._place(path)
        return place is not None and place.source is not None and place.target != path

    def read_link(self, path: str) -> str:
        """The target of a symbolic link, as the container calls it."""
        fs, inner = self.at(path)
        target, root = str(fs.read_link(inner)), f"{self._outside('/')}/"
        return target[len(root) - 1 :] if target.startswith(root) else target

    def _place(self, path: str) -> Place | None:
        return next((place for place in self._places if place.holds(path)), None)

    def _add(self, place: Place) -> None:
        self._places.append(place)
        self._places.sort(key=lambda each: len(each.target), reverse=True)

    def _outside(self, path: str) -> Path:
        """Where a real process finds a path of the container."""
        return self._directory / "root" / path.lstrip("/")
