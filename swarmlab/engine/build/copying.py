"""COPY and ADD: what is copied, and what it becomes (MB: builder/dockerfile/{copy,internals}.go)."""

import hashlib
import io
import posixpath
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import MappingProxyType
from typing import IO, NamedTuple

from swarmlab.engine.build.files import Files, has_wildcards
from swarmlab.engine.errors import EngineError, internal
from swarmlab.engine.offline import is_url
from swarmlab.images import ROOT, Entry, LayerError, Owner

Unpack = Callable[[IO[bytes]], AbstractContextManager[Sequence[Entry]]]


class Source(NamedTuple):
    """One thing that is copied: `path` is where it is, `name` what it is called there. `digest` is for the cache.

    One that `is_plain` is copied as it is, also when it is an archive.
    """

    files: Files
    path: str
    name: str
    digest: str
    is_plain: bool = False


def find_sources(
    word: str,
    paths: Sequence[str],
    dest: str,
    files: Files,
    *,
    is_context: bool,
    fetched: Mapping[str, Source] = MappingProxyType({}),
) -> list[Source]:
    """What COPY or ADD (the `word`) means by its sources; `fetched` has those that are URLs. Raises EngineError."""
    try:
        found = []
        for path in paths:
            found += [fetched[path]] if path in fetched else _find(word, path, files, is_context=is_context)
        if not found:
            raise internal("no source files were specified")
    except EngineError as error:
        raise internal(f"{word} failed: {error}") from None
    if len(found) > 1 and not dest.endswith("/"):
        raise internal(
            f"When using {word} with more than one source file, the destination must be a directory and end with a /"
        )
    return found


def source_digest(sources: Sequence[Source]) -> str:
    """What the history calls the sources."""
    if len(sources) == 1:
        return sources[0].digest
    return _digest_of("multi", [source.digest for source in sources])


class Copier:
    """Makes the entries of a layer. Within the block only they can be read."""

    def __init__(self, target: Files, unpack: Unpack | None = None, owner: Owner | None = None) -> None:
        """`target` is the image that is copied to, `owner` whose the copies are, by default as before.

        With `unpack` archives are extracted, as ADD does it; what is in one belongs to whom it says.
        """
        self._target = target
        self._unpack = unpack
        self._owner = owner
        self._open = ExitStack()
        self._made: dict[str, Entry] = {}

    def __enter__(self) -> "Copier":
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def entries(self, sources: Iterable[Source], dest: str) -> list[Entry]:
        """The entries of all sources, and of the directories that they are in. Raises EngineError."""
        try:
            for source in sources:
                self._copy(source, dest)
        except EngineError as error:
            raise internal(f"failed to copy files: {error}") from None
        return list(self._made.values())

    def directory(self, path: str) -> list[Entry]:
        """The entries of a directory and of those that it is in. Raises EngineError."""
        self._directories(path)
        return list(self._made.values())

    def _copy(self, source: Source, dest: str) -> None:
        entry = source.files.get(source.path)
        assert entry is not None
        path = self._target.resolve(dest)
        if entry.kind == "directory":
            try:
                self._directories(posixpath.dirname(path), ROOT)
                self._directories(path)
            except EngineError as error:
                raise internal(f"failed to copy directory: {error}") from None
            for below in source.files.below(source.path):
                self._add(below, posixpath.join(path, below.path[len(source.path.rstrip("/")) + 1 :]))
            return
        inside = None if source.is_plain else self._extracted(entry)
        if inside is not None:
            self._directories(path, ROOT)
            for member in inside:
                there = posixpath.join(path, member.path.lstrip("/"))
                self._directories(posixpath.dirname(there), ROOT)
                self._made[there] = member._replace(path=there)
            return
        there = self._kind(path)
        if dest.endswith("/") or there == "directory":
            path = self._target.resolve(posixpath.join(path, source.name))
        try:
            self._directories(posixpath.dirname(path))
        except EngineError as error:
            raise internal(f"failed to create new directory: {error}") from None
        self._add(entry, path)

    def _add(self, entry: Entry, path: str) -> None:
        self._directories(posixpath.dirname(path))
        self._made[path] = entry._replace(path=path, owner=entry.owner if self._owner is None else self._owner)

    def _directories(self, path: str, owner: Owner | None = None) -> None:
        """Tell of a directory and those that it is in, with the modes that they have; new ones are `owner`'s.

        By default that is whose the copies are, or else root.
        """
        owner = owner or self._owner or ROOT
        todo = []
        while path != "/" and path not in self._made:
            todo.append(path)
            path = posixpath.dirname(path)
        for folder in reversed(todo):
            there = self._target.get(folder)
            if there is not None and there.kind != "directory":
                raise internal(f"mkdir {folder}: not a directory")
            self._made[folder] = there or Entry(folder, "directory", 0o755, owner=owner)

    def _kind(self, path: str) -> str:
        found = self._made.get(path) or self._target.get(path)
        return found.kind if found is not None else ""

    def _extracted(self, entry: Entry) -> Sequence[Entry] | None:
        """What is in an archive; None for anything else."""
        if self._unpack is None or entry.content is None:
            return None
        data = io.BytesIO(entry.content.read_bytes())
        if not _is_archive(data):
            return None
        try:
            return self._open.enter_context(self._unpack(data))
        except LayerError as error:
            raise internal(str(error)) from None


def new_directory(path: str, target: Files) -> list[Entry]:
    """The entries of a directory that WORKDIR makes; none when it is there. Raises EngineError."""
    path = target.resolve(path)
    there = target.get(path)
    if there is not None:
        if there.kind != "directory":
            raise internal(f"Cannot mkdir: {path} is not a directory")
        return []
    with Copier(target) as copier:
        return copier.directory(path)


def absolute(dest: str, working_dir: str) -> str:
    """A destination with its slash at the end, if it has one."""
    if dest.startswith("/"):
        return dest
    path = posixpath.normpath(posixpath.join("/", working_dir, dest))
    return f"{path}/" if dest.endswith("/") else path


def _find(word: str, path: str, files: Files, *, is_context: bool) -> list[Source]:
    if is_url(path):
        raise internal("source can't be a URL for COPY")
    relative = path.removeprefix("/").removeprefix("./")
    if has_wildcards(relative):
        return [_source(files, match) for match in files.matching(relative)]
    if posixpath.normpath(relative).split("/")[0] == "..":
        raise internal(f"forbidden path outside the build context: {relative} ()")
    try:
        return [_source(files, relative)]
    except FileNotFoundError:
        where = "file not found in build context or excluded by .dockerignore: " if is_context else ""
        raise internal(f"{where}stat {relative}: file does not exist") from None


def _source(files: Files, relative: str) -> Source:
    """Raises FileNotFoundError."""
    path = files.resolve(relative)
    entry = files.get(path)
    if entry is None:
        raise FileNotFoundError(relative)
    name = posixpath.basename(posixpath.normpath(relative))
    if entry.kind == "directory":
        digests = sorted(files.digest(below) for below in files.below(path))
        return Source(files, path, name, _digest_of("dir", digests))
    return Source(files, path, name, f"file:{files.digest(entry)}")


def _digest_of(kind: str, digests: Sequence[str]) -> str:
    return f"{kind}:{hashlib.sha256(','.join(digests).encode()).hexdigest()}"


def _is_archive(data: IO[bytes]) -> bool:
    try:
        with tarfile.open(fileobj=data, mode="r:*") as tar:
            return tar.next() is not None
    except (tarfile.TarError, EOFError, OSError):
        return False
    finally:
        data.seek(0)
