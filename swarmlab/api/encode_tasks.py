"""Tasks, and the networks in them, as the Engine API shows them (MB: daemon/cluster/convert/{task,network}.go)."""

from collections.abc import Callable, Iterable

import msgspec

from swarmlab.api.encode import Meta, Version, dumps, encode, instant, meta
from swarmlab.objects import Driver, IPAMConfig, IPAMOptions, Network, PortConfig, Spec, Task, TaskSpec
from swarmlab.objects.base import Labels, Strings
from swarmlab.objects.network import ConfigFrom
from swarmlab.objects.node import GenericResource


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


class _Task(Meta, frozen=True, kw_only=True):
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
            id=obj.id,
            version=Version(index=obj.version),
            created_at=instant(obj.created_at),
            updated_at=instant(obj.updated_at),
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
            # A task's spec carries no runtime, only a service's does, and that of a place on a network.
            runtime = "attachment" if spec.network_attachment_spec is not None else ""
            raw = msgspec.Raw(encode(msgspec.structs.replace(spec, runtime=runtime)))
            known = self._specs[id(spec)] = (spec, raw)
        return known[1]

    def _attached(self, network_id: str) -> msgspec.Raw:
        raw = self._networks.get(network_id)
        if raw is None:
            found = self._network(network_id)
            encoded = encode(network(found)) if found is not None else b"{}"
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


class _Network(Meta, frozen=True, kw_only=True):
    spec: _NetworkSpec
    driver_state: Driver
    ipam_options: _IPAM | None = None


def _ipam(options: IPAMOptions | None) -> _IPAM | None:
    return None if options is None else _IPAM(driver=options.driver, configs=options.configs)


def network(obj: Network) -> Spec:
    """A network as a task's attachments show it."""
    spec = obj.spec
    return _Network(
        **meta(obj),
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
