"""Exercises on engines as they are, in real time: a recorder writes down what happens, as it does for learners.

The engines are real ones or those of a lab; both are seen through their API only, so what differs between them is
what the engines do.
"""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import requests

from checker.history import History
from checker.solve import LABS, SolutionError, run_lines

#: A command `swarmlab` for the lines of solutions: what it tells of a lab, told of these engines.
_SHIM = """\
#!/bin/sh
case $1 in
url) echo "http://$(docker --context "${3:-node-1}" info --format '{{.Swarm.NodeAddr}}'):$2" ;;
node) exec "$SWARMLAB_REAL_NODE_SCRIPT" "$2" "${3#node-}" ;;
*) echo "not here: swarmlab $*" >&2; exit 2 ;;
esac
"""
#: Images that no registry gives to engines without a network. What stands in for them runs, and serves some page.
STAND_INS = (
    *("acme/inventory:2.0", "acme/inventory:2.1", "postgres:latest", "swarm_nginx:latest"),
    *("swarm_web:latest", "swarm_web:patch1", "activity_web:latest", "activity_web:v2"),
)
_STAND_IN = b"""\
FROM nginx:alpine
STOPSIGNAL SIGKILL
RUN for name in python gunicorn; do \\
      printf '#!/bin/sh\\nexec httpd -f -p 8000 -h /tmp\\n' > /bin/$name; chmod +x /bin/$name; done
"""
#: Seconds without a change after which a swarm is at rest, and the longest to wait for it.
_QUIET, _LONGEST = 1.0, 120.0
_STARTING = {"assigned", "accepted", "preparing", "ready", "starting"}
_ON_THE_WAY = {"shutdown": {"running"}, "remove": {"running"}}


class EnginesStage:
    """Engines node-1, node-2, … at `endpoints`, in no swarm, which the docker command talks to; node-1 by default.

    `power` is a command that switches nodes: `power kill 3`; empty when there is none.
    """

    def __init__(self, endpoints: Sequence[str], folder: Path, power: str = "") -> None:
        self.endpoints = endpoints
        self.journal = folder / "recording.sqlite"
        self.work = folder / "work"
        commands = folder / "bin"
        for made in (self.work, commands):
            made.mkdir(parents=True)
        shim = commands / "swarmlab"
        shim.write_text(_SHIM)
        shim.chmod(0o755)
        self.env = {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LABS": str(LABS),
            "DOCKER_CONFIG": str(folder / "docker"),
            "DOCKER_BUILDKIT": "0",
            "SWARMLAB_REAL_NODE_SCRIPT": power,
        }
        for number, endpoint in enumerate(endpoints, 1):
            command = ["docker", "context", "create", f"node-{number}", "--docker", f"host={endpoint}"]
            subprocess.run(command, env=self.env, check=True, capture_output=True)
        self.env["DOCKER_CONTEXT"] = "node-1"
        self._recorder: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "EnginesStage":
        clear(self.endpoints)
        command = (sys.executable, "-c", "from checker.cli import main; main()")
        self._recorder = subprocess.Popen(
            [*command, "record", self.journal, "--host", self.endpoints[0], "--every", "0.2"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _until(self._has_begun, 30)
        return self

    def __exit__(self, *_: object) -> None:
        if self._recorder is not None:
            self._recorder.terminate()
            self._recorder.wait()
        clear(self.endpoints)

    def play(self, lines: Sequence[str]) -> None:
        """Carry out lines, and wait until the swarm has come to rest. Raises SolutionError with what was said."""
        said: list[str] = []
        try:
            run_lines(lines, self.env, self.work, said.append)
        except SolutionError as error:
            raise SolutionError(f"{error}: {said[-1]}") from None
        self._rest()

    def _rest(self) -> None:
        seen, since = self._end(), time.monotonic()
        end = since + _LONGEST
        while time.monotonic() < end and (time.monotonic() - since < _QUIET or self._moves()):
            time.sleep(0.1)
            now = self._end()
            if now != seen:
                seen, since = now, time.monotonic()

    def _moves(self) -> bool:
        """Whether a task is being started, or stopped, which takes ten seconds when its program does not listen."""
        with engine(self.endpoints[0]) as client, suppress(docker.errors.APIError):
            there = {node["ID"] for node in client.api.nodes() if node["Status"]["State"] == "ready"}
            return any(
                task["Status"]["State"] in _ON_THE_WAY.get(task["DesiredState"], _STARTING)
                for task in client.api.tasks()
                if task.get("NodeID") in there
            )
        return False

    def _end(self) -> int:
        with History(self.journal) as history:
            return history.marker().seq

    def _has_begun(self) -> bool:
        return self.journal.exists() and self.journal.stat().st_size > 0


@contextmanager
def engine(endpoint: str) -> Iterator[docker.DockerClient]:
    """The docker SDK's client of an engine."""
    client = docker.DockerClient(base_url=endpoint, version="auto", timeout=60)
    try:
        yield client
    finally:
        client.close()


def clear(endpoints: Sequence[str]) -> None:
    """Let engines leave their swarms, and remove containers.

    Services go first, and managers last: what leaves in a hurry keeps networks that are in the way later.
    """
    for endpoint in endpoints:
        with engine(endpoint) as client, suppress(docker.errors.APIError):
            for service in client.services.list():
                service.remove()
    for endpoint in reversed(endpoints):
        with engine(endpoint) as client:
            # A container that is being removed may be gone before it is asked about.
            with suppress(docker.errors.APIError, AssertionError):
                _until(lambda: not client.api.containers(filters={"label": "com.docker.swarm.task"}), 15)
            if client.info()["Swarm"]["LocalNodeState"] != "inactive":
                # Not `client.swarm.leave`: that asks first, and without a leader there is no answer.
                client.api.leave_swarm(force=True)
            for container in client.api.containers(all=True):
                # It may be going already.
                with suppress(docker.errors.APIError):
                    client.api.remove_container(container["Id"], force=True, v=True)
            client.networks.prune()


@contextmanager
def images(endpoints: Sequence[str]) -> Iterator[None]:
    """Lend engines the stand-ins."""
    for endpoint in endpoints:
        with engine(endpoint) as client:
            image, _ = client.images.build(fileobj=io.BytesIO(_STAND_IN), rm=True)
            for name in STAND_INS:
                image.tag(name)
    try:
        yield
    finally:
        clear(endpoints)
        for endpoint in endpoints:
            with engine(endpoint) as client:
                for name in STAND_INS:
                    client.images.remove(name, force=True)


def mesh_works(endpoints: Sequence[str]) -> bool:
    """Whether a published port passes traffic: without IPVS in the kernel it is shown, and nothing answers."""
    clear(endpoints)
    with engine(endpoints[0]) as client:
        client.swarm.init()
        address = client.info()["Swarm"]["NodeAddr"]
        ports = docker.types.EndpointSpec(ports={8079: 80})
        service = client.services.create("nginx:alpine", name="canary", endpoint_spec=ports)
        try:
            _until(lambda: any(task["Status"]["State"] == "running" for task in service.tasks()), 30)
            for _ in range(3):
                with suppress(requests.RequestException):
                    return requests.get(f"http://{address}:8079/", timeout=2).ok
            return False
        finally:
            clear(endpoints)


def _until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
