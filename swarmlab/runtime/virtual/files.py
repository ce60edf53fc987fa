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
from swarmlab.runtime.base import File

_DIRECTORIES = (
    "/bin", "/dev", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/run/secrets",
    "/sbin", "/srv", "/sys", "/usr", "/usr/bin", "/usr/local", "/usr/local/bin", "/usr/sbin", "/var", "/var/cache",
    "/var/lib", "/var/log",
)  # fmt: skip
_WRITABLE_BY_ALL = ("/tmp", "/var/tmp")  # noqa: S108 (inside the container)

#: Commands of the shell that scripts call by path; each gets a file there that hands over to it.
_APPLETS = [
    "awk", "base64", "basename", "bash", "cat", "chmod", "chown", "cp", "curl", "cut", "date", "dd", "df",
    "diff", "dirname", "du", "echo", "env", "expr", "false", "find", "grep", "gunzip", "gzip", "head",
    "hostname", "id", "kill", "ln", "ls", "md5sum", "mkdir", "mktemp", "mv", "nginx", "nohup", "od", "paste",
    "ping", "printenv", "printf", "ps", "pwd", "readlink", "realpath", "rm", "rmdir", "sed", "seq", "sh",
    "sha256sum", "sleep", "sort", "stat", "tail", "tar", "tee", "test", "timeout", "touch", "tr", "true",
    "uname", "uniq", "wc", "wget", "which", "whoami", "xargs", "yes",
]  # fmt: skip

#: Directories in which an executable may be.
BIN = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class RootFs:
    """The files of one container: its image's, then what the engine puts in, then whatever its programs write.

    Until a shell needs them they exist only as references, so a container that sleeps holds no file system at all.
    """

    def __init__(self, image: Image, files: Sequence[File], directory: Path, *, identity: Sequence[File] = ()) -> None:
        """`files` are configs and secrets, `identity` is what only this container has, such as its /etc/hostname.

        `directory` is where `export` puts files that a real process must see.
        """
        self._image = image
        self._files = files
        self._extra: Mapping[str, File] = {posixpath.normpath(file.path): file for file in (*identity, *files)}
        self._directory = directory
        self._memory: FileSystem | None = None
        self._exported: dict[str, Path] = {}

    @property
    def mounted(self) -> Collection[str]:
        """The paths of what the engine puts in: none of it is the container's own."""
        return self._extra.keys()

    @property
    def key(self) -> tuple[object, ...] | None:
        """Equal for two containers with the same files (identity apart); None once they may have been changed."""
        if self._memory is not None:
            return None
        # Digests, as the key may live longer than the container and its secrets.
        return (self._image.id, *((file.path, hashlib.sha256(file.data).digest()) for file in self._files))

    def read(self, path: str) -> bytes:
        """The content of a file. Raises FileNotFoundError, with the path, when there is no such file."""
        path = posixpath.normpath(path)
        if (real := self._real(path)) is not None:
            return real.read_bytes()
        if self._memory is not None:
            try:
                return bytes(self._memory.read_file(path))
            except (RuntimeError, OSError):
                raise FileNotFoundError(path) from None
        if (file := self._extra.get(path)) is not None:
            return file.data
        if (source := self._image.files.get(path)) is not None:
            return source.read_bytes()
        raise FileNotFoundError(path)

    def write(self, path: str, data: bytes) -> None:
        """Write a file into an existing directory. Raises FileNotFoundError when there is none."""
        path = posixpath.normpath(path)
        for mounted, real in self._exported.items():
            if path.startswith(mounted.rstrip("/") + "/"):
                (real / path[len(mounted) :].lstrip("/")).write_bytes(data)
                return
        try:
            self.memory.write_file(path, data)
        except (RuntimeError, OSError):
            raise FileNotFoundError(path) from None

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
        if self._memory is not None:
            return bool(self._memory.stat(path)["mode"] & 0o111)
        if (file := self._extra.get(path)) is not None:
            return bool(file.mode & 0o111)
        return bool(self._image.tree().modes.get(path, 0) & 0o111)

    def link(self, path: str) -> str:
        """The target of the image's symbolic link at `path`, or `path` itself."""
        return self._image.links.get(path, path)

    def glob(self, pattern: str) -> list[str]:
        """The files that a shell pattern of one directory matches, sorted."""
        directory, mask = posixpath.split(posixpath.normpath(pattern))
        if self._memory is not None:
            names = (
                [entry["name"] for entry in self._memory.read_dir(directory)] if self._memory.exists(directory) else []
            )
        else:
            paths = {*self._image.files, *self._extra}
            names = [posixpath.basename(path) for path in paths if posixpath.dirname(path) == directory]
        return [posixpath.join(directory, name) for name in sorted(names) if fnmatch.fnmatchcase(name, mask)]

    def export(self, path: str) -> Path:
        """Make a directory (or file) of the container real, for a process that must read it; changes go both ways."""
        path = posixpath.normpath(path)
        if path in self._exported:
            return self._exported[path]
        for mounted, real in self._exported.items():
            if path.startswith(mounted.rstrip("/") + "/"):
                return real / path[len(mounted) :].lstrip("/")
        target = self._directory / "root" / path.lstrip("/")
        is_file = self._copy_out(path, target)
        if not is_file:
            target.mkdir(parents=True, exist_ok=True)
            self._exported[path] = target
        return target

    def mount_in(self, shell: Bash) -> None:
        """Give a shell the container's files."""
        shell.mount("/", self.memory)
        for path, real in sorted(self._exported.items()):
            shell.mount(path, FileSystem.real(str(real), writable=True))

    @property
    def memory(self) -> FileSystem:
        """The file system in memory, made at the first call."""
        if self._memory is None:
            self._memory = self._build()
        return self._memory

    def at(self, path: str) -> tuple[FileSystem, str]:
        """Where a path is kept: the file system, and its path in there."""
        for mounted, real in self._exported.items():
            if path == mounted or path.startswith(mounted.rstrip("/") + "/"):
                return FileSystem.real(str(real), writable=True), "/" + path[len(mounted) :].lstrip("/")
        return self.memory, path

    def is_real(self, path: str) -> bool:
        """Whether real processes see this path."""
        return any(path.startswith(mounted.rstrip("/") + "/") for mounted in self._exported)

    def pristine(self) -> FileSystem:
        """The files as they were at first."""
        return self._build()

    def forget(self) -> None:
        """Drop everything, the exported files too."""
        self._memory = None
        self._exported.clear()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _real(self, path: str) -> Path | None:
        for mounted, real in self._exported.items():
            inside = real / path[len(mounted) :].lstrip("/")
            if path.startswith(mounted.rstrip("/") + "/") and inside.is_file():
                return inside
        return None

    def _copy_out(self, path: str, target: Path) -> bool:
        """Write everything at or below `path` under `target`; True when `path` is a file."""
        if self._memory is not None:
            below = list(_walk(self._memory, path))
        else:
            prefix = path.rstrip("/") + "/"
            below = [found for found in {*self._image.files, *self._extra} if found == path or found.startswith(prefix)]
        for found in below:
            real = target / found[len(path) :].lstrip("/") if found != path else target
            real.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            real.write_bytes(self.read(found))
        return path in below

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

        for folder in (*_DIRECTORIES, *_WRITABLE_BY_ALL):
            fs.mkdir(folder, recursive=True)
            made.add(folder)
        for folder in _WRITABLE_BY_ALL:
            fs.chmod(folder, 0o1777)
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
