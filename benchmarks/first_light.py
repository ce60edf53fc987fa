"""How fast a lab is: `scripts/bench`. Prints medians; compares with a real engine if SWARMLAB_REAL_ENGINES names one.

Everything is measured from outside, with the commands a learner uses. A real engine that is in a swarm is left alone.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time

import psutil
from common import BIN, LAB, host_of_lab, real_engine, run, status, swarm_on, swarmlab, timed

REPLICAS = 20


def running(host: str) -> int:
    """How many tasks of the service `bench` run."""
    count = run("docker", "service", "ls", "--filter", "name=bench", "--format", "{{.Replicas}}", host=host)
    return int(count.partition("/")[0] or 0)


def create_until_running(host: str) -> float:
    """Seconds from `service create --detach --replicas 20` until 20 of 20 run, as `docker service ls` shows it."""

    def create() -> None:
        service = ("service", "create", "--detach", "--name", "bench", "--replicas", str(REPLICAS), "nginx:alpine")
        run("docker", *service, host=host)
        while running(host) < REPLICAS:
            time.sleep(0.02)

    seconds = timed(create)
    run("docker", "service", "rm", "bench", host=host)
    while run("docker", "ps", "-q", "--filter", "name=bench.", host=host):
        time.sleep(0.1)
    return seconds


def median(values: list[float]) -> float:
    """The median."""
    return statistics.median(values)


def up_to_first_answer() -> float:
    """Seconds from `swarmlab up` until `docker node ls` has been answered, for a lab that exists and is stopped."""
    host = host_of_lab()
    swarmlab("down")
    return timed(lambda: (swarmlab("up"), run("docker", "node", "ls", host=host)))


def idle(seconds: float) -> tuple[float, float]:
    """Memory in MB (all processes of the lab) and CPU use in percent of one core, of a lab that nobody uses."""
    process = psutil.Process(int(str(status()["pid"])))
    family = [process, *process.children(recursive=True)]
    before = sum(sum(p.cpu_times()[:2]) for p in family)
    time.sleep(seconds)
    used = sum(sum(p.cpu_times()[:2]) for p in family) - before
    return sum(p.memory_info().rss for p in family) / 1e6, 100 * used / seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=5)
    runs = parser.parse_args().runs
    if shutil.which("docker") is None:
        sys.exit("the docker command is needed")
    os.environ["DOCKER_CONFIG"] = tempfile.mkdtemp(prefix="bench-")
    # A lab that an earlier run left behind; there may be none.
    run(str(BIN / "swarmlab"), "down", "--purge", "--name", LAB, check=False)
    swarmlab("up")
    try:
        memory, cpu = idle(10)
        print(f"idle lab of 3 engines: {memory:.0f} MB, {cpu:.2f} % of a core")
        print(f"reset: {1000 * median([timed(lambda: swarmlab('reset')) for _ in range(runs)]):.0f} ms")
        run("docker", "swarm", "init", host=host_of_lab())
        print(f"up to first `docker node ls`: {median([up_to_first_answer() for _ in range(runs)]):.2f} s")
        paced = median([create_until_running(host_of_lab()) for _ in range(runs)])
        print(f"{REPLICAS} replicas of nginx:alpine from create to running: {paced:.2f} s")
        swarmlab("down")
        swarmlab("up", "--instant")
        ours = median([create_until_running(host_of_lab()) for _ in range(runs)])
        print(f"the same with --instant: {ours:.2f} s")
    finally:
        swarmlab("down", "--purge")
    real = real_engine()
    if not real:
        print("no real engine to compare with (SWARMLAB_REAL_ENGINES is empty)")
        return
    with swarm_on(real):
        theirs = median([create_until_running(real) for _ in range(max(1, runs // 2))])
    print(f"the same on the real engine: {theirs:.2f} s, {theirs / paced:.1f} and {theirs / ours:.1f} times as long")


if __name__ == "__main__":
    main()
