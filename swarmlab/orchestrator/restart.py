"""The restart supervisor: replaces tasks that ended, and decides when a replacement may start.

Source: SK: manager/orchestrator/restart/restart.go. The replicated, the global and the jobs orchestrator own one each.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from swarmlab.clock import SECOND, Clock, Timer
from swarmlab.objects import Node, Service, Task, TaskState
from swarmlab.orchestrator.task import (
    Slot,
    age,
    is_global,
    max_attempts,
    new_task,
    restart_condition,
    restart_delay,
    slot_key,
    timestamp,
)
from swarmlab.store import Commit, Kind, Store, Transaction

#: How long a replacement waits at most for the task before it to stop, in seconds.
OLD_TASK_TIMEOUT = 60.0


class _DelayedStart:
    """A replacement that is prepared but may not start yet."""

    def __init__(self, old: Task | None) -> None:
        self.old = old
        self.delayed = True
        self.waiting = old is not None
        self.restart_after = False
        self.timers: list[Timer] = []
        self.listeners: list[Callable[[], None]] = []


class _History:
    """Replacements that one slot has had for one spec version; `times` only with a restart window."""

    def __init__(self, spec_version: int | None) -> None:
        self.spec_version = spec_version
        self.total = 0
        self.times: deque[int] = deque()


class RestartSupervisor:
    """Keeps slots filled by the rules of each task's restart policy."""

    def __init__(self, store: Store, clock: Clock, name: str) -> None:
        self._store = store
        self._clock = clock
        self._name = name
        self._delays: dict[str, _DelayedStart] = {}
        self._waiting_for_task: dict[str, set[str]] = {}
        self._history: dict[str, dict[tuple[int, str], _History]] = {}
        self._unwatch: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin to watch for tasks that replacements wait for."""
        self._unwatch = self._store.watch(self._on_commit, Kind.TASK, Kind.NODE)

    def stop(self) -> None:
        """Forget everything; prepared replacements stay as they are."""
        if self._unwatch is not None:
            self._unwatch()
        for task_id in list(self._delays):
            self._finish(task_id, released=False)
        self._history.clear()

    def restart(self, tx: Transaction, service: Service, task: Task) -> None:
        """Shut a task down and, if its policy allows, put a replacement into its slot.

        A task that is itself still waiting for its start gets its turn when that wait is over; this is what keeps a
        task that fails at once (a missing image) from being replaced in a tight loop.
        """
        delayed = self._delays.get(task.id)
        if delayed is not None:
            delayed.restart_after = True
            return
        if task.desired_state > TaskState.COMPLETE:
            return
        old = tx.update(Kind.TASK, msgspec.structs.replace(task, desired_state=TaskState.SHUTDOWN))
        if not self._should_restart(task, service):
            return
        slot, node_id = slot_key(service, task)
        replacement = new_task(service, tx.at, slot=slot, node_id=node_id)
        iteration = service.job_status.job_iteration if service.is_job and service.job_status is not None else None
        replacement = tx.create(
            Kind.TASK, msgspec.structs.replace(replacement, desired_state=TaskState.READY, job_iteration=iteration)
        )
        node = tx.tables.nodes.get(task.node_id)
        drained = node is not None and node.spec.availability == "drain"
        down = node is not None and node.status.state == "down"
        self.record(service, replacement)
        self.delay_start(
            old,
            replacement.id,
            0.0 if drained else restart_delay(task) / SECOND,
            wait_stop=not down and not task.state.terminal,
        )

    def delay_start(
        self,
        old: Task | None,
        task_id: str,
        delay: float,
        *,
        wait_stop: bool,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Release task `task_id` after `delay` seconds and, with `wait_stop`, when `old` has stopped.

        It is released at the latest one minute after this call (or when the delay ends, if that is later), and at once
        when the old task's node goes down or away. `done` is called afterwards, also when the start was cancelled.
        """
        before = self._delays.get(task_id)
        self._finish(task_id, released=False)
        wait_for = old if wait_stop and old is not None and not old.state.terminal else None
        start = _DelayedStart(wait_for)
        start.restart_after = before is not None and before.restart_after
        if done is not None:
            start.listeners.append(done)
        self._delays[task_id] = start
        if wait_for is not None:
            self._waiting_for_task.setdefault(wait_for.id, set()).add(task_id)
            start.timers.append(self._clock.call_later(OLD_TASK_TIMEOUT, lambda: self._stopped(task_id)))
        # Even without a delay the release comes later: never within the caller's transaction.
        start.timers.append(self._clock.call_later(delay, lambda: self._delay_over(task_id)))

    @staticmethod
    def start_now(tx: Transaction, task_id: str) -> None:
        """Let a prepared task run."""
        task = tx.tables.tasks.get(task_id)
        if task is not None and task.desired_state < TaskState.RUNNING:
            desired = TaskState.RUNNING if task.job_iteration is None else TaskState.COMPLETE
            tx.update(Kind.TASK, msgspec.structs.replace(task, desired_state=desired))

    def cancel(self, task_id: str) -> None:
        """Give up a delayed start; the task stays as it is."""
        self._finish(task_id, released=False)

    def clear_service_history(self, service_id: str) -> None:
        """Forget the replacements of a service that was deleted."""
        self._history.pop(service_id, None)

    def updatable_tasks_in_slot(self, slot: Slot, service: Service) -> Slot:
        """The tasks of a slot that an update has to deal with; none when the slot is dead.

        A task that may not be restarted occupies its slot for good, except while a rollback is under way.
        """
        wanted = [task for task in slot if task.desired_state <= TaskState.RUNNING]
        if wanted:
            return wanted
        if service.update_status is not None and service.update_status.state == "rollback_started":
            return ()
        newest = max(slot, key=age)
        return () if self._should_restart(newest, service) else (newest,)

    def record(self, service: Service, replacement: Task) -> None:
        """Count a replacement of the service's towards the maximum of attempts."""
        policy = replacement.spec.restart_policy
        if policy is None or not policy.max_attempts:
            return
        by_slot = self._history.setdefault(replacement.service_id, {})
        key = slot_key(service, replacement)
        history = by_slot.get(key)
        if history is None or history.spec_version != replacement.spec_version:
            history = by_slot[key] = _History(replacement.spec_version)
        history.total += 1
        if policy.window:
            history.times.append(replacement.created_at)

    def _should_restart(self, task: Task, service: Service) -> bool:
        condition = restart_condition(task)
        if condition == "none":
            return False
        if task.state == TaskState.COMPLETE and (condition == "on-failure" or service.is_job):
            return False
        limit = max_attempts(task)
        if not limit:
            return True
        # Global jobs are looked up without their node although they are recorded with it, as upstream does: their
        # maximum of attempts never takes effect.
        key = (task.slot, task.node_id if is_global(service) else "")
        history = self._history.get(task.service_id, {}).get(key)
        if history is None or history.spec_version != task.spec_version:
            return True
        policy = task.spec.restart_policy
        if policy is None or not policy.window:
            return history.total < limit
        ended = timestamp(task)
        while history.times and history.times[0] <= ended - policy.window:
            history.times.popleft()
        return sum(1 for created in history.times if created < ended) < limit

    def _on_commit(self, commit: Commit) -> None:
        for change in commit.changes:
            if isinstance(change.new, Task) and change.new.state.terminal:
                self._old_task_stopped(change.new.id)
            elif change.kind is Kind.NODE:
                node = change.new
                if node is None or (isinstance(node, Node) and node.status.state == "down"):
                    for task in [
                        s.old for s in self._delays.values() if s.old is not None and s.old.node_id == change.id
                    ]:
                        self._old_task_stopped(task.id)

    def _old_task_stopped(self, old_id: str) -> None:
        for task_id in list(self._waiting_for_task.pop(old_id, ())):
            self._stopped(task_id)

    def _stopped(self, task_id: str) -> None:
        start = self._delays.get(task_id)
        if start is not None:
            start.waiting = False
            self._release_if_due(task_id, start)

    def _delay_over(self, task_id: str) -> None:
        start = self._delays.get(task_id)
        if start is not None:
            start.delayed = False
            self._release_if_due(task_id, start)

    def _release_if_due(self, task_id: str, start: _DelayedStart) -> None:
        if not start.delayed and not start.waiting:
            self._finish(task_id, released=True)

    def _finish(self, task_id: str, *, released: bool) -> None:
        start = self._delays.pop(task_id, None)
        if start is None:
            return
        for timer in start.timers:
            timer.cancel()
        if start.old is not None:
            self._waiting_for_task.get(start.old.id, set()).discard(task_id)
        if released:
            with self._store.transaction(self._name) as tx:
                self.start_now(tx, task_id)
                task = tx.tables.tasks.get(task_id)
                service = tx.tables.services.get(task.service_id) if task is not None else None
                # Upstream asks the same of a job's task, whose desired state is COMPLETE: it is not restarted here.
                wanted = task is not None and task.desired_state <= TaskState.RUNNING
                if start.restart_after and wanted and service is not None:
                    assert task is not None
                    self.restart(tx, service, task)
        for listener in start.listeners:
            listener()
