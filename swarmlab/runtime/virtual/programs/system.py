"""What programs say of the machine that a container runs on: `df`, `free`, `uptime`, `nproc`, `whoami`, `ulimit`."""

import getopt
import os
import shutil
import time

import psutil

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.files.mounttable import MountEntry

_KIBI = 1024
#: Limits of processes as the shell lists them: title and unit, option, name for Docker, value that nobody has changed.
_LIMITS = (
    ("core file size (blocks)", "c", "core", "0"),
    ("data seg size (kb)", "d", "data", "unlimited"),
    ("scheduling priority", "e", "nice", "0"),
    ("file size (blocks)", "f", "fsize", "unlimited"),
    ("pending signals", "i", "sigpending", "96365"),
    ("max locked memory (kb)", "l", "memlock", "8192"),
    ("max memory size (kb)", "m", "rss", "unlimited"),
    ("open files", "n", "nofile", "1048576"),
    ("POSIX message queues (bytes)", "q", "msgqueue", "819200"),
    ("real-time priority", "r", "rtprio", "0"),
    ("stack size (kb)", "s", "stack", "8192"),
    ("cpu time (seconds)", "t", "cpu", "unlimited"),
    ("max user processes", "u", "nproc", "unlimited"),
    ("virtual memory (kb)", "v", "as", "unlimited"),
    ("file locks", "x", "locks", "unlimited"),
)
#: In bytes for Docker, and in other units for the shell.
_UNITS = {"core": 512, "fsize": 512, "data": 1024, "memlock": 1024, "rss": 1024, "stack": 1024, "as": 1024}


async def df(context: Context) -> int:
    """The container's own mounts with what this machine's disk has."""
    try:
        given, names = getopt.gnu_getopt(context.argv[1:], "hkmPTai")
    except getopt.GetoptError as error:
        await context.err(f"df: unrecognized option: {error.opt}\n")
        return 1
    options = {name for name, _ in given}
    code = 0
    shown = [entry for entry in context.machine.mounts if entry.kind in {"overlay", "tmpfs", "ext4"}]
    if names:
        found: list[MountEntry] = []
        for name in names:
            path = context.path(name)
            fs, inner = context.machine.root.seen(path)
            if not fs.exists(inner):
                told = "can't find mount point" if context.machine.is_busybox else "No such file or directory"
                await context.err(f"df: {name}: {told}\n")
                code = 1
                continue
            over = [e for e in shown if path == e.target or path.startswith(e.target.rstrip("/") + "/")]
            found.append(max(over, key=lambda entry: len(entry.target)))
        shown = found
    unit = 1 if "-h" in options else _KIBI * _KIBI if "-m" in options else _KIBI
    disk = shutil.disk_usage(context.machine.processes.state)
    memory = psutil.virtual_memory().total // 2
    rows = []
    for entry in shown:
        size, used, free = disk.total, disk.used, disk.free
        if entry.kind == "tmpfs":
            mounted = context.machine.root.tmpfs(entry.target)
            size, used = _size_of(entry.options, memory), mounted.used() if mounted is not None else 0
            free = size - used
        share = f"{round(100 * used / (used + free)) if used + free else 0}%"
        rows.append((entry.device, *(_amount(n, unit) for n in (size, used, free)), share, entry.target))
    title = {1: "Size", _KIBI: "1K-blocks"}.get(unit, "1M-blocks")
    lines = [("Filesystem", title, "Used", "Available", "Use%", "Mounted on"), *rows]
    await context.out("".join(f"{a:<20} {b:>9} {c:>9} {d:>9} {e:>4} {f}\n" for a, b, c, d, e, f in lines))
    return code


async def free(context: Context) -> int:
    """The memory of this machine, as containers see it, in KiB or what `-b`, `-m`, `-g`, `-h` say."""
    words = context.argv[1:]
    unit = next(
        (size for flag, size in (("-b", 1), ("-m", 1 << 20), ("-g", 1 << 30), ("-h", 0)) if flag in words), _KIBI
    )
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    cached = getattr(memory, "cached", 0) + getattr(memory, "buffers", 0)
    rows = (
        ("Mem:", memory.total, memory.used, memory.free, getattr(memory, "shared", 0), cached, memory.available),
        ("Swap:", swap.total, swap.used, swap.free),
    )

    def cell(amount: int) -> str:
        return _amount(amount, unit) if unit else _amount(amount, 1)

    first = 7 if context.machine.is_busybox else 8
    titles = ("total", "used", "free", "shared", "buff/cache", "available")
    await context.out(f"{'':<{first}}{''.join(f'{title:>12}' for title in titles)}" + "\n")
    for name, *numbers in rows:
        await context.out(f"{name:<{first}}{''.join(f'{cell(number):>12}' for number in numbers)}\n")
    return 0


async def uptime(context: Context) -> int:
    """How long this machine has been up, and its load."""
    now = context.machine.clock.now() / 1e9
    minutes = int(time.time() - psutil.boot_time()) // 60
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    day = f"{days} day{'s' if days != 1 else ''}, " if days else ""
    up = f"{hours:>2}:{rest:02}" if hours else f"{rest} min"
    load = ", ".join(f"{number:.2f}" for number in os.getloadavg())
    await context.out(f" {time.strftime('%H:%M:%S', time.gmtime(now))} up {day}{up},  0 users,  load average: {load}\n")
    return 0


async def nproc(context: Context) -> int:
    """The number of processors."""
    await context.out(f"{os.cpu_count() or 1}\n")
    return 0


async def whoami(context: Context) -> int:
    """The name of the user, who must have one."""
    if context.user.name == str(context.user.uid):
        await context.err(f"whoami: unknown uid {context.user.uid}\n")
        return 1
    await context.out(f"{context.user.name}\n")
    return 0


async def ulimit(context: Context) -> int:
    """The limits that the container was given; nobody in it may change them."""
    words = context.argv[1:]
    hard = any("H" in word for word in words if word.startswith("-"))
    letters = "".join(letter for word in words if word.startswith("-") for letter in word[1:] if letter not in "HS")
    if "a" in letters:
        rows = (
            f"{title:<31} (-{letter}) {_limit(context, name, plain, hard=hard)}\n"
            for title, letter, name, plain in _LIMITS
        )
        await context.out("".join(rows))
        return 0
    for letter in letters or "f":
        found = next((limit for limit in _LIMITS if limit[1] == letter), None)
        if found is None:
            await context.err(f"sh: ulimit: invalid option -- '{letter}'\n")
            return 2
        if not any(not word.startswith("-") for word in words):
            await context.out(f"{_limit(context, found[2], found[3], hard=hard)}\n")
    return 0


def _limit(context: Context, name: str, plain: str, *, hard: bool) -> str:
    for given, soft, most in context.machine.ulimits:
        if given == name:
            value = most if hard else soft
            return "unlimited" if value < 0 else str(value // _UNITS.get(name, 1))
    return "unlimited" if hard and name in {"core", "stack"} else plain


def _size_of(options: str, default: int) -> int:
    for option in options.split(","):
        if option.startswith("size="):
            text = option.removeprefix("size=")
            number, unit = int(text.rstrip("kmg")), text[-1:]
            return number << {"k": 10, "m": 20, "g": 30}.get(unit, 0)
    return default


def _amount(number: int, unit: int) -> str:
    """In units, or with `unit` 1 in the largest that leaves a number to read."""
    if unit != 1:
        return str(number // unit)
    size, letters = float(number), iter("KMGT")
    letter = ""
    while size >= _KIBI:
        size, letter = size / _KIBI, next(letters)
    return f"{size:.1f}{letter}" if letter else str(number)
