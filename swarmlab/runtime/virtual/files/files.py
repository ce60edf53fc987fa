"""The root file system of a virtual container, built only when somebody looks at it."""

import errno
import fnmatch
import hashlib
import os
import posixpath
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from bashkit import FileSystem

from swarmlab.images import Entry, Image
from swarmlab.runtime.base import File, Mount
from swarmlab.runtime.virtual.files.inmemory import build, walk
from swarmlab.runtime.virtual.files.kept import Kept
from swarmlab.runtime.virtual.files.mounts import Place
from swarmlab.runtime.virtual.files.quota import Quota
from swarmlab.runtime.virtual.files.realfiles import Unloading, copy_out, write_extra
from swarmlab.runtime.virtual.files.roots import Copy, Roots
from swarmlab.runtime.virtual.files.secretfiles import SECRETS, SecretFiles
from swarmlab.runtime.virtual.files.tmpfs import Tmpfs


class RootFs(Kept):
    """The files of one container: its image's, then what the engine puts in, then whatever its programs write.

    Until a shell needs them they exist only as references, so a container that sleeps holds no file system at all.
    """

    def __init__(
        self,
        image: Image,
        files: Sequence[File],
        directory: Path,
        *,
        roots: Roots,
        private: Callable[[], Path],
        identity: Sequence[File] = (),
        mounts: Sequence[Mount] = (),
        read_only: bool = False,
        working_dir: str = "",
        quota: Quota | None = None,
    ) -> None:
        """`files` are configs and secrets, `identity` is what only this container has, such as its /etc/hostname.

        `directory` is where `export` puts files that a real process must see, and `roots` has those of images for
        them. `private` gives a folder for secrets of all containers. With `read_only` only mounts are written.
        `working_dir` is a directory that is there from the beginning, though the image may not have it.
        `quota` is how much may be written to the disk, by default by this container alone.
        """
        self._quota = quota or Quota((directory,))
        extra = {posixpath.normpath(file.path): file for file in (*identity, *files)}
        super().__init__(image, extra, mounts, directory, read_only=read_only, working_dir=working_dir)
        self.fixed = frozenset(posixpath.normpath(file.path) for file in files)
        self._files = files
        self._roots = roots
        self._secrets = SecretFiles(self._extra, directory, private, self._quota)
        #: The copy of the image that the whole root file system began as, if it did.
        self._copy: Copy | None = None
        self._realising = threading.Lock()
        for number, mount in enumerate(self.mounts.directories()):
            if mount.source is None:
                name = f"{directory.name}-{number}"
                folder = partial(lambda name: private() / name, name)
                self._add(Tmpfs(mount.target, mount.options, folder, self._quota, read_only=mount.read_only))
            else:
                self._add(Place(mount.target, mount.source, self._quota, read_only=mount.read_only))

    @property
    def key(self) -> tuple[object, ...] | None:
        """Equal for two containers with the same files (identity apart); None once they may have been changed."""
        if self._memory is not None or self._copy is not None or self.mounts:
            return None
        # Digests, as the key may live longer than the container and its secrets.
        return (self._image.id, *((file.path, hashlib.sha256(file.data).digest()) for file in self._files))

    def read(self, path: str) -> bytes:
        """The content of a file. Raises FileNotFoundError, with the path, when there is no such file."""
        path = self.followed(path)
        if (bound := self.mounts.files.get(path)) is not None:
            return bound.read()
        place = self._place(path)
        if place is not None or self._memory is not None:
            fs, inner = self.at(path)
            try:
                return bytes(fs.read_file(inner))
            except (RuntimeError, OSError):
                raise FileNotFoundError(path) from None
        if (file := self._extra.get(path)) is not None:
            return file.data
        if (source := self._image.files.get(path)) is not None:
            return source.read_bytes()
        raise FileNotFoundError(path)

    def write(self, path: str, data: bytes) -> None:
        """Write a file into an existing directory. Raises FileNotFoundError when there is none, PermissionError."""
        path = self.followed(path)
        if self.is_read_only(path):
            raise PermissionError(path)
        fs, inner = self.at(path)
        try:
            fs.write_file(inner, data)
        except (RuntimeError, OSError):
            raise FileNotFoundError(path) from None
        self.sync()

    def touch(self, path: str, moment: int | None, *, create: bool) -> None:
        """Set the time of a file (Unix nanoseconds, by default now), and make it if it is not there. Raises OSError."""
        path = self.followed(path)
        if self.is_read_only(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        place = self._place(path)
        if place is not None and place.touch(path, moment, create=create):
            return
        fs, inner = self.at(path)
        if not fs.exists(inner):
            if not create:
                return
            self.write(path, b"")
        elif moment is None and fs.stat(inner)["file_type"] == "file":
            fs.write_file(inner, fs.read_file(inner))
        if moment is not None and place is None:
            self._times.give(path, fs.stat(inner), moment / 1e9)

    def take(self, path: str, source: Path, mode: int) -> None:
        """Move a file of this machine into the container; its directories are made. Raises RuntimeError, OSError."""
        if self._is_own(path):
            real = self._outside(path)
            real.parent.mkdir(parents=True, exist_ok=True)
            source.chmod(mode)
            source.replace(real)
            return
        fs, inner = self.at(path)
        fs.mkdir(posixpath.dirname(inner), recursive=True)
        fs.write_file(inner, source.read_bytes())
        fs.chmod(inner, mode)

    def take_whole(self, path: str, source: Path) -> bool:
        """Move a file or directory of this machine, modes and all, to where nothing is in the container.

        False, and nothing is done, when that cannot be done at once.
        """
        real = self._outside(path)
        if not self._is_own(path) or self.mounts.are_below(path) or os.path.lexists(real):
            return False
        try:
            real.parent.mkdir(parents=True, exist_ok=True)
            source.rename(real)
        except OSError:
            return False
        return True

    def _is_own(self, path: str) -> bool:
        """Whether a path is in the container's own directory on this machine, and is one there."""
        if not self.is_all_real or self.mounts.hold(path):
            return False
        # A link of the container may lead out of it; what goes through bashkit does not.
        return self._outside(path).parent.resolve().is_relative_to(self._outside("/").resolve())

    def exists(self, path: str) -> bool:
        """Whether a regular file is there."""
        try:
            self.read(path)
        except (FileNotFoundError, IsADirectoryError):
            return False
        return True

    def is_directory(self, path: str) -> bool:
        """Whether a directory is there."""
        fs, inner = self.at(self.followed(path))
        return fs.exists(inner) and fs.stat(inner)["file_type"] == "directory"

    def executable(self, path: str) -> bool:
        """Whether a file may be run, as its mode says."""
        path = self.followed(path)
        if (bound := self.mounts.files.get(path)) is not None:
            return bool(bound.source.stat().st_mode & 0o111)
        if self._memory is not None or self._place(path) is not None:
            fs, inner = self.at(path)
            return bool(fs.stat(inner)["mode"] & 0o111)
        if (file := self._extra.get(path)) is not None:
            return bool(file.mode & 0o111)
        return bool(self._image.tree().modes.get(path, 0) & 0o111)

    def link(self, path: str) -> str:
        """The target of the image's symbolic link at `path`, or `path` itself."""
        return path if self._place(path) is not None else self._image.links.get(path, path)

    def glob(self, pattern: str) -> list[str]:
        """The files that a shell pattern of one directory matches, sorted."""
        named, mask = posixpath.split(posixpath.normpath(pattern))
        directory = self.followed(named)
        if self._memory is not None or self._place(directory) is not None:
            fs, inner = self.at(directory)
            names = {entry["name"] for entry in fs.read_dir(inner)} if fs.exists(inner) else set()
        else:
            paths = {*self._image.files, *self._image.links, *self._extra}
            names = {posixpath.basename(path) for path in paths if posixpath.dirname(path) == directory}
        names |= {posixpath.basename(path) for path in self.mounts.files if posixpath.dirname(path) == directory}
        return [posixpath.join(named, name) for name in sorted(names) if fnmatch.fnmatchcase(name, mask)]

    def export(self, path: str) -> Path:
        """Make a directory (or file) of the container real, for a process that must read it; changes go both ways."""
        path = posixpath.normpath(path)
        self._show_secrets()
        target = self._outside(path)
        place = self._place(path)
        if place is not None:
            self._link(place)
            return target
        is_file = self._copy_out(path, target)
        if not is_file:
            target.mkdir(parents=True, exist_ok=True)
            inside = [mounted for mounted in self._places if mounted.target.startswith(path.rstrip("/") + "/")]
            for mounted in inside:
                self._link(mounted)
            self._add(Place(path, target, self._quota, mounted=self._secrets.others))
        return target

    def make_real(self, path: str) -> Path:
        """The same for a directory that need not be there yet."""
        target = self.export(path)
        target.mkdir(parents=True, exist_ok=True)
        return target

    def make_all_real(self) -> Path:
        """Make the whole root file system real, for a process that may look anywhere; to be called in a thread.

        Raises OSError.
        """
        target = self._outside("/")
        with self._realising:
            if not self.is_all_real:
                target.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._show_secrets()
                if self._memory is None and not any(target.iterdir()):
                    self._copy = self._roots.copy(self._image, target, self._is_not_the_images)
                    own = {path: file for path, file in self._extra.items() if self._place(path) is None}
                    write_extra(own, target, self._secrets.put)
                    for path in self.mounts.files:
                        (target / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
                    self._outside(self.followed(self._working_dir)).mkdir(parents=True, exist_ok=True)
                else:
                    kept = Unloading(
                        self.memory,
                        lambda path: self._place(path) is not None or self.is_socket(path),
                        self._secrets.put,
                        self._outside,
                        self.modified,
                    )
                    kept.write("/", target)
                for place in self._places:
                    self._link(place)
                for path, socket in self.mounts.sockets.items():
                    self._link_socket(path, socket)
                self._add(Place("/", target, self._quota, read_only=self._read_only, mounted=self._secrets.others))
                self.sync()
        return target

    def admit(self, path: str, size: int) -> None:
        """A program of ours is about to write so many bytes to a directory that is real. Raises OSError."""
        self._quota.take(os.path.realpath(self._outside(path)), size)

    def used_memory(self) -> int:
        """The bytes of all files that are kept in memory; takes a look at each."""
        kept = [place.fs for place in self._places if place.source is None]
        if self._memory is not None and not self.is_all_real:
            kept.append(self._memory)
        return sum(int(fs.stat(path)["size"]) for fs in kept for path in walk(fs, "/"))

    def unload(self) -> None:
        """Keep on the disk what was kept in memory; for a container that has ended. Raises OSError."""
        if self._memory is not None:
            self.make_all_real()
            self._memory = None

    def real_mounts(self) -> list[tuple[str, str]]:
        """What is mounted from elsewhere on this machine, single files apart: (path in the container, path here)."""
        found = [(mount.target, mount.source) for mount in self.mounts.directories()]
        found += [(self.followed(path, last=False), socket) for path, socket in self.mounts.sockets.items()]
        found += [(place.target, place.source) for place in self._places if place.target == SECRETS]
        found += [(place.target, place.source) for place in self._places if isinstance(place, Tmpfs)]
        found += [(path, self._secrets.kept(path)) for path in self._secrets.elsewhere(self._place)]
        return list(dict.fromkeys((target, str(source)) for target, source in found if source is not None))

    def identify(self, files: Sequence[File]) -> None:
        """Write files that only this container has; to `changes` they are as they were."""
        for file in files:
            self._extra[file.path] = file
            if self.is_all_real and not self.mounts.hold(file.path):
                fs, inner = self.at(file.path)
                fs.write_file(inner, file.data)
            elif self._memory is not None:
                self._memory.write_file(file.path, file.data)

    def misfits(self) -> list[Mount]:
        """See `Container.misfits`."""
        return self.mounts.misfits(self._image, self._extra)

    def populate(self) -> None:
        """See `Container.populate`."""
        self.mounts.populate(self._image)

    def start(self) -> None:
        """The container starts: what was in a tmpfs is gone, secrets are there (again)."""
        self.has_begun = True
        for place in self._places:
            place.clear()
        over = self._place(self._working_dir)
        if over is not None and not over.read_only:
            # What hides the one in the image gets one, too (runc: libcontainer/rootfs_linux.go).
            with suppress(RuntimeError, OSError):
                over.fs.mkdir(over.inner(self._working_dir), recursive=True)
        if self._secrets.shown:
            self._secrets.shown = False
            self._show_secrets()
            for path, real in self._secrets.elsewhere(self._place).items():
                self._secrets.put(path, real)

    def stop(self) -> None:
        """The container has ended: its secrets are in no real file any more."""
        for real in self._secrets.elsewhere(self._place).values():
            real.unlink(missing_ok=True)
        self._secrets.forget()
        for place in self._places:
            place.end()
        for place in [place for place in self._places if self._is_of_secrets(place)]:
            self._places.remove(place)
            outside = self._outside(SECRETS)
            if outside.is_symlink():
                outside.unlink()
                outside.mkdir()

    def changes(self) -> dict[str, int] | None:
        """What is not as it was at first, as `Copy.changes` tells it; None when nobody knows but who compares."""
        if self._copy is None:
            return None
        elsewhere = {mount.target for mount in self.mounts.directories()}
        return self._copy.changes(self._extra, elsewhere | {SECRETS})

    def entry(self, path: str) -> Entry | None:
        """A path that `changes` has named and that is not gone, for a layer; None when `changes` is None."""
        return self._copy.entry(path) if self._copy is not None else None

    def pristine(self) -> FileSystem:
        """The files as they were at first, without what is mounted."""
        return build(self._image, self._extra)

    def forget(self) -> None:
        """Drop everything but what is mounted; the exported files are left in the container's directory."""
        self._memory = None
        self._copy = None
        self._proc = None
        self._places = [place for place in self._places if self.mounts.are_at(place.target)]

    def _show_secrets(self) -> None:
        """Put the secrets where real processes see them; once for each life of the container."""
        if self._place(SECRETS) is not None and not self.is_real(SECRETS):
            # Something is mounted there.
            self._secrets.shown = True
        elif (place := self._secrets.show()) is not None:
            if self.is_all_real:
                self._link(place)
            self._add(place)

    def _is_of_secrets(self, place: Place) -> bool:
        return place.target == SECRETS and not self.mounts.are_at(SECRETS)

    def _is_not_the_images(self, path: str) -> bool:
        return path in self._extra or path in self.mounts.files or self._place(path) is not None or self.is_socket(path)

    def _link(self, place: Place) -> None:
        """Let real processes see a mounted directory; one inside another mounted directory they do not see."""
        outside = self._outside(place.target)
        others = (other for other in self._places if other is not place and other.target != "/")
        if place.source == outside or any(other.holds(place.target) for other in others):
            return
        if place.source is None:
            place.make_real(outside)
            if place.source is None or place.source == outside:
                return
        outside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if outside.is_dir() and not outside.is_symlink():
            shutil.rmtree(outside)
        if not outside.is_symlink():
            outside.symlink_to(place.source)

    def _link_socket(self, path: str, socket: Path) -> None:
        """Let real processes see a socket, unless it is in another mounted directory."""
        path = self.followed(path, last=False)
        if self._place(path) is None:
            outside = self._outside(path)
            outside.parent.mkdir(parents=True, exist_ok=True)
            outside.unlink(missing_ok=True)
            outside.symlink_to(socket)

    def _copy_out(self, path: str, target: Path) -> bool:
        """Write everything at or below `path` under `target`; True when `path` is a file."""
        if self._memory is not None:
            known = walk(self._memory, path)
        else:
            prefix = path.rstrip("/") + "/"
            all_known = {*self._image.files, *self._image.links, *self._extra, *self.mounts.files}
            known = (found for found in all_known if found == path or found.startswith(prefix))
        own = [found for found in known if self._place(found) is None]
        return copy_out(own, path, target, self.read, self._secrets.put, self._time)

    def _time(self, path: str) -> float | None:
        """When a file was modified that is kept in memory, or nowhere yet; None for one that is not the image's."""
        path = self.followed(path)
        if path in self._extra or path in self.mounts.files:
            return None
        if self._memory is None:
            return self._times.in_image(path)
        return self._times.of(self._memory, path, self._memory.stat(path))
