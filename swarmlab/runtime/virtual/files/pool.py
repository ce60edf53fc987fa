"""What is in images' files, as real files that a lab has once: the files of containers are links to them, or copies."""

import hashlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from swarmlab.images import Content, Slice, is_binary
from swarmlab.runtime.virtual.files.contents import runs_on_a_processor

#: Size in bytes and time (ns) of a file that nobody has written since.
Stamp = tuple[int, int]

#: How the folders of layers end; what belongs to no layer is in a folder of its own.
_LAYER = ".layer"
_OTHERS = "others"
#: So many bytes tell what kind of a file one is.
_BEGINNING = 16


class Pool:
    """Files without directories around them, in a folder a layer. Directories are slow to make, and images share these.

    A file's name says what it has to be, so that what an earlier life of the lab left is used again; one that is not
    as it should be is written anew. Not for several threads at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: What is known to be there, by the names of folder and file.
        self._known: dict[tuple[str, str], Stamp] = {}

    def tidy(self, most: int) -> None:
        """Keep the newest folders that are the pool's, and nothing else."""
        left = sorted(self._folder.glob("*"), key=lambda path: path.lstat().st_mtime_ns, reverse=True)
        mine = [path for path in left if path.suffix == _LAYER or path.name == _OTHERS]
        for path in {*left}.difference(mine[:most]):
            shutil.rmtree(path, ignore_errors=True)

    def keep(self, folders: Collection[str]) -> None:
        """Remove all layers but these."""
        for path in self._folder.glob(f"*{_LAYER}"):
            if path.name not in folders:
                self._known = {key: stamp for key, stamp in self._known.items() if key[0] != path.name}
                shutil.rmtree(path, ignore_errors=True)

    def put(self, path: str, content: Content, mode: int, modified: int, reader: "Reader") -> tuple[str, str, Stamp]:
        """Have what an image has at a path: the names of its folder and file, and its stamp. Raises OSError.

        `modified` is in Unix nanoseconds.
        """
        data = None
        if isinstance(content, Slice):
            folder, name = f"{content.path.stem}{_LAYER}", f"{content.offset}-{mode:o}"
        else:
            data = content.read_bytes()
            digest = hashlib.sha256(f"{path}\0".encode() + data).hexdigest()
            folder, name = _OTHERS, f"{digest}-{mode:o}-{modified}"
        key = folder, name
        stamp = self._known.get(key)
        if stamp is None:
            stamp = self._known[key] = self._there(key, content, mode, modified, data) or self._write(
                key, reader.read(content) if data is None else data, mode, modified
            )
        return folder, name, stamp

    def path(self, folder: str, name: str) -> str:
        """Where a file is."""
        return f"{self._folder}/{folder}/{name}"

    def _there(
        self, key: tuple[str, str], content: Content, mode: int, modified: int, data: bytes | None
    ) -> Stamp | None:
        """The stamp of a file that an earlier life left as it should be."""
        real = self.path(*key)
        try:
            found = os.lstat(real)
            # Those of layers are thousands, and nobody's to write.
            same = content.size == found.st_size if isinstance(content, Slice) else Path(real).read_bytes() == data
        except FileNotFoundError:
            return None
        return stamp_of(found) if same and found.st_mode & 0o777 == mode and found.st_mtime_ns == modified else None

    def _write(self, key: tuple[str, str], data: bytes, mode: int, modified: int) -> Stamp:
        real = self.path(*key)
        try:
            descriptor = _created(real)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(real), mode=0o700)
            descriptor = _created(real)
        try:
            os.fchmod(descriptor, mode)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            # The time comes last: a file that has it is complete.
            os.utime(descriptor, ns=(modified, modified))
            return stamp_of(os.fstat(descriptor))
        finally:
            os.close(descriptor)


class Reader:
    """Reads thousands of files in few archives, each opened once."""

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def read(self, content: Content) -> bytes:
        """All of a file. Raises OSError."""
        if not isinstance(content, Slice) or not hasattr(os, "pread"):
            return content.read_bytes()
        if content.path not in self._open:
            self._open[content.path] = os.open(content.path, os.O_RDONLY)
        return os.pread(self._open[content.path], content.size, content.offset)

    def runs_on_a_processor(self, content: Content) -> bool:
        """See `contents.runs_on_a_processor`."""
        if isinstance(content, Slice):
            return is_binary(self.read(content._replace(size=min(content.size, _BEGINNING))))
        return runs_on_a_processor(content)


def stamp_of(found: os.stat_result) -> Stamp:
    """Size and time of a file."""
    return found.st_size, found.st_mtime_ns


def _created(real: str) -> int:
    """A descriptor of a new file, in place of what may be there: that may have other names, too."""
    try:
        return os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        os.unlink(real)
        return os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
