"""The state of a swarm at an instant: what facts look at."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from checker.values import same_image
from swarmlab.journal.reader import ChangeRecord

Fields = Mapping[str, Any]
#: What changed, as facts name their interests: a kind (`node`), or one service and its tasks (`service:web`).
Keys = frozenset[str]
#: The desired states of a task that is to run; a replacement is only to be ready until its predecessor has stopped.
_WANTED = ("ready", "running")
#: An unhealthy container is stopped, and one that then exits with 0 leaves a task that is complete.
_ENDED = frozenset({"complete", "failed", "rejected"})
#: Why nobody knows which ports answered.
NO_PORTS = "this journal does not tell which published ports answered"


class Tally:
    """The tasks of one service, counted by desired and observed state, and why the pending ones wait."""

    def __init__(self) -> None:
        self.all: dict[str, Fields] = {}
        self._states: Counter[tuple[str, str]] = Counter()
        self._running: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    @property
    def stopped(self) -> int:
        """Tasks that were shut down and are kept as history."""
        return self._states["shutdown", "shutdown"]

    @property
    def ended(self) -> int:
        """Tasks that nobody stopped: their container ended by itself, was unhealthy, or never began."""
        return sum(count for (_, state), count in self._states.items() if state in _ENDED)

    @property
    def exited(self) -> int:
        """Those of them that had a container."""
        return self.ended - sum(count for (_, state), count in self._states.items() if state == "rejected")

    @property
    def pending(self) -> int:
        """Tasks that should run, now or when their predecessor has stopped, and have no node."""
        return sum(self._states[desired, "pending"] for desired in _WANTED)

    @property
    def reasons(self) -> list[str]:
        """What the scheduler says of pending tasks, most frequent first."""
        return [reason for reason, count in self._reasons.most_common() if count > 0]

    def running(self, image: str | None = None) -> int:
        """Tasks that run and are meant to; with `image` only those of this image."""
        if image is None:
            return self._states["running", "running"]
        return sum(count for found, count in self._running.items() if count and same_image(found, image))

    def nodes(self) -> set[str]:
        """The ids of the nodes on which a task runs."""
        return {task.get("NodeID", "") for task in self.all.values() if _state(task) == ("running", "running")}

    def waiting(self, reason: str) -> int:
        """Pending tasks whose explanation contains `reason`."""
        return sum(count for text, count in self._reasons.items() if reason in text)

    def count(self, task: Fields, number: int) -> None:
        """Add a task `number` times; -1 takes it away."""
        desired, state = _state(task)
        self._states[desired, state] += number
        if (desired, state) == ("running", "running"):
            self._running[task_image(task)] += number
        err = (task.get("Status") or {}).get("Err")
        if state == "pending" and desired in _WANTED and err:
            self._reasons[err] += number


class Swarm:
    """One swarm, from its beginning on. Objects are as the journal has them, with the Engine API's names.

    `at` is the instant of the last transaction in Unix nanoseconds, 0 before the first. `by_client` says whether a
    client asked for it, rather than one of the swarm's own loops.
    """

    def __init__(self) -> None:
        self.at = 0
        self.by_client = False
        self.cluster: Fields | None = None
        #: How published ports answered, by node and number: `Answers` is all, some, none or unknown, `Why` has words.
        self.ports: dict[tuple[str, int], Fields] = {}
        #: Why nothing is known of ports; empty when something is.
        self.ports_unknown = NO_PORTS
        self.tables: dict[str, dict[str, Fields]] = {
            kind: {} for kind in ("node", "service", "network", "config", "secret", "container")
        }
        self._tallies: dict[str, Tally] = {}
        self._names: dict[str, str] = {}
        self._by_name: dict[str, str] = {}

    @property
    def nodes(self) -> dict[str, Fields]:
        """The nodes by id."""
        return self.tables["node"]

    @property
    def services(self) -> dict[str, Fields]:
        """The services by id."""
        return self.tables["service"]

    def ready(self) -> set[str]:
        """The hosts' names of the nodes that are ready."""
        nodes = (node for node in self.nodes.values() if (node.get("Status") or {}).get("State") == "ready")
        return {str((node.get("Description") or {}).get("Hostname")) for node in nodes}

    def named(self, kind: str, name: str) -> Fields | None:
        """The network, config or secret with that name."""
        return next((found for found in self.tables[kind].values() if name_of(found) == name), None)

    def service(self, name: str) -> Fields | None:
        """The service with that name."""
        return self.services.get(self._by_name.get(name, ""))

    def service_name(self, service_id: str) -> str:
        """The name of a service, also of one that is gone."""
        return self._names.get(service_id, service_id)

    def stack(self, name: str) -> Iterator[Fields]:
        """The services of a stack."""
        for service in self.services.values():
            if (service["Spec"].get("Labels") or {}).get("com.docker.stack.namespace") == name:
                yield service

    def in_container(self, reference: str) -> Fields | None:
        """The service whose task has the container with that name, id or beginning of an id."""
        for container in self.tables["container"].values():
            names = (container["ID"], str(container.get("Name") or ""))
            if container["ID"].startswith(reference) or reference.removeprefix("/") in names:
                task = container.get("TaskID")
                return next((s for s in self.services.values() if task and task in self.tasks(s["ID"]).all), None)
        return None

    def tasks(self, service_id: str) -> Tally:
        """The tasks of a service."""
        found = self._tallies.get(service_id)
        if found is None:
            found = self._tallies[service_id] = Tally()
        return found

    def apply(self, change: ChangeRecord) -> tuple[str, ...]:
        """Take over one change of an object; return what it touches, as facts name their interests."""
        kind = change.kind
        if kind == "task":
            for task, number in ((change.old, -1), (change.new, 1)):
                if task is not None:
                    self.tasks(task.get("ServiceID", "")).count(task, number)
            task = change.new or change.old or {}
            service_id = task.get("ServiceID", "")
            _put(self.tasks(service_id).all, change)
            return ("task", f"service:{self.service_name(service_id)}")
        if kind == "cluster":
            self.cluster = change.new
            return ("cluster",)
        if kind == "port":
            host, _, port = change.id.rpartition("/")
            return self.answer(host, int(port), change.new)
        if kind not in self.tables:
            return ()
        _put(self.tables[kind], change)
        if kind != "service":
            return (kind,)
        name = name_of(change.new or change.old or {})
        self._names[change.id] = name
        if change.new is not None:
            self._by_name[name] = change.id
        elif self._by_name.get(name) == change.id:
            del self._by_name[name]
        named = () if change.operation == "update" else ("service names",)
        return ("service", f"service:{name}", *named)

    def answer(self, node: str, number: int, found: Fields | None) -> tuple[str, ...]:
        """Take over how a published port of a node answers; None when nothing is behind it."""
        key = (node, number)
        if found is None:
            self.ports.pop(key, None)
        else:
            self.ports[key] = found if "Answers" in found else _listening(found)
        return (f"port:{number}",)

    def leaves(self, node: str) -> None:
        """A node has left; its ports are nobody's in this swarm."""
        for key in [key for key in self.ports if key[0] == node]:
            del self.ports[key]


def _listening(port: Fields) -> Fields:
    """A lab's own record of a port, in words."""
    tasks, listening = port.get("Tasks", 0), port.get("Listening", 0)
    if tasks == listening:
        return {"Answers": "all", "Why": ""}
    which = f"{tasks - listening} of {tasks} tasks" if tasks > 1 else "the task"
    why = f"{which} behind it did not listen"
    return {"Answers": "some" if listening else "none", "Why": why}


def name_of(obj: Fields) -> str:
    """The name in an object's spec; a network's is its own."""
    return str((obj.get("Spec") or {}).get("Name") or obj.get("Name") or "")


def task_image(task: Fields) -> str:
    """The image that a task is made of."""
    return str(((task.get("Spec") or {}).get("ContainerSpec") or {}).get("Image") or "")


def _state(task: Fields) -> tuple[str, str]:
    return task.get("DesiredState") or "running", (task.get("Status") or {}).get("State", "new")


def _put(table: dict[str, Fields], change: ChangeRecord) -> None:
    if change.new is None:
        table.pop(change.id, None)
    else:
        table[change.id] = change.new
