"""Files of containers written to this machine, for processes that need real ones."""

import posixpath
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bashkit import FileSystem

from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.files.times import set_time

#: Puts a secret, told by its path in the container, where a real process sees it; False for a file that is none.
PutSecret = Callable[[str, Path], bool]


def write_private(path: Path, data: bytes) -> None:
    """Write a file that nobody else could read at any time."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(data)


def write_extra(extra: Mapping[str, File], target: Path, put_secret: PutSecret) -> None:
    """Write what the engine puts into a container below `target`."""
    for path, file in extra.items():
        real = target / path.lstrip("/")
        real.parent.mkdir(parents=True, exist_ok=True)
        if not put_secret(path, real):
            write_private(real, file.data)
            real.chmod(file.mode & 0o777)


def copy_out(
    paths: Iterable[str],
    path: str,
    target: Path,
    read: Callable[[str], bytes],
    put_secret: PutSecret,
    modified: Callable[[str], float | None],
) -> bool:
    """Write files at or below `path` at or below `target`; True when `path` is itself one of them.

    A link becomes the file that it leads to. `modified` tells when that was, in Unix seconds.
    """
    is_file = False
    for found in paths:
        try:
            data = read(found)
        except FileNotFoundError:
            # A link to a directory, or to nowhere.
            continue
        is_file = is_file or found == path
        real = target / found[len(path) :].lstrip("/") if found != path else target
        if not put_secret(found, real):
            real.parent.mkdir(parents=True, exist_ok=True)
            real.write_bytes(data)
            if (moment := modified(found)) is not None:
                set_time(real, moment)
    return is_file


class Unloading:
    """Writes a file system in memory to a directory, with the permissions that files have there."""

    def __init__(
        self,
        memory: FileSystem,
        skip: Callable[[str], bool],
        put_secret: PutSecret,
        outside: Callable[[str], Path],
        modified: Callable[[str, Mapping[str, Any]], float],
    ) -> None:
        """Paths to `skip` are kept elsewhere, `outside` is where a path is.

        `modified` tells when that was of a file, in Unix seconds.
        """
        self._memory = memory
        self._skip = skip
        self._put_secret = put_secret
        self._outside = outside
        self._modified = modified

    def write(self, path: str, target: Path) -> None:
        """Write what is below a path."""
        for entry in self._memory.read_dir(path):
            below, real = posixpath.join(path, entry["name"]), target / entry["name"]
            if self._skip(below) or real.is_symlink():
                continue
            kind = entry["metadata"]["file_type"]
            if kind == "directory":
                real.mkdir(exist_ok=True)
                self.write(below, real)
            elif kind == "symlink":
                # An absolute target is one in the container.
                link = str(self._memory.read_link(below))
                real.symlink_to(self._outside(link) if link.startswith("/") else link)
            elif not self._put_secret(below, real):
                write_private(real, bytes(self._memory.read_file(below)))
                real.chmod(entry["metadata"]["mode"] & 0o777)
                set_time(real, self._modified(below, entry["metadata"]))
