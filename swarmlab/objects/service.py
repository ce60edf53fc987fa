"""Services and task specs (MB: api/types/swarm/{service,task}.go)."""

from typing import Literal

import msgspec

from swarmlab.objects.base import (
    Annotated_,
    Driver,
    Duration,
    Float32,
    Labels,
    Object,
    Spec,
    Strings,
    Uint64,
    always_empty,
    always_null,
    always_zero,
)
from swarmlab.objects.container import ContainerSpec
from swarmlab.objects.network import Endpoint, EndpointSpec, NetworkAttachmentConfig
from swarmlab.objects.node import GenericResource, Platform, Resources


class Limit(Spec, frozen=True):
    """Upper bounds of a task: 1e-9 CPUs, bytes, processes."""

    nano_cpus: int = 0
    memory_bytes: int = 0
    pids: int = 0


class ResourceRequirements(Spec, frozen=True):
    """Limits and reservations."""

    limits: Limit | None = None
    reservations: Resources | None = None
    swap_bytes: int | None = None
    memory_swappiness: int | None = None


class RestartPolicy(Spec, frozen=True):
    """When and how often a task that ended is replaced; durations in nanoseconds."""

    condition: str = ""
    delay: Duration | None = None
    max_attempts: Uint64 | None = None
    window: Duration | None = None


class SpreadOver(Spec, frozen=True):
    """Spread tasks over the values of a label."""

    spread_descriptor: str = msgspec.field(default_factory=always_empty)


class PlacementPreference(Spec, frozen=True):
    """A preference of the scheduler."""

    spread: SpreadOver | None = msgspec.field(default_factory=always_null)


class Placement(Spec, frozen=True):
    """Where tasks may and would rather run."""

    constraints: Strings = ()
    preferences: tuple[PlacementPreference, ...] = ()
    max_replicas: Uint64 = 0
    platforms: tuple[Platform, ...] = ()


class RuntimeSpec(Spec, frozen=True):
    """A plugin service; accepted only to be refused."""

    name: str = ""
    remote: str = ""


class NetworkAttachmentSpec(Spec, frozen=True):
    """The container, run by hand, that a task puts on a network."""

    container_id: str = ""


class TaskSpec(Spec, frozen=True):
    """The template of a service's tasks, or what one task is that puts a container on a network."""

    container_spec: ContainerSpec | None = None
    plugin_spec: RuntimeSpec | None = None
    network_attachment_spec: NetworkAttachmentSpec | None = None
    resources: ResourceRequirements | None = None
    restart_policy: RestartPolicy | None = None
    placement: Placement | None = None
    networks: tuple[NetworkAttachmentConfig, ...] = ()
    log_driver: Driver | None = None
    force_update: Uint64 = msgspec.field(default_factory=always_zero)
    runtime: str = ""


class ReplicatedService(Spec, frozen=True):
    """So many tasks."""

    replicas: Uint64 | None = None


class GlobalService(Spec, frozen=True):
    """One task a node."""


class ReplicatedJob(Spec, frozen=True):
    """So many completions, so many at a time."""

    max_concurrent: Uint64 | None = None
    total_completions: Uint64 | None = None


class GlobalJob(Spec, frozen=True):
    """One completion a node."""


class ServiceMode(Spec, frozen=True):
    """Exactly one of these once stored."""

    replicated: ReplicatedService | None = None
    global_: GlobalService | None = None
    replicated_job: ReplicatedJob | None = None
    global_job: GlobalJob | None = None


class UpdateConfig(Spec, frozen=True):
    """How a change of the template is rolled out (or back); durations in nanoseconds."""

    parallelism: Uint64 = msgspec.field(default_factory=always_zero)
    delay: Duration = 0
    failure_action: str = ""
    monitor: Duration = 0
    max_failure_ratio: Float32 = msgspec.field(default_factory=always_zero)
    order: str = msgspec.field(default_factory=always_empty)


class ServiceSpec(Annotated_, frozen=True):
    """What a service is asked to be."""

    task_template: TaskSpec = TaskSpec()
    mode: ServiceMode = ServiceMode()
    update_config: UpdateConfig | None = None
    rollback_config: UpdateConfig | None = None
    networks: tuple[NetworkAttachmentConfig, ...] = ()
    endpoint_spec: EndpointSpec | None = None


UpdateState = Literal["updating", "paused", "completed", "rollback_started", "rollback_paused", "rollback_completed"]


class UpdateStatus(Spec, frozen=True):
    """How far an update is; instants in Unix nanoseconds, 0 when unset."""

    state: UpdateState | Literal[""] = ""
    started_at: int = 0
    completed_at: int = 0
    message: str = ""


class JobStatus(Spec, frozen=True):
    """Which run of a job is the present one, and when it began (Unix nanoseconds)."""

    job_iteration: int = 0
    last_execution: int = 0


class Service(Object, frozen=True):
    """A service. `spec_version` is copied to tasks: equal numbers mean equal specs (SK: orchestrator/task.go)."""

    spec: ServiceSpec
    spec_version: int = 0
    previous_spec: ServiceSpec | None = None
    previous_spec_version: int = 0
    endpoint: Endpoint | None = None
    update_status: UpdateStatus | None = None
    job_status: JobStatus | None = None

    @property
    def replicas(self) -> int:
        """How many tasks a replicated service wants; 0 for other modes."""
        replicated = self.spec.mode.replicated
        return (replicated.replicas or 0) if replicated is not None else 0

    @property
    def is_job(self) -> bool:
        """Whether its tasks run to completion."""
        return self.spec.mode.replicated_job is not None or self.spec.mode.global_job is not None


__all__ = [
    "GenericResource",
    "GlobalJob",
    "GlobalService",
    "JobStatus",
    "Labels",
    "Limit",
    "Placement",
    "PlacementPreference",
    "ReplicatedJob",
    "ReplicatedService",
    "ResourceRequirements",
    "RestartPolicy",
    "RuntimeSpec",
    "Service",
    "ServiceMode",
    "ServiceSpec",
    "SpreadOver",
    "TaskSpec",
    "UpdateConfig",
    "UpdateStatus",
]
