"""What the routing mesh costs, and whether updates lose requests: `scripts/bench mesh`.

Three nginx tasks on three nodes publish a port. Measured: the throughput of answers of 64 KB through the mesh and from
a task's nginx itself, the time of one small request on a new connection both ways, and the requests that fail or take
longer than a second while the service is updated task by task, rolled back and scaled, a node drained and one killed,
with new connections at 200 requests a second and more.

On the real engine that SWARMLAB_REAL_ENGINES names first, the same is measured of an nginx with a published port, on
its node: at the container's own address, and at 127.0.0.1, where docker-proxy relays.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import load
import psutil
from common import host_of_lab, real_engine, run, status, swarmlab
from load import Address, once

PORT = 18300
#: All ways are measured in turns.
ROUNDS = 5
#: Seconds that a request may take before it counts as failed.
PATIENCE = 1.0


def report(title: str, names: list[str], found: dict[str, list[list[float]]]) -> None:
    """Print what `load` has measured; the first way is what the others are compared with."""
    print(f"{title}: 64 KB answers on open connections (all rounds), and a small request on a new one (p50)")
    speeds = [statistics.median(rounds) for rounds in found["throughput"]]
    for name, rounds, speed, milliseconds in zip(names, found["throughput"], speeds, found["latency"], strict=True):
        each = " ".join(f"{value:.0f}" for value in rounds)
        print(
            f"  {name:26} {speed:6.0f} MB/s {speed / speeds[0]:5.0%} ({each})"
            f" {milliseconds:6.2f} ms, {milliseconds - found['latency'][0]:+.2f} ms"
        )


def measure(client: list[str], seconds: float, places: list[Address]) -> dict[str, list[list[float]]]:
    """Let a Python measure the ways to some places: `client` is how to start it."""
    script = Path(load.__file__).read_text(encoding="utf-8")
    arguments = [str(seconds / ROUNDS), str(ROUNDS), *(f"{host}:{port}" for host, port in places)]
    done = subprocess.run(
        [*client, "-", *arguments], input=script, check=True, stdout=subprocess.PIPE, text=True, timeout=600
    )
    return json.loads(done.stdout)


def beside(real: str, seconds: float) -> None:
    """The same on a real engine, with the client on its node."""
    name = f"swarmlab-bench-{os.getpid()}"
    run("docker", "run", "-d", "--name", name, "--publish", f"{PORT}:80", "nginx", host=real)
    try:
        for path, size in ((load.BIG, load.SIZE), (load.SMALL, 16)):
            command = f"head -c {size} /dev/zero >/usr/share/nginx/html{path}"
            run("docker", "exec", name, "sh", "-c", command, host=real)
        own = run("docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", name, host=real)
        client = ["docker", "--host", real, "run", "--rm", "-i", "--network", "host", "python", "python3"]
        found = measure(client, seconds, [(own, 80), ("127.0.0.1", PORT)])
        report("real engine", ["container's own address", "docker-proxy"], found)
    finally:
        run("docker", "rm", "-f", "-v", name, host=real)


async def under_load(addresses: list[Address], work: Callable[[], None], rate: int) -> tuple[int, int, float]:
    """Requests made while something is done to the service, those that failed, and requests a second."""
    failed = made = 0
    doing = asyncio.create_task(asyncio.to_thread(work))
    begin = time.perf_counter()

    async def one(address: Address) -> None:
        nonlocal failed
        try:
            await asyncio.wait_for(once(address), PATIENCE)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            failed += 1

    pending: set[asyncio.Task[None]] = set()
    while not doing.done():
        made += 1
        task = asyncio.create_task(one(addresses[made % len(addresses)]))
        pending.add(task)
        task.add_done_callback(pending.discard)
        await asyncio.sleep(max(0.0, begin + made / rate - time.perf_counter()))
    seconds = time.perf_counter() - begin
    await asyncio.gather(*pending)
    await doing
    return made, failed, made / seconds


def changes(host: str) -> dict[str, Callable[[], None]]:
    """What is done to the service under load, by name; the last one takes a node away."""

    def update(order: str) -> None:
        run(
            "docker", "service", "update", "--force", "-q", "--update-order", order, "--update-delay", "1s",
            "--update-monitor", "2s", "--rollback-order", order, "--rollback-delay", "1s", "web", host=host,
        )  # fmt: skip

    def drain() -> None:
        run("docker", "node", "update", "--availability", "drain", "node-3", host=host)
        # By the time that the last of its tasks is shut down.
        while run("docker", "node", "ps", "node-3", "-q", "--filter", "desired-state=running", host=host):
            time.sleep(0.2)
        time.sleep(3)
        run("docker", "node", "update", "--availability", "active", "node-3", host=host)

    def kill() -> None:
        swarmlab("node", "kill", "node-2")
        time.sleep(8)

    return {
        "update, start-first": lambda: update("start-first"),
        "rollback, start-first": lambda: rollback(host),
        "update, stop-first": lambda: update("stop-first"),
        "rollback, stop-first": lambda: rollback(host),
        "scale to 6": lambda: scale(host, 6),
        "scale to 3": lambda: scale(host, 3),
        "drain": drain,
        "update after it": lambda: update("stop-first"),
        "kill of a node": kill,
    }


def rollback(host: str) -> None:
    """Roll the service back."""
    run("docker", "service", "rollback", "-q", "web", host=host)


def scale(host: str, replicas: int) -> None:
    """Let the service have so many tasks, and those that go time to end."""
    run("docker", "service", "scale", f"web={replicas}", host=host)
    time.sleep(3)


def direct_address() -> Address:
    """Where one of the lab's nginx processes really listens."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        found = re.search(r"nginx: master process nginx -p (\S*/bench/\S+) -c (\S+)", " ".join(words))
        if found is not None:
            listen = re.search(r"listen 127\.0\.0\.1:(\d+);", Path(found[1], found[2]).read_text(encoding="utf-8"))
            if listen is not None:
                return "127.0.0.1", int(listen[1])
    raise RuntimeError("no nginx of the lab runs")


def deploy(host: str) -> list[Address]:
    """Make the service; where its port answers."""
    run("docker", "swarm", "init", host=host)
    token = run("docker", "swarm", "join-token", "-q", "worker", host=host)
    nodes = status()["nodes"]
    assert isinstance(nodes, list)
    for node in nodes[1:]:
        run("docker", "swarm", "join", "--token", token, f"{nodes[0]['address']}:2377", host=node["endpoint"])
    with tempfile.TemporaryDirectory() as folder:
        for name, size in (("big", load.SIZE), ("small", 16)):
            Path(folder, name).write_bytes(b"x" * size)
            run("docker", "config", "create", name, str(Path(folder, name)), host=host)
    configs = [f"--config=source={name},target=/usr/share/nginx/html/{name}" for name in ("big", "small")]
    run(
        "docker", "service", "create", "-q", "--name", "web", "--replicas", "3", "--publish", f"{PORT}:80", *configs,
        "nginx", host=host,
    )  # fmt: skip
    published = status()["published"]
    assert isinstance(published, list)
    return [(entry["address"], entry["bound_port"]) for entry in published]


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(prog="scripts/bench mesh", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="how long each throughput is measured")
    parser.add_argument("--rate", type=int, default=250, help="requests a second during the updates")
    parser.add_argument("--no-updates", action="store_true", help="measure throughput and time only")
    arguments = parser.parse_args()
    swarmlab("up", "--nodes", "3")
    try:
        host = host_of_lab()
        addresses = deploy(host)
        direct = direct_address()
        report(
            "swarmlab", ["program's own address", "mesh"],
            measure([sys.executable], arguments.seconds, [direct, addresses[0]]),
        )  # fmt: skip
        for name, work in ({} if arguments.no_updates else changes(host)).items():
            # Of a node that is killed nobody asks anything.
            asked = addresses[:1] if name.startswith("kill") else addresses
            made, failed, rate = asyncio.run(under_load(asked, work, arguments.rate))
            print(f"{name}: {made} requests, {rate:.0f} a second, {failed} failed")
    finally:
        swarmlab("down", "--purge")
    if real := real_engine():
        beside(real, arguments.seconds)
    else:
        print("real engine: not measured, as SWARMLAB_REAL_ENGINES names none")


if __name__ == "__main__":
    main()
