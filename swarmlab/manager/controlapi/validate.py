"""Validation of service specs, in SwarmKit's order and words (SK: manager/controlapi/service.go)."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from swarmlab.manager.controlapi.names import check_dns_name
from swarmlab.manager.errors import Code, StatusError, invalid_argument
from swarmlab.objects import EndpointSpec, NodeDescription, ServiceMode, ServiceSpec, Task, TaskSpec, UpdateConfig
from swarmlab.objects.constraint import ConstraintError, parse
from swarmlab.objects.container import ContainerSpec, FileTarget, HealthConfig
from swarmlab.objects.node import Platform, Resources
from swarmlab.objects.service import Limit, Placement, ResourceRequirements, RestartPolicy
from swarmlab.objects.template import TemplateError, expand_container

_MINIMUM_CPU = 1_000_000
_MINIMUM_MEMORY = 4 * 1024 * 1024
_MILLISECOND = 1_000_000
_ANY_NODE = NodeDescription(hostname="nodeHostname", platform=Platform(os="os", architecture="architecture"))
_ANY_TASK = Task(id="", spec=TaskSpec(), service_id="serviceid", service_name="servicename", slot=1, node_id="nodeid")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_PATH}(?:/{_PATH})*(?::[\w][\w.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)


def valid_reference(image: str) -> bool:
    """Whether a text can name an image (distribution/reference, ParseNormalizedNamed)."""
    return bool(_REFERENCE.fullmatch(image)) and not re.fullmatch(r"[0-9a-f]{64}", image)


def validate_service_spec(spec: ServiceSpec) -> None:
    """Check everything that can be told from the spec alone. Raises StatusError."""
    check_dns_name(spec.name)
    _validate_task(spec.task_template)
    _validate_mode(spec.mode)
    is_job = spec.mode.replicated_job is not None or spec.mode.global_job is not None
    if is_job and spec.update_config is not None:
        raise invalid_argument("Jobs may not have an update config")
    _validate_update(spec.update_config)
    _validate_endpoint(spec.endpoint_spec)


def _validate_task(task: TaskSpec) -> None:
    _validate_resources(task.resources)
    _validate_restart(task.restart_policy)
    _validate_placement(task.placement)
    container = task.container_spec
    if container is None:
        raise invalid_argument("TaskSpec: missing runtime")
    _validate_references("secret", (_Given(r.secret_id, r.secret_name, r.file) for r in container.secrets))
    _validate_references(
        "config", (_Given(r.config_id, r.config_name, r.file, r.runtime is not None) for r in container.configs)
    )
    _validate_container(container)


def _validate_resources(requirements: ResourceRequirements | None) -> None:
    if requirements is None:
        return
    parts: tuple[Limit | Resources | None, ...] = (requirements.limits, requirements.reservations)
    for part in parts:
        if part is None:
            continue
        if part.nano_cpus and part.nano_cpus < _MINIMUM_CPU:
            raise invalid_argument(f"invalid cpu value {_g(part.nano_cpus / 1e9)}: Must be at least 0.001")
        if part.memory_bytes and part.memory_bytes < _MINIMUM_MEMORY:
            raise invalid_argument(f"invalid memory value {part.memory_bytes}: Must be at least 4MiB")


def _g(value: float) -> str:
    """A float as Go's %g prints it."""
    text = f"{value:.17g}"
    for digits in range(1, 17):
        short = f"{value:.{digits}g}"
        if float(short) == value:
            text = short
            break
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(2)}" if exponent else text


def _validate_restart(policy: RestartPolicy | None) -> None:
    if policy is None:
        return
    if policy.delay is not None and policy.delay < 0:
        raise invalid_argument("TaskSpec: restart-delay cannot be negative")
    if policy.window is not None and policy.window < 0:
        raise invalid_argument("TaskSpec: restart-window cannot be negative")


def _validate_placement(placement: Placement | None) -> None:
    if placement is None:
        return
    try:
        parse(placement.constraints)
    except ConstraintError as error:
        # Upstream returns these as plain errors, which gRPC reports as Unknown.
        raise StatusError(Code.UNKNOWN, str(error)) from None


class _Given(NamedTuple):
    """A reference to a config or secret; `elsewhere` when it is not put into a file."""

    id: str
    name: str
    file: FileTarget | None
    elsewhere: bool = False


def _validate_references(kind: str, references: Iterable[_Given]) -> None:
    """Each names an object and a target, and no target twice."""
    targets: dict[str, str] = {}
    for reference in references:
        if not reference.id or not reference.name:
            raise invalid_argument(f"malformed {kind} reference")
        if reference.file is None:
            if reference.elsewhere:
                continue
            raise invalid_argument(f"malformed {kind} reference, no target provided")
        target = reference.file.name
        if not target:
            raise invalid_argument(f"malformed file {kind} reference, invalid target file name provided")
        if target in targets:
            raise invalid_argument(
                f"{kind} references '{targets[target]}' and '{reference.name}' have a conflicting target: '{target}'"
            )
        targets[target] = reference.name


def _validate_container(spec: ContainerSpec) -> None:
    try:
        # As upstream: with a made-up task, so that what depends on the real one shows only on its node.
        container = expand_container(spec, _ANY_TASK, _ANY_NODE)
    except TemplateError as error:
        raise invalid_argument(str(error)) from None
    if not container.image:
        raise invalid_argument("ContainerSpec: image reference must be provided")
    if not valid_reference(container.image):
        raise invalid_argument(f'ContainerSpec: "{container.image}" is not a valid repository/tag')
    targets = set()
    for mount in container.mounts:
        if mount.target in targets:
            raise invalid_argument(f"ContainerSpec: duplicate mount point: {mount.target}")
        targets.add(mount.target)
    _validate_healthcheck(container.healthcheck)


def _validate_healthcheck(check: HealthConfig | None) -> None:
    if check is None:
        return
    for name, value in (
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ):
        if value and value < _MILLISECOND:
            raise invalid_argument(f"ContainerSpec: {name} in HealthConfig cannot be less than 1ms")
    if check.retries < 0:
        raise invalid_argument("ContainerSpec: Retries in HealthConfig cannot be negative")


def _validate_mode(mode: ServiceMode) -> None:
    if mode.replicated is not None and (mode.replicated.replicas or 0) >= 1 << 63:
        raise invalid_argument("Number of replicas must be non-negative")
    if mode.replicated_job is not None:
        if (mode.replicated_job.max_concurrent or 0) >= 1 << 63:
            raise invalid_argument("Maximum concurrent jobs must not be negative")
        if (mode.replicated_job.total_completions or 0) >= 1 << 63:
            raise invalid_argument("Total completed jobs must not be negative")


def _validate_update(config: UpdateConfig | None) -> None:
    if config is None:
        return
    if config.delay < 0:
        raise invalid_argument("TaskSpec: update-delay cannot be negative")
    if config.monitor < 0:
        raise invalid_argument("TaskSpec: update-monitor cannot be negative")
    if not 0 <= config.max_failure_ratio <= 1:
        raise invalid_argument("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1")


def _validate_endpoint(endpoint: EndpointSpec | None) -> None:
    if endpoint is None:
        return
    taken = set()
    for port in endpoint.ports:
        if endpoint.mode == "dnsrr" and port.publish_mode == "ingress":
            raise invalid_argument("EndpointSpec: port published with ingress mode can't be used with dnsrr mode")
        if not port.published_port:
            continue
        if (port.published_port, port.protocol) in taken:
            raise invalid_argument("EndpointSpec: duplicate published ports provided")
        taken.add((port.published_port, port.protocol))
