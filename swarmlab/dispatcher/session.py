"""One agent's session: what it was told, and what it has yet to be told (SK: manager/dispatcher/assignments.go)."""

from collections.abc import Callable
from typing import NamedTuple

from swarmlab.clock import Clock, Timer
from swarmlab.objects import Config, Secret, Task, TaskState
from swarmlab.store import Store

#: Assignments are sent so many seconds after the last change, or at so many changes.
BATCHING_WAIT = 0.1
MODIFICATION_LIMIT = 100


class Assignments(NamedTuple):
    """What an agent is to do: with `complete` all of it, else the changes.

    Secrets and configs are those that the tasks use.
    """

    complete: bool
    tasks: tuple[Task, ...]
    removed: tuple[str, ...]
    secrets: tuple[Secret, ...]
    configs: tuple[Config, ...]
    #: Set when the manager turns the agent away for good; everything else is empty then.
    rejected: str = ""


Receive = Callable[[Assignments], None]


class Session:
    """Follows the tasks of one node from ASSIGNED on."""

    def __init__(self, store: Store, clock: Clock, node_id: str, receive: Receive) -> None:
        self.node_id = node_id
        self.opened_at = clock.now()
        self.closed = False
        self._store = store
        self._clock = clock
        self._receive = receive
        self._sent: dict[str, Task] = {}
        self._changed: dict[str, Task] = {}
        self._removed: dict[str, None] = {}
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Send everything there is."""
        if self.closed:
            return
        tasks = [t for t in self._store.tables.tasks.by("node", self.node_id) if t.state >= TaskState.ASSIGNED]
        self._sent = {task.id: task for task in tasks}
        self._changed.clear()
        self._removed.clear()
        self._send(complete=True, tasks=tuple(tasks), removed=())

    def task_changed(self, task: Task, *, deleted: bool) -> None:
        """A task of this node changed in the store."""
        if self.closed or task.state < TaskState.ASSIGNED:
            return
        if deleted:
            if self._sent.pop(task.id, None) is not None:
                self._changed.pop(task.id, None)
                self._removed[task.id] = None
                self._send_soon()
            return
        known = self._sent.get(task.id)
        self._sent[task.id] = task
        # What the agent itself reported is no news to it.
        if known is None or task.state == TaskState.ASSIGNED or not task.same_orders(known):
            self._changed[task.id] = task
            self._send_soon()

    def reject(self, reason: str) -> None:
        """Turn the agent away: its node was removed from the swarm."""
        if not self.closed:
            self._receive(Assignments(False, (), (), (), (), rejected=reason))
        self.closed = True

    def _send_soon(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if len(self._changed) + len(self._removed) >= MODIFICATION_LIMIT:
            self._clock.call_soon(self._send_changes)
        else:
            self._timer = self._clock.call_later(BATCHING_WAIT, self._send_changes)

    def _send_changes(self) -> None:
        self._timer = None
        changed, self._changed = tuple(self._changed.values()), {}
        removed, self._removed = tuple(self._removed), {}
        if changed or removed:
            self._send(complete=False, tasks=changed, removed=removed)

    def _send(self, *, complete: bool, tasks: tuple[Task, ...], removed: tuple[str, ...]) -> None:
        if self.closed:
            return
        secrets: dict[str, Secret] = {}
        configs: dict[str, Config] = {}
        for task in tasks:
            container = task.spec.container_spec
            if container is None or task.state.terminal:
                continue
            for secret_ref in container.secrets:
                secret = self._store.tables.secrets.get(secret_ref.secret_id)
                if secret is not None:
                    secrets[secret.id] = secret
            for config_ref in container.configs:
                config = self._store.tables.configs.get(config_ref.config_id)
                if config is not None:
                    configs[config.id] = config
        self._receive(Assignments(complete, tasks, removed, tuple(secrets.values()), tuple(configs.values())))
