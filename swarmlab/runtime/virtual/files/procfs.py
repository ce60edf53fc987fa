"""/proc of a container: of the machine what every container sees of it, and the container's own processes."""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NoReturn

from swarmlab.runtime.virtual.files import procnet
from swarmlab.runtime.virtual.files.foreignfs import Stat
from swarmlab.runtime.virtual.processes.pids import Inside

if TYPE_CHECKING:
    from swarmlab.runtime.virtual.machine import Machine

#: Files of the machine's that are the same in every container.
_SHARED = ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version")


class ProcFiles:
    """See `foreignfs.Files`. Nothing in it can be written; `self` is the container's first process."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine

    def read(self, path: str) -> bytes:
        """See `Files.read`."""
        if (make := self._files().get(path)) is not None:
            return make()
        raise OSError(errno.EISDIR if path in self._directories() else errno.ENOENT, "")

    def stat(self, path: str) -> Stat:
        """See `Files.stat`."""
        if path in self._directories():
            return Stat("directory", 0, 0o555, self._machine.clock.now())
        if path in self._files():
            return Stat("file", 0, 0o444, self._machine.clock.now())
        raise OSError(errno.ENOENT, "")

    def list(self, path: str) -> Sequence[tuple[str, Stat]]:
        """See `Files.list`."""
        if path not in self._directories():
            raise OSError(errno.ENOENT, "")
        prefix = path.rstrip("/") + "/"
        known = {*self._files(), *self._directories()} - {path}
        names = {each[len(prefix) :].partition("/")[0] for each in known if each.startswith(prefix)}
        return [(name, self.stat(prefix + name)) for name in sorted(names)]

    def exists(self, path: str) -> bool:
        """See `Files.exists`."""
        return path in self._directories() or path in self._files()

    def write(self, path: str, data: bytes) -> None:
        """See `Files.write`."""
        _refuse()

    append = write

    def mkdir(self, path: str, parents: bool) -> None:
        """See `Files.mkdir`."""
        _refuse()

    def remove(self, path: str, recursive: bool) -> None:
        """See `Files.remove`."""
        _refuse()

    def rename(self, old: str, new: str) -> None:
        """See `Files.rename`."""
        _refuse()

    copy = symlink = rename

    def read_link(self, path: str) -> str:
        """See `Files.read_link`."""
        raise OSError(errno.EINVAL, "")

    def chmod(self, path: str, mode: int) -> None:
        """See `Files.chmod`."""
        _refuse()

    def _directories(self) -> set[str]:
        numbers = {f"/{process.pid}" for process in self._machine.pids}
        above = {parent for path in self._parameters() for parent in PurePosixPath(path).parents}
        return {"/", "/net", "/self", *map(str, above), *numbers}

    def _parameters(self) -> Mapping[str, Callable[[], bytes]]:
        """The kernel's, by path."""
        named = self._machine.sysctls.items()
        return {f"/sys/{name.replace('.', '/')}": f"{value}\n".encode for name, value in named}

    def _files(self) -> Mapping[str, Callable[[], bytes]]:
        found: dict[str, Callable[[], bytes]] = {
            f"/{name}": Path(f"/proc/{name}").read_bytes for name in _SHARED if os.path.exists(f"/proc/{name}")
        }
        found["/mounts"] = self._mounts
        found["/net/tcp"] = lambda: procnet.tcp(self._machine.ports)
        found |= {f"/net/{name}": lambda text=text: text for name, text in procnet.empty().items()}  # type: ignore[misc]
        found |= self._parameters()
        for process in self._machine.pids:
            for name in (str(process.pid), *(("self",) if process.pid == 1 else ())):
                found[f"/{name}/mounts"] = self._mounts
                found[f"/{name}/cmdline"] = lambda one=process: one.command.replace(" ", "\0").encode() + b"\0"  # type: ignore[misc]
                found[f"/{name}/comm"] = lambda one=process: f"{_name(one)}\n".encode()  # type: ignore[misc]
                found[f"/{name}/status"] = lambda one=process: _status(one)  # type: ignore[misc]
        return found

    def _mounts(self) -> bytes:
        lines = (f"{each.device} {each.target} {each.kind} {each.options} 0 0\n" for each in self._machine.mounts)
        return "".join(lines).encode()


def _name(process: Inside) -> str:
    return process.command.partition(" ")[0].rpartition("/")[2].rstrip(":")[:15]


def _status(process: Inside) -> bytes:
    return (
        f"Name:\t{_name(process)}\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t{process.pid}\nPid:\t{process.pid}\n"
        f"PPid:\t{process.parent}\n"
    ).encode()


def _refuse() -> NoReturn:
    raise OSError(errno.EACCES, "")
