"""`/containers/{id}/top`: what runs in a container (MB: daemon/top_unix.go)."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from swarmlab.api.call import Answer, Call, Route, document
from swarmlab.api.errors import internal
from swarmlab.runtime.base import Process

#: The columns of `ps` that can be asked for, by their key after `-o`.
_COLUMNS: Mapping[str, tuple[str, Callable[[Process, int], str]]] = {
    "user": ("USER", lambda process, parent: process.user),
    "uid": ("UID", lambda process, parent: process.user),
    "pid": ("PID", lambda process, parent: str(process.pid)),
    "ppid": ("PPID", lambda process, parent: str(parent)),
    "c": ("C", lambda process, parent: "0"),
    "stime": ("STIME", lambda process, parent: f"{_started(process):%H:%M}"),
    "tty": ("TTY", lambda process, parent: "?"),
    "time": ("TIME", lambda process, parent: "00:00:00"),
    "comm": ("COMMAND", lambda process, parent: process.command.partition(" ")[0].rstrip(":")),
    "args": ("COMMAND", lambda process, parent: process.command),
    "cmd": ("CMD", lambda process, parent: process.command),
    "pcpu": ("%CPU", lambda process, parent: "0.0"),
    "pmem": ("%MEM", lambda process, parent: "0.0"),
    "vsz": ("VSZ", lambda process, parent: "0"),
    "rss": ("RSS", lambda process, parent: "0"),
    "stat": ("STAT", lambda process, parent: "Ss"),
    "start": ("START", lambda process, parent: f"{_started(process):%H:%M}"),
    "bsdtime": ("TIME", lambda process, parent: "0:00"),
}
_FULL = ("uid", "pid", "ppid", "c", "stime", "tty", "time", "cmd")
_USER = ("user", "pid", "pcpu", "pmem", "vsz", "rss", "tty", "stat", "start", "bsdtime", "args")
_ALIASES = {"command": "args", "%cpu": "pcpu", "%mem": "pmem", "ucmd": "comm", "tt": "tty"}


def top(call: Call) -> Answer:
    """`GET /containers/{id}/top`. `ps_args` is `-ef`, `aux` or `-o` (`-eo`) with a list of columns."""
    container = call.engine.by_hand.running(call.name)
    keys = _keys(call.param("ps_args"))
    found = call.engine.by_hand.inside(container.id).processes()
    rows = []
    for process in found:
        is_child = process.command.endswith("worker process")
        parent = found[0].pid if is_child else container.state.pid - 1
        rows.append([_COLUMNS[key][1](process, parent) for key in keys])
    call.engine.containers.publish("top", container.id)
    return document({"Titles": [_COLUMNS[key][0] for key in keys], "Processes": rows})


def _keys(text: str) -> tuple[str, ...]:
    words = text.split()
    if not words or words[0] in {"-ef", "-e", "-f", "-fe", "-A", "ef"}:
        return _FULL
    if words[0] in {"aux", "-aux", "auxww", "axu"}:
        return _USER
    if (chosen := re.match(r"-[efA]*o", words[0])) is not None:
        keys = tuple(key for key in ",".join([words[0][chosen.end() :], *words[1:]]).split(",") if key)
        if not keys:
            raise internal("ps: error: format specification must follow -o")
        keys = tuple(_ALIASES.get(key, key) for key in keys)
        if not all(key in _COLUMNS for key in keys):
            raise internal("ps: error: unknown user-defined format specifier")
        if "pid" not in keys:
            raise internal("Couldn't find PID field in ps output")
        return keys
    raise internal(f"ps: error: unsupported {'SysV option' if words[0].startswith('-') else 'option (BSD syntax)'}")


def _started(process: Process) -> datetime:
    return datetime.fromtimestamp(process.started / 1_000_000_000, UTC)


ROUTES = (Route("GET", "/containers/{name}/top", top),)
