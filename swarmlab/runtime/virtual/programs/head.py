"""`head`: the beginning of files, which may be endless (`head -c 16 /dev/urandom`)."""

import getopt
import os
import re
from collections.abc import AsyncIterator

from swarmlab.runtime.virtual.context import Context

#: Bytes that are read of a device at a time.
_PIECE = 1 << 16
_COUNT = re.compile(r"(-?)(\d+)([bkKmMgG]?)B?")
_UNITS = {"": 1, "b": 512, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


async def head(context: Context) -> int:
    """`head [-qv] [-n N] [-c N] [FILE…]`: the first lines (10) or bytes; with -N all but the last ones."""
    argv = list(context.argv[1:])
    if argv and re.fullmatch(r"-\d+", argv[0]):
        argv[0] = f"-n{argv[0][1:]}"
    try:
        given, names = getopt.gnu_getopt(argv, "qvn:c:", ["lines=", "bytes=", "quiet", "silent", "verbose"])
    except getopt.GetoptError as error:
        await context.err(f"head: {error}\n")
        return 1
    by, text = "n", "10"
    for name, value in given:
        if value:
            by, text = ("c" if name in {"-c", "--bytes"} else "n"), value
    count = _COUNT.fullmatch(text)
    if count is None:
        kind = "bytes" if by == "c" else "lines"
        known = f"invalid number '{text}'" if context.machine.is_busybox else f"invalid number of {kind}: ‘{text}’"
        await context.err(f"head: {known}\n")
        return 1
    number = int(count[2]) * _UNITS[count[3].lower()]
    options = {name for name, _ in given}
    titled = options & {"-v", "--verbose"} or (len(names) > 1 and not options & {"-q", "--quiet", "--silent"})
    failed = False
    for position, name in enumerate(names or ["-"]):
        try:
            chunks = _chunks(context, name)
        except OSError as error:
            failed = True
            what = name if context.machine.is_busybox else f"cannot open '{name}' for reading"
            await context.err(f"head: {what}: {error.strerror}\n")
            continue
        if titled:
            await context.out(f"{chr(10) * bool(position)}==> {'standard input' if name == '-' else name} <==\n")
        await (_all_but if count[1] else _first)(context, chunks, number, by)
    return int(failed)


async def _first(context: Context, chunks: AsyncIterator[bytes], number: int, by: str) -> None:
    while number and (chunk := await anext(chunks, b"")):
        if by == "c":
            part = chunk[:number]
            number -= len(part)
        else:
            lines = chunk.split(b"\n", number)
            part = chunk if len(lines) <= number else chunk[: len(chunk) - len(lines[-1])]
            number -= part.count(b"\n")
        await context.out(part)


async def _all_but(context: Context, chunks: AsyncIterator[bytes], number: int, by: str) -> None:
    data = b"".join([chunk async for chunk in chunks])
    parts = data.splitlines(keepends=True) if by == "n" else [data[at : at + 1] for at in range(len(data))]
    await context.out(b"".join(parts[: max(0, len(parts) - number)]))


def _chunks(context: Context, name: str) -> AsyncIterator[bytes]:
    """What a file has, piece by piece. Raises OSError."""
    path = context.path(name)
    if name == "-" or path == "/dev/stdin":
        return aiter(context.stdin)
    if path in {"/dev/zero", "/dev/random", "/dev/urandom"}:
        return _endless(path)
    root = context.machine.root
    path = root.followed(path)
    fs, inner = root.seen(path) if path.startswith("/proc") else root.personal(path, context.user)
    try:
        if fs.exists(inner) and fs.stat(inner)["file_type"] == "directory":
            raise IsADirectoryError(0, "Is a directory")
        return _once(b"" if path == "/dev/null" else bytes(fs.read_file(inner)))
    except RuntimeError as error:
        refused = "ermission" in str(error)
        raise OSError(0, "Permission denied" if refused else "No such file or directory") from None


async def _endless(path: str) -> AsyncIterator[bytes]:
    while True:
        yield bytes(_PIECE) if path == "/dev/zero" else os.urandom(_PIECE)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
