"""Copying files into and out of a container as tar archives, and what has changed in it."""

import errno
import io
import posixpath
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO

from bashkit import FileSystem

from swarmlab.images import Bytes, Entry, TarHeader, pack, resolved, tar_writer
from swarmlab.runtime.base import Change, PathStat
from swarmlab.runtime.virtual.files.files import RootFs
from swarmlab.runtime.virtual.files.roots import NOT_KEPT

#: Who may run a file. Shared files on disk are nobody's to write, so the rest of their modes tells nothing.
_MODE = 0o111
#: What is at a path, as far as two of them can be compared.
_State = tuple[int, bytes] | str | None
#: What stands in a container's root file system beneath what is mounted there (MB: daemon/initlayer).
_FOLDERS = ("/dev", "/dev/pts", "/dev/shm", "/proc", "/sys")  # noqa: S108 (inside the container)
_FILES = ("/.dockerenv", "/dev/console", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
_KINDS = {"file": "file", "directory": "directory", "symlink": "link", "fifo": "socket"}


class Archive:
    """The files of one container, for those who copy. Paths are absolute; links in their directories are followed."""

    def __init__(self, root: RootFs) -> None:
        self._root = root

    def stat(self, path: str) -> PathStat:
        """See `Container.stat`."""
        real = self._named(path)
        found = self._look(real)[0]._replace(name=_name(path, real) or "/")
        # The target is told as what it comes to in the end, be there anything or not.
        if found.kind == "link":
            # One that leads to itself is told as it is.
            with suppress(OSError):
                return found._replace(target=resolved(real, self._link_at))
        return found

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory, links followed."""
        try:
            return self._lstat(self._resolved(path, last=True)).kind == "directory"
        except FileNotFoundError:
            return False

    def is_beyond_file(self, path: str) -> bool:
        """Whether there is a file at a path, or where one of its directories would have to be."""
        for one in (path, *_parents(path)):
            with suppress(FileNotFoundError):
                if self._lstat(self._resolved(one, last=True)).kind != "directory":
                    return True
        return False

    def pack(self, path: str) -> bytes:
        """See `Container.pack`."""
        real = self._named(path)
        self._lstat(real)
        name = _name(path, real)
        data = io.BytesIO()
        with tar_writer(data) as tar:
            self._add(tar, real, name)
        return data.getvalue()

    def unpack(self, path: str, archive: IO[bytes], *, replace: bool) -> None:
        """See `Container.unpack`."""
        target = self._resolved(path, last=True)
        if self._lstat(target).kind != "directory":
            raise NotADirectoryError("extraction point is not a directory")
        if self._root.is_read_only(target):
            what = "mounted volume" if self._root.mounts.hold(target) else "container rootfs"
            raise PermissionError(f"{what} is marked read-only")
        with tarfile.open(fileobj=archive, mode="r:*") as tar:
            for member in tar:
                inside = posixpath.normpath(posixpath.join("/", member.name))
                self._extract(tar, member, posixpath.normpath(f"{target}/{inside}"), replace=replace)
        self._root.sync()

    def changes(self) -> Sequence[Change]:
        """See `Container.changes`."""
        found = self._changed()
        if self._root.has_begun:
            for path in self._root.fixed:
                made = () if self._root.mounts.hold(path) else (path, *_parents(path))
                found |= {each: 1 for each in made if not self._root.is_of_image(each)}
        return _told(found)

    def _changed(self) -> dict[str, int]:
        """The same without what configs and secrets are mounted on, and without the directories that they are in."""
        found = self._root.changes()
        if found is None:
            # What lies beneath a mount is hidden, and not gone.
            pristine = _contents(self._root.pristine(), "/")
            mounts = self._root.mounts
            before = {path: state for path, state in pristine if mounts.are_at(path) or not mounts.hold(path)}
            now = dict(self._now("/"))
            found = dict.fromkeys(now.keys() - before.keys(), 1) | dict.fromkeys(before.keys() - now.keys(), 2)
            found |= {path: 0 for path in now.keys() & before.keys() if now[path] != before[path]}
            if not self._root.has_begun:
                found = {path: kind for path, kind in found.items() if kind != 1 or not mounts.are_below(path)}
        for path in self._root.given():
            if self._kind(path) is not None and not self._root.mounts.hold(path):
                found.setdefault(path, 0)
        return found

    def rootfs(self) -> bytes:
        """See `Container.rootfs`."""
        data = io.BytesIO()
        with tar_writer(data) as tar:
            for name in self._names("/"):
                if (path := f"/{name}") not in NOT_KEPT:
                    self._add(tar, path, name, leave_out=self._root.mounted)
            self._add_beneath(tar)
        return data.getvalue()

    def layer(self) -> bytes:
        """See `Container.layer`."""
        own = [
            change
            for change in _told(self._changed())
            if change.path not in self._root.mounted or self._is_place(change)
        ]
        entries = [(entry, change.kind) for change in own if (entry := self._entry(change)) is not None]
        # A directory that only holds what has changed is told for its mode, not for itself.
        given = set(self._root.given())
        told = {entry.path for entry, kind in entries if kind or entry.kind != "directory" or entry.path in given}
        above = {parent for path in told for parent in _parents(path)}
        needed = told | above
        return pack(entry for entry, _ in entries if entry.path in needed) if told else b""

    # --- inside ----------------------------------------------------------------------------------------------------

    def _add_beneath(self, tar: tarfile.TarFile) -> None:
        """Add what stands beneath what the engine mounts: the image's own, or a place to mount it at."""
        modified = self._lstat("/etc/hosts").modified // 1_000_000_000
        for path in (*_FOLDERS, *_FILES):
            info = TarHeader(path.lstrip("/"))
            info.uname = info.gname = "root"
            info.mode, info.mtime = 0o755, modified
            own = self._root.of_image(path)
            if own is None and path in _FOLDERS:
                info.type = tarfile.DIRTYPE
            info.size = len(own or b"")
            tar.addfile(info, io.BytesIO(own or b""))

    def _now(self, path: str) -> Iterator[tuple[str, _State]]:
        for name in self._names(path):
            below = posixpath.join(path, name)
            if below in NOT_KEPT:
                continue
            found = self._lstat(below)
            if self._root.mounts.are_at(below):
                # What is in there is not the container's.
                yield below, None
            elif found.kind == "directory":
                yield below, None
                yield from self._now(below)
            else:
                is_file = found.kind == "file"
                yield below, (found.mode & _MODE, self._root.read(below)) if is_file else found.target

    def _fs(self, path: str) -> tuple[FileSystem, str]:
        return self._root.at(path)

    def _lstat(self, path: str) -> PathStat:
        fs, inner = self._fs(path)
        try:
            found = fs.stat(inner)
        except (RuntimeError, OSError):
            raise FileNotFoundError(path) from None
        kind = _KINDS[found["file_type"]]
        return PathStat(
            name=posixpath.basename(path) or "/",
            kind=kind,
            size=4096 if kind == "directory" else found["size"],
            mode=found["mode"] & 0o7777,
            modified=int(self._root.modified(path, found) * 1_000_000_000),
            target=self._root.read_link(path) if kind == "link" else "",
        )

    def _look(self, path: str) -> tuple[PathStat, bytes]:
        """What is at a path, with a file's content, for who copies it.

        Configs and secrets are mounted for the container's processes only: he finds what they are mounted on, an empty
        file or the image's own (runc: libcontainer/rootfs_linux.go, createIfNotExists). Raises FileNotFoundError.
        """
        found = self._lstat(path)
        if path in self._root.fixed:
            content = self._root.beneath(path)
            return found._replace(size=len(content or b""), mode=0o755 if content is None else 0o644), content or b""
        return found, self._root.read(path) if found.kind == "file" else b""

    def _names(self, path: str) -> list[str]:
        fs, inner = self._fs(path)
        return sorted(entry["name"] for entry in fs.read_dir(inner))

    def _named(self, path: str) -> str:
        """What a path means, a link at its end followed if more than the link is meant: `link/`, `link/.`.

        Raises FileNotFoundError, and NotADirectoryError when a file stands where a directory has to be.
        """
        inside = path.endswith(("/", "/."))
        real = self._resolved(path, last=inside)
        folders = [real, *_parents(real)] if inside else _parents(real)
        if any(self._kind(folder) not in {None, "directory"} for folder in folders):
            raise NotADirectoryError(path)
        return real

    def _resolved(self, path: str, *, last: bool = False) -> str:
        """The path with the links of its directories followed, and with `last` its own. Raises FileNotFoundError."""
        try:
            return resolved(posixpath.normpath(posixpath.join("/", path)), self._target_of, last=last)
        except OSError:
            raise FileNotFoundError(path) from None

    def _target_of(self, path: str) -> str | None:
        return self._lstat(path).target or None

    def _link_at(self, path: str) -> str | None:
        """The same; None where nothing is."""
        return self._target_of(path) if self._kind(path) == "link" else None

    def _is_place(self, change: Change) -> bool:
        """Whether it is a directory that was made to mount something at: what is mounted is not the container's."""
        return change.kind == 1 and self._root.mounts.are_at(change.path) and self._kind(change.path) == "directory"

    def _entry(self, change: Change) -> Entry | None:
        """A change as a layer has it; None for a socket, which no layer has."""
        if change.kind == 2:
            return Entry(change.path, "whiteout", 0)
        if self._root.mounts.are_at(change.path):
            return Entry(change.path, "directory", 0o755)
        found = self._root.entry(change.path)
        if found is None:
            there = self._lstat(change.path)
            content = Bytes(self._root.read(change.path)) if there.kind == "file" else None
            found = Entry(change.path, there.kind, there.mode, content, there.target, modified=there.modified)
        return None if found.kind == "socket" else found._replace(owner=self._root.owner(change.path))

    def _add(self, tar: tarfile.TarFile, path: str, name: str, leave_out: Collection[str] = ()) -> None:
        if path in leave_out:
            if self._root.has_begun and self._root.mounts.are_at(path) and self.is_directory(path):
                info = TarHeader(name)
                info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, self._lstat(path).modified // 1_000_000_000
                info.uname = info.gname = "root"
                tar.addfile(info)
            return
        try:
            found, content = self._look(path)
        except FileNotFoundError:
            # A program of the container has removed it meanwhile.
            return
        if found.kind == "socket":
            # No archive has any (MB: pkg/archive, "archive/tar: sockets not supported").
            return
        info = TarHeader(name)
        info.uid, info.gid = owner = (0, 0) if path in self._root.fixed else self._root.owner(path)
        info.uname, info.gname = ("" if number else "root" for number in owner)
        info.mode = found.mode
        info.mtime = found.modified // 1_000_000_000
        if found.kind == "directory":
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
            for inside in self._names(path):
                self._add(tar, posixpath.join(path, inside), f"{name}/{inside}", leave_out)
        elif found.kind == "link":
            info.type, info.linkname = tarfile.SYMTYPE, found.target
            tar.addfile(info)
        else:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))

    def _extract(self, tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, *, replace: bool) -> None:
        """Write one member; whatever is neither file, directory nor link is left out."""
        there = self._kind(path)
        if there == "file" and path in self._root.bound_files:
            raise OSError(errno.EBUSY, "device or resource busy", path)
        if there is not None and (there == "directory") != member.isdir():
            if not replace:
                old, new = ("directory", "non-directory") if there == "directory" else ("non-directory", "directory")
                raise FileExistsError(f'cannot overwrite {old} "{path}" with {new} "{path}"')
            self._remove(path)
        if member.isdir():
            self._mkdir(path, member.mode & 0o7777)
            return
        self._mkdir(posixpath.dirname(path), 0o755)
        if member.issym():
            self._link(path, member.linkname)
        elif member.isfile() or member.islnk():
            source = tar.extractfile(member)
            self._write(path, source.read() if source is not None else b"", member.mode & 0o7777)
            self._root.touch(path, int(member.mtime * 1_000_000_000), create=False)

    def _kind(self, path: str) -> str | None:
        try:
            return self._lstat(path).kind
        except FileNotFoundError:
            return None

    def _mkdir(self, path: str, mode: int) -> None:
        if self._kind(path) is None:
            fs, inner = self._fs(path)
            fs.mkdir(inner, recursive=True)
            fs.chmod(inner, mode)

    def _remove(self, path: str) -> None:
        fs, inner = self._fs(path)
        fs.remove(inner, recursive=True)

    def _write(self, path: str, data: bytes, mode: int) -> None:
        fs, inner = self._fs(path)
        fs.write_file(inner, data)
        fs.chmod(inner, mode)

    def _link(self, path: str, target: str) -> None:
        if self._kind(path) is not None:
            self._remove(path)
        fs, inner = self._fs(path)
        if self._root.is_real(path):
            # A real process would follow the link on this machine: what it means in the container goes there instead.
            meant = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            if self._root.exists(meant):
                fs.write_file(inner, self._root.read(meant))
            return
        fs.symlink(target, inner)


def _told(kinds: Mapping[str, int]) -> list[Change]:
    """What has changed, with the directories that it is in."""
    parents = {parent: 0 for path in kinds for parent in _parents(path)}
    return [Change(kind, path) for path, kind in sorted((parents | dict(kinds)).items())]


def _parents(path: str) -> Iterator[str]:
    """The directories that a path is in, the nearest first."""
    while (path := posixpath.dirname(path)) != "/":
        yield path


def _name(path: str, real: str) -> str:
    """How an archive calls what is at a path, and all in it."""
    if path.endswith("/."):
        return "."
    return posixpath.basename(path.rstrip("/")) or posixpath.basename(real)


def _contents(fs: FileSystem, path: str) -> Iterator[tuple[str, _State]]:
    """Everything below a path: a file's mode and bytes, a link's target, None for a directory."""
    for entry in fs.read_dir(path):
        below, kind, mode = posixpath.join(path, entry["name"]), *map(entry["metadata"].get, ("file_type", "mode"))
        if below in NOT_KEPT:
            continue
        if kind == "directory":
            yield below, None
            yield from _contents(fs, below)
        else:
            yield below, fs.read_link(below) if kind == "symlink" else (mode & _MODE, bytes(fs.read_file(below)))
