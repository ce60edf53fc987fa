"""What a node of the lab says of itself (MB: daemon/cluster/executor/container/executor.go, Describe)."""

import os
import platform
from functools import cache

import psutil

from swarmlab.engine.settings import NO_SETTINGS, EngineSettings
from swarmlab.engine.version import VERSION
from swarmlab.objects import NodeDescription, Platform, Resources, TLSInfo
from swarmlab.objects.node import EngineDescription, PluginDescription

_LOG_DRIVERS = (
    "awslogs",
    "fluentd",
    "gcplogs",
    "gelf",
    "journald",
    "json-file",
    "local",
    "logentries",
    "splunk",
    "syslog",
)
_NETWORK_DRIVERS = ("bridge", "host", "ipvlan", "macvlan", "null", "overlay")


def cpu_count() -> int:
    """How many processors each node has: this machine's."""
    return os.cpu_count() or 1


@cache
def _resources(settings: EngineSettings) -> Resources:
    return Resources(
        nano_cpus=cpu_count() * 1_000_000_000,
        memory_bytes=psutil.virtual_memory().total,
        generic_resources=settings.generic,
    )


@cache
def _engine(settings: EngineSettings) -> EngineDescription:
    plugins = [PluginDescription(type="Log", name=name) for name in _LOG_DRIVERS]
    plugins += [PluginDescription(type="Network", name=name) for name in _NETWORK_DRIVERS]
    plugins.append(PluginDescription(type="Volume", name="local"))
    labels = dict(label.split("=", 1) for label in settings.labels)
    return EngineDescription(engine_version=VERSION, labels=labels, plugins=tuple(plugins))


def describe(hostname: str, tls: TLSInfo, settings: EngineSettings = NO_SETTINGS) -> NodeDescription:
    """Host name, platform, the machine's resources, drivers. Containers are Linux whatever this machine runs."""
    machine = platform.machine()
    return NodeDescription(
        hostname=hostname,
        platform=Platform(architecture={"AMD64": "x86_64", "arm64": "aarch64"}.get(machine, machine), os="linux"),
        resources=_resources(settings),
        engine=_engine(settings),
        tls_info=tls,
    )
