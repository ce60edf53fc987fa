"""Watching a swarm while a scenario is played: what each task went through, and what identifiers stand for."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .engines import Engines, request

#: The states that last. Whether a poll sees the others is chance.
_LASTING = ("running", "complete", "failed", "rejected", "shutdown", "orphaned")


class Watcher:
    """Asks a manager for its tasks again and again, as long as the context lasts."""

    def __init__(self, engines: Engines, every: float) -> None:
        self._engines = engines
        self._every = every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._asked: Path = engines.sockets[0]
        self._services: dict[str, str] = {}
        self._paths: dict[str, list[str]] = {}
        self._last: dict[str, Mapping[str, Any]] = {}
        self._nodes: dict[str, str] = {}
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()

    def names(self) -> dict[str, str]:
        """What to call the identifiers seen so far. Only nodes' are the same in every run."""
        nodes = {node: f"<{name}>" for node, name in self._nodes.items()}
        return dict.fromkeys([*self._services, *self._last], "<id>") | nodes

    def ways(self, services: Sequence[str]) -> dict[str, list[str]]:
        """The different ways the tasks of services went until now, such as `running > failed, wanted shutdown`."""
        self._look()
        found: dict[str, set[str]] = {service: set() for service in services}
        for task, states in self._paths.items():
            wanted = self._last[task]["DesiredState"]
            service = self._services.get(self._last[task].get("ServiceID", ""))
            # A task that is to go away may be deleted before anybody sees it end.
            if service in found and wanted != "remove":
                way = " > ".join(states) or self._last[task]["Status"]["State"]
                found[service].add(f"{way}, wanted {wanted}")
        return {service: sorted(ways) for service, ways in found.items()}

    def _watch(self) -> None:
        while not self._end.wait(self._every):
            self._look()

    def _look(self) -> None:
        with self._one_at_a_time:
            self._look_alone()

    def _look_alone(self) -> None:
        tasks = self._ask("/tasks")
        if tasks is None:
            # Perhaps another manager answers the next time.
            position = self._engines.sockets.index(self._asked)
            self._asked = self._engines.sockets[(position + 1) % len(self._engines.sockets)]
            return
        if any(task.get("ServiceID") not in self._services for task in tasks):
            self._services |= {service["ID"]: service["Spec"]["Name"] for service in self._ask("/services") or ()}
        if not self._nodes or any(task.get("NodeID", "") not in self._nodes for task in tasks):
            described = ((node["ID"], node["Description"].get("Hostname")) for node in self._ask("/nodes") or ())
            # A node that has just joined has not said yet what it is called.
            self._nodes |= {node: hostname for node, hostname in described if hostname}
        for task in tasks:
            states = self._paths.setdefault(task["ID"], [])
            state = task["Status"]["State"]
            if state in _LASTING and state not in states:
                states.append(state)
            self._last[task["ID"]] = task

    def _ask(self, url: str) -> list[dict[str, Any]] | None:
        try:
            status, answer = request(self._asked, "GET", url, timeout=2.0)
        except OSError:
            return None
        return answer if status == 200 else None
