"""`tail`: the end of files, and with `-f` what is written to them from now on."""

import asyncio
import getopt
from typing import NoReturn

from swarmlab.runtime.virtual.context import Context

#: Seconds of swarm time between two looks at the files.
_POLL = 1.0


async def tail(context: Context) -> int:
    """Print the last lines (`-n`, 10) or bytes (`-c`) of files or standard input; `-f` and `-F` go on for ever."""
    try:
        argv = [f"-n{word[1:]}" if word[:1] == "-" and word[1:].isdigit() else word for word in context.argv[1:]]
        options, names = getopt.gnu_getopt(argv, "fFqvn:c:s:")
        values = dict(options)
    except getopt.GetoptError as error:
        await context.err(f"tail: {error}\n")
        return 1
    follow = "-f" in values or "-F" in values
    if not names:
        await context.out(_end(b"".join([chunk async for chunk in context.stdin]), values))
        return 0
    seen: dict[str, int] = {}
    code = 0
    for name in names:
        if len(names) > 1 and "-q" not in values:
            await context.out(f"{'' if name == names[0] else chr(10)}==> {name} <==\n")
        try:
            data = _read(context, name)
        except FileNotFoundError:
            await context.err(f"tail: can't open '{name}': No such file or directory\n")
            code = 1
            continue
        seen[name] = len(data)
        await context.out(_end(data, values))
    if not (seen or "-F" in values) and context.machine.is_busybox:
        await context.err("tail: no files\n")
    if not follow or not (seen or "-F" in values):
        return code
    return await _follow(context, names, seen)


async def _follow(context: Context, names: list[str], seen: dict[str, int]) -> NoReturn:
    """Print what comes to files, of which so many bytes are `seen`; those that are not there may come, too."""
    if all(name.startswith("/dev/") for name in seen):
        await asyncio.get_running_loop().create_future()
    while True:
        await context.machine.clock.sleep(_POLL)
        for name in names:
            try:
                data = _read(context, name)
            except FileNotFoundError:
                continue
            start = seen.get(name, 0)
            await context.out(data[start:] if len(data) >= start else data)
            seen[name] = len(data)


def _read(context: Context, name: str) -> bytes:
    path = context.path(name)
    return b"" if path.startswith("/dev/") else context.machine.root.read(path)


def _end(data: bytes, values: dict[str, str]) -> bytes:
    if "-c" in values:
        return _cut(data, values["-c"])
    lines = data.splitlines(keepends=True)
    count = values.get("-n", "10")
    if count.startswith("+"):
        return b"".join(lines[max(0, int(count) - 1) :])
    return b"".join(lines[len(lines) - min(len(lines), abs(int(count))) :])


def _cut(data: bytes, count: str) -> bytes:
    if count.startswith("+"):
        return data[max(0, int(count) - 1) :]
    return data[len(data) - min(len(data), abs(int(count))) :]
