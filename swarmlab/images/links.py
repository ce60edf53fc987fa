"""Symbolic links, which those file systems do not follow that virtual containers and builds read."""

import errno
import os
import posixpath
from collections.abc import Callable

_LINKS = 40


def resolved(path: str, target_of: Callable[[str], str | None], *, last: bool = True) -> str:
    """Where a path leads, its links followed; without `last` one at its end is not.

    `target_of` says what a path without links is a link to, None when it is none. Nothing leads above the root.
    Raises OSError when there are too many.
    """
    todo = [part for part in path.split("/") if part and part != "."]
    done, followed = "/", 0
    while todo:
        here = posixpath.normpath(posixpath.join(done, todo.pop(0)))
        target = target_of(here) if todo or last else None
        if target is None:
            done = here
            continue
        followed += 1
        if followed > _LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        todo = [part for part in target.split("/") if part and part != "."] + todo
        done = "/" if target.startswith("/") else posixpath.dirname(here)
    return done
