"""Stored objects as the Engine API shows them (MB: daemon/cluster/convert): the swarm's kinds.

Fields, their order, zero values, nulls and absences are Docker's. A field without a default is always written.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from swarmlab.objects import (
    BlobSpec,
    Cluster,
    ClusterSpec,
    Config,
    Driver,
    Endpoint,
    EndpointSpec,
    EndpointVirtualIP,
    IPAMConfig,
    IPAMOptions,
    JoinTokens,
    ManagerStatus,
    Network,
    Node,
    NodeDescription,
    NodeSpec,
    Platform,
    PortConfig,
    Resources,
    Secret,
    Service,
    ServiceSpec,
    Spec,
    Task,
    TaskSpec,
    TLSInfo,
)
from swarmlab.objects.base import Labels, Strings
from swarmlab.objects.network import ConfigFrom
from swarmlab.objects.node import EngineDescription, GenericResource

#: Maps are sorted, as Go writes them; the fields of a struct keep their order.
_ENCODER = msgspec.json.Encoder(order="deterministic")
_BILLION = 1_000_000_000
ZERO_TIME = "0001-01-01T00:00:00Z"


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


class _Meta(Spec, frozen=True, kw_only=True):
    id: str
    version: Version
    created_at: str
    updated_at: str


def _meta(obj: Cluster | Config | Network | Node | Secret | Service | Task) -> dict[str, Any]:
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


class _Node(_Meta, frozen=True, kw_only=True):
    spec: NodeSpec
    description: _Description
    status: _NodeStatus
    manager_status: ManagerStatus | None = None


def node(obj: Node) -> Spec:
    """A node as `GET /nodes` shows it."""
    description: NodeDescription = obj.description
    return _Node(
        **_meta(obj),
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


class _ClusterInfo(_Meta, frozen=True, kw_only=True):
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
        **_meta(obj),
        "spec": msgspec.structs.replace(obj.spec, ca_config=ca_config),
        "tls_info": obj.root_ca.tls_info,
        "root_rotation_in_progress": False,
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


class _Service(_Meta, frozen=True, kw_only=True):
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
        **_meta(obj),
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


class _ContainerStatus(Spec, frozen=True, kw_only=True):
    container_id: str
    pid: int
    exit_code: int


class _PortStatus(Spec, frozen=True, kw_only=True):
    ports: tuple[PortConfig, ...] = ()


class _TaskStatus(Spec, frozen=True, kw_only=True):
    timestamp: str
    state: str
    message: str = ""
    err: str = ""
    container_status: _ContainerStatus | None = None
    port_status: _PortStatus


class _Attachment(Spec, frozen=True, kw_only=True):
    network: msgspec.Raw
    addresses: Strings = ()


class _Task(_Meta, frozen=True, kw_only=True):
    name: str = ""
    labels: Labels
    spec: msgspec.Raw
    service_id: str = ""
    slot: int = 0
    node_id: str = ""
    status: _TaskStatus
    desired_state: str
    networks_attachments: tuple[_Attachment, ...] = ()
    generic_resources: tuple[GenericResource, ...] = ()
    job_iteration: Version | None = None


_NO_PORTS = _PortStatus()
_NO_LABELS: Labels = {}


class TaskEncoder:
    """Projects tasks for one answer. Tasks share specs and networks, so each of those is encoded only once.

    `network` finds a network by id; one that is gone is left as an empty object.
    """

    def __init__(self, network: Callable[[str], Network | None]) -> None:
        self._network = network
        self._specs: dict[int, tuple[TaskSpec, msgspec.Raw]] = {}
        self._networks: dict[str, msgspec.Raw] = {}

    def task(self, obj: Task) -> Spec:
        """A task as `GET /tasks` shows it."""
        status = obj.status
        container = status.container_status
        return _Task(
            **_meta(obj),
            labels=_NO_LABELS,
            spec=self._spec(obj.spec),
            service_id=obj.service_id,
            slot=obj.slot,
            node_id=obj.node_id,
            status=_TaskStatus(
                timestamp=instant(status.timestamp),
                state=status.state.text,
                message=status.message,
                err=status.err,
                container_status=None
                if container is None
                else _ContainerStatus(
                    container_id=container.container_id, pid=container.pid, exit_code=container.exit_code
                ),
                port_status=_PortStatus(ports=status.ports) if status.ports else _NO_PORTS,
            ),
            desired_state=obj.desired_state.text,
            networks_attachments=tuple(
                _Attachment(network=self._attached(item.network_id), addresses=item.addresses) for item in obj.networks
            )
            if obj.networks
            else (),
            generic_resources=obj.assigned_generic_resources,
            job_iteration=None if obj.job_iteration is None else Version(index=obj.job_iteration),
        )

    def tasks(self, objects: Iterable[Task]) -> bytes:
        """A list of tasks as JSON."""
        return dumps([self.task(obj) for obj in objects])

    def _spec(self, spec: TaskSpec) -> msgspec.Raw:
        # By identity, because a spec is no cheap dictionary key; the entry keeps the spec alive, so ids stay unique.
        known = self._specs.get(id(spec))
        if known is None:
            # A task's spec carries no runtime, only a service's does.
            raw = msgspec.Raw(_ENCODER.encode(msgspec.structs.replace(spec, runtime="")))
            known = self._specs[id(spec)] = (spec, raw)
        return known[1]

    def _attached(self, network_id: str) -> msgspec.Raw:
        raw = self._networks.get(network_id)
        if raw is None:
            found = self._network(network_id)
            encoded = _ENCODER.encode(network(found)) if found is not None else b"{}"
            raw = self._networks[network_id] = msgspec.Raw(encoded)
        return raw


class _IPAM(Spec, frozen=True, kw_only=True):
    driver: Driver
    configs: tuple[IPAMConfig, ...] = ()


class _NetworkSpec(Spec, frozen=True, kw_only=True):
    name: str = ""
    labels: Labels
    driver_configuration: Driver | None = None
    ipv6_enabled: bool = False
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    ipam_options: _IPAM | None = None
    config_from: ConfigFrom | None = None
    scope: str = ""


class _Network(_Meta, frozen=True, kw_only=True):
    spec: _NetworkSpec
    driver_state: Driver
    ipam_options: _IPAM | None = None


def _ipam(options: IPAMOptions | None) -> _IPAM | None:
    return None if options is None else _IPAM(driver=options.driver, configs=options.configs)


def network(obj: Network) -> Spec:
    """A network as a task's attachments show it."""
    spec = obj.spec
    return _Network(
        **_meta(obj),
        spec=_NetworkSpec(
            name=spec.name,
            labels=spec.labels,
            driver_configuration=spec.driver_configuration,
            ipv6_enabled=spec.ipv6_enabled,
            internal=spec.internal,
            attachable=spec.attachable,
            ingress=spec.ingress,
            ipam_options=_ipam(spec.ipam_options),
            config_from=spec.config_from,
            scope="swarm",
        ),
        driver_state=obj.driver_state or Driver(),
        ipam_options=_ipam(obj.ipam),
    )


class _Blob(_Meta, frozen=True, kw_only=True):
    spec: BlobSpec


def secret(obj: Secret) -> Spec:
    """A secret, without its data."""
    return _Blob(**_meta(obj), spec=msgspec.structs.replace(obj.spec, data=""))


def config(obj: Config) -> Spec:
    """A config, with its data."""
    return _Blob(**_meta(obj), spec=obj.spec)


def sorted_map(values: Mapping[str, Any]) -> dict[str, Any]:
    """A map as Go writes it."""
    return dict(sorted(values.items()))
