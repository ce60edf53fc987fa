"""One task on its node: takes it step by step to its desired state (SK: agent/task.go, agent/exec/controller.go)."""

import asyncio
import inspect
import logging
from collections.abc import Callable

import msgspec

from swarmlab.clock import Clock
from swarmlab.objects import Task, TaskState, TaskStatus
from swarmlab.runtime.controller import Controller, Step, TaskError

_log = logging.getLogger(__name__)

Report = Callable[[Task, TaskStatus], None]

_ACCEPT = {
    TaskState.ASSIGNED: (TaskState.ACCEPTED, "accepted"),
    TaskState.ACCEPTED: (TaskState.PREPARING, "preparing"),
    TaskState.READY: (TaskState.STARTING, "starting"),
}


class TaskManager:
    """Owns the status of one task from ASSIGNED on, and drives its controller.

    PREPARING, STARTING and RUNNING are carried on with whatever the desired state is, unless that is SHUTDOWN or
    beyond; the other states advance only while they are below the desired state, which is how desired READY parks a
    task.
    """

    __slots__ = (
        "_clock", "_closed", "_epoch", "_report", "_step", "_waiting", "controller", "status", "task",
    )  # fmt: skip

    def __init__(self, clock: Clock, task: Task, controller: Controller, report: Report) -> None:
        self.task = task
        self.status = task.status
        self.controller = controller
        self._clock = clock
        self._report = report
        self._step: asyncio.Task[None] | None = None
        #: Counts the steps begun, so that the end of one that was given up is recognised.
        self._epoch = 0
        self._closed = False
        self._waiting = False

    def run(self) -> None:
        """Begin, or go on after a restart, from the status the task has."""
        if self.status.state == TaskState.RUNNING and self.task.desired_state >= TaskState.SHUTDOWN:
            self._note_end()
        self._advance()

    def _note_end(self) -> None:
        """A container that its machine took along failed before its task could be told to shut down."""
        container = self.controller.container_status()
        if container is not None and container.exit_code:
            self._fail(TaskError(f"task: non-zero exit ({container.exit_code})", container.exit_code))

    def update(self, task: Task) -> None:
        """A new version of the task. A desired state that went backwards is ignored."""
        if task.desired_state < self.task.desired_state:
            task = msgspec.structs.replace(task, desired_state=self.task.desired_state)
        changed = task.desired_state != self.task.desired_state
        self.task = task
        self.controller.update(task)
        if changed:
            if task.desired_state >= TaskState.SHUTDOWN:
                self._abandon_step()
            self._advance()

    def close(self) -> None:
        """Stop driving the task; its container stays as it is."""
        self._closed = True
        self._abandon_step()

    def remove(self) -> None:
        """The task is gone from the store: stop its container if need be, and remove it."""
        self.close()
        self._background(self._remove())

    async def _remove(self) -> None:
        if not self.status.state.terminal:
            await _finish(self.controller.shutdown())
        await _finish(self.controller.remove())

    # --- steps -----------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Do everything that can be done now."""
        while not self._closed and self._step is None:
            state, desired = self.status.state, self.task.desired_state
            if desired >= TaskState.SHUTDOWN:
                if state >= TaskState.COMPLETE or not self._begin(self._shutdown, TaskState.SHUTDOWN, "shutdown"):
                    return
            elif state > desired:
                return
            elif state == TaskState.PREPARING:
                if not self._begin(self.controller.prepare, TaskState.READY, "prepared"):
                    return
            elif state == TaskState.STARTING:
                if not self._begin(self.controller.start, TaskState.RUNNING, "started"):
                    return
            elif state == TaskState.RUNNING:
                self._await_end()
                return
            elif state < desired and state in _ACCEPT:
                self._set(*_ACCEPT[state])
            else:
                return

    def _shutdown(self) -> Step:
        return self.controller.shutdown() if self.status.state > TaskState.PREPARING else None

    def _begin(self, step: Callable[[], Step], state: TaskState, message: str) -> bool:
        """Take a step; return whether it is done already."""
        self._epoch += 1
        epoch = self._epoch
        try:
            pending = step()
        except TaskError as error:
            self._fail(error)
            return True
        if not inspect.isawaitable(pending):
            self._set(state, message)
            return True

        async def finish() -> None:
            error: TaskError | None = None
            try:
                await pending
            except TaskError as raised:
                error = raised
            except Exception as raised:
                # A fault of ours must not leave the task hanging between two states.
                _log.exception("task %s: step to %s", self.task.id, state.text)
                error = TaskError(str(raised))
            if epoch != self._epoch or self._closed:
                return
            self._step = None
            if error is not None:
                self._fail(error)
            else:
                self._set(state, message)
            self._advance()

        self._step = asyncio.ensure_future(finish())
        return False

    def _await_end(self) -> None:
        if self._waiting:
            return
        self._waiting = True
        self.controller.wait(self._ended)

    def _ended(self, error: TaskError | None) -> None:
        """The container ended; unless it was stopped on purpose, that decides the task's fate."""
        if self._closed or self.status.state != TaskState.RUNNING or self.task.desired_state >= TaskState.SHUTDOWN:
            return
        if error is None:
            self._set(TaskState.COMPLETE, "finished")
        else:
            self._fail(error)

    def _abandon_step(self) -> None:
        self._epoch += 1
        if self._step is not None:
            self._step.cancel()
            self._step = None

    # --- status ----------------------------------------------------------------------------------------------------

    def _fail(self, error: TaskError) -> None:
        """An error before STARTING rejects the task, later it fails; the last step's message stays."""
        state = TaskState.REJECTED if self.status.state < TaskState.STARTING else TaskState.FAILED
        self._set(state, self.status.message, str(error))

    def _set(self, state: TaskState, message: str, err: str = "") -> None:
        self.status = TaskStatus(
            timestamp=self._clock.now(),
            state=state,
            message=message,
            err=err,
            container_status=self.controller.container_status(),
            ports=self.controller.ports(),
        )
        self._report(self.task, self.status)

    @staticmethod
    def _background(coroutine: "asyncio._CoroutineLike[None]") -> None:
        try:
            running.add(task := asyncio.get_running_loop().create_task(coroutine))
        except RuntimeError:
            # Without an event loop (virtual time) there are only steps that are done at once.
            _drive(coroutine)
        else:
            task.add_done_callback(running.discard)


#: Keeps background tasks alive until they are done.
running: set[asyncio.Task[None]] = set()


async def _finish(step: Step) -> None:
    if step is not None:
        await step


def _drive(coroutine: "asyncio._CoroutineLike[None]") -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("a step waits, but there is no event loop")
