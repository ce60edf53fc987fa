"""Stored objects as the Engine API shows them (MB: daemon/cluster/convert): the swarm's kinds.

Fields, their order, zero values, nulls and absences are Docker's. A field without a default is always written.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from swarmlab.objects import (
    BlobSpec,
    Cluster,
    ClusterSpec,
    Config,
    Endpoint,
    EndpointSpec,
    EndpointVirtualIP,
    JoinTokens,
    ManagerStatus,
    Node,
    NodeDescription,
    NodeSpec,
    Object,
    Platform,
    PortConfig,
    Resources,
    Secret,
    Service,
    ServiceSpec,
    Spec,
    TLSInfo,
)
from swarmlab.objects.base import Strings
from swarmlab.objects.node import EngineDescription

#: Maps are sorted, as Go writes them; the fields of a struct keep their order.
_ENCODER = msgspec.json.Encoder(order="deterministic")
_BILLION = 1_000_000_000
ZERO_TIME = "0001-01-01T00:00:00Z"


def encode(value: Any) -> bytes:
    """JSON as Go writes it."""
    return _ENCODER.encode(value)


def dumps(value: Any) -> bytes:
    """JSON with a newline at the end, as Go's encoder writes it."""
    return _ENCODER.encode(value) + b"\n"


def instant(nanoseconds: int) -> str:
    """Unix nanoseconds in RFC 3339, without trailing zeros in the fraction; 0 is Go's zero time."""
    if not nanoseconds:
        return ZERO_TIME
    seconds, fraction = divmod(nanoseconds, _BILLION)
    if not fraction:
        return f"{_second(seconds)}Z"
    return f"{_second(seconds)}.{fraction:09d}".rstrip("0") + "Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Version(Spec, frozen=True, kw_only=True):
    """The index of the last write."""

    index: int = 0


class Meta(Spec, frozen=True, kw_only=True):
    """The head of every object."""

    id: str
    version: Version
    created_at: str
    updated_at: str


def meta(obj: Object) -> dict[str, Any]:
    """The fields of `Meta`."""
    return {
        "id": obj.id,
        "version": Version(index=obj.version),
        "created_at": instant(obj.created_at),
        "updated_at": instant(obj.updated_at),
    }


class _Description(Spec, frozen=True, kw_only=True):
    hostname: str = ""
    platform: Platform
    resources: Resources
    engine: EngineDescription
    tls_info: TLSInfo


class _NodeStatus(Spec, frozen=True, kw_only=True):
    state: str
    message: str = ""
    addr: str = ""


class _Node(Meta, frozen=True, kw_only=True):
    spec: NodeSpec
    description: _Description
    status: _NodeStatus
    manager_status: ManagerStatus | None = None


def node(obj: Node) -> Spec:
    """A node as `GET /nodes` shows it."""
    description: NodeDescription = obj.description
    return _Node(
        **meta(obj),
        spec=obj.spec,
        description=_Description(
            hostname=description.hostname,
            platform=description.platform,
            resources=description.resources,
            engine=description.engine,
            tls_info=description.tls_info,
        ),
        status=_NodeStatus(state=obj.status.state, message=obj.status.message, addr=obj.status.addr),
        manager_status=obj.manager_status,
    )


class _ClusterInfo(Meta, frozen=True, kw_only=True):
    spec: ClusterSpec
    tls_info: TLSInfo = msgspec.field(name="TLSInfo")
    root_rotation_in_progress: bool
    default_addr_pool: Strings | None
    subnet_size: int
    data_path_port: int


class _Swarm(_ClusterInfo, frozen=True, kw_only=True):
    join_tokens: JoinTokens


def _cluster(obj: Cluster) -> dict[str, Any]:
    # The signing key is a secret, and the certificate without it would make an update of what was read fail.
    ca_config = msgspec.structs.replace(obj.spec.ca_config, signing_ca_cert="", signing_ca_key="")
    return {
        **meta(obj),
        "spec": msgspec.structs.replace(obj.spec, ca_config=ca_config),
        "tls_info": obj.root_ca.tls_info,
        "root_rotation_in_progress": obj.root_ca.rotation is not None,
        "default_addr_pool": obj.default_addr_pool or None,
        "subnet_size": obj.subnet_size,
        "data_path_port": obj.data_path_port,
    }


def cluster_info(obj: Cluster) -> Spec:
    """The cluster as `GET /info` shows it: without join tokens."""
    return _ClusterInfo(**_cluster(obj))


def swarm(obj: Cluster) -> Spec:
    """The cluster as `GET /swarm` shows it."""
    return _Swarm(**_cluster(obj), join_tokens=obj.root_ca.join_tokens)


class _Endpoint(Spec, frozen=True, kw_only=True):
    spec: EndpointSpec
    ports: tuple[PortConfig, ...] = ()
    virtual_ips: tuple[EndpointVirtualIP, ...] = msgspec.field(default=(), name="VirtualIPs")


class _UpdateStatus(Spec, frozen=True, kw_only=True):
    state: str = ""
    started_at: str = ""
    completed_at: str = ""
    message: str = ""


class ServiceStatus(Spec, frozen=True, kw_only=True):
    """How many tasks of a service run, should run, and have completed."""

    running_tasks: int
    desired_tasks: int
    completed_tasks: int


class _JobStatus(Spec, frozen=True, kw_only=True):
    job_iteration: Version
    last_execution: str


class _Service(Meta, frozen=True, kw_only=True):
    spec: ServiceSpec
    previous_spec: ServiceSpec | None = None
    endpoint: _Endpoint
    update_status: _UpdateStatus | None = None
    service_status: ServiceStatus | None = None
    job_status: _JobStatus | None = None


def service(obj: Service, status: ServiceStatus | None = None, spec: ServiceSpec | None = None) -> Spec:
    """A service as `GET /services` shows it; `spec` replaces the stored one (defaults inserted)."""
    endpoint = obj.endpoint or Endpoint()
    update, job = obj.update_status, obj.job_status
    return _Service(
        **meta(obj),
        spec=spec or obj.spec,
        previous_spec=obj.previous_spec,
        endpoint=_Endpoint(spec=endpoint.spec, ports=endpoint.ports, virtual_ips=endpoint.virtual_ips),
        update_status=None
        if update is None
        else _UpdateStatus(
            state=update.state,
            started_at=instant(update.started_at) if update.started_at else "",
            completed_at=instant(update.completed_at) if update.completed_at else "",
            message=update.message,
        ),
        service_status=status,
        job_status=None
        if job is None
        else _JobStatus(job_iteration=Version(index=job.job_iteration), last_execution=instant(job.last_execution)),
    )


class _Blob(Meta, frozen=True, kw_only=True):
    spec: BlobSpec


def secret(obj: Secret) -> Spec:
    """A secret, without its data."""
    return _Blob(**meta(obj), spec=msgspec.structs.replace(obj.spec, data=""))


def config(obj: Config) -> Spec:
    """A config, with its data."""
    return _Blob(**meta(obj), spec=obj.spec)


def sorted_map(values: Mapping[str, Any]) -> dict[str, Any]:
    """A map as Go writes it."""
    return dict(sorted(values.items()))
