"""The dispatcher: the leader's side of every agent's session (SK: manager/dispatcher/dispatcher.go).

Heartbeats are not sent one by one. A session that works would deliver each of them in time, so only the loss of one is
an event: from then on the node has what was left of its grace period. That is what the periodic calls amount to, at no
cost for nodes that are well.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import msgspec

from swarmlab.clock import SECOND, Clock, Timer, Turns
from swarmlab.dispatcher.ratelimit import RateLimit
from swarmlab.dispatcher.session import Receive, Session
from swarmlab.objects import Cluster, Node, NodeDescription, Task, TaskState, TaskStatus
from swarmlab.store import Commit, Kind, Store, Transaction

NAME = "dispatcher"
DEFAULT_PERIOD = 5.0
#: Random deviation of each heartbeat period, in seconds.
JITTER = 0.5
GRACE_MULTIPLIER = 3
GRACE_MULTIPLIER_UNKNOWN = 6
#: Statuses are written together, every so many seconds if there are any, or at so many.
BATCH_INTERVAL = 0.1
BATCH_ITEMS = 10_000
ORPHAN_AFTER = 24 * 3600.0
_TRANSACTION = 200


class Dispatcher:
    """Tells agents what to do, writes down what they report, and notices those that fall silent."""

    def __init__(self, store: Store, clock: Clock, *, new_leader: bool = True) -> None:
        self._store = store
        self._clock = clock
        self._new_leader = new_leader
        self._random = random.Random()  # noqa: S311  (jitter, not secrets)
        self._period = DEFAULT_PERIOD
        self._rate_limit = RateLimit(clock)
        self._sessions: dict[str, Session] = {}
        self._statuses: dict[str, TaskStatus] = {}
        self._nodes: dict[str, Callable[[Node], Node]] = {}
        self._flush: Timer | None = None
        self._turns = Turns(clock)
        #: When the last batch was written down; the next may come BATCH_INTERVAL later.
        self._written_at = clock.now()
        self._grace: dict[str, Timer] = {}
        self._orphaning: dict[str, Timer] = {}
        #: Nodes that were removed and have not called since.
        self._leaving: dict[str, Timer] = {}
        self._unwatch: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Consider every node that is not down unknown until it calls (by a new leader), then follow the store."""
        self._unwatch = self._store.watch(self._on_commit, Kind.TASK, Kind.NODE, Kind.CLUSTER)
        for cluster in self._store.tables.clusters:
            self._read_period(cluster)
        with self._store.transaction(NAME) as tx:
            for node in tx.tables.nodes:
                if node.status.state == "down":
                    self._await_orphaning(node.id)
                    continue
                if not self._new_leader:
                    self._arm(node.id, GRACE_MULTIPLIER * self._beat(), "heartbeat failure")
                    continue
                message = 'Node moved to "unknown" state due to leadership change in cluster'
                status = msgspec.structs.replace(node.status, state="unknown", message=message)
                tx.update(Kind.NODE, msgspec.structs.replace(node, status=status))
                self._arm(
                    node.id, GRACE_MULTIPLIER_UNKNOWN * self._beat(), 'heartbeat failure for node in "unknown" state'
                )

    def stop(self) -> None:
        """End all sessions without touching the nodes: they look for another manager."""
        self._write()
        self._turns.finish()
        self._unwatch()
        for session in list(self._sessions.values()):
            session.closed = True
        for timer in [*self._grace.values(), *self._orphaning.values(), *self._leaving.values()]:
            timer.cancel()
        if self._flush is not None:
            self._flush.cancel()

    # --- what agents call ------------------------------------------------------------------------------------------

    def register(self, node_id: str, description: NodeDescription, address: str, receive: Receive) -> Session:
        """Open a session: the node becomes ready; `receive` gets all its assignments, then each change of them.

        Raises LookupError, with the text for the agent, when the node is not part of the swarm any more, and
        RateLimitedError when it has registered too often of late.
        """
        if node_id not in self._store.tables.nodes:
            raise LookupError(_removed(node_id))
        self._rate_limit.check(node_id)
        old = self._sessions.get(node_id)
        if old is not None:
            old.closed = True
        session = Session(self._store, self._clock, node_id, receive)
        self._sessions[node_id] = session
        for timers in (self._grace, self._orphaning):
            timer = timers.pop(node_id, None)
            if timer is not None:
                timer.cancel()

        def ready(node: Node) -> Node:
            status = msgspec.structs.replace(node.status, state="ready", message="", addr=address)
            return msgspec.structs.replace(node, description=description, status=status)

        self._nodes[node_id] = ready
        self._write_soon()
        self._clock.call_soon(session.begin)
        return session

    def update_task_status(self, session: Session, task_id: str, status: TaskStatus) -> None:
        """Take a report. Reports of a session that was closed are dropped; the agent repeats them in its next one."""
        if session.closed or session.node_id in self._leaving:
            return
        task = self._store.tables.tasks.get(task_id)
        if task is not None and task.node_id == session.node_id:
            self._statuses[task_id] = status
            self._write_soon()

    def lose(self, session: Session) -> None:
        """The agent fell silent: its node goes down when its grace period has passed since its last heartbeat."""
        if session.closed:
            return
        session.closed = True
        if self._sessions.get(session.node_id) is session:
            del self._sessions[session.node_id]
        if session.node_id in self._store.tables.nodes:
            wait = GRACE_MULTIPLIER * self._beat() - self._since_last_beat(session)
            self._arm(session.node_id, wait, "heartbeat failure")

    # --- time ------------------------------------------------------------------------------------------------------

    def _since_last_beat(self, session: Session) -> float:
        return (self._clock.now() - session.opened_at) / SECOND % self._period

    def _beat(self) -> float:
        return self._period + self._random.uniform(-JITTER, JITTER)

    def _arm(self, node_id: str, seconds: float, message: str) -> None:
        old = self._grace.pop(node_id, None)
        if old is not None:
            old.cancel()
        self._grace[node_id] = self._clock.call_later(seconds, lambda: self._down(node_id, message))

    def _down(self, node_id: str, message: str) -> None:
        self._grace.pop(node_id, None)
        self._rate_limit.forget(node_id)

        def down(node: Node) -> Node:
            return msgspec.structs.replace(
                node, status=msgspec.structs.replace(node.status, state="down", message=message)
            )

        self._nodes[node_id] = down
        self._write_soon()
        self._await_orphaning(node_id)

    def _await_orphaning(self, node_id: str) -> None:
        self._orphaning[node_id] = self._clock.call_later(ORPHAN_AFTER, lambda: self._orphan(node_id))

    def _orphan(self, node_id: str) -> None:
        """A node was down for a day: its tasks are given up, which frees their addresses."""
        self._orphaning.pop(node_id, None)
        with self._store.transaction(NAME) as tx:
            for task in tx.tables.tasks.by("node", node_id):
                if TaskState.ASSIGNED <= task.state <= TaskState.RUNNING:
                    status = msgspec.structs.replace(task.status, state=TaskState.ORPHANED)
                    tx.update(Kind.TASK, msgspec.structs.replace(task, status=status))

    # --- the store -------------------------------------------------------------------------------------------------

    def _read_period(self, cluster: Cluster) -> None:
        self._period = (cluster.spec.dispatcher.heartbeat_period / SECOND) or DEFAULT_PERIOD

    def _on_commit(self, commit: Commit) -> None:
        for kind, old, new in commit.changes:
            if isinstance(new, Cluster):
                self._read_period(new)
            elif kind is Kind.TASK:
                task = new if new is not None else old
                assert isinstance(task, Task)
                session = self._sessions.get(task.node_id)
                if session is not None:
                    session.task_changed(task, deleted=new is None)
            elif new is None and old is not None:
                self._node_removed(old.id)

    def _node_removed(self, node_id: str) -> None:
        self._rate_limit.forget(node_id)
        session = self._sessions.get(node_id)
        if session is not None:
            # It is told what becomes of its tasks until it calls, and is refused then.
            wait = self._period - self._since_last_beat(session)
            self._leaving[node_id] = self._clock.call_later(wait, lambda: self._turn_away(session))
        for timers in (self._grace, self._orphaning):
            timer = timers.pop(node_id, None)
            if timer is not None:
                timer.cancel()
        self._nodes.pop(node_id, None)

    def _turn_away(self, session: Session) -> None:
        del self._leaving[session.node_id]
        self._sessions.pop(session.node_id, None)
        session.reject(_removed(session.node_id))

    def _write_soon(self) -> None:
        if len(self._statuses) >= BATCH_ITEMS:
            self._clock.call_soon(self._write)
        elif self._flush is None:
            # A timer that is set again when a batch is written, and rests while there is none.
            since_last_beat = (self._clock.now() - self._written_at) / SECOND % BATCH_INTERVAL
            self._flush = self._clock.call_later(BATCH_INTERVAL - since_last_beat, self._write)

    def _write(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        statuses, self._statuses = self._statuses, {}
        nodes, self._nodes = self._nodes, {}
        self._turns.add(self._write_down(statuses, nodes))

    def _write_down(
        self, statuses: Mapping[str, TaskStatus], nodes: Mapping[str, Callable[[Node], Node]]
    ) -> Iterator[None]:
        reports = iter(statuses.items())
        while batch := list(islice(reports, _TRANSACTION)):
            with self._store.transaction(NAME) as tx:
                for task_id, status in batch:
                    self._write_status(tx, task_id, status)
            if len(batch) == _TRANSACTION:
                yield
        changes = iter(nodes.items())
        while some := list(islice(changes, _TRANSACTION)):
            with self._store.transaction(NAME) as tx:
                for node_id, change in some:
                    node = tx.tables.nodes.get(node_id)
                    if node is not None:
                        tx.update(Kind.NODE, change(node))
            if len(some) == _TRANSACTION:
                yield
        self._written_at = self._clock.now()

    @staticmethod
    def _write_status(tx: Transaction, task_id: str, status: TaskStatus) -> None:
        """Write a report, also one that says nothing new, unless the task is further already."""
        task = tx.tables.tasks.get(task_id)
        if task is None or task.state > status.state:
            return
        tx.update(Kind.TASK, msgspec.structs.replace(task, status=msgspec.structs.replace(status, applied_at=tx.at)))


def _removed(node_id: str) -> str:
    """What a node hears whose certificate is no longer good."""
    return f"rpc error: code = PermissionDenied desc = Permission denied: node {node_id} was removed from swarm"
