"""Which kernel parameters a container may set (runc's rules: libcontainer/configs/validate), and to what (Linux)."""

import re
from collections.abc import Mapping

from swarmlab.objects.run import HostConfig
from swarmlab.runtime import base

_OF_IPC = frozenset(
    {
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    }
)

#: Those that are words; all others are numbers.
_WORDS = frozenset(
    {
        "kernel.domainname",
        "net.core.default_qdisc",
        "net.ipv4.tcp_allowed_congestion_control",
        "net.ipv4.tcp_congestion_control",
        "net.ipv4.tcp_fastopen_key",
    }
)
_NUMBERS = re.compile(r"\s*(-?(?:0[xX][0-9a-fA-F]+|\d+)\s*)*")


def refused_value(sysctls: Mapping[str, str]) -> str:
    """What the kernel says to the first value that is no number and has to be one; nothing if there is none."""
    for name, value in sorted(sysctls.items()):
        dotted = name.replace("/", ".")
        if dotted not in _WORDS and not _NUMBERS.fullmatch(value):
            return f"write /proc/sys/{dotted.replace('.', '/')}: invalid argument"
    return ""


def check_sysctls(host: HostConfig) -> None:
    """Raises StartError, as runc does when it makes the container, for one that is not of a namespace of its own."""
    for name in host.sysctls:
        complaint = _complaint(name.replace("/", "."), host)
        if complaint:
            raise base.StartError(
                f'failed to create shim task: OCI runtime create failed: runc create failed: sysctl "{name}" '
                f"{complaint}: unknown",
                base.CANNOT_START,
            )


def _complaint(name: str, host: HostConfig) -> str:
    if name in _OF_IPC or name.startswith("fs.mqueue."):
        return "is not allowed in the hosts ipc namespace" if host.ipc_mode == "host" else ""
    if name.startswith("net."):
        return "not allowed in host network namespace" if host.network_mode == "host" else ""
    if name == "kernel.domainname":
        return "is not allowed in the hosts uts namespace" if host.uts_mode == "host" else ""
    if name == "kernel.hostname":
        return 'is not allowed as it conflicts with the OCI "hostname" field'
    return "is not in a separate kernel namespace"
