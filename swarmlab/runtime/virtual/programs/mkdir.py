"""`mkdir`: the shell's own knows no `-m`."""

import getopt
import posixpath

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.programs.modes import octal


async def mkdir(context: Context) -> int:
    """`mkdir [-m MODE] [-p] DIRECTORY…`; a mode is octal."""
    try:
        given, names = getopt.gnu_getopt(context.argv[1:], "m:pv", ["mode=", "parents", "verbose"])
    except getopt.GetoptError as error:
        await context.err(f"mkdir: invalid option -- '{error.opt}'\n")
        return 1
    options = dict(given)
    parents = bool(options.keys() & {"-p", "--parents"})
    mode = options.get("-m", options.get("--mode", ""))
    if not names:
        await context.err("mkdir: missing operand\n" if not context.machine.is_busybox else _USAGE)
        return 1
    number = octal(mode) if mode else None
    if mode and number is None:
        await context.err(f"mkdir: invalid mode '{mode}'\n")
        return 1
    failed = False
    for name in names:
        reason = _made(context, context.path(name), parents=parents, mode=number)
        if reason:
            failed = True
            words = "can't" if context.machine.is_busybox else "cannot"
            await context.err(f"mkdir: {words} create directory '{name}': {reason}\n")
    return int(failed)


_USAGE = """BusyBox v1.36.1 () multi-call binary.

Usage: mkdir [-m MODE] [-p] DIRECTORY...

Create DIRECTORY

	-m MODE	Mode
	-p	No error if exists; make parent directories as needed
"""


def _made(context: Context, path: str, *, parents: bool, mode: int | None) -> str:
    """Make a directory; why it could not be made."""
    root = context.machine.root
    fs, inner = root.personal(path, context.user)
    if fs.exists(inner):
        is_directory = root.is_directory(path)
        return "" if parents and is_directory else "File exists"
    if root.is_read_only(path):
        return "Read-only file system"
    if not parents and not root.is_directory(posixpath.dirname(path)):
        return "No such file or directory" if not root.exists(posixpath.dirname(path)) else "Not a directory"
    try:
        fs.mkdir(inner, recursive=parents)
        if mode is not None:
            fs.chmod(inner, mode)
    except RuntimeError as error:
        return str(error).removeprefix("io error: ")
    return ""
