"""What must be true of every transaction, whoever asked for it: the formal model's rules (SK: design/tla)."""

from collections.abc import Iterable

from swarmlab.objects import Node, Object, Service, Task, TaskState
from swarmlab.objects.constraint import node_satisfies
from swarmlab.objects.generic import amounts
from swarmlab.store import Change, Commit, Kind
from tests.support.rollout_rules import ORCHESTRATORS, RolloutRules

S = TaskState
AGENT_STATES = {S.ACCEPTED, S.PREPARING, S.READY, S.STARTING, S.RUNNING, S.COMPLETE, S.SHUTDOWN, S.FAILED, S.REJECTED}


class Rules:
    """Follows a store by its commits alone, and raises AssertionError at the first that breaks a rule."""

    def __init__(self) -> None:
        self.index = 0
        self.objects: dict[Kind, dict[str, Object]] = {kind: {} for kind in Kind}
        #: Services that ever had the update order start-first: their slots may hold two tasks that shall run.
        self.start_first: set[str] = set()
        self.rollout = RolloutRules(self.objects, lambda task: [t for t in self.tasks() if t.slot_key == task.slot_key])

    def check(self, commits: Iterable[Commit]) -> None:
        for commit in commits:
            assert commit.index > self.index, "versions only grow"
            self.index = commit.index
            self.rollout.check(commit)
            slots = set()
            for change in commit.changes:
                self._check_change(commit, change)
                if isinstance(change.new, Task):
                    slots.add(change.new.slot_key)
            self._check_slots(slots)
            self._check_addresses()

    def tasks(self) -> list[Task]:
        return [task for task in self.objects[Kind.TASK].values() if isinstance(task, Task)]

    def _check_change(self, commit: Commit, change: Change) -> None:
        table = self.objects[change.kind]
        assert table.get(change.id) == change.old, f"{change.kind} {change.id}: changes build on one another"
        if change.new is None:
            del table[change.id]
        else:
            assert change.new.version == commit.index
            table[change.id] = change.new
        if isinstance(change.new, Service):
            config = change.new.spec.update_config
            back = change.new.spec.rollback_config
            if any(c is not None and c.order == "start-first" for c in (config, back)):
                self.start_first.add(change.id)
        if change.kind is Kind.TASK:
            old, new = change.old, change.new
            assert old is None or isinstance(old, Task)
            assert new is None or isinstance(new, Task)
            self._check_task(commit.actor.loop, old, new)

    def _check_task(self, actor: str, old: Task | None, new: Task | None) -> None:
        if new is None:
            assert old is not None
            if actor == "task reaper":
                # A task to be removed may have been assigned in the quarter of a second since it was noted.
                unwanted = old.desired_state == S.REMOVE or (old.state < S.ASSIGNED and old.desired_state > S.RUNNING)
                assert old.state.terminal or unwanted, f"reaped {old.state.text}, wanted {old.desired_state.text}"
            return
        if old is None:
            assert actor in ORCHESTRATORS, actor
            assert (new.state, new.status.message) == (S.NEW, "created")
            assert new.desired_state in {S.READY, S.RUNNING, S.COMPLETE}
            return
        assert new.desired_state >= old.desired_state, "the desired state never moves backwards"
        assert (new.slot, new.service_id, new.spec_version) == (old.slot, old.service_id, old.spec_version)
        if new.desired_state != old.desired_state:
            assert actor in ORCHESTRATORS, f"{actor} wrote a desired state"
        if new.node_id != old.node_id:
            assert (old.node_id, actor) == ("", "scheduler"), "a task never changes node"
        if new.networks != old.networks:
            assert actor == "allocator"
        if new.state != old.state:
            self._check_transition(actor, old, new)

    def _check_transition(self, actor: str, old: Task, new: Task) -> None:
        step = (old.state, new.state)
        text = f"{actor}: {old.state.text} to {new.state.text}"
        assert new.state > old.state, text
        assert not old.state.terminal or new.state == S.ORPHANED, text
        if actor == "allocator":
            assert step == (S.NEW, S.PENDING), text
        elif actor == "scheduler":
            assert step in {(S.PENDING, S.ASSIGNED), (S.PENDING, S.SHUTDOWN)}, text
            if new.state == S.ASSIGNED:
                self._check_placement(new)
            else:
                assert new.desired_state >= S.SHUTDOWN, text
        elif actor == "constraint enforcer":
            assert new.state == S.REJECTED, text
            assert old.state < S.COMPLETE, text
        elif actor == "dispatcher":
            assert old.state >= S.ASSIGNED, text
            assert new.state in AGENT_STATES | {S.ORPHANED}, text
        else:
            assert new.state == S.ORPHANED, text
            assert old.state < S.COMPLETE, text

    def _check_placement(self, task: Task) -> None:
        node = self.objects[Kind.NODE].get(task.node_id)
        assert isinstance(node, Node)
        assert (node.status.state, node.spec.availability) == ("ready", "active"), "the scheduler looks at nodes"
        placement = task.spec.placement
        assert placement is None or node_satisfies(placement.constraints, node)
        limit = placement.max_replicas if placement is not None else 0
        if limit:
            here = [t for t in self.tasks() if t.service_id == task.service_id and t.node_id == task.node_id]
            # What has ended does not count, even before the orchestrator has heard of it.
            assert sum(S.ASSIGNED <= t.state <= S.RUNNING and t.desired_state <= S.COMPLETE for t in here) <= limit
        self._check_resources(task, node)

    def _check_resources(self, task: Task, node: Node) -> None:
        """What live tasks on the node reserve is there, and no host port is taken twice."""
        here = [t for t in self.tasks() if t.node_id == node.id and S.ASSIGNED <= t.state <= S.RUNNING]
        reserved = [
            t.spec.resources.reservations
            for t in here
            if t.spec.resources is not None and t.spec.resources.reservations is not None
        ]
        total = node.description.resources
        wanted = task.spec.resources.reservations if task.spec.resources is not None else None
        if wanted is not None and wanted.nano_cpus:
            assert sum(r.nano_cpus for r in reserved) <= total.nano_cpus
        if wanted is not None and wanted.memory_bytes:
            assert sum(r.memory_bytes for r in reserved) <= total.memory_bytes
        units = [unit for t in here for unit in t.assigned_generic_resources]
        names = [unit.named_resource_spec for unit in units if unit.named_resource_spec is not None]
        assert len(names) == len(set(names)), "a unit is given once"
        offered = amounts(total.generic_resources)
        assert all(amount <= offered[kind] for kind, amount in amounts(units).items())
        if wanted is not None:
            assert amounts(task.assigned_generic_resources) == amounts(wanted.generic_resources)
        ports = [
            (p.protocol, p.published_port)
            for t in here
            for p in (t.endpoint.ports if t.endpoint is not None else ())
            if p.publish_mode == "host" and p.published_port
        ]
        assert len(ports) == len(set(ports)), "a host port is given once"

    def _check_slots(self, slots: Iterable[tuple[str, int, str]]) -> None:
        for key in slots:
            # A node's event goes past the updater of a global service, which may then make a task too many for a node
            # whose last one could not be restarted; upstream does so too, and mends it when the update is complete.
            if key[0] in self.start_first or key[1] == 0:
                continue
            wanted = [t for t in self.tasks() if t.slot_key == key and t.desired_state == S.RUNNING]
            assert len(wanted) <= 1, f"slot {key[1]} has {len(wanted)} tasks that shall run"

    def _check_addresses(self) -> None:
        given: set[tuple[str, str]] = set()
        for task in self.tasks():
            if task.state.terminal:
                continue
            for attachment in task.networks:
                for address in attachment.addresses:
                    assert (attachment.network_id, address) not in given, "an address is given once"
                    given.add((attachment.network_id, address))
