"""Tools that look after a machine, and what they say in a container, which is none."""

import asyncio
import posixpath
from collections.abc import Sequence

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.processes.pids import Inside
from swarmlab.runtime.virtual.signals import signal_name

#: So many lines `yes` writes at a time, and for how long it rests then, in seconds of real time.
_LINES, _BREATH = 2048, 0.005


async def dmesg(context: Context) -> int:
    """The kernel's messages are not a container's to read."""
    what = "klogctl" if context.machine.is_busybox else "read kernel buffer failed"
    await context.err(f"dmesg: {what}: Operation not permitted\n")
    return 1


async def crontab(context: Context) -> int:
    """There is no cron."""
    await context.err("crontab: can't change directory to '/var/spool/cron/crontabs': No such file or directory\n")
    return 1


async def passwd(context: Context) -> int:
    """Passwords are not kept."""
    name = next((word for word in context.argv[1:] if not word.startswith("-")), context.user.name)
    if context.machine.users.name_of(name) is None:
        await context.err(f"passwd: unknown user {name}\n")
        return 1
    await context.out(f"Changing password for {name}\nNew password: \n")
    await context.err(f"passwd: password for {name} is unchanged\n")
    return 1


async def reboot(context: Context) -> int:
    """`reboot`, `poweroff`, `halt`: they ask the container's first process, which does nothing."""
    return 0


async def logger(context: Context) -> int:
    """Nobody listens to the system's log."""
    return 0


async def renice(context: Context) -> int:
    """All processes are equally nice."""
    return 0


async def yes(context: Context) -> int:
    """`yes [STRING…]`: the same line until nobody reads it any more."""
    lines = f"{' '.join(context.argv[1:]) or 'y'}\n" * _LINES
    while True:
        await context.out(lines)
        # A log takes whatever comes; the lab has other things to do.
        await asyncio.sleep(_BREATH)


async def usleep(context: Context) -> int:
    """`usleep MICROSECONDS`."""
    words = context.argv[1:]
    if len(words) != 1 or not words[0].isdecimal():
        await context.err(f"usleep: invalid number '{words[0]}'\n" if words else "usleep: missing operand\n")
        return 1
    await context.machine.clock.sleep(int(words[0]) / 1e6)
    return 0


async def sysctl(context: Context) -> int:
    """`sysctl [-n] KEY…`: those that a container has; nothing can be written."""
    code = 0
    for word in [word for word in context.argv[1:] if not word.startswith("-")]:
        key, separator, _ = word.partition("=")
        if separator:
            await context.err(f"sysctl: error setting key '{key}': Read-only file system\n")
            code = 1
        elif (value := context.machine.sysctls.get(key.replace("/", "."))) is not None:
            await context.out(f"{'' if '-n' in context.argv else f'{key} = '}{value}\n")
        else:
            await context.err(f"sysctl: error: '{key}' is an unknown key\n")
            code = 1
    return code


async def pidof(context: Context) -> int:
    """`pidof NAME…`: the numbers of processes, the newest first."""
    found = _named(context, context.argv[1:])
    if found:
        await context.out(" ".join(str(process.pid) for process in reversed(found)) + "\n")
    return 0 if found else 1


async def killall(context: Context) -> int:
    """`killall [-q] [-SIGNAL] NAME…`."""
    words = list(context.argv[1:])
    quiet = "-q" in words
    words = [word for word in words if word != "-q"]
    signal = "SIGTERM"
    if words and words[0].startswith("-"):
        try:
            signal = signal_name(words.pop(0)[1:])
        except ValueError:
            await context.err(f"killall: bad signal name '{context.argv[1].lstrip('-')}'\n")
            return 1
    if not words:
        await context.err("killall: you need to specify whom to kill\n")
        return 1
    code = 0
    for word in words:
        found = [process for process in _named(context, [word]) if process.pid != context.pid]
        if not found:
            code = 1
            if not quiet:
                await context.err(f"killall: {word}: no process killed\n")
        for process in found:
            context.machine.pids.sender = context.pid
            process.deliver(signal)
    return code


def _named(context: Context, names: Sequence[str]) -> list[Inside]:
    """The processes that are called so, but for the one that asks."""
    return [
        process
        for process in context.machine.pids
        if process.pid != context.pid and posixpath.basename(process.command.partition(" ")[0]).rstrip(":") in names
    ]
