"""`/containers/{id}/top`: what runs in a container (MB: daemon/top_unix.go)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from swarmlab.api import psargs
from swarmlab.api.call import Answer, Call, Route, document
from swarmlab.runtime.base import Process

#: What stands in each column of `psargs.HEADERS`, for a process and its parent's number.
_VALUES: Mapping[str, Callable[[Process, int], str]] = {
    **dict.fromkeys(("user", "uid", "euser", "ruser", "group", "egroup", "rgroup"), lambda process, _: process.user),
    **dict.fromkeys(("pid", "lwp", "pgid", "sid"), lambda process, _: str(process.pid)),
    "ppid": lambda _, parent: str(parent),
    **dict.fromkeys(("args", "cmd"), lambda process, _: process.command),
    **dict.fromkeys(("comm", "ucmd", "fname"), lambda process, _: _name(process)),
    **dict.fromkeys(("stime", "start"), lambda process, _: f"{_started(process):%H:%M}"),
    "lstart": lambda process, _: f"{_started(process):%a %b %d %H:%M:%S %Y}",
    "stat": lambda process, _: "Ss",
    "s": lambda process, _: "S",
}
_CONSTANT = {
    "addr": "-", "bsdtime": "0:00", "c": "0", "f": "4", "gid": "0", "ni": "0", "nlwp": "1", "pcpu": "0.0",
    "pmem": "0.0", "pri": "19", "psr": "0", "rss": "0", "sz": "0", "time": "00:00:00", "tname": "?", "tt": "?",
    "vsz": "0", "wchan": "-",
}  # fmt: skip


def top(call: Call) -> Answer:
    """`GET /containers/{id}/top`."""
    container = call.engine.by_hand.running(call.name)
    listing = psargs.parse(call.param("ps_args"))
    found = call.engine.by_hand.inside(container.id).processes()
    now = call.engine.clock.now()
    rows = []
    for process in found:
        if not _is_among(process, listing):
            continue
        is_child = process.command.endswith("worker process")
        parent = found[0].pid if is_child else container.state.pid - 1
        rows.append([_value(key, process, parent, now, tree=listing.tree) for key, _ in listing.columns])
    call.engine.containers.publish("top", container.id)
    return document({"Titles": [header for _, header in listing.columns], "Processes": rows})


def _is_among(process: Process, listing: psargs.Listing) -> bool:
    """Whether no list leaves it out."""
    only = listing.only
    lists = [("p", str(process.pid)), ("u", process.user), ("C", _name(process))]
    given = [value in only[kind] for kind, value in lists if kind in only]
    return any(given) or not given


def _value(key: str, process: Process, parent: int, now: int, *, tree: bool) -> str:
    if key in {"etime", "etimes"}:
        seconds = (now - process.started) // 1_000_000_000
        return str(seconds) if key == "etimes" else f"{seconds // 60:02}:{seconds % 60:02}"
    value = _CONSTANT[key] if key in _CONSTANT else _VALUES[key](process, parent)
    return f"\\_ {value}" if tree and key in {"args", "cmd", "comm", "ucmd"} else value


def _name(process: Process) -> str:
    return process.command.partition(" ")[0].rstrip(":").rpartition("/")[2]


def _started(process: Process) -> datetime:
    return datetime.fromtimestamp(process.started / 1_000_000_000, UTC)


ROUTES = (Route("GET", "/containers/{name}/top", top),)
