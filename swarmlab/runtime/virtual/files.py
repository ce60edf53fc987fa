"""The root file system of a virtual container, built only when somebody looks at it."""

import fnmatch
import hashlib
import posixpath
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bashkit import Bash, FileSystem

from swarmlab.images import Content, Image, is_binary
from swarmlab.runtime.base import File, Mount
from swarmlab.runtime.virtual.mounts import BoundFile, Place

#: Directories that every container has, and their modes.
DIRECTORIES: Mapping[str, int] = dict.fromkeys(
    (
        "/bin", "/dev", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/run/secrets",
        "/sbin", "/srv", "/sys", "/usr", "/usr/bin", "/usr/local", "/usr/local/bin", "/usr/sbin", "/var",
        "/var/cache", "/var/lib", "/var/log",
    ),
    0o755,
) | dict.fromkeys(("/tmp", "/var/tmp"), 0o1777)  # noqa: S108 (inside the container)  # fmt: skip

#: Commands of the shell that scripts call by path; each gets a file there that hands over to it.
_APPLETS = [
    "awk", "base64", "basename", "bash", "cat", "chmod", "chown", "cp", "curl", "cut", "date", "dd", "df",
    "diff", "dirname", "du", "echo", "env", "expr", "false", "find", "grep", "gunzip", "gzip", "head",
    "hostname", "id", "kill", "ln", "ls", "md5sum", "mkdir", "mktemp", "mount", "mv", "nginx", "nohup", "od", "paste",
    "ping", "printenv", "printf", "ps", "pwd", "readlink", "realpath", "rm", "rmdir", "sed", "seq", "sh",
    "sha256sum", "sleep", "sort", "stat", "tail", "tar", "tee", "test", "timeout", "top", "touch", "tr", "true",
    "umount", "uname", "uniq", "wc", "wget", "which", "whoami", "xargs", "yes",
]  # fmt: skip

#: Directories in which an executable may be.
BIN = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class RootFs:
    """The files of one container: its image's, then what the engine puts in, then whatever its programs write.

    Until a shell needs them they exist only as references, so a container that sleeps holds no file system at all.
    """

    def __init__(
        self,
        image: Image,
        files: Sequence[File],
        directory: Path,
        *,
        identity: Sequence[File] = (),
        mounts: Sequence[Mount] = (),
        read_only: bool = False,
    ) -> None:
        """`files` are configs and secrets, `identity` is what only this container has, such as its /etc/hostname.

        `directory` is where `export` puts files that a real process must see. With `read_only` only mounts are written.
        """
        self._image = image
        self._files = files
        self._extra = {posixpath.normpath(file.path): file for file in (*identity, *files)}
        self._directory = directory
        self._read_only = read_only
        self._memory: FileSystem | None = None
        self._mounts = mounts
        #: What is kept elsewhere, the longest path first; those that were exported are in the container's directory.
        self._places: list[Place] = []
        self._bound: dict[str, BoundFile] = {}
        for mount in mounts:
            if mount.source is not None and mount.source.is_file():
                self._bound[mount.target] = BoundFile(mount.target, mount.source, read_only=mount.read_only)
            else:
                self._add(Place(mount.target, mount.source, read_only=mount.read_only))

    @property
    def mounted(self) -> Collection[str]:
        """The paths of what the engine puts in or mounts: none of it is the container's own."""
        return {*self._extra, *(mount.target for mount in self._mounts)}

    @property
    def key(self) -> tuple[object, ...] | None:
        """Equal for two containers with the same files (identity apart); None once they may have been changed."""
        if self._memory is not None or self._mounts:
            return None
        # Digests, as the key may live longer than the container and its secrets.
        return (self._image.id, *((file.path, hashlib.sha256(file.data).digest()) for file in self._files))

    def read(self, path: str) -> bytes:
        """The content of a file. Raises FileNotFoundError, with the path, when there is no such file."""
        path = posixpath.normpath(path)
        if (bound := self._bound.get(path)) is not None:
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
        path = posixpath.normpath(path)
        if self.is_read_only(path):
            raise PermissionError(path)
        fs, inner = self.at(path)
        try:
            fs.write_file(inner, data)
        except (RuntimeError, OSError):
            raise FileNotFoundError(path) from None
        self.sync()

    def exists(self, path: str) -> bool:
        """Whether a regular file is there."""
        try:
            self.read(path)
        except (FileNotFoundError, IsADirectoryError):
            return False
        return True

    def is_directory(self, path: str) -> bool:
        """Whether a directory is there."""
        fs, inner = self.at(posixpath.normpath(path))
        return fs.exists(inner) and fs.stat(inner)["file_type"] == "directory"

    def executable(self, path: str) -> bool:
        """Whether a file may be run, as its mode says."""
        path = posixpath.normpath(path)
        if (bound := self._bound.get(path)) is not None:
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
        directory, mask = posixpath.split(posixpath.normpath(pattern))
        if self._memory is not None or self._place(directory) is not None:
            fs, inner = self.at(directory)
            names = {entry["name"] for entry in fs.read_dir(inner)} if fs.exists(inner) else set()
        else:
            paths = {*self._image.files, *self._extra}
            names = {posixpath.basename(path) for path in paths if posixpath.dirname(path) == directory}
        names |= {posixpath.basename(path) for path in self._bound if posixpath.dirname(path) == directory}
        return [posixpath.join(directory, name) for name in sorted(names) if fnmatch.fnmatchcase(name, mask)]

    def export(self, path: str) -> Path:
        """Make a directory (or file) of the container real, for a process that must read it; changes go both ways."""
        path = posixpath.normpath(path)
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
            self._add(Place(path, target))
        return target

    def make_real(self, path: str) -> Path:
        """The same for a directory that need not be there yet."""
        target = self.export(path)
        target.mkdir(parents=True, exist_ok=True)
        return target

    def make_all_real(self) -> Path:
        """Make the whole root file system real, for a process that may look anywhere."""
        target = self._outside("/")
        if not any(place.target == "/" for place in self._places):
            target.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._unload("/", target)
            for place in self._places:
                self._link(place)
            self._add(Place("/", target, read_only=self._read_only))
            self.sync()
        return target

    def real_mounts(self) -> list[tuple[str, str]]:
        """The directories that are mounted from elsewhere on this machine: (path in the container, path here)."""
        found = [(mount.target, mount.source) for mount in self._mounts if mount.target not in self._bound]
        return [(target, str(source)) for target, source in found if source is not None]

    def mount_in(self, shell: Bash) -> None:
        """Give a shell the container's files."""
        self.sync()
        shell.mount("/", self.memory, read_only=self._read_only)
        for place in reversed(self._places):
            shell.mount(place.target, place.fs, read_only=place.read_only)

    def sync(self) -> None:
        """Carry over what has changed in files that are bound one by one, here or on this machine."""
        for bound in self._bound.values():
            if self._memory is not None or self._place(bound.target) is not None:
                bound.sync(*self.at(bound.target))

    @property
    def has_bound_files(self) -> bool:
        """Whether there is anything to `sync`."""
        return bool(self._bound)

    def is_mount_point(self, path: str) -> bool:
        """Whether something is mounted exactly there."""
        return any(mount.target == path for mount in self._mounts)

    @property
    def has_mounts(self) -> bool:
        """Whether anything is mounted at all."""
        return bool(self._mounts)

    def has_mounts_at(self, path: str) -> bool:
        """Whether anything is mounted at a path or below it."""
        return any(f"{mount.target}/".startswith(f"{path.rstrip('/')}/") for mount in self._mounts)

    def is_mounted(self, path: str) -> bool:
        """Whether a path is at or below something mounted."""
        return any(path == mount.target or path.startswith(mount.target + "/") for mount in self._mounts)

    def is_read_only(self, path: str) -> bool:
        """Whether nothing may be written at a path."""
        if (bound := self._bound.get(path)) is not None:
            return bound.read_only
        place = self._place(path)
        return place.read_only if place is not None else self._read_only

    def identify(self, files: Sequence[File]) -> None:
        """Write files that only this container has; to `changes` they are as they were."""
        for file in files:
            self._extra[file.path] = file
            if self._memory is not None:
                self._memory.write_file(file.path, file.data)

    def populate(self) -> None:
        """Give empty volumes what the image has in their place (MB: daemon/create_unix.go)."""
        for mount in self._mounts:
            if not mount.copy or mount.source is None or any(mount.source.iterdir()):
                continue
            prefix = mount.target.rstrip("/") + "/"
            tree = self._image.tree()
            for path, source in tree.files.items():
                if path.startswith(prefix):
                    real = mount.source / path[len(prefix) :]
                    real.parent.mkdir(parents=True, exist_ok=True)
                    real.write_bytes(source.read_bytes())
                    real.chmod(tree.modes.get(path, 0o644))

    def start(self) -> None:
        """The container starts: what was in a tmpfs is gone."""
        for place in self._places:
            place.clear()

    @property
    def memory(self) -> FileSystem:
        """The file system in memory, made at the first call."""
        if self._memory is None:
            self._memory = self._build()
            for mount in self._mounts:
                folder = posixpath.dirname(mount.target) if mount.target in self._bound else mount.target
                self._memory.mkdir(folder, recursive=True)
            self.sync()
        return self._memory

    def at(self, path: str) -> tuple[FileSystem, str]:
        """Where a path is kept: the file system, and its path in there."""
        place = self._place(path)
        return (self.memory, path) if place is None else (place.fs, place.inner(path))

    def from_image(self, path: str) -> bool:
        """Whether the image has a directory at that path."""
        below = path.rstrip("/") + "/"
        return any(known.startswith(below) for known in (*self._image.files, *DIRECTORIES)) or (
            path in DIRECTORIES and path != "/run/secrets"
        )

    def owner(self, path: str) -> tuple[int, int]:
        """User and group of what is at a path: those of configs and secrets, else root's."""
        file = self._extra.get(path)
        return (file.uid, file.gid) if file is not None else (0, 0)

    def is_real(self, path: str) -> bool:
        """Whether real processes see this path."""
        place = self._place(path)
        return place is not None and place.source is not None and place.target != path

    def pristine(self) -> FileSystem:
        """The files as they were at first, without what is mounted."""
        return self._build()

    def forget(self) -> None:
        """Drop everything but what is mounted, the exported files too."""
        self._memory = None
        self._places = [place for place in self._places if self.is_mount_point(place.target)]
        shutil.rmtree(self._directory, ignore_errors=True)

    def _place(self, path: str) -> Place | None:
        return next((place for place in self._places if place.holds(path)), None)

    def _add(self, place: Place) -> None:
        self._places.append(place)
        self._places.sort(key=lambda each: len(each.target), reverse=True)

    def _outside(self, path: str) -> Path:
        """Where a real process finds a path of the container."""
        return self._directory / "root" / path.lstrip("/")

    def _link(self, place: Place) -> None:
        """Let real processes see a mounted directory; one inside another mounted directory they do not see."""
        outside = self._outside(place.target)
        if place.source == outside or any(other is not place and other.holds(place.target) for other in self._places):
            return
        if place.source is None:
            place.make_real(outside)
            return
        outside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if outside.is_dir() and not outside.is_symlink():
            shutil.rmtree(outside)
        if not outside.is_symlink():
            outside.symlink_to(place.source)

    def _copy_out(self, path: str, target: Path) -> bool:
        """Write everything at or below `path` under `target`; True when `path` is a file."""
        if self._memory is not None:
            below = list(_walk(self._memory, path))
        else:
            prefix = path.rstrip("/") + "/"
            known = {*self._image.files, *self._extra, *self._bound}
            below = [found for found in known if found == path or found.startswith(prefix)]
        for found in below:
            if self._place(found) is not None:
                continue
            real = target / found[len(path) :].lstrip("/") if found != path else target
            real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            real.write_bytes(self.read(found))
        return path in below

    def _unload(self, path: str, target: Path) -> None:
        """Write what is in memory in a directory, with the permissions that it has there."""
        memory = self.memory
        for entry in memory.read_dir(path):
            below, real = posixpath.join(path, entry["name"]), target / entry["name"]
            if self._place(below) is not None or real.is_symlink():
                continue
            kind = entry["metadata"]["file_type"]
            if kind == "directory":
                real.mkdir(exist_ok=True)
                self._unload(below, real)
            elif kind == "symlink":
                # An absolute target is one in the container.
                link = str(memory.read_link(below))
                real.symlink_to(self._outside(link) if link.startswith("/") else link)
            else:
                real.write_bytes(bytes(memory.read_file(below)))
                secret = (file := self._extra.get(below)) is not None and file.secret
                real.chmod(0o600 if secret else entry["metadata"]["mode"] & 0o777)

    def _build(self) -> FileSystem:
        fs = FileSystem()
        made: set[str] = set()

        def make(folder: str) -> None:
            if folder not in made:
                fs.mkdir(folder, recursive=True)
                made.add(folder)

        def write(path: str, data: bytes, mode: int) -> None:
            make(posixpath.dirname(path))
            # A file that is too large for the shell's file system, or one too many, is left out.
            with suppress(RuntimeError):
                fs.write_file(path, data)
                fs.chmod(path, mode)

        for folder, mode in DIRECTORIES.items():
            fs.mkdir(folder, recursive=True)
            made.add(folder)
            if mode != 0o755:
                fs.chmod(folder, mode)
        for name in _APPLETS:
            if name not in self._image.absent:
                write(f"/bin/{name}", _hand_over(name), 0o755)
        tree = self._image.tree()
        for folder, mode in sorted(tree.directories.items()):
            make(folder)
            fs.chmod(folder, mode)
        binaries: dict[Content, str] = {}
        for path, source in tree.files.items():
            if not is_binary(data := source.read_bytes()):
                write(path, data, tree.modes.get(path, 0o644))
            elif (name := posixpath.basename(path)) in _APPLETS and posixpath.dirname(path) in BIN:
                # A program for a processor cannot run here, but the shell has one of that name.
                write(path, _hand_over(name), 0o755)
            elif (first := binaries.setdefault(source, path)) != path:
                # One file under hundreds of names, as BusyBox is.
                make(posixpath.dirname(path))
                fs.symlink(first, path)
            else:
                write(path, data, tree.modes.get(path, 0o755))
        for path, file in self._extra.items():
            write(path, file.data, file.mode)
        for link, target in tree.links.items():
            if posixpath.basename(link) in _APPLETS and posixpath.dirname(link) in BIN:
                write(link, _hand_over(posixpath.basename(link)), 0o755)
            elif link not in self._extra:
                make(posixpath.dirname(link))
                fs.symlink(target, link)
        return fs


def _hand_over(name: str) -> bytes:
    """A script that is as good as a command of the shell."""
    return f'#!/bin/sh\nexec {name} "$@"\n'.encode()


def _walk(fs: FileSystem, path: str) -> Iterable[str]:
    if not fs.exists(path):
        return
    if fs.stat(path)["file_type"] != "directory":
        yield path
        return
    for entry in fs.read_dir(path):
        yield from _walk(fs, posixpath.join(path, entry["name"]))
