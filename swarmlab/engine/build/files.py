"""A tree of files that is copied from or to: a build context, or an image's root file system."""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import cached_property

from swarmlab.engine.errors import internal
from swarmlab.images import ROOT, Entry, Owner, resolved, with_parents
from swarmlab.runtime.virtual import Node


class Files:
    """Entries by absolute path, every directory among them. No path leads out of the tree, and no link either."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = {entry.path: entry for entry in with_parents(entries)}

    @classmethod
    def of(cls, nodes: Mapping[str, Node], owners: Mapping[str, Owner]) -> "Files":
        """The root file system of an image, and whose what is not root's is."""
        return cls(
            Entry(path, node.kind, node.mode, node.content, node.target, owners.get(path, ROOT), node.modified)
            for path, node in nodes.items()
        )

    def get(self, path: str) -> Entry | None:
        """What is at a path, links not followed."""
        return Entry("/", "directory", 0o755) if path == "/" else self._entries.get(path)

    def resolve(self, path: str) -> str:
        """The path with its links followed, whether something is there or not. Raises EngineError."""
        try:
            return resolved(path, self._target_of)
        except OSError:
            raise internal(f"too many links in {path}") from None

    def below(self, path: str) -> list[Entry]:
        """Everything in a directory, however deep, directories before what is in them."""
        prefix = path.rstrip("/") + "/"
        found = []
        for other in self._paths[bisect_left(self._paths, prefix) :]:
            if not other.startswith(prefix):
                break
            found.append(self._entries[other])
        return found

    def matching(self, pattern: str) -> list[str]:
        """The paths, relative to the root, that a pattern matches as a whole (Go's filepath.Match)."""
        expression = _expression(pattern)
        if expression is None:
            return []
        walked = sorted(self._paths, key=lambda path: path.split("/"))
        return [path[1:] for path in walked if expression.fullmatch(path[1:])]

    def digest(self, entry: Entry) -> str:
        """What changes with an entry's name, mode and content, and with nothing else."""
        found = hashlib.sha256(f"{entry.path}\0{entry.kind}\0{entry.mode:o}\0{entry.target}\0".encode())
        if entry.content is not None:
            found.update(entry.content.read_bytes())
        return found.hexdigest()

    def _target_of(self, path: str) -> str | None:
        found = self._entries.get(path)
        return found.target if found is not None and found.kind == "link" else None

    @cached_property
    def _paths(self) -> list[str]:
        return sorted(self._entries)


def has_wildcards(path: str) -> bool:
    """Whether a path is a pattern."""
    return re.search(r"[*?\[]", re.sub(r"\\.", "", path)) is not None


def _expression(pattern: str) -> re.Pattern[str] | None:
    """A pattern as a regular expression; None for a bad one, which matches nothing."""
    found, at = "", 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            found += "" if found.endswith("[^/]*") else "[^/]*"
        elif character == "?":
            found += "[^/]"
        elif character == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                return None
            inside, at = pattern[at:end], end + 1
            negated = inside.startswith("^")
            members = re.sub(r"([\[\]^&~|])", r"\\\1", inside[1:] if negated else inside)
            found += f"(?!/)[{'^' if negated else ''}{members}]"
        else:
            if character == "\\":
                character, at = pattern[at : at + 1], at + 1
            found += re.escape(character)
    try:
        return re.compile(found, re.DOTALL)
    except re.error:
        return None
