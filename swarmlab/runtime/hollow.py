"""Containers without behaviour: for clusters of thousands of nodes, and for tests of the control loops."""

from collections.abc import Callable, Mapping

from swarmlab.objects import Config, ContainerStatus, NodeDescription, Platform, PortConfig, Resources, Secret, Task
from swarmlab.runtime.controller import Step, TaskError


class HollowExecutor:
    """Runs nothing; every step succeeds at once unless `plan` says otherwise.

    `describe` says what the node reports of itself, otherwise it is a small Linux machine with these `resources`.
    `plan` gets the task and the step's name (`prepare`, `start`, `shutdown`) and returns an error's text to make it
    fail. `exit` ends a running task from outside.
    """

    def __init__(
        self,
        hostname: str,
        *,
        resources: Resources | None = None,
        describe: Callable[[], NodeDescription] | None = None,
        plan: Callable[[Task, str], str] = lambda task, step: "",
    ) -> None:
        description = NodeDescription(
            hostname=hostname,
            platform=Platform(architecture="x86_64", os="linux"),
            resources=resources or Resources(nano_cpus=4_000_000_000, memory_bytes=8 << 30),
        )
        self.describe: Callable[[], NodeDescription] = describe or (lambda: description)
        self.plan = plan
        self.running: dict[str, HollowController] = {}

    def controller(
        self, task: Task, secrets: Mapping[str, Secret], configs: Mapping[str, Config]
    ) -> "HollowController":
        """See `Executor.controller`."""
        return HollowController(self, task)

    def exit(self, task_id: str, code: int = 0) -> None:
        """End the container of a running task with an exit code. Raises KeyError when it does not run here."""
        self.running[task_id].end(code)


def _nobody(_: TaskError | None) -> None:
    """Nobody waits for the container's end yet."""


class HollowController:
    """See `Controller`."""

    __slots__ = ("_ended", "_executor", "_status", "_task")

    def __init__(self, executor: HollowExecutor, task: Task) -> None:
        self._executor = executor
        self._task = task
        self._status = ContainerStatus(container_id=task.id)
        self._ended: Callable[[TaskError | None], None] = _nobody

    def update(self, task: Task) -> None:
        """See `Controller`."""
        self._task = task

    def prepare(self) -> Step:
        """See `Controller`."""
        return self._do("prepare")

    def start(self) -> Step:
        """See `Controller`."""
        self._do("start")
        self._executor.running[self._task.id] = self
        return None

    def wait(self, ended: Callable[[TaskError | None], None]) -> None:
        """See `Controller`. An agent that begins again finds its containers running."""
        self._ended = ended
        self._executor.running[self._task.id] = self

    def end(self, code: int) -> None:
        """The container ended by itself."""
        self._executor.running.pop(self._task.id, None)
        self._status = ContainerStatus(container_id=self._task.id, exit_code=code)
        self._ended(TaskError(f"task: non-zero exit ({code})", code) if code else None)

    def interrupt(self) -> None:
        """See `Controller`. No step takes time."""

    def shutdown(self) -> Step:
        """See `Controller`."""
        self._executor.running.pop(self._task.id, None)
        return self._do("shutdown")

    def remove(self) -> Step:
        """See `Controller`."""
        self._executor.running.pop(self._task.id, None)
        return None

    def container_status(self) -> ContainerStatus | None:
        """See `Controller`."""
        return self._status

    def ports(self) -> tuple[PortConfig, ...]:
        """See `Controller`."""
        return ()

    def _do(self, step: str) -> Step:
        error = self._executor.plan(self._task, step)
        if error:
            raise TaskError(error)
        return None
