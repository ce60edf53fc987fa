"""`id`: who a command runs as."""

from swarmlab.runtime.virtual.context import Context


async def id_(context: Context) -> int:
    """Print the user and groups, or what `-u`, `-g` or `-G` (with `-n` a name) asks for; of USER, if given."""
    user = context.user
    others = [argument for argument in context.argv[1:] if not argument.startswith("-")]
    if others:
        try:
            user = context.machine.users.find(others[0])
            user = user._replace(groups=context.machine.users.groups_of(user.name))
        except LookupError:
            await context.err(f"id: unknown user {others[0]}\n")
            return 1
    flags = {letter for argument in context.argv[1:] if argument.startswith("-") for letter in argument[1:]}
    if flags - set("ugGn"):
        await context.err(f"id: invalid option -- '{min(flags - set('ugGn'))}'\n")
        return 1
    name = context.machine.users.group_name
    groups = dict.fromkeys((user.gid, *user.groups))
    if "u" in flags:
        await context.out(f"{user.name if 'n' in flags else user.uid}\n")
    elif "g" in flags:
        await context.out(f"{name(user.gid) if 'n' in flags else user.gid}\n")
    elif "G" in flags:
        await context.out(" ".join(name(gid) if "n" in flags else str(gid) for gid in groups) + "\n")
    else:
        told = ",".join(_named(gid, name(gid)) for gid in groups)
        await context.out(f"uid={_named(user.uid, user.name)} gid={_named(user.gid, name(user.gid))} groups={told}\n")
    return 0


def _named(number: int, name: str) -> str:
    """A number with its name, when it has one."""
    return str(number) if name == str(number) else f"{number}({name})"
