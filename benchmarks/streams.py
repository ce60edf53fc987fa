"""What many open streams cost: `scripts/bench streams`. Prints memory, descriptors, and how long a ping takes.

From outside, over the lab's sockets: streams of every kind are opened and read by nobody while a container writes as
fast as it may; then their clients vanish, all at once.
"""

import argparse
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil

LAB = "bench-streams"
BIN = Path(sys.executable).parent
#: Writes lines of 1,000 bytes for as long as it may.
CHATTY = ["sh", "-c", f"while true; do echo {'x' * 1000}; done"]
#: The paths of the streams, in turn.
KINDS = (
    "/containers/chatty/logs?follow=1&stdout=1",
    "/services/quiet/logs?follow=1&stdout=1",
    "/events",
    "/containers/chatty/stats",
)
MB = 1e6


class Look(NamedTuple):
    """Memory in MB, descriptors, and milliseconds that a ping takes: the median and the longest of many."""

    memory: float
    descriptors: int
    ping: float
    longest: float


class Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=60)
        self.path = path

    def connect(self) -> None:
        """See HTTPConnection."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Lab:
    """A lab of one engine, from outside."""

    def __init__(self) -> None:
        self.swarmlab("up", "--nodes", "1")
        status = json.loads(self.swarmlab("status", "--json"))
        self.process = psutil.Process(status["pid"])
        self.socket = status["nodes"][0]["endpoint"].removeprefix("unix://")

    def swarmlab(self, *arguments: str) -> str:
        """Run a command of this environment."""
        command = [str(BIN / "swarmlab"), *arguments, "--name", LAB]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        """The answer to a request."""
        connection = Unix(self.socket)
        connection.request(method, path, json.dumps(value), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {body.decode()}")
        return json.loads(body) if body.startswith((b"{", b"[")) else body

    def open(self, path: str) -> socket.socket:
        """A stream that nobody reads."""
        found = socket.socket(socket.AF_UNIX)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        found.connect(self.socket)
        found.sendall(f"GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
        return found

    def look(self, seconds: float) -> Look:
        """Ping for some seconds, one after the other."""
        connection, took = Unix(self.socket), []
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            connection.request("GET", "/_ping")
            connection.getresponse().read()
            took.append(1000 * (time.perf_counter() - begin))
            time.sleep(0.005)
        connection.close()
        memory = self.process.memory_info().rss / MB
        return Look(memory, self.process.num_fds(), statistics.median(took), max(took))


def show(what: str, look: Look) -> None:
    """One line."""
    print(
        f"{what:44} {look.memory:6.0f} MB {look.descriptors:5} descriptors, "
        f"ping {look.ping:.1f} ms, longest {look.longest:.0f} ms",
        flush=True,
    )


def measure(lab: Lab, count: int, seconds: float) -> None:
    """Open, look, vanish, look."""
    lab.ask("POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377"})
    task = {"ContainerSpec": {"Image": "alpine", "Command": ["sleep", "1000000"]}}
    lab.ask("POST", "/services/create", {"Name": "quiet", "TaskTemplate": task})
    show("an idle lab", lab.look(seconds))
    streams = [lab.open(path) for path in KINDS[1:] * (count // len(KINDS[1:]))]
    show(f"{len(streams)} quiet streams", lab.look(seconds))
    lab.ask("POST", "/containers/create?name=chatty", {"Image": "alpine", "Cmd": CHATTY})
    lab.ask("POST", "/containers/chatty/start")
    show("and a container that writes without end", lab.look(seconds))
    streams += [lab.open(KINDS[0]) for _ in range(count)]
    show(f"and {count} stalled readers of its logs", lab.look(seconds))
    show("some time later", lab.look(3 * seconds))
    for stream in streams:
        stream.close()
    show("all of them have vanished", lab.look(seconds))
    lab.ask("DELETE", "/containers/chatty?force=1")
    show("the container is removed", lab.look(seconds))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each state is looked at")
    options = parser.parse_args()
    home = tempfile.mkdtemp(prefix="bench-")
    os.environ["SWARMLAB_HOME"] = home
    try:
        lab = Lab()
        try:
            measure(lab, options.streams, options.seconds)
        finally:
            lab.swarmlab("down", "--purge")
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
