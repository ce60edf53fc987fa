"""`chown` and `chgrp`: whose files are, as `ls` and `stat` show them."""

import getopt
import posixpath
from collections.abc import Iterator

from swarmlab.runtime.virtual.context import Context


async def chown(context: Context) -> int:
    """`chown [-Rhcvf] USER[:[GROUP]] FILE…`."""
    return await _change(context, group_only=False)


async def chgrp(context: Context) -> int:
    """`chgrp [-Rhcvf] GROUP FILE…`."""
    return await _change(context, group_only=True)


async def _change(context: Context, *, group_only: bool) -> int:
    name = posixpath.basename(context.argv[0])
    try:
        given, words = getopt.gnu_getopt(context.argv[1:], "RhLHPcvf", ["recursive", "no-dereference"])
    except getopt.GetoptError as error:
        await context.err(f"{name}: invalid option -- '{error.opt}'\n")
        return 1
    if len(words) < 2:
        await context.err(f"{name}: missing operand\n")
        return 1
    options = {option for option, _ in given}
    users, root = context.machine.users, context.machine.root
    who, separator, group = ("", ":", words[0]) if group_only else words[0].partition(":" if ":" in words[0] else ".")
    try:
        found = users.find(who) if who else None
    except LookupError:
        both = separator and not group_only
        await context.err(f"chown: unknown user{'/group' if both else ''} {words[0]}\n")
        return 1
    try:
        gid = users.group(group) if group else found.gid if found is not None and separator else None
    except LookupError:
        await context.err(f"{name}: unknown group {group}\n")
        return 1
    if context.user.uid:
        for word in words[1:]:
            await context.err(f"{name}: {word}: Operation not permitted\n")
        return 1
    code = 0
    for word in words[1:]:
        path = context.path(word)
        fs, inner = root.seen(path)
        if not fs.exists(inner):
            await context.err(f"{name}: {word}: No such file or directory\n")
            code = 1
            continue
        for one in _below(context, path) if options & {"-R", "--recursive"} else (path,):
            uid_before, gid_before = root.owner(one)
            root.give(one, uid_before if found is None else found.uid, gid_before if gid is None else gid)
    return code


def _below(context: Context, path: str) -> Iterator[str]:
    """A path and what is below it."""
    yield path
    fs, inner = context.machine.root.seen(path)
    if fs.stat(inner)["file_type"] == "directory":
        for entry in fs.read_dir(inner):
            yield from _below(context, posixpath.join(path, entry["name"]))
