"""`ps`: the processes of the container, as busybox or procps shows them."""

import time
from collections.abc import Callable, Mapping, Sequence

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.processes.pids import Inside

_Column = tuple[str, int, Callable[[Inside], str]]


def _clock(process: Inside) -> str:
    return time.strftime("%H:%M", time.gmtime(process.started // 1_000_000_000))


#: Columns by their keys: title, width (negative: to the left, 0: the last one) and text.
_COLUMNS: Mapping[str, _Column] = {
    "pid": ("PID", 5, lambda process: str(process.pid)),
    "ppid": ("PPID", 5, lambda process: str(process.parent)),
    "user": ("USER", -8, lambda process: process.user),
    "comm": ("COMMAND", -16, lambda process: process.command.partition(" ")[0].rpartition("/")[2].rstrip(":")),
    "args": ("COMMAND", 0, lambda process: process.command),
    "time": ("TIME", 5, lambda process: "0:00"),
    "vsz": ("VSZ", 4, lambda process: "1624"),
    "stat": ("STAT", -4, lambda process: "S"),
    "tty": ("TT", -6, lambda process: "?"),
}
_ALIASES = {"cmd": "args", "command": "args", "uid": "user"}


async def ps(context: Context) -> int:
    """Show them all; of procps also those of this terminal only, which is what it does without options."""
    processes = list(context.machine.pids)
    words = context.argv[1:]
    chosen = _chosen(words)
    if chosen is not None and (unknown := next((key for key in chosen if key not in _COLUMNS), None)) is not None:
        await context.err(f"ps: bad -o argument '{unknown}', supported arguments: {','.join(sorted(_COLUMNS))}\n")
        return 1
    if chosen is not None:
        await context.out(_table([_COLUMNS[key] for key in chosen], processes, left=context.machine.is_busybox))
    elif context.machine.is_busybox:
        await context.out(_busybox(processes))
    else:
        await context.out(
            _procps("".join(word.lstrip("-") for word in words), processes, has_dash="-" in "".join(words))
        )
    return 0


def _chosen(words: Sequence[str]) -> list[str] | None:
    """The columns that `-o` asks for."""
    for number, word in enumerate(words):
        if word.startswith("-") and "o" in word:
            text = word.partition("o")[2] or ",".join(words[number + 1 : number + 2])
            return [_ALIASES.get(key, key) for key in text.split(",") if key]
    return None


def _busybox(processes: Sequence[Inside]) -> str:
    rows = [f"{p.pid:>5} {p.user[:8]:<8}  0:00 {p.command}\n" for p in processes]
    return "PID   USER     TIME  COMMAND\n" + "".join(rows)


def _procps(options: str, processes: Sequence[Inside], *, has_dash: bool) -> str:
    if "u" in options and not has_dash:
        title = "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n"
        rows = [
            f"{p.user:<8} {p.pid:>7}  0.0  0.0   4624  1624 ?        S    {_clock(p)}   0:00 {p.command}\n"
            for p in processes
        ]
    elif "f" in options:
        title = "UID          PID    PPID  C STIME TTY          TIME CMD\n"
        rows = [
            f"{p.user:<8} {p.pid:>7} {p.parent:>7}  0 {_clock(p)} ?        00:00:00 {p.command}\n" for p in processes
        ]
    else:
        title = "    PID TTY          TIME CMD\n"
        name = _COLUMNS["comm"][2]
        rows = [f"{p.pid:>7} ?        00:00:00 {name(p)}\n" for p in processes]
    return title + "".join(rows)


def _table(columns: Sequence[_Column], processes: Sequence[Inside], *, left: bool) -> str:
    """A table of columns; with `left` all titles begin where their columns do, as busybox has it."""

    def line(texts: Sequence[str]) -> str:
        cells = [_padded(text, width) for text, (_, width, _) in zip(texts, columns, strict=True)]
        return " ".join(cells).rstrip() + "\n"

    titles = [title.ljust(width) if left else title for title, width, _ in columns]
    return line(titles) + "".join(line([text(process) for _, _, text in columns]) for process in processes)


def _padded(text: str, width: int) -> str:
    return text.rjust(width) if width > 0 else text.ljust(-width)
