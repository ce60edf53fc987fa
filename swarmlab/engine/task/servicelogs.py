"""What the tasks of a service write, wherever in the swarm they run (SK: manager/logbroker)."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import NamedTuple, Protocol, cast

from swarmlab.engine.container.logdrivers import readable
from swarmlab.engine.container.logstart import log_details
from swarmlab.objects import Task, TaskState
from swarmlab.objects.local import Container
from swarmlab.runtime import base
from swarmlab.store import Commit, Kind, Store

#: So many lines, of at most 16 KiB, wait for a reader that follows; the others stay in their containers' logs.
_BACKLOG = 64


class TaskLine(NamedTuple):
    """A line, the task that wrote it, and what the log driver keeps with it."""

    line: base.LogLine
    task: Task
    details: Mapping[str, str]


class _Source(NamedTuple):
    """The lines of a task, and what they all come with."""

    task: Task
    lines: AsyncIterator[base.LogLine]
    details: Mapping[str, str]


class IncompleteLogsError(Exception):
    """Raised after the last line when a node could not be asked, or a task runs on none."""


class TaskContainers(Protocol):
    """The containers of a node."""

    def of_task(self, task_id: str) -> Container | None:
        """A task's container."""

    def runtime_container(self, container_id: str) -> base.Container | None:
        """What runs, or ran, behind a record."""


#: The containers of the node with an id; None when nobody answers there.
Nodes = Callable[[str], TaskContainers | None]


class Selector(NamedTuple):
    """Which tasks: all of a service, or one; and which of their lines, as `Container.logs` has it."""

    service_id: str = ""
    task_id: str = ""
    since: int = 0
    tail: int | None = None


class LogBroker:
    """Collects the lines of tasks from the nodes."""

    def __init__(self, store: Store, nodes: Nodes) -> None:
        self._store = store
        self._nodes = nodes

    def collect(self, selector: Selector) -> AsyncIterator[TaskLine]:
        """What the tasks have written so far, in the order of time.

        Raises IncompleteLogsError at the end when something is missing.
        """
        return self._collect(selector)

    def follow(self, selector: Selector) -> AsyncIterator[TaskLine]:
        """What the tasks have written and will write, those that are yet to come too. Never ends by itself."""
        return self._follow(selector)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _tasks(self, selector: Selector) -> list[Task]:
        tables = self._store.tables
        if selector.task_id:
            task = tables.tasks.get(selector.task_id)
            return [] if task is None else [task]
        return list(tables.tasks.by("service", selector.service_id))

    def _source(self, task: Task, selector: Selector, *, follow: bool) -> _Source | None:
        """What a task writes; None when its node has no such container (any more), or cannot read what it wrote."""
        containers = self._nodes(task.node_id)
        container = containers.of_task(task.id) if containers is not None else None
        if containers is None or container is None or not readable(container):
            return None
        runs = containers.runtime_container(container.id)
        if runs is None:
            return None
        lines = runs.logs(since=selector.since, tail=selector.tail, follow=follow)
        return _Source(task, lines, log_details(container))

    async def _collect(self, selector: Selector) -> AsyncIterator[TaskLine]:
        tasks = self._tasks(selector)
        if selector.service_id:
            # One that never ran has written nothing, and is nobody's fault.
            tasks = [task for task in tasks if task.status.state >= TaskState.RUNNING]
        missing = sorted(
            {f"node {t.node_id} is not available" for t in tasks if t.node_id and self._nodes(t.node_id) is None}
        )
        missing += [f"task {task.id} has not been scheduled" for task in tasks if not task.node_id]
        heads: list[tuple[int, int, base.LogLine]] = []
        found = [source for task in tasks if (source := self._source(task, selector, follow=False))]
        for at, source in enumerate(found):
            await _push(heads, at, source.lines)
        while heads:
            _, at, line = heapq.heappop(heads)
            source = found[at]
            yield TaskLine(line, source.task, source.details)
            await _push(heads, at, source.lines)
        if missing:
            raise IncompleteLogsError(
                "warning: incomplete log stream. some logs could not be retrieved for the following reasons: "
                + ", ".join(missing)
            )

    async def _follow(self, selector: Selector) -> AsyncIterator[TaskLine]:
        lines: asyncio.Queue[TaskLine] = asyncio.Queue(_BACKLOG)
        pumps: dict[str, asyncio.Task[None]] = {}

        def look(task: Task) -> None:
            # A container with a health check writes while its task is still starting.
            if task.id in pumps or task.status.state < TaskState.STARTING:
                return
            source = self._source(task, selector, follow=True)
            if source is not None:
                pumps[task.id] = asyncio.ensure_future(_pump(source, lines))

        def changed(commit: Commit) -> None:
            for change in commit.changes:
                task = cast(Task | None, change.new)
                if task is None:
                    gone = pumps.get(cast(Task, change.old).id)
                    if gone is not None and gone.done():
                        del pumps[cast(Task, change.old).id]
                elif selector.task_id == task.id or (selector.service_id and selector.service_id == task.service_id):
                    look(task)

        unwatch = self._store.watch(changed, Kind.TASK)
        try:
            for task in self._tasks(selector):
                look(task)
            while True:
                yield await lines.get()
        finally:
            unwatch()
            for pump in pumps.values():
                pump.cancel()


async def _push(heads: list[tuple[int, int, base.LogLine]], at: int, source: AsyncIterator[base.LogLine]) -> None:
    """Put the next line of a source among the heads, if there is one."""
    line = await anext(source, None)
    if line is not None:
        heapq.heappush(heads, (line.time, at, line))


async def _pump(source: _Source, lines: "asyncio.Queue[TaskLine]") -> None:
    async with aclosing(source.lines) as open_source:  # type: ignore[type-var]
        async for line in open_source:
            await lines.put(TaskLine(line, source.task, source.details))
