"""`su`: a command, or a shell, as somebody else. Root needs no password, and nobody else has one that would do."""

import getopt
import posixpath

from swarmlab.runtime.virtual.context import Context


async def su(context: Context) -> int:
    """`su [-] [-l] [-m] [-s SHELL] [-c COMMAND] [USER [NAME ARGUMENT…]]`."""
    words = list(context.argv[1:])
    is_login = "-" in words
    try:
        words = [word for word in words if word != "-"]
        given, rest = getopt.gnu_getopt(words, "lmpc:s:", ["login", "command=", "shell="])
    except getopt.GetoptError as error:
        await context.err(f"su: invalid option -- '{error.opt}'\n")
        return 1
    options = dict(given)
    is_login = is_login or bool(options.keys() & {"-l", "--login"})
    name = rest[0] if rest else "root"
    machine = context.machine
    try:
        user = machine.users.find(name)
    except LookupError:
        await context.err(
            f"su: unknown user {name}\n"
            if machine.is_busybox
            else f"su: user {name} does not exist or the user entry does not contain all the required fields\n"
        )
        return 1
    if context.user.uid:
        told = "su: must be suid to work properly" if machine.is_busybox else "Password: \nsu: Authentication failure"
        await context.err(f"{told}\n")
        return 1
    own = machine.users.shell(user.name)
    shell = options.get("-s", options.get("--shell", own))
    if posixpath.basename(shell) in {"nologin", "false"}:
        if not shell.endswith("/false"):
            await context.err(f"This account is {'' if machine.is_busybox else 'currently '}not available\n")
        return 1
    command = options.get("-c", options.get("--command", ""))
    env = {**context.env, "HOME": user.home, "SHELL": shell}
    if user.uid:
        env |= {"USER": user.name, "LOGNAME": user.name}
    if is_login:
        env = {"HOME": user.home, "SHELL": shell, "USER": user.name, "LOGNAME": user.name, "PATH": _PATH}
    argv = (shell, "-c", command, *rest[1:]) if command else (shell,)
    cwd = user.home if is_login and machine.root.is_directory(user.home) else context.cwd
    user = user._replace(groups=machine.users.groups_of(user.name))
    return await machine.carry_out(context.with_argv(argv).with_env(env).as_user(user, cwd))


#: What a login begins with.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
