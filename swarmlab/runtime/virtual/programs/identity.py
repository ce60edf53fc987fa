"""`id`: who a command runs as."""

from swarmlab.runtime.virtual.machine import Context


async def id_(context: Context) -> int:
    """Print the user and groups, or the one that `-u`, `-g` or `-G` (with `-n` its name) asks for."""
    user = context.user
    flags = {letter for argument in context.argv[1:] if argument.startswith("-") for letter in argument[1:]}
    if flags - set("ugGn"):
        await context.err(f"id: invalid option -- '{min(flags - set('ugGn'))}'\n")
        return 1
    group = context.machine.group_name(user.gid)
    if "u" in flags:
        await context.out(f"{user.name if 'n' in flags else user.uid}\n")
    elif flags & {"g", "G"}:
        await context.out(f"{group if 'n' in flags else user.gid}\n")
    else:
        await context.out(f"uid={user.uid}({user.name}) gid={user.gid}({group}) groups={user.gid}({group})\n")
    return 0
