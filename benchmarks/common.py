"""What the benchmarks share: commands, and the lab that they measure."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LAB = "bench"
BIN = Path(sys.executable).parent


def run(*command: str, host: str = "", check: bool = True) -> str:
    """The standard output of a command; `host` is the engine that docker talks to."""
    env = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=180)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


def swarmlab(*arguments: str) -> str:
    """Run the swarmlab of this environment on the benchmark's own lab."""
    return run(str(BIN / "swarmlab"), *arguments, "--name", LAB)


def status() -> dict[str, object]:
    """`swarmlab status --json`."""
    return json.loads(swarmlab("status", "--json"))


def timed(action: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def host_of_lab() -> str:
    """The endpoint of node-1."""
    return str(status()["nodes"][0]["endpoint"])  # type: ignore[index]


def real_engine() -> str:
    """The first endpoint of SWARMLAB_REAL_ENGINES, empty when there is none. Exits when it is in a swarm."""
    real = os.environ.get("SWARMLAB_REAL_ENGINES", "").partition(",")[0]
    if real and run("docker", "info", "--format", "{{.Swarm.LocalNodeState}}", host=real) != "inactive":
        sys.exit("the real engine is in a swarm; nothing was done to it")
    return real


@contextmanager
def swarm_on(real: str) -> Iterator[None]:
    """Let a real engine be a swarm of its own meanwhile."""
    run("docker", "swarm", "init", "--advertise-addr", "eth0", host=real)
    try:
        yield
    finally:
        run("docker", "swarm", "leave", "--force", host=real)
