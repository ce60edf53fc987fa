"""What `docker update` makes of a container's limits (MB: container/container_unix.go, UpdateContainer)."""

import msgspec

from swarmlab.engine.errors import conflict
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostConfig, UpdateRequest

_MAY_CHANGE = (
    "blkio_weight", "blkio_weight_device", "blkio_device_read_bps", "blkio_device_write_bps", "blkio_device_read_iops",
    "blkio_device_write_iops", "cpu_shares", "nano_cpus", "cpu_period", "cpu_quota", "cpuset_cpus", "cpuset_mems",
    "memory", "memory_swap", "memory_reservation", "cpu_realtime_period", "cpu_realtime_runtime",
)  # fmt: skip


def updated(container: Container, request: UpdateRequest) -> HostConfig:
    """What the container asks of its machine from now on: what is given is changed. Raises EngineError (409)."""
    host = container.wanted
    if (reason := _conflict(host, request)) is not None:
        raise conflict(f"Cannot update container {container.id}: {reason}")
    changed = {name: value for name in _MAY_CHANGE if (value := getattr(request, name))}
    if request.restart_policy.name:
        changed["restart_policy"] = request.restart_policy
    if request.pids_limit is not None:
        # Whatever is no limit is kept as 0.
        changed["pids_limit"] = max(0, request.pids_limit)
    return msgspec.structs.replace(host, **changed)


def _conflict(host: HostConfig, request: UpdateRequest) -> str | None:
    """Why what is asked for cannot be beside what there is."""
    for asked, there, what, already in (
        (request.nano_cpus, host.cpu_period, "Nano CPUs", "CPU Period"),
        (request.nano_cpus, host.cpu_quota, "Nano CPUs", "CPU Quota"),
        (request.cpu_period, host.nano_cpus, "CPU Period", "NanoCPUs"),
        (request.cpu_quota, host.nano_cpus, "CPU Quota", "NanoCPUs"),
    ):
        if asked > 0 and there > 0:
            return f"Conflicting options: {what} cannot be updated as {already} has already been set"
    if request.memory and request.memory > host.memory_swap and not request.memory_swap:
        return (
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
    if host.auto_remove and request.restart_policy.name not in {"", "no"}:
        return "Restart policy cannot be updated because AutoRemove is enabled for the container"
    return None
