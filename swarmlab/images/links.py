"""Symbolic links as the file systems of virtual containers need them: those follow none."""

import posixpath

from swarmlab.images.base import Tree

_LINKS = 40
#: So many files may come to be by following links; an image can make any number of them.
_MOST = 10_000


def followed(tree: Tree) -> Tree:
    """The tree with the files that its links lead to in their places; a link to nowhere, or to a binary, stays one."""
    files, modes, directories = dict(tree.files), dict(tree.modes), dict(tree.directories)
    links = {}
    below = _contents(tree)
    for link, target in tree.links.items():
        path = _resolved(tree, posixpath.join(posixpath.dirname(link), target))
        content = tree.files.get(path)
        if content is not None and not is_binary(content.read_bytes()):
            files[link], modes[link] = content, tree.modes.get(path, 0o644)
        elif path in below and not f"{link}/".startswith(f"{path}/") and len(files) < _MOST:
            directories[link] = tree.directories.get(path, 0o755)
            for inside in below[path]:
                copy = link + inside[len(path) :]
                files[copy], modes[copy] = tree.files[inside], tree.modes.get(inside, 0o644)
        else:
            links[link] = target
    return Tree(files, links, modes, directories)


def is_binary(data: bytes) -> bool:
    """Whether a file is a program for a processor."""
    return data.startswith(b"\x7fELF")


def _contents(tree: Tree) -> dict[str, list[str]]:
    """The files below each directory that a link leads to."""
    wanted = {_resolved(tree, posixpath.join(posixpath.dirname(link), target)) for link, target in tree.links.items()}
    found: dict[str, list[str]] = {path: [] for path in wanted if path in tree.directories}
    for path in tree.files:
        above = posixpath.dirname(path)
        while above != "/":
            if above in wanted:
                found.setdefault(above, []).append(path)
            above = posixpath.dirname(above)
    return found


def _resolved(tree: Tree, path: str) -> str:
    """Where a path leads, the links on the way followed."""
    todo = [part for part in posixpath.normpath(path).split("/") if part]
    done, followed_ = "/", 0
    while todo:
        here = posixpath.normpath(posixpath.join(done, todo.pop(0)))
        target = tree.links.get(here)
        if target is None or followed_ >= _LINKS:
            done = here
            continue
        followed_ += 1
        joined = posixpath.normpath(posixpath.join(done, target))
        todo = [part for part in joined.split("/") if part] + todo
        done = "/"
    return done
