import asyncio
from collections.abc import AsyncIterator, Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest

from swarmlab.clock import VirtualClock
from swarmlab.engine import IncompleteLogsError, LogBroker, Selector, TaskLine
from swarmlab.objects import Task, TaskSpec, TaskState, TaskStatus
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostConfig, LogConfig
from swarmlab.runtime.virtual import logs
from swarmlab.runtime.virtual.logs import LogBuffer
from swarmlab.store import Kind, Store

T = TypeVar("T")
SERVICE = "s" * 25


class Node:
    """The containers of a node, one a task, which write what a test says."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.buffers: dict[str, LogBuffer] = {}
        self.driver = "json-file"

    def open(self, task_id: str) -> LogBuffer:
        buffer = self.buffers[task_id] = LogBuffer(self.clock)
        buffer.open()
        return buffer

    def of_task(self, task_id: str) -> Any:
        asked = HostConfig(log_config=LogConfig(type=self.driver))
        return Container(id=task_id, name="", image="", asked=asked) if task_id in self.buffers else None

    def runtime_container(self, container_id: str) -> Any:
        return SimpleNamespace(logs=self.buffers[container_id].read)


class Swarm:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = Store(self.clock, "test")
        self.nodes = {"n1": Node(self.clock), "n2": Node(self.clock)}
        self.broker = LogBroker(self.store, cast(Any, self.nodes.get))

    def task(self, letter: str, node: str, state: TaskState = TaskState.RUNNING, service: str = SERVICE) -> LogBuffer:
        status = TaskStatus(state=state)
        task = Task(id=letter * 25, spec=TaskSpec(), service_id=service, node_id=node, status=status)
        buffer = self.nodes[node].open(task.id) if node in self.nodes else LogBuffer(self.clock)
        with self.store.transaction("test") as tx:
            tx.create(Kind.TASK, task)
        return buffer

    def write(self, buffer: LogBuffer, text: str) -> None:
        self.clock.advance(0.001)
        buffer.write("stdout", f"{text}\n".encode())


@pytest.fixture
def swarm() -> Swarm:
    return Swarm()


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def text(lines: list[TaskLine]) -> list[str]:
    return [f"{line.task.id[0]} {line.line.data.decode().rstrip()}" for line in lines]


async def collected(swarm: Swarm, **selector: Any) -> list[str]:
    return text([line async for line in swarm.broker.collect(Selector(**selector))])


async def settle(swarm: Swarm) -> None:
    """Let watchers hear of what was committed, and everything that is ready run."""
    for _ in range(10):
        swarm.clock.advance(0)
        await asyncio.sleep(0)


async def read(lines: AsyncIterator[TaskLine], count: int) -> list[str]:
    return text([await anext(lines) for _ in range(count)])


def test_lines_of_all_nodes_come_in_the_order_of_time(swarm: Swarm) -> None:
    a, b = swarm.task("a", "n1"), swarm.task("b", "n2", TaskState.FAILED)
    for buffer, word in ((a, "1"), (b, "2"), (b, "3"), (a, "4")):
        swarm.write(buffer, word)
    swarm.write(swarm.task("c", "n1", service="other"), "5")
    assert run(collected(swarm, service_id=SERVICE)) == ["a 1", "b 2", "b 3", "a 4"]
    assert run(collected(swarm, service_id=SERVICE, tail=1)) == ["b 3", "a 4"]
    assert run(collected(swarm, task_id="b" * 25)) == ["b 2", "b 3"]


def test_what_a_driver_keeps_elsewhere_cannot_be_read(swarm: Swarm) -> None:
    swarm.write(swarm.task("a", "n1"), "kept")
    swarm.nodes["n2"].driver = "none"
    swarm.write(swarm.task("b", "n2"), "lost")
    assert run(collected(swarm, service_id=SERVICE)) == ["a kept"]


def test_lines_before_an_instant_are_left_out(swarm: Swarm) -> None:
    a = swarm.task("a", "n1")
    swarm.write(a, "early")
    since = swarm.clock.now() + 1
    swarm.write(a, "late")
    assert run(collected(swarm, service_id=SERVICE, since=since)) == ["a late"]


def test_a_task_that_never_ran_and_one_without_container_have_written_nothing(swarm: Swarm) -> None:
    swarm.write(swarm.task("a", "n1", TaskState.PREPARING), "not yet")
    swarm.task("b", "n1")
    del swarm.nodes["n1"].buffers["b" * 25]
    assert run(collected(swarm, service_id=SERVICE)) == []


def test_what_a_silent_node_has_is_missing_and_said_to_be(swarm: Swarm) -> None:
    swarm.write(swarm.task("a", "n1"), "here")
    swarm.task("b", "n9")
    lines = swarm.broker.collect(Selector(service_id=SERVICE))

    async def work() -> None:
        assert await read(lines, 1) == ["a here"]
        with pytest.raises(IncompleteLogsError, match=r"following reasons: node n9 is not available$"):
            await anext(lines)

    run(work())


def test_a_task_without_node_is_said_to_be_missing(swarm: Swarm) -> None:
    swarm.task("a", "", TaskState.PENDING)
    with pytest.raises(IncompleteLogsError, match=f"task {'a' * 25} has not been scheduled"):
        run(collected(swarm, task_id="a" * 25))


def test_following_hears_of_old_and_new_lines_and_of_new_tasks(swarm: Swarm) -> None:
    async def work() -> None:
        a = swarm.task("a", "n1")
        swarm.write(a, "old")
        lines = swarm.broker.follow(Selector(service_id=SERVICE))
        assert await read(lines, 1) == ["a old"]
        swarm.write(a, "new")
        assert await read(lines, 1) == ["a new"]
        swarm.write(swarm.task("x", "n2", service="other"), "no")
        swarm.write(swarm.task("b", "n2", TaskState.STARTING), "hello")
        await settle(swarm)
        assert await read(lines, 1) == ["b hello"]
        await cast(Any, lines).aclose()

    run(work())


def test_following_a_task_hears_of_that_task_only(swarm: Swarm) -> None:
    async def work() -> None:
        lines = swarm.broker.follow(Selector(task_id="b" * 25))
        first = asyncio.ensure_future(anext(lines))
        await settle(swarm)
        swarm.write(swarm.task("a", "n1"), "no")
        swarm.write(swarm.task("b", "n1"), "yes")
        await settle(swarm)
        assert text([await first]) == ["b yes"]
        await cast(Any, lines).aclose()

    run(work())


def test_a_reader_that_does_not_read_holds_nobody_up_and_keeps_little(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "CAPACITY", 2000)

    async def work() -> None:
        a = swarm.task("a", "n1")
        lines = swarm.broker.follow(Selector(service_id=SERVICE))
        swarm.write(a, "first")
        assert await read(lines, 1) == ["a first"]
        for number in range(10_000):
            a.write("stdout", b"%d\n" % number)
            if number % 100 == 0:
                await settle(swarm)
        # It goes on with what was waiting for it, and then with the oldest line that the buffer still has.
        seen = [int(line.split()[1]) for line in await read(lines, 1850)]
        assert seen == sorted(seen)
        assert seen[0] == 0
        assert seen[-1] > 8000
        await cast(Any, lines).aclose()

    run(work())


def test_a_reader_that_goes_leaves_nothing_behind(swarm: Swarm) -> None:
    async def work() -> None:
        swarm.write(swarm.task("a", "n1"), "old")
        before = asyncio.all_tasks()
        lines = swarm.broker.follow(Selector(service_id=SERVICE))
        assert await read(lines, 1) == ["a old"]
        assert asyncio.all_tasks() > before
        await cast(Any, lines).aclose()
        await settle(swarm)
        assert asyncio.all_tasks() == before

    run(work())
