"""What the scheduler knows of a node (SK: manager/scheduler/nodeinfo.go)."""

from collections import Counter

import msgspec

from swarmlab.clock import SECOND
from swarmlab.objects import Node, Task, TaskState
from swarmlab.objects.node import Resources
from swarmlab.scheduler.genericpool import GenericPool

#: Failures of a service on a node are remembered for this long, in nanoseconds.
MONITOR_FAILURES = 5 * 60 * SECOND
#: With so many recent failures a node is avoided.
MAX_FAILURES = 5

_NOTHING = Resources()


def reservations(task: Task) -> Resources:
    """What a task reserves; limits do not count."""
    resources = task.spec.resources
    return resources.reservations if resources is not None and resources.reservations is not None else _NOTHING


def host_ports(task: Task) -> set[tuple[str, int]]:
    """The fixed ports that a task takes on its node, as (protocol, port)."""
    ports = task.endpoint.ports if task.endpoint is not None else ()
    return {(p.protocol, p.published_port) for p in ports if p.publish_mode == "host" and p.published_port}


class NodeInfo:
    """A node with its tasks between PENDING and RUNNING, and what is left of its resources.

    A task that is being shut down keeps its reservation and its host port until it has stopped.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.tasks: dict[str, Task] = {}
        self.active = 0
        self.active_by_service: Counter[str] = Counter()
        self.cpus = 0
        self.memory = 0
        self.generic = GenericPool(())
        self.used_ports: set[tuple[str, int]] = set()
        self._failures: dict[tuple[str, int | None], list[int]] = {}
        self.set_node(node)

    def set_node(self, node: Node) -> None:
        """Take over a changed node, keeping the tasks."""
        self.node = node
        total = node.description.resources
        self.cpus, self.memory = total.nano_cpus, total.memory_bytes
        self.generic = GenericPool(total.generic_resources)
        for task in self.tasks.values():
            self._reserve(task, -1)

    def claim(self, task: Task) -> Task:
        """The task with the units of generic resources that it gets here; there must be enough of them."""
        wanted = reservations(task).generic_resources
        return msgspec.structs.replace(task, assigned_generic_resources=self.generic.choose(wanted)) if wanted else task

    def add(self, task: Task) -> bool:
        """Count a task, or the change of its desired state; return whether that changed anything."""
        known = self.tasks.get(task.id)
        active = task.desired_state <= TaskState.COMPLETE
        self.tasks[task.id] = task
        if known is None:
            self._reserve(task, -1)
            self.used_ports |= host_ports(task)
            if active:
                self._count(task, 1)
            return True
        was_active = known.desired_state <= TaskState.COMPLETE
        if active != was_active:
            self._count(task, 1 if active else -1)
        return active != was_active

    def remove(self, task: Task) -> bool:
        """Forget a task; return whether it was there."""
        known = self.tasks.pop(task.id, None)
        if known is None:
            return False
        if known.desired_state <= TaskState.COMPLETE:
            self._count(known, -1)
        self._reserve(known, 1)
        self.used_ports -= host_ports(known)
        return True

    def task_failed(self, task: Task, now: int) -> None:
        """Remember a failure of the task's service and spec version at `now` (Unix nanoseconds)."""
        key = (task.service_id, task.spec_version)
        recent = [at for at in self._failures.get(key, ()) if now - at < MONITOR_FAILURES]
        self._failures[key] = [*recent, now]

    def recent_failures(self, task: Task, now: int) -> int:
        """Failures within the last five minutes."""
        times = self._failures.get((task.service_id, task.spec_version))
        return sum(1 for at in times if now - at <= MONITOR_FAILURES) if times else 0

    def rank(self, task: Task, now: int) -> tuple[int, int, int]:
        """How badly the node suits the task: smaller is better.

        Failures count exactly, but only from five on; then the service's active tasks; then all active tasks.
        """
        failures = self.recent_failures(task, now)
        return (
            failures if failures >= MAX_FAILURES else 0,
            self.active_by_service.get(task.service_id, 0),
            self.active,
        )

    def _count(self, task: Task, by: int) -> None:
        self.active += by
        self.active_by_service[task.service_id] += by
        if not self.active_by_service[task.service_id]:
            del self.active_by_service[task.service_id]

    def _reserve(self, task: Task, sign: int) -> None:
        reserved = reservations(task)
        if reserved is not _NOTHING:
            self.cpus += sign * reserved.nano_cpus
            self.memory += sign * reserved.memory_bytes
        if task.assigned_generic_resources:
            (self.generic.take if sign < 0 else self.generic.give_back)(task.assigned_generic_resources)
