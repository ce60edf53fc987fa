"""How fast the Engine API answers: `scripts/bench api`, on a lab and, in the same run, on a real engine if there is.

Of 100 services (none of which runs anything, so that both sides have nothing else to do) and 5,000 tasks that nobody
can place: `docker service ls`, GET /services and GET /tasks, one after the other. Then 200 clients at once for a while,
of whose requests 5 in 100 change a service of their own.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from common import BIN, LAB, host_of_lab, real_engine, run, swarm_on, swarmlab, timed

SERVICES, TASKS = 100, 5000
CLIENTS, WRITES = 200, 0.05
READS = ("/services", "/nodes", "/tasks?filters=%7B%22service%22%3A%5B%22bench-1%22%5D%7D", "/services?status=true")


@dataclass
class Load:
    """What many clients at once have seen."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def session(endpoint: str) -> aiohttp.ClientSession:
    """A client of an engine with as many connections as it likes."""
    connector = aiohttp.UnixConnector(endpoint.removeprefix("unix://"), limit=0)
    return aiohttp.ClientSession("http://docker", connector=connector, timeout=aiohttp.ClientTimeout(60))


def service(name: str, replicas: int, **placement: Any) -> dict[str, Any]:
    """A service that runs nothing."""
    template = {"ContainerSpec": {"Image": "nginx:alpine"}, "Placement": placement}
    return {"Name": name, "TaskTemplate": template, "Mode": {"Replicated": {"Replicas": replicas}}}


async def fill(endpoint: str) -> None:
    """Make the services and the tasks."""
    specs = [service(f"bench-{n}", 0) for n in range(1, SERVICES)]
    specs.append(service("bench-0", TASKS, Constraints=["node.labels.none==such"]))
    async with session(endpoint) as client:
        for spec in specs:
            async with client.post("/services/create", json=spec) as response:
                response.raise_for_status()
        # A call that watches would miss what the orchestrator has made already.
        while len(await get(client, "/tasks")) < TASKS:  # noqa: ASYNC110
            await asyncio.sleep(0.5)


async def get(client: aiohttp.ClientSession, path: str) -> Any:
    """The answer's JSON."""
    async with client.get(path) as response:
        response.raise_for_status()
        return json.loads(await response.read())


async def times(endpoint: str, path: str, runs: int) -> list[float]:
    """Seconds until the whole answer is there, each time on the same connection."""
    found = []
    async with session(endpoint) as client:
        for _ in range(runs):
            begin = time.perf_counter()
            async with client.get(path) as response:
                await response.read()
            found.append(time.perf_counter() - begin)
    return found


async def crowd(endpoint: str, seconds: float) -> Load:
    """Let 200 clients ask and, now and then, change something."""
    load = Load()
    ids = {s["Spec"]["Name"]: s["ID"] for s in await _once(endpoint, "/services")}
    end = time.perf_counter() + seconds
    async with session(endpoint) as client:
        await asyncio.gather(*(_member(client, load, end, ids, number) for number in range(CLIENTS)))
    return load


async def _once(endpoint: str, path: str) -> Any:
    async with session(endpoint) as client:
        return await get(client, path)


async def _member(client: aiohttp.ClientSession, load: Load, end: float, ids: dict[str, str], number: int) -> None:
    own = f"crowd-{number}"
    async with client.post("/services/create", json=service(own, 0)) as response:
        mine = (await response.json())["ID"]
    chance = random.Random(number)
    while time.perf_counter() < end:
        begin = time.perf_counter()
        try:
            if chance.random() < WRITES:
                found = await get(client, f"/services/{mine}")
                spec = {**found["Spec"], "Labels": {"at": str(begin)}}
                version = found["Version"]["Index"]
                async with client.post(f"/services/{mine}/update?version={version}", json=spec) as response:
                    await response.read()
                    response.raise_for_status()
            else:
                await get(client, chance.choice(READS))
        except (aiohttp.ClientError, TimeoutError) as error:
            load.errors.append(f"{type(error).__name__}: {error}")
        load.seconds.append(time.perf_counter() - begin)


def show(name: str, what: str, seconds: list[float]) -> None:
    """Print median and 99th percentile in milliseconds."""
    ranks = statistics.quantiles(seconds, n=100)
    print(f"{name:10}{what:40}p50 {1000 * ranks[49]:8.1f} ms   p99 {1000 * ranks[98]:8.1f} ms")


def measure(name: str, endpoint: str, runs: int, seconds: float) -> None:
    """Fill an empty swarm, measure it and print."""
    asyncio.run(fill(endpoint))
    ls = [timed(lambda: run("docker", "service", "ls", host=endpoint)) for _ in range(runs)]
    show(name, f"docker service ls ({SERVICES} services)", ls)
    show(name, f"GET /services ({SERVICES} services)", asyncio.run(times(endpoint, "/services", 3 * runs)))
    show(name, f"GET /tasks ({TASKS} tasks)", asyncio.run(times(endpoint, "/tasks", runs)))
    run("docker", "service", "rm", "bench-0", host=endpoint)
    load = asyncio.run(crowd(endpoint, seconds))
    show(name, f"{CLIENTS} clients, 95/5 reads/writes", load.seconds)
    print(f"{name:10}{len(load.seconds) / seconds:.0f} requests a second, {len(load.errors)} errors")
    for text in sorted(set(load.errors))[:5]:
        print(f"{'':10}{text}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=15, help="how long the crowd goes on")
    options = parser.parse_args()
    os.environ["DOCKER_CONFIG"] = tempfile.mkdtemp(prefix="bench-")
    run(str(BIN / "swarmlab"), "down", "--purge", "--name", LAB, check=False)
    swarmlab("up", "--nodes", "1")
    try:
        run("docker", "swarm", "init", host=host_of_lab())
        measure("swarmlab", host_of_lab(), options.runs, options.seconds)
    finally:
        swarmlab("down", "--purge")
    real = real_engine()
    if not real:
        print("no real engine to compare with (SWARMLAB_REAL_ENGINES is empty)")
        return
    with swarm_on(real):
        measure("dockerd", real, options.runs, options.seconds)


if __name__ == "__main__":
    main()
