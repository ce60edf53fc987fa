"""What stops a container between its making and its program: options that dockerd or runc's init refuse.

MB: daemon/oci_linux.go, pkg/mount; runc: libcontainer/{standard_init,rootfs}_linux.go, libcontainer/cgroups/fs/cpu.go.
"""

import os
import re
from collections.abc import Sequence

from swarmlab.engine.container.logstart import check_log_driver
from swarmlab.engine.container.sysctls import check_sysctls, refused_value
from swarmlab.engine.container.tmpfs import refused, unknown_option, with_values
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostConfig
from swarmlab.runtime import base

_CREATE_FAILED = "failed to create shim task: OCI runtime create failed: runc create failed: "
_DEVICE_RULE = re.compile(r"[abc] (?:\d+|\*):(?:\d+|\*) [rwm]{1,3}")
#: By their numbers (getrlimit(2)).
_LIMITS = (
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks", "sigpending",
    "msgqueue", "nice", "rtprio", "rttime",
)  # fmt: skip
#: Flags of mount(2): MS_NOSUID, MS_NODEV and MS_NOEXEC; MS_BIND and MS_REC. MS_RDONLY is 1.
_TMPFS, _BIND = 0xE, 0x5000
_CPU_SHARES = range(2, 262_145)
#: The longest host name that Linux has.
_HOST_NAME = 64


def check_init(container: Container, misfits: Sequence[base.Mount] = ()) -> None:
    """Raises StartError with what a container fails of that was made, but cannot have what it asks for.

    `misfits` are its mounts that do not fit what is at their targets.
    Its text is that of engine 20.10.
    """
    _check_spec(container)
    _check_processes(container, misfits)


def _check_spec(container: Container) -> None:
    """What dockerd finds out while it writes down what runc is to make."""
    host = container.wanted
    if host.cpu_shares < 0:
        raise base.StartError("shares: invalid argument", base.CANNOT_START)
    for device in (
        *host.blkio_device_read_bps,
        *host.blkio_device_write_bps,
        *host.blkio_device_read_iops,
        *host.blkio_device_write_iops,
    ):
        if not os.path.exists(device.path):
            raise base.StartError(f"stat {device.path}: no such file or directory", base.CANNOT_START)
    for rule in host.device_cgroup_rules:
        if not _DEVICE_RULE.fullmatch(rule):
            raise base.StartError(f"invalid device cgroup rule format: '{rule}'", base.CANNOT_START)
    for options in container.tmpfs.values():
        if unknown := unknown_option(options):
            raise base.StartError(f"invalid tmpfs option [{unknown}]", base.CANNOT_START)
    check_log_driver(container)
    check_sysctls(host)
    for limit in host.ulimits:
        if limit.name.lower() not in _LIMITS:
            raise base.StartError(
                f"{_CREATE_FAILED}wrong rlimit value: RLIMIT_{limit.name.upper()}: unknown", base.CANNOT_START
            )


def _check_processes(container: Container, misfits: Sequence[base.Mount]) -> None:
    """What runc's init fails of, in its order."""
    host = container.wanted
    if shares := refused_shares(host):
        raise _refused(f"error setting cgroup config for procHooks process: {shares}")
    for target, options in sorted(container.tmpfs.items()):
        if data := refused(options):
            raise _refused(f"{_mounting('tmpfs', target, _TMPFS, data)}: invalid argument")
    for mount in misfits:
        raise _misplaced(mount, container.tmpfs.get(mount.target, ""))
    if len(container.hostname) > _HOST_NAME:
        raise _refused("sethostname: invalid argument")
    if problem := refused_value(host.sysctls):
        raise _refused(problem)
    for limit in host.ulimits:
        # -1 is no limit.
        if limit.hard != -1 and not 0 <= limit.soft <= limit.hard:
            number = _LIMITS.index(limit.name.lower())
            raise _refused(
                f"error setting rlimits for ready process: error setting rlimit type {number}: invalid argument"
            )


def refused_shares(host: HostConfig) -> str:
    """What the kernel does not take as shares of the processor, in runc's words; nothing if it does."""
    if not host.cpu_shares or host.cpu_shares in _CPU_SHARES:
        return ""
    if host.cpu_shares < _CPU_SHARES.start:
        return f"the minimum allowed cpu-shares is {_CPU_SHARES.start}"
    return f"the maximum allowed cpu-shares is {_CPU_SHARES.stop - 1}"


def _misplaced(mount: base.Mount, options: str) -> base.StartError:
    if mount.source is None:
        text = _mounting("tmpfs", mount.target, _TMPFS | mount.read_only, with_values(options))
    else:
        text = _mounting(str(mount.source), mount.target, _BIND | mount.read_only)
    return base.StartError(
        f"{_refused(f'{text}: not a directory')}: Are you trying to mount a directory onto a file (or vice-versa)? "
        "Check if the specified host path exists and is the expected type",
        base.NOT_THERE,
    )


def _mounting(what: str, target: str, flags: int, data: str = "") -> str:
    said = f", data: {data}" if data else ""
    return (
        f'error mounting "{what}" to rootfs at "{target}": mount {what}:{target} (via /proc/self/fd/6), '
        f"flags: {flags:#x}{said}"
    )


def _refused(reason: str) -> base.StartError:
    return base.StartError(
        f"{_CREATE_FAILED}unable to start container process: error during container init: {reason}: unknown",
        base.CANNOT_START,
    )
