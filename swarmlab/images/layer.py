"""Layers: what a tar archive adds to the files beneath it, and what it takes away (OCI image-spec, layer.md)."""

import io
import posixpath
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from swarmlab.images.base import ROOT, Content, HistoryEntry, Owner, Tree
from swarmlab.images.tar import TarHeader, tar_writer

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
#: More than this is taken for an archive that wants to fill the disk: bytes of one layer, and members.
MAX_LAYER = 2 << 30
MAX_MEMBERS = 200_000


class LayerError(ValueError):
    """Raised for an archive that is no layer, with Docker's words; `reason` is the last part of them."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Error processing tar file(exit status 1): {reason}")


class Entry(NamedTuple):
    """What a layer has at a path: `kind` is file, directory, link, whiteout or opaque (hides what is beneath it).

    `owner` is the numbers of its user and group, `modified` Unix nanoseconds, of which archives keep whole seconds;
    0 is not known.
    """

    path: str
    kind: str
    mode: int = 0o644
    content: Content | None = None
    target: str = ""
    owner: Owner = ROOT
    modified: int = 0


class Layer(NamedTuple):
    """One layer. `id` is `sha256:` and the digest of its tar archive, which `archive` reads; `size` is its files' and
    that of the targets of its links.

    `archive_size` is in bytes as well.
    """

    id: str
    size: int
    entries: Sequence[Entry]
    archive: Content
    archive_size: int


class Slice(NamedTuple):
    """A part of a file."""

    path: Path
    offset: int
    size: int

    def read_bytes(self) -> bytes:
        """See `Content`."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def beginning(content: Content, size: int = 16) -> bytes:
    """The first bytes of a file; of one in an archive or on disk no more is read. Raises OSError."""
    match content:
        case Slice():
            return content._replace(size=min(size, content.size)).read_bytes()
        case Path():
            with content.open("rb", buffering=0) as file:
                return file.read(size)
    return content.read_bytes()[:size]


class Bytes(NamedTuple):
    """Bytes in memory."""

    data: bytes

    def read_bytes(self) -> bytes:
        """See `Content`."""
        return self.data


def read_entries(path: Path) -> tuple[list[Entry], int]:
    """What an uncompressed tar archive does, and the bytes of its files and links' targets. Raises LayerError.

    Names are those inside the root file system, however they try to leave it. Devices, sockets and sparse files are
    nothing that a program here could use; they are left out.
    """
    entries: dict[str, Entry] = {}
    size = 0
    with path.open("rb") as file:
        try:
            # Python takes no input at all for an error, Docker for an empty archive.
            if not file.peek(1):
                return [], 0
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for count, member in enumerate(tar):
                    if count >= MAX_MEMBERS:
                        raise LayerError("no space left on device")
                    entry = _entry(path, member, entries)
                    if entry is not None:
                        # A later member takes the place of an earlier one.
                        entries.pop(entry.path, None)
                        entries[entry.path] = entry
                    if member.issym():
                        # That is how large the kernel says a link is, and so Docker (MB: pkg/directory).
                        size += len(member.linkname.encode("utf-8", "surrogateescape"))
                    size += member.size if member.isreg() and not member.issparse() else 0
                _check_end(file, tar.offset)
        except tarfile.TarError as error:
            raise LayerError(reason_of(error)) from None
        except (ValueError, OverflowError, OSError) as error:
            raise error if isinstance(error, LayerError) else LayerError("archive/tar: invalid tar header") from None
    return list(entries.values()), size


def flatten(layers: Iterable[Layer]) -> Tree:
    """The root file system that layers make, the lowest first."""
    files: dict[str, Content] = {}
    links: dict[str, str] = {}
    modes: dict[str, int] = {}
    directories: dict[str, int] = {}
    owners: dict[str, Owner] = {}
    merged: dict[str, bool] = {}
    times: dict[str, int] = {}
    tree = Tree(files, links, modes, directories, owners, merged, times)
    for layer in layers:
        for entry in layer.entries:
            if entry.kind in {"whiteout", "opaque"}:
                _remove(tree, entry.path, itself=entry.kind == "whiteout")
        for entry in layer.entries:
            if entry.kind in {"whiteout", "opaque"}:
                continue
            if entry.path in directories and entry.kind != "directory":
                _remove(tree, entry.path)
            owners.pop(entry.path, None)
            if entry.owner != ROOT:
                owners[entry.path] = entry.owner
            times.pop(entry.path, None)
            if entry.modified:
                times[entry.path] = entry.modified
            if entry.kind == "directory":
                files.pop(entry.path, None)
                links.pop(entry.path, None)
                if entry.path in directories:
                    merged[entry.path] = True
                directories[entry.path] = entry.mode
                continue
            if entry.kind == "link":
                files.pop(entry.path, None)
                links[entry.path] = entry.target
            elif entry.content is not None:
                links.pop(entry.path, None)
                files[entry.path] = entry.content
                modes[entry.path] = entry.mode
    return tree


def pack(entries: Iterable[Entry], comment: str = "") -> bytes:
    """Entries as a tar archive, the same for the same entries.

    A `comment` makes an archive of its own of one that would be like another.
    """
    data = io.BytesIO()
    pack_into(data, entries, comment)
    return data.getvalue()


def pack_into(target: BinaryIO, entries: Iterable[Entry], comment: str = "") -> None:
    """The same, written to a file."""
    headers = {"comment": comment} if comment else {}
    with tar_writer(target, headers) as tar:
        for entry in entries:
            name = entry.path.lstrip("/")
            content = entry.content.read_bytes() if entry.content is not None else b""
            if entry.kind == "whiteout":
                name = posixpath.join(posixpath.dirname(name), _WHITEOUT + posixpath.basename(name))
            elif entry.kind == "opaque":
                name = posixpath.join(name, _OPAQUE)
            info = TarHeader(name)
            info.uid, info.gid = entry.owner
            info.uname, info.gname = ("" if number else "root" for number in entry.owner)
            info.mode, info.mtime = entry.mode, entry.modified // 1_000_000_000
            if entry.kind == "directory":
                info.type = tarfile.DIRTYPE
            elif entry.kind == "link":
                info.type, info.linkname = tarfile.SYMTYPE, entry.target
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def measured(history: Iterable[HistoryEntry], layers: Iterable[Layer | None]) -> tuple[HistoryEntry, ...]:
    """A history with the sizes of its layers; it may tell of fewer than there are, and of more."""
    sizes = [layer.size if layer is not None else 0 for layer in layers]
    return tuple(
        entry if entry.empty_layer or not sizes else msgspec.structs.replace(entry, size=sizes.pop(0))
        for entry in history
    )


def with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """The entries in order, each directory on the way to one before it."""
    found: dict[str, Entry] = {}
    for entry in sorted(entries):
        above = posixpath.dirname(entry.path)
        missing = []
        while above != "/" and above not in found:
            missing.append(above)
            above = posixpath.dirname(above)
        found.update((path, Entry(path, "directory", 0o755, modified=entry.modified)) for path in reversed(missing))
        found[entry.path] = entry
    return list(found.values())


def _entry(archive: Path, member: tarfile.TarInfo, known: dict[str, Entry]) -> Entry | None:
    """What a member does, None for one that is left out."""
    path = posixpath.normpath(posixpath.join("/", member.name.lstrip("/")))
    folder, name = posixpath.split(path)
    mode, owner, modified = member.mode & 0o7777, (member.uid, member.gid), max(int(member.mtime * 1_000_000_000), 0)
    if name == _OPAQUE:
        return Entry(folder, "opaque")
    if name.startswith(_WHITEOUT + _WHITEOUT):
        return None
    if name.startswith(_WHITEOUT):
        return Entry(posixpath.join(folder, name.removeprefix(_WHITEOUT)), "whiteout")
    if path == "/":
        return None
    if member.isdir():
        return Entry(path, "directory", mode, owner=owner, modified=modified)
    if member.issym():
        return Entry(path, "link", 0o777, None, member.linkname, owner, modified)
    if member.islnk():
        source = posixpath.normpath(posixpath.join("/", member.linkname.lstrip("/")))
        if source not in known:
            raise LayerError(f"link {source} {path}: no such file or directory")
        return known[source]._replace(path=path)
    if member.isreg() and not member.issparse():
        content = Slice(archive, member.offset_data, member.size)
        return Entry(path, "file", mode, content, owner=owner, modified=modified)
    return None


def _remove(tree: Tree, path: str, *, itself: bool = True) -> None:
    """Take away what is at and below a path."""
    prefix = path.rstrip("/") + "/"
    holds = path in tree.directories or (path not in tree.files and path not in tree.links)
    for part in tree:
        assert isinstance(part, dict)
        if itself:
            part.pop(path, None)
        if holds:
            for below in [found for found in part if found.startswith(prefix)]:
                del part[below]


def is_binary(data: bytes) -> bool:
    """Whether a file is a program for a processor."""
    return data.startswith(b"\x7fELF")


def _check_end(file: BinaryIO, offset: int) -> None:
    """Python takes a damaged header for the end of the archive, Docker does not. Raises LayerError."""
    file.seek(offset)
    if file.read(512).strip(b"\0"):
        raise LayerError("archive/tar: invalid tar header")


def reason_of(error: tarfile.TarError) -> str:
    """Go's words for what Python says of a damaged archive."""
    text = str(error)
    return "archive/tar: invalid tar header" if "header" in text and "truncated" not in text else "unexpected EOF"
