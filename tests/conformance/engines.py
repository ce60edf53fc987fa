"""The engines a scenario is played on: a lab of swarmlab's, or real ones."""

import http.client
import json
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from swarmlab.lab import manage


class Engines(Protocol):
    """Docker engines, numbered from 1, that belong to no swarm after `fresh`."""

    sockets: Sequence[Path]
    #: Swarm seconds that pass in a second.
    speed: float
    #: Whether nodes can be switched off and on.
    power_works: bool

    def fresh(self, speed: float) -> None:
        """Make all engines leave their swarms; `speed` is a wish."""
        ...

    def power(self, action: str, number: int) -> None:
        """`kill`, `stop` or `start` a node."""
        ...


class LabEngines:
    """The engines of a lab that runs."""

    power_works = True

    def __init__(self, name: str) -> None:
        self.name = name
        nodes = manage.status(name)["nodes"]
        self.sockets: Sequence[Path] = [Path(node["endpoint"].removeprefix("unix://")) for node in nodes]
        self.speed = 1.0

    def fresh(self, speed: float) -> None:
        """See Engines."""
        manage.reset(self.name)
        manage.up(self.name, speed=speed)
        self.speed = speed

    def power(self, action: str, number: int) -> None:
        """See Engines."""
        manage.power(f"node-{number}", action, self.name)


class RealEngines:
    """Engines at `endpoints` (`unix://…`); `script ACTION N`, if given, switches node N."""

    speed = 1.0

    def __init__(self, endpoints: Sequence[str], script: str) -> None:
        self.sockets: Sequence[Path] = [Path(endpoint.removeprefix("unix://")) for endpoint in endpoints]
        self._script = script
        self.power_works = bool(script)
        self._off: set[int] = set()

    @classmethod
    def from_environment(cls) -> "RealEngines | None":
        """The engines that the environment names, if any."""
        endpoints = [text for text in os.environ.get("SWARMLAB_REAL_ENGINES", "").split(",") if text]
        return cls(endpoints, os.environ.get("SWARMLAB_REAL_NODE_SCRIPT", "")) if endpoints else None

    def fresh(self, speed: float) -> None:
        """See Engines."""
        for number in sorted(self._off):
            self.power("start", number)
        for path in self.sockets:
            # 503 means that it is in no swarm.
            status, answer = request(path, "POST", "/swarm/leave?force=1", timeout=60)
            if status not in {200, 503}:
                raise RuntimeError(f"{path} does not leave its swarm: {answer}")

    def power(self, action: str, number: int) -> None:
        """See Engines."""
        subprocess.run([self._script, action, str(number)], check=True, capture_output=True, timeout=90)
        if action == "start":
            self._off.discard(number)
        else:
            self._off.add(number)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def request(path: Path, method: str, url: str, body: str | None = None, timeout: float = 30.0) -> tuple[int, Any]:
    """The status and the answer (JSON decoded; text otherwise) of an engine. Raises OSError when it does not answer."""
    connection = _Connection(path, timeout)
    try:
        connection.request(method, url, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        text = response.read().decode()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
    try:
        return response.status, json.loads(text)
    except ValueError:
        return response.status, text
