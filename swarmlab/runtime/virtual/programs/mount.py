"""`mount` and `umount`, as busybox has them: they show what is mounted; nobody in a container may change it."""

import getopt

from swarmlab.runtime.virtual.context import Context

_DENIED = "mount: permission denied (are you root?)\n"
_NO_TABLE = "mount: can't read '/etc/fstab': No such file or directory\n"


async def mount(context: Context) -> int:
    """List what is mounted, with `-t` of some kinds only; anything else is refused."""
    try:
        given, names = getopt.gnu_getopt(context.argv[1:], "afFinrsvwt:T:O:o:")
    except getopt.GetoptError as error:
        await context.err(f"mount: invalid option -- '{error.opt}'\n")
        return 1
    options = dict(given)
    if names or "-a" in options:
        # With one name only, or none, the rest would have to stand in a file that no container has.
        await context.err(_DENIED if len(names) > 1 else _NO_TABLE)
        return 1
    kinds = options["-t"].split(",") if "-t" in options else []
    for entry in context.machine.mounts:
        if not kinds or entry.kind in kinds:
            await context.out(f"{entry.device} on {entry.target} type {entry.kind} ({entry.options})\n")
    return 0


async def umount(context: Context) -> int:
    """Refuse."""
    for name in (word for word in context.argv[1:] if not word.startswith("-")):
        await context.err(f"umount: can't unmount {name}: Operation not permitted\n")
    return 1
