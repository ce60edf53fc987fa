"""The parts of `docker inspect` that are mostly constants: `Config` and `HostConfig` of a container or an image."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from swarmlab.engine.image.imageconfig import config_of
from swarmlab.images import config_fields
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostConfig

#: What a container gets that asked for nothing, up to and after what is particular to it.
_BEFORE: dict[str, Any] = {
    "RestartPolicy": {"Name": "", "MaximumRetryCount": 0}, "AutoRemove": False, "VolumeDriver": "", "VolumesFrom": None,
    "ConsoleSize": [0, 0], "CapAdd": None, "CapDrop": None, "CgroupnsMode": "host", "Dns": None, "DnsOptions": None,
    "DnsSearch": None, "ExtraHosts": None, "GroupAdd": None, "IpcMode": "private", "Cgroup": "", "Links": None,
    "OomScoreAdj": 0, "PidMode": "", "Privileged": False, "PublishAllPorts": False, "ReadonlyRootfs": False,
    "SecurityOpt": None, "UTSMode": "", "UsernsMode": "", "ShmSize": 67108864, "Runtime": "runc",
    "Isolation": "default", "CpuShares": 0,
}  # fmt: skip
_AFTER: dict[str, Any] = {
    "NanoCpus": 0, "CgroupParent": "", "BlkioWeight": 0, "BlkioWeightDevice": None, "BlkioDeviceReadBps": None,
    "BlkioDeviceWriteBps": None, "BlkioDeviceReadIOps": None, "BlkioDeviceWriteIOps": None, "CpuPeriod": 0,
    "CpuQuota": 0, "CpuRealtimePeriod": 0, "CpuRealtimeRuntime": 0, "CpusetCpus": "", "CpusetMems": "", "Devices": None,
    "DeviceCgroupRules": None, "DeviceRequests": None, "MemoryReservation": 0, "MemorySwap": 0,
    "MemorySwappiness": None, "OomKillDisable": False, "PidsLimit": None, "Ulimits": [], "CpuCount": 0, "CpuPercent": 0,
    "IOMaximumIOps": 0, "IOMaximumBandwidth": 0,
    "MaskedPaths": [
        "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    ],
    "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
}  # fmt: skip


def host_config(container: Container, bindings: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """`HostConfig`; `bindings` are the published ports by `port/protocol`."""
    if container.host is not None:
        return _by_hand(container.host)
    asked = msgspec.to_builtins(container.asked or HostConfig())
    published = {
        key: [{"HostIp": "", "HostPort": str(port)} for port in ports]
        for key, ports in sorted(bindings.items())
        if ports
    }
    return {
        "Binds": None,
        "ContainerIDFile": "",
        "LogConfig": {"Type": "json-file", "Config": {}},
        "NetworkMode": "default",
        "PortBindings": published,
        **_BEFORE,
        "Memory": 0,
        **_AFTER,
        **asked,
        **_asked_mounts(container),
    }


def _asked_mounts(container: Container) -> dict[str, Any]:
    asked = [point.spec for point in container.mounts if point.destination not in container.volumes]
    return {"Mounts": asked} if asked else {}


#: The maps of `HostConfig` and how Go writes them when they are empty; what is left out of an answer is not here.
_MAPS = frozenset({"PortBindings"})
_OMITTED = frozenset({"Mounts", "Tmpfs", "Sysctls", "StorageOpt", "Annotations", "LogConfig", "RestartPolicy"})


def _by_hand(host: HostConfig) -> dict[str, Any]:
    """What was asked for, over what a container gets that asks for nothing. A list is null unless it was given."""
    asked = msgspec.to_builtins(host)
    if host.privileged:
        # Nothing is hidden from it (MB: daemon/create_unix.go).
        asked = {"MaskedPaths": None, "ReadonlyPaths": None, **asked}
    empty = set(asked.pop("GivenEmpty", ())) - _OMITTED
    return {
        "Binds": None,
        "ContainerIDFile": "",
        "LogConfig": {"Type": "json-file", "Config": {}},
        "NetworkMode": "default",
        "PortBindings": None,
        **_BEFORE,
        "Memory": 0,
        **_AFTER,
        "Isolation": "",
        "Ulimits": None,
        **{name: {} if name in _MAPS else [] for name in empty},
        **asked,
    }


def config(container: Container) -> dict[str, Any]:
    """`Config` of a container."""
    found = config_fields(config_of(container))
    found["Labels"] = found["Labels"] or {}
    if container.host is not None and container.stop_timeout is not None:
        found["StopTimeout"] = container.stop_timeout
    if container.host is not None:
        # What older clients asked for of the whole container, and still compare.
        mode = container.host.network_mode
        main = container.attachments.get("bridge" if mode in {"", "default"} else mode)
        if main is not None and main.mac_address:
            found["MacAddress"] = main.mac_address
    return found
