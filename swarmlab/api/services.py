"""`/services` (MB: daemon/cluster/services.go, daemon/server/router/swarm)."""

from http import HTTPStatus
from typing import Any

import msgspec

from swarmlab.api import encode
from swarmlab.api.adjust import adjusted
from swarmlab.api.call import DONE, Answer, ApiVersion, Call, Route, answer
from swarmlab.api.errors import ApiError, bad_request, not_found
from swarmlab.api.query import Filters, parse_bool, parse_version
from swarmlab.api.resolve import find_network, find_service
from swarmlab.engine.task.convert import canonical_service_spec
from swarmlab.objects import NetworkAttachmentConfig, Service, ServiceSpec, TaskSpec
from swarmlab.objects.container import DNSConfig
from swarmlab.objects.defaults import MONITOR, RESTART, RESTART_DELAY, ROLLBACK, STOP_GRACE_PERIOD, UPDATE
from swarmlab.objects.service import Placement, ResourceRequirements, UpdateConfig

_PREDEFINED = frozenset({"bridge", "host", "none"})
_AUTH_SOURCES = frozenset({"", "spec", "previous-spec"})
_replace = msgspec.structs.replace


def list_services(call: Call) -> Answer:
    """`GET /services`, by id; with `status` their numbers of tasks as well."""
    filters = call.filters()
    # Older clients did not know the parameter, so what they send in its place is not looked at.
    with_status = call.version >= ApiVersion(1, 41) and parse_bool(call.param("status"), "status")
    filters.validate("name", "id", "label", "mode", "runtime")
    control = call.control
    found = sorted((s for s in control.services() if _matches(s, filters)), key=lambda service: service.id)
    if not with_status:
        return answer([encode.service(service) for service in found])
    numbers = control.service_statuses([service.id for service in found])
    return answer([encode.service(service, _status(numbers[service.id])) for service in found])


def _status(numbers: tuple[int, int, int]) -> encode.ServiceStatus:
    running, desired, completed = numbers
    return encode.ServiceStatus(running_tasks=running, desired_tasks=desired, completed_tasks=completed)


def _matches(service: Service, filters: Filters) -> bool:
    return (
        filters.prefix("name", service.spec.name)
        and filters.prefix("id", service.id)
        and filters.labels("label", service.spec.labels, empty_matches=True)
        and filters.exact("mode", _mode(service.spec))
        and filters.exact("runtime", "container")
    )


def _mode(spec: ServiceSpec) -> str:
    mode = spec.mode
    if mode.global_ is not None:
        return "global"
    if mode.replicated_job is not None:
        return "replicated-job"
    return "global-job" if mode.global_job is not None else "replicated"


def inspect_service(call: Call) -> Answer:
    """`GET /services/{id}`; with `insertDefaults` the spec says what absent settings mean."""
    insert = parse_bool(call.param("insertDefaults"), "insertDefaults")
    service = find_service(call.control, call.name)
    return answer(encode.service(service, spec=with_defaults(service.spec) if insert else None))


def with_defaults(spec: ServiceSpec) -> ServiceSpec:
    """The spec with its absent settings filled in (SK: api/defaults/service.go)."""
    task = spec.task_template
    container = task.container_spec
    if container is not None:
        if container.stop_grace_period is None:
            container = _replace(container, stop_grace_period=STOP_GRACE_PERIOD)
        if container.dns_config is None:
            container = _replace(container, dns_config=DNSConfig())
    policy = task.restart_policy
    if policy is None:
        policy = _replace(RESTART, max_attempts=0)
    elif policy.delay is None:
        policy = _replace(policy, delay=RESTART_DELAY)
    task = _replace(
        task,
        container_spec=container,
        resources=task.resources or ResourceRequirements(),
        restart_policy=policy,
        placement=task.placement or Placement(),
    )
    return _replace(
        spec,
        task_template=task,
        update_config=_with_monitor(spec.update_config or UPDATE),
        rollback_config=_with_monitor(spec.rollback_config or ROLLBACK),
    )


def _with_monitor(config: UpdateConfig) -> UpdateConfig:
    return config if config.monitor else _replace(config, monitor=MONITOR)


def create_service(call: Call) -> Answer:
    """`POST /services/create`."""
    spec = adjusted(call.decode(ServiceSpec), call.version)
    control = call.control
    spec = canonical_service_spec(_with_network_ids(call, spec))
    service = control.create_service(spec, call.actor)
    body: dict[str, Any] = {"ID": service.id}
    if warnings := _warnings(call, spec):
        body["Warnings"] = warnings
    return answer(body, HTTPStatus.CREATED)


def update_service(call: Call) -> Answer:
    """`POST /services/{id}/update`; with `rollback=previous` back to the spec before."""
    spec = adjusted(call.decode(ServiceSpec), call.version)
    version = parse_version(call.param("version"), "service")
    if (source := call.param("registryAuthFrom")) not in _AUTH_SOURCES:
        raise bad_request(f"invalid registryAuthFrom '{source}'")
    control = call.control
    spec = canonical_service_spec(_with_network_ids(call, spec))
    service_id = find_service(control, call.name).id
    rollback = call.param("rollback")
    if rollback not in {"", "none", "previous"}:
        raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, f"unrecognized rollback option {rollback}")
    control.update_service(service_id, version, spec, rollback=rollback == "previous", actor=call.actor)
    return answer({"Warnings": _warnings(call, spec)})


def _warnings(call: Call, spec: ServiceSpec) -> list[str] | None:
    """Clients before API 1.30 leave it to the engine to look up the digest of the image, which it cannot."""
    container = spec.task_template.container_spec
    if call.version >= ApiVersion(1, 30) or container is None:
        return None
    return [
        f"image {container.image} could not be accessed on a registry to record\n"
        f"its digest. Each node will access {container.image} independently,\n"
        "possibly leading to different nodes running different\nversions of the image.\n"
    ]


def _with_network_ids(call: Call, spec: ServiceSpec) -> ServiceSpec:
    """The spec with networks named by id. Raises ApiError for a network that is unknown or not the swarm's."""
    task: TaskSpec = spec.task_template
    # Those of the service are what old clients send, and count only where the task has none.
    networks = tuple(_with_network_id(call, network) for network in task.networks or spec.networks)
    if task.networks:
        return _replace(spec, task_template=_replace(task, networks=networks))
    return _replace(spec, networks=networks)


def _with_network_id(call: Call, attachment: NetworkAttachmentConfig) -> NetworkAttachmentConfig:
    target = attachment.target
    try:
        return _replace(attachment, target=find_network(call.control, target).id)
    except ApiError as error:
        local = next((n for n in call.engine.networks.list() if target in (n.id, n.name)), None)
        if local is not None and local.name not in _PREDEFINED:
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                f"The network {local.name} cannot be used with services. Only networks scoped to the swarm can be "
                "used, such as those created with the overlay driver.",
            ) from None
        if local is None:
            # Only an ambiguous name is the client's fault in Docker's eyes; an unknown one is the daemon's own error.
            status = error.status if error.status == HTTPStatus.BAD_REQUEST else HTTPStatus.INTERNAL_SERVER_ERROR
            raise ApiError(status, str(error)) from None
        name = local.name
    try:
        return _replace(attachment, target=find_network(call.control, name).id)
    except ApiError as error:
        raise not_found(f"could not find the corresponding predefined swarm network: {error}") from None


def remove_service(call: Call) -> Answer:
    """`DELETE /services/{id}`."""
    control = call.control
    control.remove_service(find_service(control, call.name).id, call.actor)
    return DONE


ROUTES = (
    Route("GET", "/services", list_services),
    Route("POST", "/services/create", create_service),
    Route("GET", "/services/{name}", inspect_service),
    Route("POST", "/services/{name}/update", update_service),
    Route("DELETE", "/services/{name}", remove_service),
)
