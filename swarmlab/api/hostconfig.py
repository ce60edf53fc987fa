"""The parts of `docker inspect` that are mostly constants: `Config` and `HostConfig` of a container or an image."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from swarmlab.api.encode import sorted_map
from swarmlab.images import ImageConfig
from swarmlab.objects.container import HealthConfig
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
    "Init": False,
}  # fmt: skip


def host_config(container: Container, bindings: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """`HostConfig`; `bindings` are the published ports by `port/protocol`."""
    if container.host is not None:
        return _by_hand(container.host)
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
        "Memory": container.memory,
        **_AFTER,
    }


#: What only containers that were made by hand have in another form.
_BY_HAND: dict[str, Any] = {
    "Dns": [], "DnsOptions": [], "DnsSearch": [], "Isolation": "", "BlkioWeightDevice": [], "BlkioDeviceReadBps": [],
    "BlkioDeviceWriteBps": [], "BlkioDeviceReadIOps": [], "BlkioDeviceWriteIOps": [], "Devices": [],
}  # fmt: skip


def _by_hand(host: HostConfig) -> dict[str, Any]:
    """What was asked for, over what a container gets that asks for nothing."""
    asked = msgspec.to_builtins(host)
    if not host.log_config.type:
        asked.pop("LogConfig", None)
    everything = {
        "Binds": None,
        "ContainerIDFile": "",
        "LogConfig": {"Type": "json-file", "Config": {}},
        "NetworkMode": "default",
        "PortBindings": {},
        **_BEFORE,
        "Memory": 0,
        **_AFTER,
        **_BY_HAND,
        **asked,
    }
    if "Init" not in asked:
        del everything["Init"]
    return everything


def _config(
    *,
    hostname: str,
    domainname: str = "",
    attach: Sequence[bool] = (False, False, False),
    stdin_once: bool = False,
    user: str,
    exposed_ports: Sequence[str],
    tty: bool,
    open_stdin: bool,
    env: Sequence[str],
    cmd: Sequence[str],
    healthcheck: HealthConfig | None,
    image: str,
    working_dir: str,
    entrypoint: Sequence[str],
    labels: Mapping[str, str],
    stop_signal: str,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Hostname": hostname,
        "Domainname": domainname,
        "User": user,
        "AttachStdin": attach[0],
        "AttachStdout": attach[1],
        "AttachStderr": attach[2],
        "ExposedPorts": {port: {} for port in sorted(exposed_ports)},
        "Tty": tty,
        "OpenStdin": open_stdin,
        "StdinOnce": stdin_once,
        "Env": list(env),
        "Cmd": list(cmd) or None,
        "Healthcheck": healthcheck,
        "Image": image,
        "Volumes": None,
        "WorkingDir": working_dir,
        "Entrypoint": list(entrypoint) or None,
        "OnBuild": None,
        "Labels": sorted_map(labels) or None,
        "StopSignal": stop_signal,
    }
    return {key: value for key, value in found.items() if value or key not in _OMITTED_WHEN_EMPTY}


_OMITTED_WHEN_EMPTY = frozenset({"ExposedPorts", "Healthcheck", "StopSignal"})


def config(container: Container) -> dict[str, Any]:
    """`Config` of a container."""
    found = _config(
        hostname=container.hostname,
        domainname=container.domainname,
        attach=(container.attach_stdin, container.attach_stdout, container.attach_stderr),
        stdin_once=container.stdin_once,
        user=container.user,
        exposed_ports=container.exposed_ports,
        tty=container.tty,
        open_stdin=container.open_stdin,
        env=container.env,
        cmd=container.cmd,
        healthcheck=container.healthcheck,
        image=container.image,
        working_dir=container.working_dir,
        entrypoint=container.entrypoint,
        labels=container.labels,
        stop_signal=container.stop_signal,
    )
    found["Labels"] = found["Labels"] or {}
    return found


def image_config(image: ImageConfig) -> dict[str, Any]:
    """`Config` of an image."""
    return _config(
        hostname="",
        user=image.user,
        exposed_ports=image.exposed_ports,
        tty=False,
        open_stdin=False,
        env=image.env,
        cmd=image.cmd,
        healthcheck=image.healthcheck,
        image="",
        working_dir=image.working_dir,
        entrypoint=image.entrypoint,
        labels=image.labels,
        stop_signal=image.stop_signal,
    )
