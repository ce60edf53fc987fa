"""One task on its node: takes it step by step to its desired state (SK: agent/task.go, agent/exec/controller.go)."""

import asyncio
import inspect
import logging
from collections.abc import Callable

from msgspec.structs import replace

from swarmlab.clock import Clock, Timer
from swarmlab.objects import ContainerStatus, Task, TaskState, TaskStatus
from swarmlab.runtime.controller import Controller, Step, StepInterruptedError, TaskError

_log = logging.getLogger(__name__)

Report = Callable[[Task, TaskStatus], None]

#: A step that was given up because the task changed is followed by the next one after so many seconds of swarm time.
RETRY = 1.0
#: The exit code in the status of a task whose container nobody waits for any more.
_NOT_AWAITED = -1

_ACCEPT = {
    TaskState.ASSIGNED: (TaskState.ACCEPTED, "accepted"),
    TaskState.ACCEPTED: (TaskState.PREPARING, "preparing"),
    TaskState.READY: (TaskState.STARTING, "starting"),
}


class TaskManager:
    """Owns the status of one task from ASSIGNED on, and drives its controller.

    PREPARING, STARTING and RUNNING are carried on with whatever the desired state is, unless that is SHUTDOWN or
    beyond; the other states advance only while they are below the desired state, which is how desired READY parks a
    task. A change of the task interrupts the step in progress, waiting for a container's end included; what comes
    next begins a second later, so that is how long a task runs on that is told to stop.
    """

    __slots__ = (
        "_clock", "_closed", "_end", "_report", "_retry", "_step", "_waiting", "controller", "status", "task",
    )  # fmt: skip

    def __init__(self, clock: Clock, task: Task, controller: Controller, report: Report) -> None:
        self.task = task
        self.status = task.status
        self.controller = controller
        self._clock = clock
        self._report = report
        self._step: asyncio.Task[None] | None = None
        self._retry: Timer | None = None
        self._closed = False
        self._waiting = False
        #: How the container ended, until the status says so.
        self._end: tuple[TaskError | None] | None = None

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
        """A new version of the task. One whose desired state went backwards is ignored."""
        if task.desired_state < self.task.desired_state or task.same_orders(self.task):
            return
        self.task = task
        self.controller.update(task)
        before = self.status
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
            self._advance()
        elif self._step is not None:
            self.controller.interrupt()
        elif self._waiting:
            self._stop_waiting()
        else:
            self._advance()
            if self.status is before and self._step is None and not self._waiting:
                # There is nothing to do, which is reported, too.
                self._report(self.task, self.status)

    def close(self) -> None:
        """Stop driving the task; its container stays as it is."""
        self._closed = True
        if self._step is not None:
            self._step.cancel()
            self._step = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def remove(self) -> None:
        """The task is gone from the store: stop its container if need be, and remove it."""
        self.close()
        self._background(_finish(self.controller.remove()))

    # --- steps -----------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Do everything that can be done now."""
        while not self._closed and self._step is None and self._retry is None:
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
            except StepInterruptedError:
                self._step = None
                self._retry_later()
                return
            except Exception as raised:
                # A fault of ours must not leave the task hanging between two states.
                _log.exception("task %s: step to %s", self.task.id, state.text)
                error = TaskError(str(raised))
            self._step = None
            if self._closed:
                return
            if error is not None:
                self._fail(error)
            else:
                self._set(state, message)
            self._advance()

        self._step = asyncio.ensure_future(finish())
        return False

    def _retry_later(self) -> None:
        if not self._closed:
            self._retry = self._clock.call_later(RETRY, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._advance()

    def _await_end(self) -> None:
        if self._end is not None:
            self._take_end(*self._end)
        elif not self._waiting:
            self._waiting = True
            self.controller.wait(self._ended)

    def _stop_waiting(self) -> None:
        """Look up from waiting for the container's end; the status tells of it (SK: agent/exec/controller.go, Do)."""
        container = self.controller.container_status() or ContainerStatus()
        self._set(TaskState.RUNNING, self.status.message, container=replace(container, exit_code=_NOT_AWAITED))
        self._retry_later()

    def _ended(self, error: TaskError | None) -> None:
        """The container ended; unless it is stopped on purpose, that decides the task's fate."""
        self._waiting = False
        self._end = (error,)
        if not self._closed and self._retry is None and self.task.desired_state < TaskState.SHUTDOWN:
            self._take_end(error)

    def _take_end(self, error: TaskError | None) -> None:
        if self.status.state != TaskState.RUNNING:
            return
        if error is None:
            self._set(TaskState.COMPLETE, "finished")
        else:
            self._fail(error)

    # --- status ----------------------------------------------------------------------------------------------------

    def _fail(self, error: TaskError) -> None:
        """An error before STARTING rejects the task, later it fails; the last step's message stays."""
        state = TaskState.REJECTED if self.status.state < TaskState.STARTING else TaskState.FAILED
        self._set(state, self.status.message, str(error))

    def _set(self, state: TaskState, message: str, err: str = "", *, container: ContainerStatus | None = None) -> None:
        self.status = TaskStatus(
            timestamp=self._clock.now(),
            state=state,
            message=message,
            err=err,
            container_status=container or self._container_status(state),
            ports=self.controller.ports(),
        )
        self._report(self.task, self.status)

    def _container_status(self, state: TaskState) -> ContainerStatus | None:
        """Nothing before STARTING; of a container that is gone the last that was heard, of one that never was zeros."""
        if state < TaskState.STARTING:
            return None
        return self.controller.container_status() or self.status.container_status or ContainerStatus()

    @staticmethod
    def _background(coroutine: "asyncio._CoroutineLike[None]") -> None:
        try:
            _running.add(task := asyncio.get_running_loop().create_task(coroutine))
        except RuntimeError:
            # Without an event loop (virtual time) there are only steps that are done at once.
            _drive(coroutine)
        else:
            task.add_done_callback(_running.discard)


#: The event loop holds tasks weakly: these live until they are done, also when their manager is gone.
_running: set[asyncio.Task[None]] = set()


async def _finish(step: Step) -> None:
    if step is not None:
        await step


def _drive(coroutine: "asyncio._CoroutineLike[None]") -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("a step waits, but there is no event loop")
