"""The constraint enforcer: ends tasks whose node no longer suits them.

Source: SK: manager/orchestrator/constraintenforcer/constraint_enforcer.go.
"""

from collections.abc import Callable

import msgspec

from swarmlab.clock import Clock
from swarmlab.objects import Node, Task, TaskState
from swarmlab.objects.constraint import node_satisfies
from swarmlab.objects.generic import holds_all, without
from swarmlab.store import Commit, Kind, Store

NAME = "constraint enforcer"


class ConstraintEnforcer:
    """Rejects tasks on active nodes that stopped meeting their service's constraints or have too little to give."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Look at every node, then at each that changes."""
        self._unwatch = self._store.watch(self._on_commit, Kind.NODE)
        for node in self._store.tables.nodes:
            self._reject_noncompliant(node)

    def stop(self) -> None:
        """Stop looking."""
        self._unwatch()

    def _on_commit(self, commit: Commit) -> None:
        for change in commit.changes:
            if isinstance(change.new, Node) and change.old is not None:
                self._reject_noncompliant(change.new)

    def _reject_noncompliant(self, node: Node) -> None:
        if node.spec.availability != "active":
            return
        offenders = []
        cpus, memory = node.description.resources.nano_cpus, node.description.resources.memory_bytes
        units = node.description.resources.generic_resources
        for task in self._store.tables.tasks.by("node", node.id):
            if not TaskState.ASSIGNED <= task.desired_state <= TaskState.COMPLETE or task.state >= TaskState.COMPLETE:
                continue
            service = self._store.tables.services.get(task.service_id)
            placement = service.spec.task_template.placement if service is not None else task.spec.placement
            if placement is not None and not node_satisfies(placement.constraints, node):
                offenders.append(task)
                continue
            reserved = task.spec.resources.reservations if task.spec.resources is not None else None
            if reserved is not None:
                if reserved.memory_bytes > memory or reserved.nano_cpus > cpus:
                    offenders.append(task)
                    continue
                if any(holds_all(unit, units) for unit in task.assigned_generic_resources):
                    # Upstream asks the wrong way round, so that tasks lose units that are still there; and then it
                    # looks no further. Docker 20.10.24 does so, too.
                    offenders.append(task)
                    break
                memory -= reserved.memory_bytes
                cpus -= reserved.nano_cpus
                units = without(units, task.assigned_generic_resources)
        if offenders:
            self._reject(offenders)

    def _reject(self, offenders: list[Task]) -> None:
        with self._store.transaction(NAME) as tx:
            for offender in offenders:
                task = tx.tables.tasks.get(offender.id)
                if task is None or task.desired_state > TaskState.COMPLETE:
                    continue
                status = msgspec.structs.replace(
                    task.status,
                    state=TaskState.REJECTED,
                    message="task rejected by constraint enforcer",
                    err="assigned node no longer meets constraints",
                    timestamp=tx.at,
                )
                tx.update(Kind.TASK, msgspec.structs.replace(task, status=status))
