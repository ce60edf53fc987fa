"""Where real engines do not follow Docker's definitions, and swarmlab does as they do.

Each was seen in answers of engine 20.10.24.
"""

import re
from typing import Any

#: Lists and maps without elements that engines write as null: Go's nil, which the definitions do not mention. By the
#: last name of the way to them.
_NULLS = {
    # DNSNames, which 20.10 does not know, as in the source of 28 (MB: container/view.go).
    "containers": "Aliases DNSNames Entrypoint Links Volumes",
    "host configs": "Binds BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps "
    "BlkioWeightDevice CapAdd CapDrop DeviceCgroupRules DeviceRequests Devices Dns DnsOptions DnsSearch ExtraHosts "
    "GroupAdd Links MaskedPaths MemorySwappiness PortBindings ReadonlyPaths SecurityOpt Ulimits VolumesFrom",
    "images": "Cmd Env Labels RepoDigests Tags",
    "images without layers": r"GraphDriver\.Data",
    "info": "Authorization DefaultAddrPool GenericResources Warnings",
    "networks, volumes": "Containers Labels Options Warnings",
    "prunes": "BuildCache CachesDeleted ContainersDeleted ImagesDeleted NetworksDeleted VolumesDeleted",
    "running commands": "ExitCode",
    # Of kinds that were not asked for (MB: daemon/server/router/system, getDiskUsage).
    "the use of disks": "Images Volumes",
    "services": "CredentialSpec SELinuxContext Warnings",
    "statistics of what does not run": r"\w+_recursive",
    "waits": "Error",
    # Before it is allocated (MB: daemon/cluster/convert/network.go).
    "swarm networks": r"IPAM\.Config",
}
_NULL = re.compile(rf"\$.*\.(?:{'|'.join(' '.join(_NULLS.values()).split())})")
_ROLLBACKS = frozenset({"rollback_started", "rollback_paused", "rollback_completed"})


def known(endpoint: str, path: str, value: Any) -> bool:
    """Whether a value that the definitions forbid at this place of the endpoint's answer is one that engines send."""
    if value is None:
        # A container without changes answers null.
        return _NULL.fullmatch(path) is not None or (endpoint == "GET /containers/{id}/changes" and path == "$")
    if path.endswith(".Spec.Templating"):
        # A driver without a name is kept as it was sent.
        return "Name" not in value
    if path.endswith(".UpdateStatus.State"):
        return value in _ROLLBACKS
    # The answers are defined with `Id`; engines send `ID`.
    return endpoint in {"POST /configs/create", "POST /secrets/create"} and path == "$" and set(value) == {"ID"}


#: Statuses beside those of the definitions: a stream of an exec begins as that of an attach does.
STATUSES = {"POST /exec/{id}/start": frozenset({101})}
