"""What a build is made of: the files that a client has sent, the Dockerfile among them (MB: builder/remotecontext)."""

import posixpath
from collections.abc import Iterable, Sequence

from docker.utils.build import Pattern

from swarmlab.engine.build.files import Files
from swarmlab.engine.errors import bad_request, internal
from swarmlab.images import ROOT, Entry
from swarmlab.images.dockerfile import Dockerfile, DockerfileError, parse

_DEFAULT = "Dockerfile"
_IGNORE = "/.dockerignore"


def open_context(entries: Sequence[Entry], name: str) -> tuple[Files, Dockerfile]:
    """The files of a context, and its Dockerfile of this name. Raises EngineError."""
    name = name or _DEFAULT
    # Whoever has them on the client's machine is nobody here.
    files = Files(entry._replace(owner=ROOT) for entry in entries if entry.kind in {"file", "directory", "link"})
    name, found = _find(files, name)
    try:
        dockerfile = parse(found.content.read_bytes() if found.content is not None else b"", name)
    except DockerfileError as error:
        raise bad_request(str(error)) from None
    return Files(_without_ignored(files, [_IGNORE, posixpath.join("/", name)])), dockerfile


def _find(files: Files, name: str) -> tuple[str, Entry]:
    if posixpath.normpath(name.lstrip("/")).split("/")[0] == "..":
        raise internal(f"forbidden path outside the build context: {name} ()")
    for spelled in [name, _DEFAULT.lower()] if name == _DEFAULT else [name]:
        found = files.get(files.resolve(spelled))
        if found is not None and found.kind == "directory":
            raise internal(f"unexpected error reading Dockerfile: read {found.path}: is a directory")
        if found is not None:
            return spelled, found
    raise internal(f"Cannot locate specified Dockerfile: {name}")


def _without_ignored(files: Files, paths: Iterable[str]) -> list[Entry]:
    """Everything but those of these files that .dockerignore names: clients send them all the same."""
    every = files.below("/")
    ignore = files.get(_IGNORE)
    if ignore is None or ignore.content is None:
        return every
    lines = ignore.content.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
    patterns = [Pattern(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
    gone = {path for path in paths if _is_ignored(path.lstrip("/"), patterns)}
    return [entry for entry in every if entry.path not in gone]


def _is_ignored(path: str, patterns: Iterable[Pattern]) -> bool:
    """Whether the last pattern that fits a path, or a directory that it is in, excludes it."""
    ignored = False
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for pattern in patterns:
        if pattern.dirs and any(pattern.match(part) for part in above):
            ignored = not pattern.exclusion
    return ignored
