"""`ls` of busybox: the shell's own shows no owners, which is what secrets and configs are looked at for."""

import getopt
import posixpath
import stat
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from bashkit import FileSystem

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.files.devices import DEVICES
from swarmlab.runtime.virtual.files.sockets import SOCKET_MODE

_KINDS = {"directory": stat.S_IFDIR, "symlink": stat.S_IFLNK}
_BLOCK = 4096
#: Files older than this (seconds) are shown with their year.
_RECENT = 182 * 86400


class _Entry(NamedTuple):
    """A file as it is shown: `mode` with its kind, `modified` in Unix seconds, a link's target, a device's numbers."""

    name: str
    path: str
    mode: int
    links: int
    uid: int
    gid: int
    size: int
    modified: float
    target: str = ""
    device: tuple[int, int] | None = None

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


async def ls(context: Context) -> int:
    """List files and directories; of the options those about what is shown and in which order."""
    try:
        given, names = getopt.gnu_getopt(context.argv[1:], "1aACdFhHilLnpRrsStx", ["color=", "full-time"])
    except getopt.GetoptError as error:
        await context.err(f"ls: invalid option -- '{error.opt}'\n")
        return 1
    options = {name for name, _ in given}
    lister = _Lister(context, options)
    found, code = [], 0
    for name in names or ["."]:
        path = context.path(name)
        if name.endswith("/") or not options & {"-l", "-n", "-d", "-F"}:
            path = context.machine.root.followed(path)
        entry = lister.entry(name, path)
        if entry is None:
            await context.err(f"ls: {name}: No such file or directory\n")
            code = 1
        else:
            found.append(entry)
    plain = [entry for entry in found if not entry.is_directory or "-d" in options]
    folders = [entry for entry in found if entry not in plain]
    parts = ["".join(lister.lines(lister.ordered(plain)))] if plain else []
    parts += lister.folders(lister.ordered(folders), titles=len(names) > 1 or "-R" in options)
    await context.out("\n".join(parts))
    return code


class _Lister:
    def __init__(self, context: Context, options: set[str]) -> None:
        self._machine = context.machine
        self._root = context.machine.root
        self._options = options
        self._long = bool(options & {"-l", "-n"})

    def entry(self, name: str, path: str) -> _Entry | None:
        """What is at a path; None when nothing is."""
        fs, inner = self._root.seen(path)
        try:
            found = fs.stat(inner)
        except RuntimeError:
            return None
        kind = found["file_type"]
        device = DEVICES.get(path)
        mounted = self._root.is_socket(path)
        socket = mounted or (kind == "fifo" and self._root.is_real(path))
        uid, gid = self._root.owner(path)
        directory = kind == "directory"
        links = 1
        if directory:
            inside = fs.read_dir(inner)
            # One that lies in several layers has one link, whatever is in it.
            if not self._root.is_merged(path, [each["name"] for each in inside]):
                links = 2 + sum(each["metadata"]["file_type"] == "directory" for each in inside)
        return _Entry(
            name=name,
            path=path,
            mode=stat.S_IFSOCK | SOCKET_MODE
            if mounted
            else _mode(kind, found["mode"], is_device=device is not None, is_socket=socket),
            links=links,
            uid=uid,
            gid=gid,
            size=self._size_of(path, fs, inner) if directory else 0 if socket else found["size"],
            modified=self._root.modified(path, found),
            device=device,
            target=str(fs.read_link(inner)) if kind == "symlink" and not socket else "",
        )

    def _size_of(self, path: str, fs: FileSystem, inner: str) -> int:
        if self._root.tmpfs(path) is None:
            return _BLOCK
        # The kernel counts 20 bytes for each name, the directory itself and the one above included.
        return 20 * (2 + len(fs.read_dir(inner)))

    def folders(self, entries: Iterable[_Entry], *, titles: bool) -> list[str]:
        """The text of each directory, and with `-R` of those in it."""
        parts = []
        for entry in entries:
            inside = self.ordered(self._inside(entry))
            title = f"{entry.name}:\n" if titles else ""
            total = f"total {sum(_kibibytes(e) for e in inside)}\n" if self._long or "-s" in self._options else ""
            parts.append(title + total + "".join(self.lines(inside)))
            if "-R" in self._options:
                below = [e for e in inside if e.is_directory and e.name not in {".", ".."}]
                named = [e._replace(name=posixpath.join(entry.name, e.name)) for e in below]
                parts += self.folders(named, titles=True)
        return parts

    def _inside(self, folder: _Entry) -> list[_Entry]:
        fs, inner = self._root.seen(folder.path)
        names = [entry["name"] for entry in fs.read_dir(inner)]
        if "-a" in self._options:
            names += [".", ".."]
        elif "-A" not in self._options:
            names = [name for name in names if not name.startswith(".")]
        found = (self.entry(name, posixpath.normpath(posixpath.join(folder.path, name))) for name in names)
        return [entry for entry in found if entry is not None]

    def ordered(self, entries: Iterable[_Entry]) -> list[_Entry]:
        """The entries in the order that was asked for."""
        found = sorted(entries, key=lambda entry: entry.name)
        if "-t" in self._options:
            found.sort(key=lambda entry: -entry.modified)
        elif "-S" in self._options:
            found.sort(key=lambda entry: -entry.size)
        return found[::-1] if "-r" in self._options else found

    def lines(self, entries: Sequence[_Entry]) -> Iterable[str]:
        """A line for each entry."""
        for entry in entries:
            name = entry.name + self._mark(entry)
            blocks = f"{_kibibytes(entry):>6} " if "-s" in self._options else ""
            yield blocks + (
                f"{self._details(entry)} {name}{f' -> {entry.target}' if entry.target else ''}\n"
                if self._long
                else (f"{name}\n")
            )

    def _mark(self, entry: _Entry) -> str:
        if entry.is_directory and self._options & {"-F", "-p"}:
            return "/"
        if "-F" not in self._options:
            return ""
        if stat.S_ISLNK(entry.mode):
            return "@"
        if stat.S_ISSOCK(entry.mode):
            return "="
        return "*" if entry.mode & 0o111 else ""

    def _details(self, entry: _Entry) -> str:
        numeric = "-n" in self._options
        user = str(entry.uid) if numeric else self._machine.users.name(entry.uid)
        group = str(entry.gid) if numeric else self._machine.users.group_name(entry.gid)
        if entry.device is not None:
            return (
                f"{stat.filemode(entry.mode)} {entry.links:>4} {user:<8} {group:<8} "
                f"{entry.device[0]:>4},{entry.device[1]:>4} {self._date(entry.modified)}"
            )
        size = f"{_human(entry.size):>7}" if "-h" in self._options else f"{entry.size:>9}"
        return f"{stat.filemode(entry.mode)} {entry.links:>4} {user:<8} {group:<8} {size} {self._date(entry.modified)}"

    def _date(self, modified: float) -> str:
        when = datetime.fromtimestamp(modified, UTC)
        now = self._machine.clock.now() / 1_000_000_000
        recent = abs(now - modified) < _RECENT
        return when.strftime(f"%b {when.day:>2} {'%H:%M' if recent else ' %Y'}")


def _mode(kind: str, permissions: int, *, is_device: bool, is_socket: bool) -> int:
    if is_device:
        return stat.S_IFCHR | 0o666
    return stat.S_IFSOCK | 0o755 if is_socket else _KINDS.get(kind, stat.S_IFREG) | permissions


def _kibibytes(entry: _Entry) -> int:
    """What it takes on the disk, in blocks of 4 KiB."""
    return 0 if entry.target else -(-entry.size // _BLOCK) * (_BLOCK // 1024)


def _human(size: int) -> str:
    number, unit = float(size), ""
    for bigger in ("K", "M", "G"):
        if number < 1024:
            break
        number, unit = number / 1024, bigger
    return f"{number:.1f}{unit}" if unit else str(size)
