"""A node's agent: keeps a session with the leader's dispatcher, and a manager for each assigned task.

Source: SK: agent/agent.go.
"""

import logging
import random
from collections.abc import Callable
from typing import Protocol

from swarmlab.agent.task import TaskManager
from swarmlab.clock import Clock, Timer
from swarmlab.dispatcher import Assignments, Dispatcher, RateLimitedError, Session
from swarmlab.objects import Config, Secret, Task, TaskStatus
from swarmlab.runtime.controller import Executor

_log = logging.getLogger(__name__)

#: After losing its session an agent waits a random time up to this before the next try (SK: agent/session.go), seconds.
BACKOFF_BASE, BACKOFF_FACTOR, BACKOFF_MAX = 0.1, 2.0, 8.0


class Managers(Protocol):
    """Where an agent finds its dispatcher."""

    @property
    def dispatcher(self) -> Dispatcher | None:
        """The leader's dispatcher; None while nobody leads."""


class Agent:
    """Works for one node of one swarm. `address` is where the leader hears it call from."""

    def __init__(
        self,
        clock: Clock,
        node_id: str,
        address: Callable[[], str],
        managers: Managers,
        executor: Executor,
        *,
        on_rejected: Callable[[str], None],
    ) -> None:
        self.node_id = node_id
        self._clock = clock
        self._address = address
        self._managers = managers
        self._executor = executor
        self._on_rejected = on_rejected
        self._random = random.Random()  # noqa: S311  (back-off, not secrets)
        self._session: Session | None = None
        self._dispatcher: Dispatcher | None = None
        self._retry: Timer | None = None
        self._backoff = 0.0
        self._connected = True
        self._stopped = False
        #: Whether a leader has ever heard of it.
        self.ready = False
        self._tasks: dict[str, TaskManager] = {}
        self._secrets: dict[str, Secret] = {}
        self._configs: dict[str, Config] = {}

    def start(self) -> None:
        """Begin to work."""
        if self._retry is not None:
            # What was heard of the managers before asks for no second session.
            self._retry.cancel()
        self._connect()

    def stop(self) -> None:
        """Fall silent; containers stay as they are, the engine decides about them."""
        self.dismiss()
        for manager in self._tasks.values():
            manager.close()
        self._tasks.clear()

    def dismiss(self) -> None:
        """No manager is to be called any more. What its tasks were last told to do is carried on with."""
        self._stopped = True
        self._lose_session()

    def give_up_tasks(self) -> None:
        """The node ends and begins again, and hears of its tasks anew: their containers go, each in its own time.

        What ran then has failed, at once or when it has stopped (SK: agent/worker.go).
        """
        self._lose_session()
        for manager in self._tasks.values():
            manager.remove()
        self._tasks.clear()
        self._connect_later()

    def managers_changed(self) -> None:
        """There is another leader, or none: the session is over, look for a new one.

        As long as there is no leader each try fails, and the longer that goes on the longer it takes until the next
        one: a node is not heard of at once when there is a leader again.
        """
        if self._stopped or not self._connected:
            return
        if self._session is not None or self._retry is None:
            self._session = None
            self._connect_later()

    def set_connected(self, connected: bool) -> None:
        """Cut the agent off from the managers, or let it reach them again. Its containers run on."""
        if connected == self._connected:
            return
        self._connected = connected
        if connected:
            self._backoff = 0.0
            self._connect_later()
        else:
            self._lose_session()

    def describe_again(self) -> None:
        """Report the node's description anew by opening a new session."""
        if self._session is not None and not self._stopped:
            self._lose_session()
            self._connect()

    # --- the session -----------------------------------------------------------------------------------------------

    def _lose_session(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._session is not None and self._dispatcher is not None:
            self._dispatcher.lose(self._session)
        self._session = None

    def _connect_later(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._backoff = min(BACKOFF_BASE + BACKOFF_FACTOR * self._backoff, BACKOFF_MAX)
        self._retry = self._clock.call_later(self._random.uniform(0, self._backoff), self._connect)

    def _connect(self) -> None:
        self._retry = None
        if self._stopped or not self._connected:
            return
        dispatcher = self._managers.dispatcher
        if dispatcher is None:
            self._connect_later()
            return
        try:
            self._session = dispatcher.register(self.node_id, self._executor.describe(), self._address(), self._receive)
        except LookupError as error:
            self._on_rejected(str(error))
            return
        except RateLimitedError as error:
            _log.info("%s", error)
            self._connect_later()
            return
        self._dispatcher = dispatcher
        self.ready = True
        self._backoff = 0.0
        for manager in self._tasks.values():
            self._report(manager.task, manager.status)

    def _receive(self, assignments: Assignments) -> None:
        if self._stopped:
            return
        if assignments.rejected:
            self._session = None
            self._on_rejected(assignments.rejected)
            return
        self._secrets.update((secret.id, secret) for secret in assignments.secrets)
        self._configs.update((config.id, config) for config in assignments.configs)
        removed = set(assignments.removed)
        if assignments.complete:
            removed |= self._tasks.keys() - {task.id for task in assignments.tasks}
        for task in assignments.tasks:
            self._assign(task)
        for task_id in removed:
            manager = self._tasks.pop(task_id, None)
            if manager is not None:
                manager.remove()

    def _assign(self, task: Task) -> None:
        manager = self._tasks.get(task.id)
        if manager is not None:
            manager.update(task)
            return
        controller = self._executor.controller(task, self._secrets, self._configs)
        manager = self._tasks[task.id] = TaskManager(self._clock, task, controller, self._report)
        manager.run()

    def _report(self, task: Task, status: TaskStatus) -> None:
        if self._session is not None and self._dispatcher is not None:
            self._dispatcher.update_task_status(self._session, task.id, status)
