"""`wc`: BusyBox's has columns of its own."""

import getopt
from collections.abc import Sequence

from swarmlab.runtime.virtual.context import Context

_LONG = {"--lines": "-l", "--words": "-w", "--chars": "-m", "--bytes": "-c", "--max-line-length": "-L"}


async def wc(context: Context) -> int:
    """`wc [-lwcmL] [FILE]…`: count lines, words, bytes, characters; the longest line."""
    try:
        given, names = getopt.gnu_getopt(context.argv[1:], "lwcmL", [name[2:] for name in _LONG])
    except getopt.GetoptError as error:
        await context.err(f"wc: invalid option -- '{error.opt}'\n")
        return 1
    options = {_LONG.get(name, name) for name, _ in given} or {"-l", "-w", "-c"}
    code = 0
    rows: list[tuple[Sequence[int], str]] = []
    for name in names or ["-"]:
        try:
            data = await _read(context, name)
        except IsADirectoryError:
            reason = "read error" if context.machine.is_busybox else name
            await context.err(f"wc: {reason}: Is a directory\n")
            data, code = b"", 1
        except FileNotFoundError:
            await context.err(f"wc: {name}: No such file or directory\n")
            code = 1
            continue
        rows.append((_counts(data, options), name if names else ""))
    if len(names) > 1:
        columns = zip(*(counts for counts, _ in rows), strict=True)
        rows.append((tuple(map(sum, columns)) or (0,) * len(options), "total"))
    width = _width(context, names, rows)
    for counts, name in rows:
        text = " ".join(f"{count:>{width}}" for count in counts)
        await context.out(f"{text}{name and f' {name}'}\n")
    return code


async def _read(context: Context, name: str) -> bytes:
    """Raises FileNotFoundError, IsADirectoryError."""
    if name == "-":
        return b"".join([chunk async for chunk in context.stdin])
    path = context.path(name)
    if path == "/dev/null":
        return b""
    fs, inner = context.machine.root.seen(context.machine.root.followed(path))
    try:
        if fs.stat(inner)["file_type"] == "directory":
            raise IsADirectoryError(path)
        return bytes(fs.read_file(inner))
    except RuntimeError:
        raise FileNotFoundError(path) from None


def _counts(data: bytes, options: set[str]) -> tuple[int, ...]:
    text = data.decode("utf-8", "replace")
    every = {
        "-l": data.count(b"\n"),
        "-w": len(data.split()),
        "-m": len(text),
        "-c": len(data),
        "-L": max(map(len, text.split("\n"))),
    }
    return tuple(count for option, count in every.items() if option in options)


def _width(context: Context, names: Sequence[str], rows: Sequence[tuple[Sequence[int], str]]) -> int:
    """Of a column: BusyBox's are wide where there are several, GNU's as wide as need be, and 7 for standard input."""
    several = any(len(counts) > 1 for counts, _ in rows)
    if context.machine.is_busybox:
        return 9 if several else 1
    if not several and len(names) < 2:
        return 1
    return 7 if not names else max((len(str(count)) for counts, _ in rows for count in counts), default=1)
