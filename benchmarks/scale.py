"""How a swarm of thousands of nodes does: `scripts/bench scale`. Prints times, memory, stalls, and with --profile why.

A whole control plane in this process: store, journal on disk, control loops, and agents with hollow containers, in
real time. Every size is measured in a process of its own.
"""

import argparse
import asyncio
import cProfile
import pstats
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import msgspec

from swarmlab.agent import Agent
from swarmlab.clock import ScaledClock
from swarmlab.engine.hollow import HollowFleet
from swarmlab.journal import Journal, Seal
from swarmlab.lab.daemon import calm_collector
from swarmlab.manager import FirstNode, Swarm, create_swarm
from swarmlab.objects import (
    ClusterSpec,
    ContainerSpec,
    Service,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
    TaskState,
    UpdateConfig,
    new_id,
)
from swarmlab.objects.service import ReplicatedService
from swarmlab.runtime.hollow import HollowExecutor
from swarmlab.store import Actor, Commit, Kind, Store

ACTOR = Actor(engine="node-1", request="bench")
#: The event loop is looked at so often, in seconds; what comes later than that is a stall.
BEAT = 0.005
LIMIT = 600.0
replace = msgspec.structs.replace


class Took(NamedTuple):
    """Seconds of wall clock, seconds of processor, and the longest time for which the event loop answered nobody."""

    wall: float
    cpu: float
    stall: float


class Result(NamedTuple):
    """What one process found; memory in MB, tasks on the emptiest and on the fullest node."""

    join: Took
    create: Took
    plus_one: Took
    created_after: float
    update: Took | None
    memory: float
    spread: tuple[int, int]
    journal: float


class Cluster:
    """One manager and so many workers less one, all hollow."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self.clock = ScaledClock()
        self.journal = Journal(folder / "journal.sqlite", Seal(folder / "key"))
        cluster_id = new_id()
        self.store = Store(self.clock, cluster_id, self.journal.append)
        first = FirstNode(new_id(), "127.0.0.1", 2377, "")
        create_swarm(
            self.store,
            first,
            ClusterSpec(),
            pools=(),
            subnet_size=24,
            data_path_port=0,
            cluster_id=cluster_id,
            actor=ACTOR,
        )
        self.swarm = Swarm(self.store, self.clock)
        self.swarm.raft.online(first.node_id)
        executor = HollowExecutor("node-1")
        manager = Agent(self.clock, first.node_id, lambda: first.address, self.swarm, executor, on_rejected=print)
        manager.start()
        self.nodes = nodes
        self.fleet = HollowFleet(self.clock, range(2, nodes + 1))

    async def join(self) -> None:
        """All nodes join."""
        tables = self.store.tables
        ready = {node.id for node in tables.nodes if node.status.state == "ready"}

        def all_ready(commit: Commit) -> bool:
            ready.update(c.id for c in commit.changes if c.new is not None and c.new.status.state == "ready")  # type: ignore[attr-defined]
            return len(ready) == self.nodes

        await self.until(all_ready, Kind.NODE, lambda: self.fleet.join(self.swarm))

    async def create(self, name: str, tasks: int, image: str = "nginx") -> Service:
        """A service; returns when all its tasks run."""
        service: list[Service] = []
        config = UpdateConfig(parallelism=100, monitor=1)
        spec = ServiceSpec(
            name=name,
            task_template=TaskSpec(container_spec=ContainerSpec(image=image)),
            mode=ServiceMode(replicated=ReplicatedService(replicas=tasks)),
            update_config=config,
        )
        await self.until_running(tasks, lambda: service.append(self.swarm.control().create_service(spec, ACTOR)))
        return service[0]

    async def change(self, service: Service, replicas: int, image: str, expected: int) -> None:
        """Another number of replicas and image, as a client sends them; returns when `expected` new tasks run."""
        known = self.swarm.control().service(service.id)
        raw = msgspec.json.encode(
            replace(
                known.spec,
                mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)),
                task_template=TaskSpec(container_spec=ContainerSpec(image=image)),
            )
        )
        spec = msgspec.json.decode(raw, type=ServiceSpec)
        await self.until_running(
            expected,
            lambda: self.swarm.control().update_service(known.id, known.version, spec, rollback=False, actor=ACTOR),
        )

    async def until_running(self, tasks: int, act: Callable[[], object]) -> None:
        """Act, then wait until so many more tasks run."""
        begun = 0

        def enough(commit: Commit) -> bool:
            nonlocal begun
            for _, old, new in commit.changes:
                if new is not None and new.state == TaskState.RUNNING:  # type: ignore[attr-defined]
                    begun += old is None or old.state != TaskState.RUNNING  # type: ignore[attr-defined]
            return begun >= tasks

        await self.until(enough, Kind.TASK, act)

    async def until(self, enough: Callable[[Commit], bool], kind: Kind, act: Callable[[], object]) -> None:
        """Act, then wait for a commit after which it is enough."""
        done = asyncio.Event()
        unwatch = self.store.watch(lambda commit: done.set() if enough(commit) else None, kind)
        act()
        await asyncio.wait_for(done.wait(), LIMIT)
        unwatch()


class Stalls:
    """Notices how long the event loop answers nobody."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()
        self._handle = asyncio.get_running_loop().call_later(BEAT, self._beat)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last - BEAT)
        self._last = now
        self._handle = asyncio.get_running_loop().call_later(BEAT, self._beat)

    def close(self) -> float:
        """Stop; return the longest stall in seconds."""
        self._beat()
        self._handle.cancel()
        return self.longest


async def took(work: "asyncio._CoroutineLike[object]") -> Took:
    """What a coroutine costs."""
    stalls = Stalls()
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    return Took(time.perf_counter() - wall, time.process_time() - cpu, stalls.close())


def size_of(folder: Path) -> float:
    """What the files in a folder take, in MB."""
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6


async def rest() -> None:
    """Let what is under way come to an end."""
    await asyncio.sleep(1)


async def run(folder: Path, nodes: int, tasks: int, update: bool) -> Result:
    """Measure one size."""
    cluster = Cluster(folder, nodes)
    join = await took(cluster.join())
    await rest()
    create = await took(cluster.create("web", tasks))
    await rest()
    per_node = Counter(task.node_id for task in cluster.store.tables.tasks)
    spread = min(per_node.values()) if len(per_node) == nodes else 0, max(per_node.values())
    service = cluster.store.tables.services.by("name", "web")[0]
    began = cluster.clock.now()
    plus_one = await took(cluster.change(service, tasks + 1, "nginx", 1))
    created_after = (list(cluster.store.tables.tasks)[-1].created_at - began) / 1e9
    await rest()
    updated = await took(cluster.change(service, tasks + 1, "nginx:2", tasks + 1)) if update else None
    await rest()
    size = size_of(folder)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    cluster.journal.close()
    return Result(join, create, plus_one, created_after, updated, memory, spread, size)


def measure(nodes: int, tasks: int, update: bool, profile: bool) -> Result:
    """Measure one size, in this process."""
    profiler = cProfile.Profile()
    calm_collector()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        if profile:
            profiler.enable()
        result = asyncio.run(run(Path(folder), nodes, tasks, update))
        profiler.disable()
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    return result


def apart(nodes: int, tasks: int, update: bool, profile: bool) -> Result:
    """Measure one size in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, nodes, tasks, update, profile).result()


def line(what: str, took: Took, count: int) -> str:
    """One measurement as text."""
    per_task = f"{1e6 * took.wall / count:.0f} µs each ({1e6 * took.cpu / count:.0f} µs of processor)"
    return f"  {what}: {took.wall:.2f} s, {per_task}, longest stall {1000 * took.stall:.0f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--tasks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--updates", type=int, nargs="*", default=[2_500, 10_000], help="sizes to update as well")
    parser.add_argument("--profile", action="store_true", help="print where time goes; makes everything slower")
    options = parser.parse_args()
    for tasks in sorted({*options.tasks, *options.updates}):
        result = apart(options.nodes, tasks, tasks in options.updates, options.profile)
        print(f"{options.nodes} nodes, {tasks} tasks: {result.memory:.0f} MB, journal {result.journal:.0f} MB")
        print(line("nodes join", result.join, options.nodes))
        print(line("created, scheduled and running", result.create, tasks))
        one = result.plus_one
        print(f"  one more task: created after {1000 * result.created_after:.0f} ms, running after {one.wall:.3f} s,")
        print(f"    {1000 * one.cpu:.0f} ms of processor, longest stall {1000 * one.stall:.0f} ms")
        if result.update is not None:
            print(line("rolling update, 100 at a time", result.update, tasks))
        print(f"  tasks on a node: {result.spread[0]} to {result.spread[1]}", flush=True)


if __name__ == "__main__":
    main()
