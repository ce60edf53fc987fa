"""`rm` and `rmdir` for containers with mounts: what is mounted stays, as nobody can remove a mount point.

The shell's own would take away the very folder of a volume.
"""

import getopt
import posixpath

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.files.files import RootFs

_BUSY, _READ_ONLY, _ABSENT = "Device or resource busy", "Read-only file system", "No such file or directory"


async def rm(context: Context) -> int:
    """Remove files, and directories with `-r`; `-f` minds nothing that is not there."""
    try:
        given, names = getopt.gnu_getopt(context.argv[1:], "rRfivd", ["recursive", "force", "verbose", "dir"])
    except getopt.GetoptError as error:
        await context.err(f"rm: {error}\n")
        return 1
    options = {name for name, _ in given}
    recursive = bool(options & {"-r", "-R", "--recursive"})
    force = bool(options & {"-f", "--force"})
    if not names and not force:
        await context.err("rm: missing operand\n")
        return 1
    failed = False
    for name in names:
        path = context.path(name)
        kind = _kind(context.machine.root, path)
        if kind is None:
            wrong = "" if force else f"can't remove '{name}': {_ABSENT}"
        elif kind == "directory" and not recursive:
            wrong = f"'{name}' is a directory"
        else:
            reason = _remove(context, path, kind)
            wrong = f"can't remove '{name}': {reason}" if reason else ""
        if wrong:
            failed = True
            await context.err(f"rm: {wrong}\n")
    return int(failed)


async def rmdir(context: Context) -> int:
    """Remove empty directories."""
    failed = False
    for name in [word for word in context.argv[1:] if not word.startswith("-")]:
        reason = _remove_empty(context, context.path(name))
        if reason:
            failed = True
            await context.err(f"rmdir: '{name}': {reason}\n")
    return int(failed)


def _remove_empty(context: Context, path: str) -> str:
    root = context.machine.root
    kind = _kind(root, path)
    if kind != "directory":
        return _ABSENT if kind is None else "Not a directory"
    if root.mounts.are_at(path):
        return _BUSY
    return "Directory not empty" if _names(root, path) else _remove(context, path, kind)


def _remove(context: Context, path: str, kind: str) -> str:
    """Remove what is at a path and below it; why something could not be, the last reason there was."""
    root = context.machine.root
    reason = ""
    if kind == "directory" and root.mounts.are_below(path):
        for name in _names(root, path):
            below = posixpath.join(path, name)
            reason = _remove(context, below, _kind(root, below) or "file") or reason
    if kind == "directory":
        reason = _BUSY if any(fixed.startswith(f"{path.rstrip('/')}/") for fixed in root.fixed) else reason
    if reason or root.mounts.are_at(path) or path in root.fixed:
        return reason or _BUSY
    if root.is_read_only(path):
        return _READ_ONLY
    fs, inner = root.personal(path, context.user)
    try:
        fs.remove(inner, recursive=True)
    except RuntimeError as error:
        return str(error).removeprefix("io error: ")
    return ""


def _kind(root: RootFs, path: str) -> str | None:
    fs, inner = root.at(path)
    try:
        return str(fs.stat(inner)["file_type"])
    except (RuntimeError, OSError):
        return None


def _names(root: RootFs, path: str) -> list[str]:
    fs, inner = root.at(path)
    return sorted(entry["name"] for entry in fs.read_dir(inner))
