"""Root file systems of images as real directories: made once for a lab, and lent to its containers."""

import os
import posixpath
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from swarmlab.images import Content, Entry, Image
from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.files.applets import Node
from swarmlab.runtime.virtual.files.contents import contents, modified
from swarmlab.runtime.virtual.files.pool import Pool, Reader, Stamp, stamp_of

#: So many images' files are kept for containers to come, and so many layers for the lab's next life.
_KEPT = 16
#: Installed packages: thousands of files that nobody writes, but replaces if anything. Containers share them by hard
#: links; shells replace what they write, and `shim.containerfiles` makes a file a container's own before it is written.
_SHARED = re.compile(r"/(?:site|dist)-packages/")
#: What the kernel, and not the image, puts there.
NOT_KEPT = frozenset({"/dev", "/proc", "/sys"})


class _Root(NamedTuple):
    """The files of one image: what they are, and of each regular one the folder, name and stamp in the pool.

    `times` is when each directory was modified, in Unix nanoseconds, and `programs` remembers which contents are
    programs for a processor.
    """

    layers: tuple[str, ...]
    nodes: Mapping[str, Node]
    files: Mapping[str, tuple[str, str, Stamp]]
    times: Mapping[str, int]
    programs: Mapping[Content, bool]


class Copy:
    """The root file system of one container, as a copy of its image's."""

    def __init__(self, root: _Root, folder: Path) -> None:
        self._root = root
        self._folder = folder

    def changes(self, extra: Mapping[str, File], mounts: Collection[str]) -> dict[str, int]:
        """What is not as in the image and `extra`: by path 0 for changed, 1 for new, 2 for gone.

        What is at and below `mounts` is not looked at.
        """
        before = dict(self._root.nodes)
        for path in extra:
            before[path] = Node("file")
            while (path := posixpath.dirname(path)) != "/":
                before.setdefault(path, Node("directory"))
        found: dict[str, int] = {}
        seen: set[str] = set()
        for path, entry in self._walk("", mounts):
            seen.add(path)
            if path not in before:
                found[path] = 1
            elif path not in mounts and not self._is_as_before(path, entry, before[path], extra):
                found[path] = 0
        hidden = (*NOT_KEPT, *mounts)
        gone = (path for path in before.keys() - seen if not any(f"{path}/".startswith(f"{one}/") for one in hidden))
        return found | dict.fromkeys(gone, 2)

    def entry(self, path: str) -> Entry:
        """What there is at a path now. Its content is to be read before it changes."""
        real = self._folder / path.lstrip("/")
        found = real.lstat()
        mode, modified = stat.S_IMODE(found.st_mode), found.st_mtime_ns
        if stat.S_ISLNK(found.st_mode):
            target = os.readlink(real)
            if target.startswith("/") and not target.startswith(f"{self._folder}/"):
                # None of the container's: the shim of Python programs keeps sockets elsewhere.
                return Entry(path, "socket", mode)
            return Entry(path, "link", 0o777, None, self.inside(target), modified=modified)
        if stat.S_ISDIR(found.st_mode):
            return Entry(path, "directory", mode, modified=modified)
        is_file = stat.S_ISREG(found.st_mode)
        return Entry(path, "file", mode, real, modified=modified) if is_file else Entry(path, "socket", mode)

    def inside(self, target: str) -> str:
        """The target of a link as the container calls it."""
        return target[len(str(self._folder)) :] if target.startswith(f"{self._folder}/") else target

    def _walk(self, path: str, mounts: Collection[str]) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        with os.scandir(f"{self._folder}{path}") as entries:
            for entry in entries:
                below = f"{path}/{entry.name}"
                if below in NOT_KEPT:
                    continue
                yield below, entry
                if below not in mounts and entry.is_dir(follow_symlinks=False):
                    yield from self._walk(below, mounts)

    def _is_as_before(self, path: str, entry: "os.DirEntry[str]", node: Node, extra: Mapping[str, File]) -> bool:
        if entry.is_symlink():
            return node.kind == "link" and os.readlink(entry.path) == _target(node, self._folder)
        if entry.is_dir(follow_symlinks=False) or node.kind != "file":
            return node.kind == "directory" and entry.is_dir(follow_symlinks=False)
        if path in extra:
            return Path(entry.path).read_bytes() == extra[path].data
        if stamp_of(entry.stat(follow_symlinks=False)) == self._root.files[path][2]:
            return True
        assert node.content is not None
        return Path(entry.path).read_bytes() == node.content.read_bytes()


class _Spare(NamedTuple):
    """A copy of an image's files that waits for a container."""

    image: str
    folder: Path


class Roots:
    """The images' files in one folder. Its methods take their time, and may be called in any thread."""

    def __init__(self, folder: Path) -> None:
        """What an earlier life of the lab left in the folder is used again, if it is as it should be."""
        self._pool = Pool(folder)
        self._folder = folder
        self._known: dict[str, _Root] = {}
        self._spare: _Spare | None = None
        self._lock = threading.Lock()

    def copy(self, image: Image, folder: Path, without: Callable[[str], bool]) -> Copy:
        """Fill a directory with an image's files, but those that are to be left out. Raises OSError."""
        with self._lock:
            root = self._root(image)
            if not self._adopt(image, root, folder, without):
                self._fill(root, folder, without)
        return Copy(root, folder)

    def prepare(self, image: Image) -> None:
        """Have an image's files ready before the first container asks for them. Raises OSError."""
        with self._lock:
            self._root(image)

    def spare(self, image: Image) -> None:
        """Have a copy ready for the next container of an image, made of the one before as far as they are alike.

        Raises OSError. Thousands of files and directories take most of the time of a copy, and a build makes image
        after image that differ in few.
        """
        with self._lock:
            root = self._root(image)
            before, self._spare = self._spare, None
            known = None if before is None else self._known.get(before.image)
            if before is not None and known is not None and _goes_on(known, root):
                try:
                    for path in known.nodes:
                        if not _is_same(known, root, path):
                            os.unlink(f"{before.folder}{path}")
                    self._fill(root, before.folder, lambda path: path in known.nodes and _is_same(known, root, path))
                except OSError:
                    # It is neither the one nor the other.
                    shutil.rmtree(before.folder, ignore_errors=True)
                    raise
                self._spare = _Spare(image.id, before.folder)
                return
            folder = self._folder / secrets.token_hex(8)
            folder.mkdir(mode=0o700)
            self._fill(root, folder, lambda path: False)
            self._spare = _Spare(image.id, folder)
        if before is not None:
            # No container waits for this.
            shutil.rmtree(before.folder, ignore_errors=True)

    def _adopt(self, image: Image, root: _Root, folder: Path, without: Callable[[str], bool]) -> bool:
        """Let the spare copy be the container's; False when it is another image's, or cannot be moved."""
        if self._spare is None or self._spare.image != image.id:
            return False
        spare, self._spare = self._spare, None
        try:
            spare.folder.rename(folder)
        except OSError:
            shutil.rmtree(spare.folder, ignore_errors=True)
            return False
        for path, node in root.nodes.items():
            real = folder / path[1:]
            if without(path):
                shutil.rmtree(real, ignore_errors=True) if node.kind == "directory" else real.unlink(missing_ok=True)
            elif node.kind == "link" and node.target.startswith("/"):
                real.unlink()
                real.symlink_to(_target(node, folder))
        _set_times(root, folder)
        return True

    def _root(self, image: Image) -> _Root:
        if not self._known:
            self._pool.tidy(_KEPT)
        # The one that was used last is the last.
        root = self._known[image.id] = self._known.pop(image.id) if image.id in self._known else self._made(image)
        if len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
            self._pool.keep({folder for kept in self._known.values() for folder, _, _ in kept.files.values()})
        return root

    def _made(self, image: Image) -> _Root:
        near = max(self._known.values(), key=lambda root: _in_common(root.layers, image.layers), default=None)
        known = near.programs if near is not None else {}
        programs: dict[Content, bool] = {}
        with Reader() as reader:

            def is_program(content: Content) -> bool:
                if content not in programs:
                    programs[content] = known[content] if content in known else reader.runs_on_a_processor(content)
                return programs[content]

            nodes = contents(image, is_program)
            files = {
                path: self._pool.put(path, node.content, node.mode & 0o777, node.modified, reader)
                for path, node in nodes.items()
                if node.content is not None
            }
        times = {path: modified(image, path) for path, node in nodes.items() if node.kind == "directory"}
        return _Root(image.layers, nodes, files, times, programs)

    def _fill(self, root: _Root, folder: Path, without: Callable[[str], bool]) -> None:
        for path, node in root.nodes.items():
            if without(path):
                continue
            real = f"{folder}{path}"
            if node.kind == "directory":
                with suppress(FileExistsError):
                    os.mkdir(real)
                    if node.mode != 0o755:
                        os.chmod(real, node.mode | 0o700)
            elif node.kind == "link":
                os.symlink(_target(node, folder), real)
            else:
                kept, name, _ = root.files[path]
                source = self._pool.path(kept, name)
                if not (_SHARED.search(path) and _link(source, real)):
                    shutil.copy2(source, real)
        _set_times(root, folder)


def _set_times(root: _Root, folder: Path) -> None:
    """Let the directories of a copy be as old as the image's, now that everything is in them."""
    for path, moment in root.times.items():
        with suppress(FileNotFoundError):
            os.utime(f"{folder}{path}", ns=(moment, moment), follow_symlinks=False)


def _is_same(one: _Root, other: _Root, path: str) -> bool:
    """Whether two images have the same file, link or directory at a path that the first has."""
    return one.nodes[path] == other.nodes.get(path) and one.files.get(path) == other.files.get(path)


def _goes_on(one: _Root, other: _Root) -> bool:
    """Whether an image has all that another one has, in the same directories."""
    return one.nodes.keys() <= other.nodes.keys() and all(
        node == other.nodes[path] for path, node in one.nodes.items() if node.kind == "directory"
    )


def _target(node: Node, folder: Path) -> str:
    """A link's target as this machine has it: an absolute one is one in the container."""
    return str(folder / node.target.lstrip("/")) if node.target.startswith("/") else node.target


def _link(source: str, real: str) -> bool:
    """Make a hard link; False where there can be none (any more)."""
    try:
        os.link(source, real)
    except OSError:
        return False
    return True


def _in_common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    return next((number for number, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
                min(len(one), len(other)))  # fmt: skip
