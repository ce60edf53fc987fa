"""`/containers/{id}/top` and `/stats`: what runs in a container, and what it uses (MB: daemon/{top_unix,stats}.go)."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from swarmlab.api import host
from swarmlab.api.call import Answer, Call, Route, Stream, document
from swarmlab.api.encode import instant
from swarmlab.api.errors import internal
from swarmlab.engine import DockerEngine, EngineError
from swarmlab.objects.local import Container
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


def stats(call: Call) -> Answer | Stream:
    """`GET /containers/{id}/stats`, once a second until the client goes; programs here use nothing that is counted."""
    container = call.engine.containers.find(call.name)
    if call.param("stream") and not call.flag("stream"):
        return document(_sample(call.engine, container))
    return Stream(_samples(call.engine, container.id), "application/json")


async def _samples(engine: DockerEngine, container_id: str) -> AsyncIterator[bytes]:
    with suppress(EngineError):
        # Until the container is removed.
        while True:
            yield document(_sample(engine, engine.containers.find(container_id))).body
            await engine.clock.sleep(1)


_BLOCKS = (
    "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
    "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive",
)  # fmt: skip


def _sample(engine: DockerEngine, container: Container) -> dict[str, Any]:
    runs = engine.containers.runtime_container(container.id)
    processes = len(runs.processes()) if runs is not None else 0
    running = container.state.runs
    now = engine.clock.now() if running else 0
    cpu: dict[str, Any] = {
        "cpu_usage": {"total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0},
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }
    used = {"system_cpu_usage": now, "online_cpus": host.machine()["NCPU"]} if running else {}
    traffic = dict.fromkeys(
        ("rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped"), 0
    )
    return {
        "read": instant(now),
        "preread": instant(0),
        "pids_stats": {"current": processes} if running else {},
        "blkio_stats": dict.fromkeys(_BLOCKS, [] if running else None),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": {**cpu, **used},
        "precpu_stats": cpu,
        "memory_stats": {"usage": 0, "stats": {}, "limit": container.memory or host.machine()["MemTotal"]}
        if running
        else {},
        "name": f"/{container.name}",
        "id": container.id,
        **({"networks": {"eth0": traffic}} if running else {}),
    }


ROUTES = (
    Route("GET", "/containers/{name}/top", top),
    Route("GET", "/containers/{name}/stats", stats),
)
