"""`/containers/{id}/stats`: what a container uses, as version 2 control groups tell it (MB: daemon/stats_unix.go)."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import psutil

from swarmlab.api import host
from swarmlab.api.call import Answer, ApiVersion, Call, Route, Stream, document
from swarmlab.api.encode import instant
from swarmlab.api.errors import bad_request
from swarmlab.engine import DockerEngine, EngineError
from swarmlab.network import Sandbox, Traffic
from swarmlab.objects.local import Container
from swarmlab.runtime.base import Usage

_SECOND = 1_000_000_000
#: The API with which a client may do without the processor time of a second before.
_ONE_SHOT = ApiVersion(1, 41)
#: What the kernel shows for no limit of processes.
_UNLIMITED = (1 << 64) - 1
#: Of block devices the newer control groups tell the first only.
_BLOCKS = (
    "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
    "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive",
)  # fmt: skip
_MEMORY = (
    "active_anon", "active_file", "anon", "anon_thp", "file", "file_dirty", "file_mapped", "file_writeback",
    "inactive_anon", "inactive_file", "kernel_stack", "pgactivate", "pgdeactivate", "pgfault", "pglazyfree",
    "pglazyfreed", "pgmajfault", "pgrefill", "pgscan", "pgsteal", "shmem", "slab", "slab_reclaimable",
    "slab_unreclaimable", "sock", "thp_collapse_alloc", "thp_fault_alloc", "unevictable", "workingset_activate",
    "workingset_nodereclaim", "workingset_refault",
)  # fmt: skip


async def stats(call: Call) -> Answer | Stream:
    """`GET /containers/{id}/stats`, once a second until the client goes; else once, a second after the first look."""
    container = call.engine.containers.find(call.name)
    samples = _Samples(call.engine, container.id)
    streams = "stream" not in call.query or call.flag("stream")
    one_shot = call.version >= _ONE_SHOT and call.flag("one-shot")
    if streams and one_shot:
        raise bad_request("cannot have stream=true and one-shot=true")
    if streams:
        return Stream(samples.all(), "application/json")
    first = samples.next()
    if not container.state.runs or one_shot:
        return first
    await call.engine.clock.sleep(1)
    return samples.next()


class _Samples:
    """One after another; each tells the processor time of the one before."""

    def __init__(self, engine: DockerEngine, container_id: str) -> None:
        self._engine = engine
        self._id = container_id
        self._read, self._cpu = 0, _processor(Usage(), running=False)

    async def all(self) -> AsyncIterator[bytes]:
        """Until the container is removed."""
        with suppress(EngineError):
            while True:
                yield self.next().body
                await self._engine.clock.sleep(1)

    def next(self) -> Answer:
        """A sample. Raises EngineError (404) when the container is gone."""
        engine = self._engine
        container = engine.containers.find(self._id)
        runs = engine.containers.runtime_container(container.id)
        running = container.state.runs and runs is not None
        usage = runs.usage() if runs is not None and running else Usage()
        read, cpu = engine.clock.now() if running else 0, _processor(usage, running=running)
        before, self._read, self._cpu = (self._read, self._cpu), read, cpu
        return document(
            {
                "read": instant(read),
                "preread": instant(before[0]),
                "pids_stats": _processes(container, usage) if running else {},
                "blkio_stats": {**dict.fromkeys(_BLOCKS), **({_BLOCKS[0]: _blocks(usage)} if running else {})},
                "num_procs": 0,
                "storage_stats": {},
                "cpu_stats": cpu,
                "precpu_stats": before[1],
                "memory_stats": _memory(container, usage.memory) if running else {},
                "name": f"/{container.name}",
                "id": container.id,
                **_networks(engine.fabric.sandbox(container.id)),
            }
        )


def _processes(container: Container, usage: Usage) -> dict[str, int]:
    return {"current": usage.processes, "limit": container.wanted.pids_limit or _UNLIMITED}


def _memory(container: Container, used: int) -> dict[str, Any]:
    stats = {**dict.fromkeys(_MEMORY, 0), "anon": used, "active_anon": used}
    return {"usage": used, "stats": stats, "limit": container.wanted.memory or host.machine()["MemTotal"]}


def _processor(usage: Usage, *, running: bool) -> dict[str, Any]:
    total = usage.user + usage.system
    cpus = host.machine()["NCPU"]
    return {
        "cpu_usage": {"total_usage": total, "usage_in_kernelmode": usage.system, "usage_in_usermode": usage.user},
        **({"system_cpu_usage": _machine_time(), "online_cpus": cpus} if running else {}),
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


def _machine_time() -> int:
    """The time of all processors of this machine, busy or not, in nanoseconds (MB: daemon/stats/collector_unix.go)."""
    times = psutil.cpu_times()
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    return int(sum(getattr(times, name, 0.0) for name in names) * _SECOND)


def _blocks(usage: Usage) -> list[dict[str, Any]]:
    if not usage.read and not usage.written:
        return []
    numbers = {"read": usage.read, "write": usage.written}
    return [{"major": 8, "minor": 0, "op": name, "value": number} for name, number in numbers.items()]


def _networks(sandbox: Sandbox) -> dict[str, Any]:
    """Its interfaces, if it has any; what went through one of them is counted for the first."""
    count = len(sandbox.places)
    found = {f"eth{index}": _interface(Traffic() if index else sandbox.traffic) for index in range(count)}
    return {"networks": found} if found else {}


def _interface(traffic: Traffic) -> dict[str, int]:
    return {
        "rx_bytes": traffic.received, "rx_packets": traffic.received_packets, "rx_errors": 0, "rx_dropped": 0,
        "tx_bytes": traffic.sent, "tx_packets": traffic.sent_packets, "tx_errors": 0, "tx_dropped": 0,
    }  # fmt: skip


ROUTES = (Route("GET", "/containers/{name}/stats", stats),)
