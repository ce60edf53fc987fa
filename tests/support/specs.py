"""Short ways to write what a client would send."""

from swarmlab.clock import SECOND
from swarmlab.objects import (
    ContainerSpec,
    EndpointSpec,
    NetworkAttachmentConfig,
    Placement,
    PortConfig,
    Resources,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from swarmlab.objects.generic import parse
from swarmlab.objects.service import (
    GlobalService,
    PlacementPreference,
    ReplicatedService,
    ResourceRequirements,
    RestartPolicy,
    SpreadOver,
)

GLOBAL = -1


def seconds(value: float) -> int:
    """A duration as it travels: nanoseconds."""
    return int(value * SECOND)


def restart(
    condition: str = "", delay: float | None = None, attempts: int | None = None, window: float | None = None
) -> RestartPolicy:
    """A restart policy with durations in seconds."""
    return RestartPolicy(
        condition=condition,
        delay=None if delay is None else seconds(delay),
        max_attempts=attempts,
        window=None if window is None else seconds(window),
    )


def update(
    parallelism: int = 1,
    *,
    delay: float = 0,
    monitor: float = 0,
    action: str = "pause",
    ratio: float = 0,
    order: str = "stop-first",
) -> UpdateConfig:
    """An update (or rollback) config with durations in seconds."""
    return UpdateConfig(
        parallelism=parallelism,
        delay=seconds(delay),
        monitor=seconds(monitor),
        failure_action=action,
        max_failure_ratio=ratio,
        order=order,
    )


def ingress(target: int, published: int = 0, protocol: str = "tcp") -> PortConfig:
    """A port on the routing mesh; 0 lets the allocator choose."""
    return PortConfig(protocol=protocol, target_port=target, published_port=published, publish_mode="ingress")


def host(target: int, published: int = 0, protocol: str = "tcp") -> PortConfig:
    """A port on the task's own node."""
    return PortConfig(protocol=protocol, target_port=target, published_port=published, publish_mode="host")


def spread(*descriptors: str) -> tuple[PlacementPreference, ...]:
    """Placement preferences, the first one on top."""
    return tuple(PlacementPreference(spread=SpreadOver(spread_descriptor=d)) for d in descriptors)


def service_spec(
    name: str = "web",
    replicas: int = 1,
    *,
    image: str = "nginx:alpine",
    constraints: tuple[str, ...] = (),
    preferences: tuple[PlacementPreference, ...] = (),
    max_replicas: int = 0,
    cpus: float = 0,
    memory: int = 0,
    policy: RestartPolicy | None = None,
    update_config: UpdateConfig | None = None,
    rollback_config: UpdateConfig | None = None,
    ports: tuple[PortConfig, ...] = (),
    mode: str = "vip",
    networks: tuple[str, ...] = (),
    labels: dict[str, str] | None = None,
    generic: tuple[str, ...] = (),
) -> ServiceSpec:
    """A service; `replicas=GLOBAL` makes it global; `cpus`, `memory` (bytes) and `generic` (`gpu=1`) are reservations."""
    placement = None
    if constraints or preferences or max_replicas:
        placement = Placement(constraints=constraints, preferences=preferences, max_replicas=max_replicas)
    resources = None
    if cpus or memory or generic:
        reserved = Resources(nano_cpus=int(cpus * 1e9), memory_bytes=memory, generic_resources=parse(generic))
        resources = ResourceRequirements(reservations=reserved)
    scale = ServiceMode(replicated=ReplicatedService(replicas=replicas))
    return ServiceSpec(
        name=name,
        labels=labels or {},
        task_template=TaskSpec(
            container_spec=ContainerSpec(image=image),
            placement=placement,
            resources=resources,
            restart_policy=policy,
            networks=tuple(NetworkAttachmentConfig(target=target) for target in networks),
        ),
        mode=ServiceMode(global_=GlobalService()) if replicas == GLOBAL else scale,
        update_config=update_config,
        rollback_config=rollback_config,
        endpoint_spec=EndpointSpec(mode=mode, ports=ports),
    )
