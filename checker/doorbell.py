"""Opening published ports of real engines all the time, so that a recording can tell whether they answered."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

#: Seconds between two rounds, for one connection, and for a proxy to notice that nobody is behind it.
_PAUSE, _PATIENCE, _NOTICE = 0.25, 2.0, 0.1
#: How many ports are opened at a time.
_AT_A_TIME = 16
#: For each published port the addresses by node.
Addresses = Mapping[int, Mapping[str, str]]


class Heard(NamedTuple):
    """How a published port of a node answers since `at` (Unix nanoseconds): `all`, `some`, `none`, `unknown`; why."""

    node: str
    port: int
    answers: str
    why: str
    at: int


def published_addresses(nodes: Iterable[Any], services: Iterable[Any], tasks: Iterable[Any]) -> Addresses:
    """Where ports are published, from what an engine lists; the nodes of a port in host mode are those of tasks."""
    ready = {node["ID"]: node for node in nodes if node["Status"]["State"] == "ready"}
    running = [task for task in tasks if task["Status"]["State"] == "running"]
    published: dict[int, dict[str, str]] = {}
    for service in services:
        here = {task.get("NodeID") for task in running if task.get("ServiceID") == service["ID"]}
        for port in service.get("Endpoint", {}).get("Ports", []):
            on = here & set(ready) if port.get("PublishMode") == "host" else ready
            for node in (ready[node] for node in on if port.get("PublishedPort")):
                # A leader that is alone may know itself by no address but that of its manager.
                host = node["Status"]["Addr"]
                if host == "0.0.0.0":  # noqa: S104  (what the engine says, not what we listen at)
                    host = node["ManagerStatus"]["Addr"].rpartition(":")[0]
                name = node["Description"]["Hostname"]
                published.setdefault(port["PublishedPort"], {})[name] = f"{host}:{port['PublishedPort']}"
    return published


def trouble(address: str) -> str:
    """What somebody meets who opens a port; empty when there is somebody who listens. Nothing is sent."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_PATIENCE) as connection:
            connection.settimeout(_NOTICE)
            try:
                return "" if connection.recv(1) else "the connection was closed at once"
            except TimeoutError:
                return ""
    except ConnectionRefusedError:
        return "the connection was refused"
    except TimeoutError:
        return f"no answer within {_PATIENCE:.0f} s"
    except OSError as error:
        return error.strerror or str(error)


class Doorbell:
    """Rings at every address, again and again, in a thread of its own; `hear` is told of each change.

    A port that has never answered may be one that cannot be reached from here, so it is `unknown`.
    """

    def __init__(self, hear: Callable[[Heard], None], ring: Callable[[str], str] = trouble) -> None:
        self._hear = hear
        self._ring = ring
        self._addresses: Addresses = {}
        self._told: dict[tuple[str, int], str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._thread.join()

    def watch(self, addresses: Addresses) -> None:
        """These are the addresses from now on."""
        self._addresses = addresses

    def round(self, ringers: ThreadPoolExecutor) -> None:
        """Ring once everywhere; where nobody opens, once more."""
        doors = [(node, port, at) for port, nodes in self._addresses.items() for node, at in nodes.items()]
        found = list(ringers.map(lambda door: self._visit(door[2]), doors))
        now = time.time_ns()
        for (node, port, address), (answers, why) in zip(doors, found, strict=True):
            heard = Heard(node, port, answers, why, now)
            before = self._told.get((node, port))
            if answers != "all" and before in {None, "unknown"}:
                heard = heard._replace(answers="unknown", why=f"the recorder never had an answer from {address}: {why}")
            if heard.answers != before:
                self._told[node, port] = heard.answers
                self._hear(heard)
        for node, port in set(self._told) - {(node, port) for node, port, _ in doors}:
            del self._told[node, port]

    def _visit(self, address: str) -> tuple[str, str]:
        first = self._ring(address)
        if not first:
            return "all", ""
        return ("none" if self._ring(address) else "some"), first

    def _run(self) -> None:
        with ThreadPoolExecutor(_AT_A_TIME) as ringers:
            while not self._over.wait(_PAUSE):
                self.round(ringers)
