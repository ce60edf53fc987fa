"""What an update may do to tasks that are well: how many slots at once, and what must run meanwhile."""

from collections.abc import Callable, Iterable

from swarmlab.objects import Node, Object, Service, Task, TaskState
from swarmlab.store import Commit, Kind

S = TaskState
#: Long enough for the loops to have dealt with a node that went and came back, in nanoseconds.
_LATELY = 15_000_000_000
ORCHESTRATORS = {"replicated orchestrator", "global orchestrator", "jobs orchestrator"}


class RolloutRules:
    """Looks at replicated services only: a node's event replaces tasks of global ones whatever their update config.

    A task that is well runs, shall run, and is on a node where it may stay. Nobody but the updater ends such a task,
    and for scaling down it is removed, not shut down.
    """

    def __init__(self, objects: dict[Kind, dict[str, Object]], slot: Callable[[Task], Iterable[Task]]) -> None:
        """`objects` is the store before each commit; `slot` gives all tasks that share a task's slot."""
        self._objects = objects
        self._slot = slot
        #: By service: replacements of tasks that were well, on their way to RUNNING.
        self._in_flight: dict[str, set[str]] = {}
        self._versions: dict[str, int] = {}
        #: When each node was last seen where tasks must not stay: the restarts may come when it is well again.
        self._invalid: dict[str, int] = {}
        self._now = 0

    def begin_anew(self) -> None:
        """The managers have crashed: whoever updates now does not know what was in flight."""
        self._in_flight.clear()

    def check(self, commit: Commit) -> None:
        """Look at a commit before it is in `objects`."""
        self._now = commit.at
        for change in commit.changes:
            if any(isinstance(node, Node) and node.invalid for node in (change.old, change.new)):
                self._invalid[change.id] = commit.at
        tasks = [(c.old, c.new) for c in commit.changes if c.kind is Kind.TASK]
        created = [new for old, new in tasks if isinstance(new, Task) and old is None]
        for old, new in tasks:
            if isinstance(old, Task) and isinstance(new, Task):
                self._follow(new)
                if self._is_well(old) and old.desired_state != new.desired_state == S.SHUTDOWN:
                    assert commit.actor.loop in ORCHESTRATORS
                    self._check_end(old, [task for task in created if task.slot_key == old.slot_key])

    def _service(self, service_id: str) -> Service | None:
        found = self._objects[Kind.SERVICE].get(service_id)
        return found if isinstance(found, Service) else None

    def _is_well(self, task: Task) -> bool:
        node = self._objects[Kind.NODE].get(task.node_id)
        lately = self._now - self._invalid.get(task.node_id, -_LATELY)
        on_its_place = isinstance(node, Node) and not node.invalid and lately >= _LATELY
        return bool(task.slot) and on_its_place and task.state == task.desired_state == S.RUNNING

    def _follow(self, task: Task) -> None:
        if task.state >= S.RUNNING or task.desired_state > S.RUNNING:
            self._in_flight.get(task.service_id, set()).discard(task.id)

    def _check_end(self, task: Task, replacements: list[Task]) -> None:
        service = self._service(task.service_id)
        if service is None:
            # The updater finishes a slot before it hears that the service is gone.
            return
        others = [t for t in self._slot(task) if t.id != task.id and t.desired_state <= S.RUNNING]
        if others:
            # Either the new task runs, or an update that was cut short had made it already.
            return
        rolls_back = service.update_status is not None and service.update_status.state == "rollback_started"
        config = service.spec.rollback_config if rolls_back else service.spec.update_config
        assert replacements, "a task that is well ends for another one"
        if replacements[0].spec_version != service.spec_version:
            # An updater that has not heard of the new spec yet goes by its own.
            return
        assert config is None or config.order != "start-first", "the new task was to run first"
        if self._versions.get(service.id) != service.spec_version:
            # A new spec ends the update before; what that had in flight is not counted.
            self._versions[service.id] = service.spec_version
            self._in_flight.pop(service.id, None)
        flying = self._in_flight.setdefault(service.id, set())
        flying.update(new.id for new in replacements)
        parallelism = 1 if config is None else config.parallelism
        assert not parallelism or len(flying) <= parallelism, f"{len(flying)} slots at once instead of {parallelism}"
