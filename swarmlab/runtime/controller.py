"""What an agent drives: one controller a task, made by the node's executor.

Source: SK: agent/exec/{controller,executor}.go.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from swarmlab.objects import Config, ContainerStatus, NodeDescription, PortConfig, Secret, Task

#: A step either is done when its call returns None, or goes on until the awaitable is done. Most steps of a hollow
#: runtime are done at once, which is what lets a cluster of thousands of nodes do without a coroutine for each task.
Step = Awaitable[None] | None


class TaskError(Exception):
    """Raised by a step that failed for good.

    The text becomes the task's `Err`; `exit_code` is the container's, if it ran.
    """

    def __init__(self, text: str, exit_code: int = 0) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class StepInterruptedError(Exception):
    """Raised by a step that was given up because of `Controller.interrupt`; it is taken again later, or another."""


class Controller(Protocol):
    """Takes one task's container through its life. Every step may be repeated after a restart of the lab."""

    def update(self, task: Task) -> None:
        """Take note of a changed task."""

    def prepare(self) -> Step:
        """Get everything ready: image, networks, volumes, the container itself. Raises TaskError."""

    def start(self) -> Step:
        """Start the container; done when it runs and, with a health check, is healthy. Raises TaskError."""

    def wait(self, ended: Callable[[TaskError | None], None]) -> None:
        """Call `ended` once, later, when the container has ended: with None for exit code 0, else with the error."""

    def interrupt(self) -> None:
        """Give up the step in progress as soon as that is possible: it raises StepInterruptedError then.

        A step that cannot be given up halfway, such as starting or stopping a container, is carried on to its end.
        """

    def shutdown(self) -> Step:
        """Stop the container in good order."""

    def remove(self) -> Step:
        """Stop the container in good order if it runs, then remove it and all that belongs to it."""

    def container_status(self) -> ContainerStatus | None:
        """What is known of the container; None before there is one."""

    def ports(self) -> tuple[PortConfig, ...]:
        """The host-mode ports that the container really has."""


class Executor(Protocol):
    """What a node can do."""

    def describe(self) -> NodeDescription:
        """What the node reports of itself."""

    def controller(self, task: Task, secrets: Mapping[str, Secret], configs: Mapping[str, Config]) -> Controller:
        """A controller for a task, with the secrets and configs it refers to, by id."""
