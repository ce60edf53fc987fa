"""What a container may use of its machine (MB: api/types/container/hostconfig.go, Resources)."""

import msgspec

from swarmlab.objects.base import (
    Int,
    Labels,
    Spec,
    Strings,
    Uint16,
    always_empty,
    always_labels,
    always_null,
    always_zero,
)
from swarmlab.objects.container import Ulimit


class WeightDevice(Spec, frozen=True):
    """How much of a block device a container gets beside others."""

    path: str = msgspec.field(default_factory=always_empty)
    weight: Uint16 = msgspec.field(default_factory=always_zero)


class ThrottleDevice(Spec, frozen=True):
    """How much a second of a block device."""

    path: str = msgspec.field(default_factory=always_empty)
    rate: Int = msgspec.field(default_factory=always_zero)


class DeviceMapping(Spec, frozen=True):
    """A device of the machine in the container."""

    path_on_host: str = msgspec.field(default_factory=always_empty)
    path_in_container: str = msgspec.field(default_factory=always_empty)
    cgroup_permissions: str = msgspec.field(default_factory=always_empty)


class DeviceRequest(Spec, frozen=True):
    """Devices that a driver is to find, such as GPUs."""

    driver: str = msgspec.field(default_factory=always_empty)
    count: Int = msgspec.field(default_factory=always_zero)
    device_ids: Strings | None = msgspec.field(default_factory=always_null, name="DeviceIDs")
    capabilities: tuple[Strings, ...] = ()
    options: Labels = msgspec.field(default_factory=always_labels)


class Resources(Spec, frozen=True):
    """Plain defaults are what a container gets that asks for nothing."""

    cpu_shares: int = 0
    memory: int = 0
    #: In API versions before 1.42 only.
    kernel_memory: int = 0
    nano_cpus: int = msgspec.field(default=0, name="NanoCpus")
    cgroup_parent: str = ""
    blkio_weight: Uint16 = 0
    blkio_weight_device: tuple[WeightDevice, ...] = ()
    blkio_device_read_bps: tuple[ThrottleDevice, ...] = ()
    blkio_device_write_bps: tuple[ThrottleDevice, ...] = ()
    blkio_device_read_iops: tuple[ThrottleDevice, ...] = msgspec.field(default=(), name="BlkioDeviceReadIOps")
    blkio_device_write_iops: tuple[ThrottleDevice, ...] = msgspec.field(default=(), name="BlkioDeviceWriteIOps")
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = msgspec.field(default="", name="CpusetCpus")
    cpuset_mems: str = msgspec.field(default="", name="CpusetMems")
    devices: tuple[DeviceMapping, ...] = ()
    device_cgroup_rules: Strings = ()
    device_requests: tuple[DeviceRequest, ...] = ()
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool = False
    pids_limit: int | None = None
    ulimits: tuple[Ulimit, ...] = ()
