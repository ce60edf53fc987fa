"""Whether what a container asks of its machine can be (MB: daemon/container.go, daemon/daemon_unix.go).

The texts are those of engine 20.10. What depends on the kernel is as on one that supports it all.
"""

import os
import posixpath
import re
import stat
from collections.abc import Iterable

import msgspec

from swarmlab.engine.container.logdrivers import check_log_config
from swarmlab.engine.container.securityopts import check_security_options
from swarmlab.engine.errors import bad_request, internal
from swarmlab.engine.swarm.addresses import is_address
from swarmlab.images.overlay2 import ROOT, layer_name
from swarmlab.objects.container import HealthConfig
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostConfig, RestartPolicy
from swarmlab.runtime import base

_LEAST_MEMORY = 6 << 20
_LEAST_INTERVAL = 1_000_000
_SECOND = 1_000_000_000
_CFS_PERIOD = range(1_000, 1_000_001)
_LEAST_CFS_QUOTA = 1_000
_OOM_SCORES = range(-1000, 1001)
_MAXIMUM_SWAPPINESS = 100
#: What the docker command sends unless it is told otherwise.
_NO_SWAPPINESS = -1
_MEMORY_NODES = {0}
_CPU_LIST = re.compile(r"(\d+)(?:-(\d+))?")
_RESTARTS = frozenset({"", "no", "always", "unless-stopped", "on-failure"})
_CGROUP_NAMESPACES = frozenset({"", "private", "host"})
_IPC_MODES = frozenset({"", "none", "private", "host", "shareable"})
_RUNTIMES = frozenset({"", "runc", "io.containerd.runc.v2", "io.containerd.runtime.v1.linux"})
#: What Linux knows (capabilities(7)).
_CAPABILITIES = frozenset(
    """
    CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE CAP_BLOCK_SUSPEND CAP_BPF CAP_CHECKPOINT_RESTORE CAP_CHOWN
    CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_IPC_LOCK CAP_IPC_OWNER CAP_KILL CAP_LEASE
    CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_MKNOD CAP_NET_ADMIN CAP_NET_BIND_SERVICE CAP_NET_BROADCAST
    CAP_NET_RAW CAP_PERFMON CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYSLOG CAP_SYS_ADMIN CAP_SYS_BOOT
    CAP_SYS_CHROOT CAP_SYS_MODULE CAP_SYS_NICE CAP_SYS_PACCT CAP_SYS_PTRACE CAP_SYS_RAWIO CAP_SYS_RESOURCE CAP_SYS_TIME
    CAP_SYS_TTY_CONFIG CAP_WAKE_ALARM
    """.split()  # noqa: SIM905
)


def check_host(host: HostConfig, cpus: int) -> list[str]:
    """What Docker would warn of. `cpus` is how many the machine has. Raises EngineError with Docker's words."""
    if host.auto_remove and host.restart_policy.name not in {"", "no"}:
        raise bad_request("can't create 'AutoRemove' container with restart policy")
    _check_extra_hosts(host.extra_hosts)
    check_policy(host.restart_policy)
    _check_capabilities("CapAdd", host.cap_add)
    _check_capabilities("CapDrop", host.cap_drop)
    if host.isolation not in {"", "default"}:
        raise internal(f"Invalid isolation: \"{host.isolation}\" - linux only supports 'default'")
    warnings = check_resources(host, cpus)
    if host.ipc_mode not in _IPC_MODES and not host.ipc_mode.startswith("container:"):
        raise bad_request(f"Invalid IPC mode: {host.ipc_mode}")
    if host.shm_size < 0:
        raise bad_request("SHM size can not be less than 0")
    if host.oom_score_adj not in _OOM_SCORES:
        raise bad_request(f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]")
    if host.network_mode == "host" and host.port_bindings:
        warnings.append("Published ports are discarded when using host network mode")
    if host.runtime not in _RUNTIMES:
        raise bad_request(f"Unknown runtime specified {host.runtime}")
    if host.cgroupns_mode not in _CGROUP_NAMESPACES:
        raise bad_request(f"invalid cgroup namespace mode: {host.cgroupns_mode}")
    check_log_config(host.log_config)
    check_security_options(host.security_opt)
    if host.storage_opt:
        # Whatever is not the size is looked at by the driver first.
        if unknown := sorted({*host.storage_opt} - {"size"}):
            raise internal(f"Unknown option {unknown[0]}")
        raise internal("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
    return warnings


def check_resources(host: HostConfig, cpus: int, *, update: bool = False) -> list[str]:
    """The same of limits alone, which an `update` may change while the container runs. Raises EngineError (400)."""
    _check_memory(host, update=update)
    if host.nano_cpus > 0 and host.cpu_period > 0:
        raise bad_request("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if host.nano_cpus > 0 and host.cpu_quota > 0:
        raise bad_request("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if not 0 <= host.nano_cpus <= cpus * _SECOND:
        raise bad_request(f"Range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available")
    if host.cpu_period and host.cpu_period not in _CFS_PERIOD:
        raise bad_request("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < host.cpu_quota < _LEAST_CFS_QUOTA:
        raise bad_request("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    available = set(range(cpus))
    if not _listed(host.cpuset_cpus, "cpus") <= available:
        shown = f"0-{cpus - 1}" if cpus > 1 else "0"
        raise bad_request(f"Requested CPUs are not available - requested {host.cpuset_cpus}, available: {shown}")
    if not _listed(host.cpuset_mems, "mems") <= _MEMORY_NODES:
        raise bad_request(f"Requested memory nodes are not available - requested {host.cpuset_mems}, available: 0")
    if host.oom_kill_disable and not host.memory:
        return [
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        ]
    return []


def check_devices(host: HostConfig) -> None:
    """What is found out only when a container starts. Raises EngineError (500) with Docker's words."""
    for device in host.devices:
        path = device.path_on_host
        if not (known := os.path.exists(path)) or not _has_device(path):
            reason = "not a device node" if known else "no such file or directory"
            raise internal(f'error gathering device information while adding custom device "{path}": {reason}')
    for request in host.device_requests:
        wanted = " ".join(f"[{' '.join(each)}]" for each in request.capabilities)
        raise internal(f'could not select device driver "{request.driver}" with capabilities: [{wanted}]')


def _has_device(path: str) -> bool:
    """Whether something is a device, or a directory with one in it."""
    try:
        if os.path.isdir(path):
            with os.scandir(path) as entries:
                return any(_has_device(entry.path) for entry in entries if not entry.is_symlink())
        mode = os.stat(path).st_mode
    except OSError:
        # What may not be looked at is none for us.
        return False
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def check_policy(policy: RestartPolicy) -> None:
    """Raises EngineError (400) for a restart policy that is none."""
    if policy.name not in _RESTARTS:
        raise bad_request(f"invalid restart policy '{policy.name}'")
    if policy.name and policy.maximum_retry_count < 0:
        raise bad_request("maximum retry count cannot be negative")
    # Without a name there may be any count: clients of old engines send that (MB: api/types/container).
    if policy.maximum_retry_count and policy.name not in {"", "on-failure"}:
        raise bad_request(f"maximum retry count cannot be used with restart policy '{policy.name}'")


def check_directory(path: str) -> None:
    """Raises EngineError (400) for a working directory that is relative."""
    if path and not path.startswith("/"):
        raise bad_request(f"the working directory '{path}' is invalid, it needs to be an absolute path")


def check_files(container: Container, made: base.Container) -> None:
    """Raises EngineError (500) for a volume, or a working directory, where a new container has a file.

    (MB: daemon/create_unix.go, container/container.go.)
    """
    merged = f"{ROOT}/{layer_name(container.id)}/merged"
    for mount in made.misfits():
        if mount.target in container.volumes:
            raise internal(f"cannot mount volume over existing file, file exists {merged}{mount.target}")
        # Only a volume with nothing in it would be given what is there.
        if mount.copy and mount.source is not None and not any(mount.source.iterdir()):
            raise internal(f"source {merged}{mount.target} is not directory")
    path = container.working_dir
    if path and made.has_file(path):
        raise internal(f"Cannot mkdir: {path} is not a directory")
    above = path
    while (above := posixpath.dirname(above)) not in {"", "/"}:
        if made.has_file(above):
            raise internal(f"lstat {merged}{path}: not a directory")


def check_health(health: HealthConfig | None) -> None:
    """Raises EngineError (400) for a health check that cannot be."""
    if health is None:
        return
    for name, value in (
        ("Interval", health.interval),
        ("Timeout", health.timeout),
        ("StartPeriod", health.start_period),
    ):
        # Retries come between the second and the third.
        if name == "StartPeriod" and health.retries < 0:
            raise bad_request("Retries in Healthcheck cannot be negative")
        if value != 0 and value < _LEAST_INTERVAL:
            raise bad_request(f"{name} in Healthcheck cannot be less than 1ms")


def adapted(host: HostConfig) -> HostConfig:
    """As much swap as memory where only memory is limited; no swappiness where -1 is said (MB: daemon_unix.go)."""
    swap = 2 * host.memory if host.memory > 0 and not host.memory_swap else host.memory_swap
    swappiness = None if host.memory_swappiness == _NO_SWAPPINESS else host.memory_swappiness
    return msgspec.structs.replace(host, memory_swap=swap, memory_swappiness=swappiness)


def _check_memory(host: HostConfig, *, update: bool) -> None:
    if host.memory and host.memory < _LEAST_MEMORY:
        raise bad_request("Minimum memory limit allowed is 6MB")
    if host.memory > 0 and 0 < host.memory_swap < host.memory:
        raise bad_request("Minimum memoryswap limit should be larger than memory limit, see usage")
    if not host.memory and host.memory_swap > 0 and not update:
        raise bad_request("You should always set the Memory limit when using Memoryswap limit, see usage")
    if 0 < host.kernel_memory < _LEAST_MEMORY:
        raise bad_request("Minimum kernel memory limit allowed is 6MB")
    swappiness = host.memory_swappiness
    if swappiness is not None and not _NO_SWAPPINESS <= swappiness <= _MAXIMUM_SWAPPINESS:
        raise bad_request(f"Invalid value: {swappiness}, valid memory swappiness range is 0-100")
    if 0 < host.memory_reservation < _LEAST_MEMORY:
        raise bad_request("Minimum memory reservation allowed is 6MB")
    if 0 < host.memory < host.memory_reservation:
        raise bad_request("Minimum memory limit can not be less than memory reservation limit, see usage")


def _check_capabilities(field: str, names: Iterable[str]) -> None:
    for name in names:
        capability = name.upper()
        if capability == "ALL":
            continue
        capability = capability if capability.startswith("CAP_") else f"CAP_{capability}"
        if capability not in _CAPABILITIES:
            raise bad_request(f'invalid {field}: unknown capability: "{capability}"')


def _listed(text: str, what: str) -> set[int]:
    """The numbers of a list such as `0-2,7` (MB: pkg/parsers.ParseUintList)."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        match = _CPU_LIST.fullmatch(part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise bad_request(f"Invalid value {text} for cpuset {what}: invalid format: {text}")
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return found


def _check_extra_hosts(entries: Iterable[str]) -> None:
    """MB: opts.ValidateExtraHost."""
    for entry in entries:
        name, colon, address = entry.partition(":")
        if not name or not colon:
            raise bad_request(f'bad format for add-host: "{entry}"')
        if address != "host-gateway" and not is_address(address):
            raise bad_request(f'invalid IP address in add-host: "{address}"')
