"""The scheduler: gives pending tasks a node (SK: manager/scheduler/scheduler.go)."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice

import msgspec

from swarmlab.clock import SECOND, Clock, Timer, Turns
from swarmlab.objects import Node, Task, TaskState, TaskStatus
from swarmlab.scheduler.filters import Pipeline
from swarmlab.scheduler.nodeinfo import NodeInfo
from swarmlab.scheduler.tree import Branch, Rank, build_tree
from swarmlab.store import Commit, Kind, Store, Transaction

NAME = "scheduler"
#: A run begins this long after the last commit, in seconds …
DEBOUNCE = 0.05
#: … but no later than this after the first one of a burst.
MAX_LATENCY = 1.0
BATCH = 200


class Scheduler:
    """Keeps its own view of nodes and tasks, fed by the store's events, and decides in runs.

    Tasks that no node suits stay PENDING with the reason in `Err`, and are tried again in the next run; unless their
    service has a newer spec: those are forgotten until something about the task itself changes.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._pipeline = Pipeline()
        self._nodes: dict[str, NodeInfo] = {}
        #: Every task between PENDING and RUNNING, as last seen.
        self._tasks: dict[str, Task] = {}
        self._unassigned: dict[str, Task] = {}
        self._preassigned: dict[str, Task] = {}
        #: Tasks that came with a node: their failures are not held against it.
        self._came_with_node: set[str] = set()
        self._run_needed = False
        self._burst_began: int | None = None
        self._timer: Timer | None = None
        self._turns = Turns(clock)
        #: What was committed while a run is under way; the run's view must not change under it.
        self._backlog: deque[Commit] = deque()
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Take in the store, schedule what waits, then follow the store."""
        self._unwatch = self._store.watch(self._on_commit)
        self._nodes = {node.id: NodeInfo(node) for node in self._store.tables.nodes}
        for task in self._store.tables.tasks:
            if task.state == TaskState.PENDING and task.desired_state > TaskState.COMPLETE:
                continue
            self._task_created(task)
        self._run_needed = True
        self._turns.add(self._run())

    def stop(self) -> None:
        """Stop following the store. A loop is not started again: a new leader makes new ones."""
        self._unwatch()
        self._turns.stop()
        if self._timer is not None:
            self._timer.cancel()

    # --- events ----------------------------------------------------------------------------------------------------

    def _on_commit(self, commit: Commit) -> None:
        if self._turns.busy:
            self._backlog.append(commit)
        else:
            self._take_in(commit)

    def _take_in(self, commit: Commit) -> None:
        for kind, old, new in commit.changes:
            if kind is Kind.NODE:
                self._node_changed(old, new)  # type: ignore[arg-type]
            elif kind is not Kind.TASK:
                continue
            elif new is None:
                assert isinstance(old, Task)
                self._run_needed |= self._forget(old)
            elif old is None:
                assert isinstance(new, Task)
                self._run_needed |= self._task_created(new)
            else:
                assert isinstance(new, Task)
                self._run_needed |= self._task_updated(new)
        self._debounce()

    def _debounce(self) -> None:
        """Look 50 ms after the last commit, whatever it was of, but not later than a second after the first."""
        now = self._clock.now()
        if self._timer is None:
            self._burst_began = now
        else:
            assert self._burst_began is not None
            self._timer.cancel()
            if now - self._burst_began > MAX_LATENCY * SECOND:
                self._timer = None
                self._turns.add(self._run())
                return
        self._timer = self._clock.call_later(DEBOUNCE, self._debounced)

    def _debounced(self) -> None:
        self._timer = None
        self._turns.add(self._run())

    def _run(self) -> Iterator[None]:
        """Preassigned tasks are looked at each time, the others only if something about tasks or nodes has changed."""
        yield from self._process_preassigned()
        if self._run_needed:
            self._run_needed = False
            yield from self._process_unassigned()
        while self._backlog:
            self._take_in(self._backlog.popleft())
            yield

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is None:
            assert old is not None
            self._nodes.pop(old.id, None)
            return
        self._run_needed = True
        info = self._nodes.get(new.id)
        if info is None:
            self._nodes[new.id] = NodeInfo(new)
        else:
            info.set_node(new)

    def _task_created(self, task: Task) -> bool:
        if not TaskState.PENDING <= task.state <= TaskState.RUNNING:
            return False
        self._tasks[task.id] = task
        return self._place(task)

    def _task_updated(self, task: Task) -> bool:
        if task.state < TaskState.PENDING:
            return False
        known = self._tasks.get(task.id)
        if task.state > TaskState.RUNNING:
            if known is None:
                return False
            failed = task.state in {TaskState.FAILED, TaskState.REJECTED} and task.state != known.state
            info = self._nodes.get(task.node_id)
            if failed and info is not None and task.id not in self._came_with_node:
                info.task_failed(task, self._clock.now())
            self._forget(known)
            return True
        if known is not None and (not task.node_id or task.state == TaskState.PENDING):
            self._forget(known)
        self._tasks[task.id] = task
        return self._place(task)

    def _place(self, task: Task) -> bool:
        """Put a known task where it belongs; return whether that calls for a run."""
        if not task.node_id:
            self._unassigned[task.id] = task
            return True
        if task.state == TaskState.PENDING:
            self._came_with_node.add(task.id)
            self._preassigned[task.id] = task
            return False
        info = self._nodes.get(task.node_id)
        if info is not None:
            info.add(task)
        return False

    def _forget(self, task: Task) -> bool:
        self._tasks.pop(task.id, None)
        self._unassigned.pop(task.id, None)
        self._preassigned.pop(task.id, None)
        self._came_with_node.discard(task.id)
        info = self._nodes.get(task.node_id)
        return info is not None and info.remove(task)

    # --- preassigned tasks -----------------------------------------------------------------------------------------

    def _process_preassigned(self) -> Iterator[None]:
        decisions = []
        for number, task in enumerate(self._preassigned.values(), 1):
            if number % BATCH == 0:
                yield
            info = self._nodes.get(task.node_id)
            if info is None:
                continue
            self._pipeline.set_task(task)
            now = self._clock.now()
            if self._pipeline.process(info):
                status = TaskStatus(
                    timestamp=now,
                    state=TaskState.ASSIGNED,
                    message="scheduler confirmed task can run on preassigned node",
                )
            else:
                status = msgspec.structs.replace(task.status, timestamp=now, err=self._pipeline.explain())
            decided = msgspec.structs.replace(task, status=status)
            if status.state == TaskState.ASSIGNED:
                decided = info.claim(decided)
                info.add(decided)
            self._tasks[task.id] = decided
            decisions.append((task, decided))
        applied, failed = yield from self._apply(decisions)
        for _, new in applied:
            if new.state == TaskState.ASSIGNED:
                self._preassigned.pop(new.id, None)
        for old, new in failed:
            self._tasks[old.id] = old
            self._nodes[new.node_id].remove(new)

    # --- unassigned tasks ------------------------------------------------------------------------------------------

    def _process_unassigned(self) -> Iterator[None]:
        groups: dict[tuple[str, int | None, str], dict[str, Task]] = {}
        for task in self._unassigned.values():
            alone = task.id if task.spec_version is None else ""
            groups.setdefault((task.service_id, task.spec_version, alone), {})[task.id] = task
        self._unassigned = {}
        decisions: list[tuple[Task, Task]] = []
        for group in groups.values():
            if decisions:
                yield
            yield from self._schedule_group(group, decisions)
        _, failed = yield from self._apply(decisions)
        for old, new in failed:
            self._tasks[old.id] = old
            info = self._nodes.get(new.node_id)
            if info is not None:
                info.remove(new)
            self._unassigned[old.id] = old

    def _schedule_group(self, group: dict[str, Task], decisions: list[tuple[Task, Task]]) -> Iterator[None]:
        """Place tasks that are all alike; what is left of `group` finds no node."""
        task = next(iter(group.values()))
        now = self._clock.now()
        self._pipeline.set_task(task)

        def rank(node: NodeInfo) -> Rank:
            return node.rank(task, now)

        tree = build_tree(self._nodes.values(), task, len(group), self._pipeline.process, rank)
        yield from self._schedule_on_branch(len(group), group, tree, decisions, rank)
        if group:
            self._no_suitable_node(group, decisions)

    def _schedule_on_branch(
        self,
        count: int,
        group: dict[str, Task],
        branch: Branch,
        decisions: list[tuple[Task, Task]],
        rank: Callable[[NodeInfo], Rank],
    ) -> Generator[None, None, int]:
        """Place up to `count` tasks so that the branches' totals become equal; return how many were placed."""
        if not branch.branches:
            nodes = branch.ordered(self._pipeline.process, rank)
            return (yield from self._schedule_on_nodes(count, group, nodes, decisions, rank)) if nodes else 0
        placed = 0
        in_usable = branch.tasks
        no_room: set[str] = set()
        converging = True
        while placed != count and len(no_room) != len(branch.branches) and converging:
            share, remainder = divmod(in_usable + count - placed, len(branch.branches) - len(no_room))
            converging = False
            for value, sub in branch.branches.items():
                if value in no_room:
                    continue
                has = sub.tasks
                if has < share or (has == share and remainder > 0):
                    converging = True
                    want = share - has + (1 if remainder > 0 else 0)
                    got = yield from self._schedule_on_branch(want, group, sub, decisions, rank)
                    if got < want:
                        no_room.add(value)
                        in_usable -= has
                    elif remainder > 0:
                        remainder -= 1
                    placed += got
        return placed

    def _schedule_on_nodes(
        self,
        count: int,
        group: dict[str, Task],
        nodes: list[NodeInfo],
        decisions: list[tuple[Task, Task]],
        rank: Callable[[NodeInfo], Rank],
    ) -> Generator[None, None, int]:
        """Fill the best node until the next one is better, and so on; after the last node one task each in turn."""
        placed, position = 0, 0
        full: set[int] = set()
        for task_id in list(group):
            node = nodes[position % len(nodes)]
            task = group.pop(task_id)
            status = TaskStatus(
                timestamp=self._clock.now(), state=TaskState.ASSIGNED, message="scheduler assigned task to node"
            )
            decided = node.claim(msgspec.structs.replace(task, node_id=node.node.id, status=status))
            self._tasks[task_id] = decided
            node.add(decided)
            decisions.append((task, decided))
            placed += 1
            if placed == count:
                return placed
            if placed % BATCH == 0:
                yield
            if position + 1 >= len(nodes) or rank(nodes[position + 1]) < rank(node):
                position += 1
            tried = position
            while position % len(nodes) in full or not self._pipeline.process(nodes[position % len(nodes)]):
                full.add(position % len(nodes))
                position += 1
                if position - tried == len(nodes):
                    return placed
        return placed

    def _no_suitable_node(self, group: dict[str, Task], decisions: list[tuple[Task, Task]]) -> None:
        reason = self._pipeline.explain()
        explanation = f"no suitable node ({reason})" if reason else "no suitable node"
        for task in group.values():
            service = self._store.tables.services.get(task.service_id)
            if service is None:
                continue
            status = msgspec.structs.replace(task.status, timestamp=self._clock.now())
            if task.spec_version is not None and service.spec_version > task.spec_version:
                if task.state == TaskState.PENDING and task.desired_state >= TaskState.SHUTDOWN:
                    status = msgspec.structs.replace(status, state=TaskState.SHUTDOWN, err="")
                decided = msgspec.structs.replace(task, status=status)
            else:
                decided = msgspec.structs.replace(task, status=msgspec.structs.replace(status, err=explanation))
                self._unassigned[task.id] = task
            self._tasks[task.id] = decided
            decisions.append((task, decided))

    # --- writing ---------------------------------------------------------------------------------------------------

    def _apply(
        self, decisions: Iterable[tuple[Task, Task]]
    ) -> Generator[None, None, tuple[list[tuple[Task, Task]], list[tuple[Task, Task]]]]:
        """Write decisions; return those written and those that came too late because the task or node had changed."""
        applied: list[tuple[Task, Task]] = []
        failed: list[tuple[Task, Task]] = []
        queue = iter(decisions)
        while batch := list(islice(queue, BATCH)):
            with self._store.transaction(NAME) as tx:
                for old, new in batch:
                    self._apply_one(tx, old, new, applied, failed)
            if len(batch) == BATCH:
                yield
        return applied, failed

    def _apply_one(
        self,
        tx: Transaction,
        old: Task,
        new: Task,
        applied: list[tuple[Task, Task]],
        failed: list[tuple[Task, Task]],
    ) -> None:
        current = tx.tables.tasks.get(old.id)
        if current is None:
            self._forget(new)
            return
        same = (current.state, current.status.message, current.status.err) == (
            new.state,
            new.status.message,
            new.status.err,
        )
        if same:
            # The same text again is not written, so that the timestamp tells since when it has been so.
            return
        info = self._nodes.get(new.node_id)
        if current.version != old.version or (
            new.state == TaskState.ASSIGNED and (info is None or new.node_id not in tx.tables.nodes)
        ):
            failed.append((old, new))
            return
        tx.update(Kind.TASK, new)
        applied.append((old, new))
