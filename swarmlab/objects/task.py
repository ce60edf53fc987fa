"""Tasks (MB: api/types/swarm/task.go, SK: api/objects.proto)."""

import msgspec

from swarmlab.objects.base import Labels, Object, Spec, always_zero
from swarmlab.objects.network import Endpoint, NetworkAttachment, PortConfig
from swarmlab.objects.node import GenericResource
from swarmlab.objects.service import TaskSpec
from swarmlab.objects.states import TaskState


class ContainerStatus(Spec, frozen=True):
    """What became of a task's container."""

    container_id: str = ""
    pid: int = msgspec.field(default_factory=always_zero)
    exit_code: int = msgspec.field(default_factory=always_zero)


class TaskStatus(Spec, frozen=True):
    """Where a task is. `timestamp` is the reporter's clock, `applied_at` the manager's, both in Unix nanoseconds."""

    timestamp: int = 0
    state: TaskState = TaskState.NEW
    message: str = ""
    err: str = ""
    container_status: ContainerStatus | None = None
    ports: tuple[PortConfig, ...] = ()
    applied_at: int = 0


class Task(Object, frozen=True):
    """A task: one attempt to run one container of a service on one node.

    `service_name` and `service_labels` are copies made at creation, as is `endpoint` (SK: NewTask). A task of no
    service puts a container that was run by hand on a network (`is_attachment`); until the allocator has seen it, the
    addresses in `networks` are those that were asked for.
    """

    spec: TaskSpec
    service_id: str = ""
    slot: int = 0
    node_id: str = ""
    status: TaskStatus = TaskStatus()
    desired_state: TaskState = TaskState.RUNNING
    spec_version: int | None = None
    service_name: str = ""
    service_labels: Labels = msgspec.field(default_factory=dict)
    networks: tuple[NetworkAttachment, ...] = ()
    endpoint: Endpoint | None = None
    job_iteration: int | None = None
    assigned_generic_resources: tuple[GenericResource, ...] = ()

    @property
    def state(self) -> TaskState:
        """The observed state."""
        return self.status.state

    @property
    def is_attachment(self) -> bool:
        """Whether it runs nothing, and is a container's place on a network."""
        return self.spec.network_attachment_spec is not None

    @property
    def name(self) -> str:
        """`service.slot.id`, or `service.node.id` without a slot (SK: api/naming/naming.go)."""
        return f"{self.service_name}.{self.slot or self.node_id}.{self.id}"

    @property
    def slot_key(self) -> tuple[str, int, str]:
        """What a task shares with its predecessors: service and slot, or service and node without a slot."""
        return (self.service_id, self.slot, "" if self.slot else self.node_id)

    def same_orders(self, other: "Task") -> bool:
        """Whether two versions differ at most in what the agent reports (SK: api/equality/equality.go)."""
        return _orders(self) == _orders(other)


def _orders(task: Task) -> Task:
    return msgspec.structs.replace(task, status=_NO_STATUS, version=0, created_at=0, updated_at=0)


_NO_STATUS = TaskStatus()
