"""`kill`, for the processes of the container; jobs of a shell are the shell's own to kill."""

import signal

from swarmlab.runtime.virtual.context import Context
from swarmlab.runtime.virtual.signals import is_known, signal_name, signal_number

#: What the shell is told when a number is none of the container's processes': it may be one of its jobs'.
NOT_OURS = 111
#: What it is told when it wants to kill itself, and is not PID 1: it knows its traps.
ITSELF = 112


async def kill(context: Context) -> int:
    """`kill [-s SIGNAL | -SIGNAL] PID…`, and `-l`. Whoever is PID 1 ignores what it has no handler for."""
    words = list(context.argv[1:])
    if words[:1] == ["-l"]:
        return await _list(context, words[1:])
    try:
        name, words = _signal(words)
    except ValueError:
        await context.err(f"sh: bad signal name '{words[0].lstrip('-')}'\n")
        return 1
    if not words:
        await context.err("sh: you need to specify whom to kill\n")
        return 1
    me = context.machine.pids.find(context.pid)
    if context.inside_shell and me is not None and me.parent > 1 and words == [str(me.parent)]:
        return ITSELF
    known = [context.machine.pids.find(int(word)) if word.isdigit() else None for word in words]
    if all(process is None for process in known):
        if not context.inside_shell or not all(word.isdigit() or word.startswith("%") for word in words):
            await context.err(
                "".join(f"sh: invalid number '{word}'\n" if not word.isdigit() else _no(word) for word in words)
            )
            return 1
        return NOT_OURS
    for word, process in zip(words, known, strict=True):
        if process is None:
            await context.err(_no(word))
        elif name is not None:
            context.machine.pids.sender = context.pid
            process.deliver(name)
    return int(None in known)


def _signal(words: list[str]) -> tuple[str | None, list[str]]:
    """The signal that is asked for, see `_name`, and whom it is for. Raises ValueError."""
    name: str | None = "SIGTERM"
    if words[:1] == ["-s"] and len(words) > 1:
        name, words = _name(words[1]), words[2:]
    elif words and words[0].startswith("-") and words[0] != "--" and len(words[0]) > 1:
        name, words = _name(words[0][1:]), words[1:]
    return name, words[1:] if words[:1] == ["--"] else words


def _no(word: str) -> str:
    return f"sh: can't kill pid {word}: No such process\n"


def _name(text: str) -> str | None:
    """The signal's name; None for 0, which only asks whether there is such a process. Raises ValueError."""
    if text == "0":
        return None
    if not is_known(signal_number(text)):
        raise ValueError(f"Invalid signal: {text}")
    return signal_name(text)


async def _list(context: Context, words: list[str]) -> int:
    if not words:
        await context.out("".join(f"{one.value:>2}) {one.name[3:]}\n" for one in sorted(signal.Signals) if one < 32))
        return 0
    for word in words:
        try:
            number = int(word) & 127
            await context.out(f"{signal.Signals(number).name[3:]}\n")
        except ValueError:
            try:
                await context.out(f"{signal.Signals['SIG' + word.upper().removeprefix('SIG')].value}\n")
            except KeyError:
                await context.err(f"sh: unknown signal '{word}'\n")
                return 1
    return 0
