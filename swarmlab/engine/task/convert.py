"""What the daemon makes of a service spec on its way to SwarmKit and back (MB: daemon/cluster/convert/service.go).

Clients leave much out; the daemon fills it in, normalises words, and refuses what it cannot express.
"""

import msgspec

from swarmlab.engine.container.names import random_name
from swarmlab.engine.container.securityopts import check_credentials
from swarmlab.engine.errors import EngineError, bad_request, internal
from swarmlab.objects import ContainerSpec, EndpointSpec, Placement, PortConfig, ServiceMode, ServiceSpec, UpdateConfig
from swarmlab.objects.container import BindOptions, Mount
from swarmlab.objects.service import (
    GlobalService,
    Limit,
    ReplicatedJob,
    ReplicatedService,
    ResourceRequirements,
    RestartPolicy,
)

_replace = msgspec.structs.replace
_MISMATCHED = "mismatched Runtime and *Spec fields"
_PROPAGATIONS = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
_MOUNT_TYPES = frozenset({"bind", "volume", "tmpfs", "npipe", "cluster"})
_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})


def canonical_service_spec(spec: ServiceSpec) -> ServiceSpec:
    """The spec as it is stored and shown. Raises EngineError."""
    task = spec.task_template
    if task.runtime not in {"", "container"}:
        raise _no_container(spec)
    if task.container_spec is None:
        raise bad_request(_MISMATCHED)
    resources = task.resources
    return _replace(
        spec,
        name=spec.name or random_name(),
        task_template=_replace(
            task,
            container_spec=_container(task.container_spec),
            plugin_spec=None,
            resources=_resources(resources),
            restart_policy=_restart_policy(task.restart_policy),
            placement=_placement(task.placement),
            runtime="container",
        ),
        mode=_mode(spec.mode),
        update_config=_update_config(spec.update_config),
        rollback_config=_update_config(spec.rollback_config),
        endpoint_spec=_endpoint(spec.endpoint_spec),
    )


def _no_container(spec: ServiceSpec) -> EngineError:
    """Why a service of another runtime than containers is refused."""
    task = spec.task_template
    if task.runtime != "plugin":
        return bad_request("unsupported runtime")
    if task.plugin_spec is None:
        return bad_request(_MISMATCHED)
    if spec.mode.replicated is not None:
        return bad_request("plugins must not use replicated mode")
    return internal('runtime type "plugin" only supported in experimental')


def _container(container: ContainerSpec) -> ContainerSpec:
    isolation = container.isolation.lower()
    if container.privileges is not None:
        check_credentials(container.privileges.credential_spec)
    for reference in container.configs:
        if reference.runtime is None and reference.file is None:
            raise bad_request("either File or Runtime should be set")
        if reference.runtime is not None and reference.file is not None:
            raise bad_request("cannot specify both File and Runtime")
    return _replace(
        container,
        isolation=isolation if isolation in {"process", "hyperv"} else "default",
        mounts=tuple(_mount(mount) for mount in container.mounts),
    )


def _mount(mount: Mount) -> Mount:
    """SwarmKit knows no consistency; a mount without a type is a bind."""
    kind = mount.type.lower() or "bind"
    if kind not in _MOUNT_TYPES:
        raise bad_request(f'invalid MountType: "{mount.type}"')
    return _replace(mount, type=kind, consistency="", bind_options=_bind_options(mount.bind_options))


def _bind_options(options: BindOptions | None) -> BindOptions | None:
    if options is None:
        return None
    propagation = options.propagation.lower()
    if propagation and propagation not in _PROPAGATIONS:
        raise bad_request(f'invalid MountPropagation: "{options.propagation}"')
    if options == BindOptions():
        return None
    return _replace(options, propagation=propagation or "rprivate")


def _resources(resources: ResourceRequirements | None) -> ResourceRequirements | None:
    if resources is None:
        return None
    if resources.swap_bytes is not None and not (resources.limits or Limit()).memory_bytes:
        raise bad_request("memory swap provided, but no memory-limit was set")
    return resources


def _restart_policy(policy: RestartPolicy | None) -> RestartPolicy | None:
    if policy is None:
        return None
    if policy.condition not in {"", "none", "on-failure", "any"}:
        raise bad_request(f'invalid RestartCondition: "{policy.condition}"')
    return _replace(policy, condition=policy.condition or "any", max_attempts=policy.max_attempts or 0)


def _placement(placement: Placement | None) -> Placement | None:
    if placement is None:
        return None
    return _replace(placement, preferences=tuple(p for p in placement.preferences if p.spread is not None))


def _mode(mode: ServiceMode) -> ServiceMode:
    given = [getattr(mode, name) for name in mode.__struct_fields__ if getattr(mode, name) is not None]
    if len(given) > 1:
        raise bad_request("must specify only one service mode")
    if mode.global_ is not None:
        return ServiceMode(global_=GlobalService())
    if mode.global_job is not None:
        return mode
    if mode.replicated_job is not None:
        concurrent = mode.replicated_job.max_concurrent
        concurrent = 1 if concurrent is None else concurrent
        total = mode.replicated_job.total_completions
        return ServiceMode(
            replicated_job=ReplicatedJob(
                max_concurrent=concurrent, total_completions=concurrent if total is None else total
            )
        )
    replicas = mode.replicated.replicas if mode.replicated is not None else None
    return ServiceMode(replicated=ReplicatedService(replicas=1 if replicas is None else replicas))


def _update_config(config: UpdateConfig | None) -> UpdateConfig | None:
    if config is None:
        return None
    if config.failure_action not in {"", "pause", "continue", "rollback"}:
        raise bad_request(f"unrecognized update failure action {config.failure_action}")
    if config.order not in {"", "stop-first", "start-first"}:
        raise bad_request(f"unrecognized update order {config.order}")
    return _replace(config, failure_action=config.failure_action or "pause", order=config.order or "stop-first")


def _endpoint(endpoint: EndpointSpec | None) -> EndpointSpec | None:
    if endpoint is None:
        return None
    mode = endpoint.mode.lower()
    if mode not in {"", "vip", "dnsrr"}:
        raise bad_request(f'invalid resolution mode: "{endpoint.mode}"')
    return _replace(endpoint, mode=mode or "vip", ports=tuple(_port(port) for port in endpoint.ports))


def _port(port: PortConfig) -> PortConfig:
    """Unknown words silently become the first of their kind: tcp, ingress."""
    protocol, mode = port.protocol.lower(), port.publish_mode.lower()
    return _replace(
        port,
        protocol=protocol if protocol in _PROTOCOLS else "tcp",
        publish_mode=mode if mode == "host" else "ingress",
    )
